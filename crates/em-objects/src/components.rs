//! Connected components of a mask, found on runs of foreground voxels.
//!
//! ```text
//! row y    ▓▓▓▓░░▓▓░░     two runs
//! row y+1  ░░▓▓▓▓▓░░░     one run, which touches both: one component
//! ```
//!
//! A run is a stretch of foreground along x. Runs of neighbouring rows that touch are joined by
//! union-find, so the work and the memory follow the number of runs, not of voxels.

use ndarray::{Array3, ArrayView1, ArrayView3, Axis, Zip};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which voxels are neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Connectivity {
    /// Voxels that share a face: 6 in a volume, 4 in a section.
    Faces,
    /// Voxels that share a face or an edge: 18 in a volume, 8 in a section.
    Edges,
    /// Voxels that share a face, an edge or a corner: 26 in a volume, 8 in a section.
    #[default]
    Corners,
}

impl Connectivity {
    /// Returns how far apart along x two runs may be that touch, in rows `dz` and `dy` apart, each 0 or 1;
    /// `None` where no two voxels of such rows are neighbours.
    fn slack(self, dz: usize, dy: usize) -> Option<u32> {
        // SciPy's `generate_binary_structure`: neighbours differ along at most this many axes.
        let axes = match self {
            Self::Faces => 1,
            Self::Edges => 2,
            Self::Corners => 3,
        };
        match axes - i32::from(dz > 0) - i32::from(dy > 0) {
            0 => Some(0),
            left if left > 0 => Some(1),
            _ => None,
        }
    }
}

/// Whether sections hang together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Each section is an image of its own (2D).
    Section,
    /// The sections are one volume (3D).
    #[default]
    Volume,
}

/// A stretch of foreground along x.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// First voxel, and the one behind the last.
    x: [u32; 2],
}

/// The connected components of a mask `[z, y, x]`, numbered from 1 by their first voxel in the order z, y, x.
///
/// ```
/// use em_objects::{Components, Connectivity, Extent};
/// use ndarray::array;
///
/// let mask = array![[[true, true, false], [false, false, true]]];
/// assert_eq!(Components::of(mask.view(), Extent::Volume, Connectivity::Corners).sizes(), [3]);
/// let parts = Components::of(mask.view(), Extent::Volume, Connectivity::Faces);
/// assert_eq!(parts.sizes(), [2, 1]);
/// assert_eq!(parts.labels(), array![[[1, 1, 0], [0, 0, 2]]]);
/// ```
#[derive(Clone, Debug)]
pub struct Components {
    shape: [usize; 3],
    /// All runs, row by row.
    runs: Vec<Run>,
    /// Where the runs of each row begin; one more than there are rows.
    rows: Vec<usize>,
    /// The component of each run, from 1.
    numbers: Vec<u32>,
    /// Voxels of each component.
    sizes: Vec<u64>,
}

impl Components {
    /// Finds the components of a mask, of each section by itself or of the volume.
    ///
    /// # Panics
    ///
    /// If there are 2^32 runs of foreground or more, or as many voxels along x.
    pub fn of(mask: ArrayView3<'_, bool>, extent: Extent, connectivity: Connectivity) -> Self {
        let (depth, height, width) = mask.dim();
        assert!(u32::try_from(width).is_ok(), "a row has fewer than 2^32 voxels");
        let (runs, rows) = runs_of(mask);
        let mut forest = Forest::new(runs.len());
        let mut join = |a: usize, b: usize, slack| {
            touching(&runs[rows[a]..rows[a + 1]], &runs[rows[b]..rows[b + 1]], slack, |i, j| {
                forest.join(rows[a] + i, rows[b] + j);
            });
        };
        for z in 0..depth {
            for y in 0..height {
                let row = z * height + y;
                if y > 0
                    && let Some(slack) = connectivity.slack(0, 1)
                {
                    join(row - 1, row, slack);
                }
                if z == 0 || extent == Extent::Section {
                    continue;
                }
                for neighbour in y.saturating_sub(1)..(y + 2).min(height) {
                    if let Some(slack) = connectivity.slack(1, neighbour.abs_diff(y)) {
                        join(row - height - y + neighbour, row, slack);
                    }
                }
            }
        }
        let (numbers, count) = forest.numbers();
        let mut sizes = vec![0; count];
        for (run, &number) in runs.iter().zip(&numbers) {
            sizes[number as usize - 1] += u64::from(run.x[1] - run.x[0]);
        }
        Self { shape: [depth, height, width], runs, rows, numbers, sizes }
    }

    /// Returns the number of components.
    pub fn count(&self) -> usize {
        self.sizes.len()
    }

    /// Returns the number of voxels of each component, in the order of their numbers from 1.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// Paints the components: 0 in the background, each component's number in its voxels, `[z, y, x]`.
    pub fn labels(&self) -> Array3<u32> {
        self.painted(|number| number)
    }

    /// Paints the components whose number, from 1, passes a test: a mask `[z, y, x]`.
    pub fn mask_of(&self, keep: impl Fn(u32) -> bool) -> Array3<bool> {
        self.painted(keep)
    }

    fn painted<T: Clone + Default>(&self, value: impl Fn(u32) -> T) -> Array3<T> {
        let mut voxels = Array3::from_elem(self.shape, T::default());
        for (row, mut out) in voxels.rows_mut().into_iter().enumerate() {
            let out = out.as_slice_mut().expect("a new array is contiguous");
            for run in self.rows[row]..self.rows[row + 1] {
                let [start, end] = self.runs[run].x;
                out[start as usize..end as usize].fill(value(self.numbers[run]));
            }
        }
        voxels
    }

    /// Tells of each component, in the order of their numbers, whether it reaches the border of the
    /// volume, or of its section.
    pub(crate) fn at_border(&self, extent: Extent) -> Vec<bool> {
        let [depth, height, width] = self.shape;
        let mut found = vec![false; self.count()];
        for row in 0..depth * height {
            let (z, y) = (row / height, row % height);
            let outer = y == 0 || y + 1 == height || (extent == Extent::Volume && (z == 0 || z + 1 == depth));
            for run in self.rows[row]..self.rows[row + 1] {
                let [start, end] = self.runs[run].x;
                found[self.numbers[run] as usize - 1] |= outer || start == 0 || end as usize == width;
            }
        }
        found
    }
}

/// Finds the runs of all rows, sections side by side on all cores.
fn runs_of(mask: ArrayView3<'_, bool>) -> (Vec<Run>, Vec<usize>) {
    let sections: Vec<_> = mask.axis_iter(Axis(0)).collect();
    let found: Vec<(Vec<Run>, Vec<usize>)> = sections
        .into_par_iter()
        .map(|section| {
            let (mut runs, mut ends) = (Vec::new(), Vec::with_capacity(section.nrows()));
            for row in section.rows() {
                push_runs(row, &mut runs);
                ends.push(runs.len());
            }
            (runs, ends)
        })
        .collect();
    let mut runs = Vec::with_capacity(found.iter().map(|(runs, _)| runs.len()).sum());
    let mut rows = vec![0];
    for (of_section, ends) in found {
        rows.extend(ends.iter().map(|end| runs.len() + end));
        runs.extend(of_section);
    }
    (runs, rows)
}

fn push_runs(row: ArrayView1<'_, bool>, runs: &mut Vec<Run>) {
    let mut start = None;
    // The width was checked to fit.
    for (x, &foreground) in row.iter().enumerate() {
        match (start, foreground) {
            (None, true) => start = Some(x as u32),
            (Some(first), false) => {
                runs.push(Run { x: [first, x as u32] });
                start = None;
            }
            _ => {}
        }
    }
    if let Some(first) = start {
        runs.push(Run { x: [first, row.len() as u32] });
    }
}

/// Calls `found` for each pair of runs of two rows that overlap when one is widened by `slack` at both ends.
fn touching(a: &[Run], b: &[Run], slack: u32, mut found: impl FnMut(usize, usize)) {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let ([a_start, a_end], [b_start, b_end]) = (a[i].x, b[j].x);
        if a_start < b_end + slack && b_start < a_end + slack {
            found(i, j);
        }
        // The run that ends first touches nothing further on.
        if a_end < b_end { i += 1 } else { j += 1 }
    }
}

/// Union-find over runs, where the smallest run of a set is its root.
struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    fn new(runs: usize) -> Self {
        let runs = u32::try_from(runs).expect("a mask has fewer than 2^32 runs");
        Self { parents: (0..runs).collect() }
    }

    fn root(&mut self, run: usize) -> usize {
        let mut run = run;
        while self.parents[run] as usize != run {
            // Path halving (Tarjan and van Leeuwen 1984, J. ACM 31).
            self.parents[run] = self.parents[self.parents[run] as usize];
            run = self.parents[run] as usize;
        }
        run
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // Runs are numbered within u32, as `new` has checked.
        self.parents[a.max(b)] = a.min(b) as u32;
    }

    /// Numbers the sets from 1 by their first run; returns each run's number and how many sets there are.
    fn numbers(mut self) -> (Vec<u32>, usize) {
        let mut numbers = vec![0; self.parents.len()];
        let mut count = 0;
        for run in 0..numbers.len() {
            let root = self.root(run);
            numbers[run] = if root == run {
                count += 1;
                count
            } else {
                numbers[root]
            };
        }
        (numbers, count as usize)
    }
}

/// Inverts a mask.
pub(crate) fn inverted(mask: ArrayView3<'_, bool>) -> Array3<bool> {
    Zip::from(mask).par_map_collect(|&v| !v)
}
