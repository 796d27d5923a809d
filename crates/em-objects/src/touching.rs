//! Splitting of objects that touch: at necks, or at boundaries that were learned.
//!
//! The landscapes are made here, object by object; [`crate::watershed`] finds their basins.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use em_metrics::distance::distance_transform;
use ndarray::{Array3, Slice, Zip};
use rayon::prelude::*;

use crate::Extent;
use crate::error::{Error, Result};
use crate::objects::{Objects, told};
use crate::runs::SectionRuns;
use crate::runs_on_disk::RunsOnDisk;
use crate::watershed::{basins, over};

/// Objects whose bounding box has more voxels stay whole: the watershed takes about 20 bytes for each.
pub const LARGEST_BOX: usize = 64 << 20;

/// Boxes of fewer voxels are split side by side.
const SMALL_BOX: usize = 1 << 20;

/// What came of a splitting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SplitCounts {
    /// Objects that fell into parts.
    pub split: usize,
    /// Objects that were larger than [`LARGEST_BOX`] and left as they were.
    pub too_large: usize,
}

/// Where an object lies: its first voxel and one past its last, along `[z, y, x]`.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    start: [usize; 3],
    end: [usize; 3],
}

impl Bounds {
    const NONE: Self = Self { start: [usize::MAX; 3], end: [0; 3] };

    fn add(&mut self, start: [usize; 3], end: [usize; 3]) {
        self.start = std::array::from_fn(|axis| self.start[axis].min(start[axis]));
        self.end = std::array::from_fn(|axis| self.end[axis].max(end[axis]));
    }

    fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.end[axis] - self.start[axis])
    }

    fn voxels(&self) -> usize {
        self.shape().into_iter().fold(1, usize::saturating_mul)
    }
}

/// The parts of an object: sections on disk, whose rows and columns start at the bounds.
struct Patch {
    first: usize,
    bounds: Bounds,
}

impl Objects {
    /// Splits objects at their necks.
    ///
    /// Each voxel's distance to the background, in nm, is a landscape, and the parts are the basins of
    /// its maxima. Two maxima stay apart where the way between them goes down by `neck_nm` or more from
    /// the lower one: where the neck is narrower, by that much on each side, than the thinner part.
    /// These are the markers of scikit-image's `h_maxima(distance, neck_nm)`, flooded as its
    /// `watershed(-distance)` does (Beucher and Lantuéjoul 1979). Without a voxel size `neck_nm` is in
    /// voxels. Parts are numbered in order of their first voxel.
    ///
    /// In memory are the runs of the objects that the current section cuts, and the box of one of them.
    /// `folder` takes temporary files; `progress` is told the sections done, of which there are twice
    /// as many as the volume has.
    ///
    /// # Errors
    ///
    /// [`Error::Neck`] unless `neck_nm` is above 0; [`Error::TemporaryFile`].
    pub fn split(
        &self,
        neck_nm: f64,
        folder: &Path,
        progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(Self, SplitCounts)> {
        if !(neck_nm.is_finite() && neck_nm > 0.0) {
            return Err(Error::Neck { found: neck_nm });
        }
        self.split_where(Cut::Necks(neck_nm as f32), folder, progress)
    }

    /// Splits objects at boundaries that were learned: what is left of an object without the voxels
    /// of `boundaries` falls into cores, and each of its voxels goes to a core, the nearest first.
    ///
    /// Cores of less than two voxels from their middle to their end start no part; objects with fewer
    /// than two cores stay whole. Memory and files as of [`split`](Self::split).
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for boundaries of another shape; [`Error::TemporaryFile`].
    pub fn split_at(
        &self,
        boundaries: &Self,
        folder: &Path,
        progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(Self, SplitCounts)> {
        if boundaries.shape() != self.shape() {
            let (found, expected) = (boundaries.shape(), self.shape());
            let reference = "the objects".to_owned();
            return Err(Error::ShapeMismatch { path: None, found, expected, reference });
        }
        self.split_where(Cut::Boundaries(boundaries), folder, progress)
    }

    fn split_where(
        &self,
        cut: Cut<'_>,
        folder: &Path,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(Self, SplitCounts)> {
        let all = self.bounds()?;
        let mut counts = SplitCounts::default();
        let mut parts = RunsOnDisk::create(folder)?;
        let mut patches: HashMap<u32, Patch> = HashMap::new();
        let mut open: HashMap<u32, Pieces> = HashMap::new();
        for z in 0..self.shape()[0] {
            let section = self.section(z)?;
            let walls = match cut {
                Cut::Necks(_) => None,
                Cut::Boundaries(boundaries) => Some(boundaries.section(z)?),
            };
            for [y, number, start, end] in runs_of(&section) {
                if all[number as usize - 1].voxels() > LARGEST_BOX {
                    continue;
                }
                let pieces = open.entry(number).or_default();
                pieces.runs.push([z as u32, y, start, end]);
                for wall in walls.iter().flat_map(|walls| walls.row(y as usize)) {
                    let (start, end) = (wall.start.max(start), wall.end.min(end));
                    if start < end {
                        pieces.walls.push([z as u32, y, start, end]);
                    }
                }
            }
            let mut ended: Vec<u32> =
                open.keys().copied().filter(|&number| all[number as usize - 1].end[0] == z + 1).collect();
            ended.sort_unstable();
            let of = |number: u32, pieces: Pieces| {
                let bounds = all[number as usize - 1];
                Ok((number, bounds, self.parts(&pieces, bounds, cut)?))
            };
            let (small, large): (Vec<u32>, Vec<u32>) =
                ended.into_iter().partition(|&number| all[number as usize - 1].voxels() <= SMALL_BOX);
            let small: Vec<_> = small.into_iter().map(|number| (number, taken(&mut open, number))).collect();
            let split: Vec<_> =
                small.into_par_iter().map(|(number, pieces)| of(number, pieces)).collect::<Result<_>>()?;
            let mut keep = |(number, bounds, labels): (u32, Bounds, Option<Array3<u32>>)| -> Result<()> {
                let Some(labels) = labels else { return Ok(()) };
                patches.insert(number, Patch { first: parts.count(), bounds });
                labels.outer_iter().try_for_each(|section| parts.push(&SectionRuns::of_labels(section)))
            };
            split.into_iter().try_for_each(&mut keep)?;
            for number in large {
                let pieces = taken(&mut open, number);
                keep(of(number, pieces)?)?;
            }
            told(progress(1))?;
        }
        counts.split = patches.len();
        counts.too_large = all.iter().filter(|bounds| bounds.voxels() > LARGEST_BOX).count();
        Ok((self.patched(&patches, &parts, folder, progress)?, counts))
    }

    /// The bounds of each object.
    fn bounds(&self) -> Result<Vec<Bounds>> {
        let mut all = vec![Bounds::NONE; self.count()];
        for z in 0..self.shape()[0] {
            for [y, number, start, end] in runs_of(&self.section(z)?) {
                let (y, start, end) = (y as usize, start as usize, end as usize);
                all[number as usize - 1].add([z, y, start], [z + 1, y + 1, end]);
            }
        }
        Ok(all)
    }

    /// Labels the parts of an object within its bounds, from 1; `None` where it stays whole.
    fn parts(&self, pieces: &Pieces, bounds: Bounds, cut: Cut<'_>) -> Result<Option<Array3<u32>>> {
        if matches!(cut, Cut::Boundaries(_)) && pieces.walls.is_empty() {
            return Ok(None);
        }
        // Beyond the volume nothing is known, and neither is it beyond the section of an object that
        // ends with it, so that no background is added there.
        let first_axis = if self.extent() == Extent::Section { 1 } else { 0 };
        let pad = |axis: usize, open: bool| usize::from(axis >= first_axis && open);
        let before: [usize; 3] = std::array::from_fn(|axis| pad(axis, bounds.start[axis] > 0));
        let after: [usize; 3] = std::array::from_fn(|axis| pad(axis, bounds.end[axis] < self.shape()[axis]));
        let shape = bounds.shape();
        let [depth, height, width]: [usize; 3] =
            std::array::from_fn(|axis| before[axis] + shape[axis] + after[axis]);
        let inside = |voxel: u32, axis: usize| voxel as usize + before[axis] - bounds.start[axis];
        let painted = |runs: &[[u32; 4]]| {
            let mut mask = vec![false; depth * height * width];
            for &[z, y, start, end] in runs {
                let row = (inside(z, 0) * height + inside(y, 1)) * width;
                mask[row + inside(start, 2)..row + inside(end, 2)].fill(true);
            }
            Array3::from_shape_vec((depth, height, width), mask).expect("a voxel each")
        };
        let spacing = self.voxel_size_nm().unwrap_or([1.0; 3]);
        let distance_to = |mask: Array3<bool>| {
            let nm = distance_transform(mask.view(), &spacing).map_err(Error::Distance)?;
            Ok::<_, Error>(nm.mapv(|nm| nm as f32))
        };
        let object = painted(&pieces.runs);
        let labels = match cut {
            Cut::Necks(depth_nm) => {
                let landscape = over(&object, distance_to(object.mapv(|inside| !inside))?);
                basins(&landscape, |peak, pass| peak - pass < depth_nm)
            }
            Cut::Boundaries(_) => {
                let mut core = object.clone();
                Zip::from(&mut core).and(&painted(&pieces.walls)).for_each(|core, &wall| *core &= !wall);
                // Outside of the cores it goes on down, so that they grow by their distance.
                let mut landscape = distance_to(core.mapv(|inside| !inside))?;
                Zip::from(&mut landscape).and(&distance_to(core)?).for_each(|height, &away| *height -= away);
                let smallest = 2.0 * spacing[1].min(spacing[2]) as f32;
                basins(&over(&object, landscape), |peak, pass| pass > 0.0 || peak < smallest)
            }
        };
        let inner = |axis: ndarray::AxisDescription| {
            let axis = axis.axis.index();
            Slice::from(before[axis]..before[axis] + shape[axis])
        };
        Ok(labels.map(|labels| labels.slice_each_axis(inner).to_owned()))
    }

    /// The same objects, but for those that have parts.
    fn patched(
        &self,
        patches: &HashMap<u32, Patch>,
        parts: &RunsOnDisk,
        folder: &Path,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Self> {
        let mut runs_on_disk = RunsOnDisk::create(folder)?;
        // The label of each part, in order of its first voxel.
        let mut labels: HashMap<(u32, u32), u32> = HashMap::new();
        let mut label = |object: u32, part: u32| {
            let next = labels.len() as u32;
            *labels.entry((object, part)).or_insert(next)
        };
        for z in 0..self.shape()[0] {
            let section = self.section(z)?;
            let mut cut: HashMap<u32, SectionRuns> = HashMap::new();
            for run in section.runs() {
                if let Some(patch) = patches.get(&run.label).filter(|_| !cut.contains_key(&run.label)) {
                    cut.insert(run.label, parts.section(patch.first + z - patch.bounds.start[0])?);
                }
            }
            let mut anew = SectionRuns::empty();
            for y in 0..section.height() {
                for run in section.row(y) {
                    let Some(of_parts) = cut.get(&run.label) else {
                        anew.push(run.start as usize, run.end as usize, label(run.label, 0));
                        continue;
                    };
                    let [_, top, left] = patches[&run.label].bounds.start;
                    let within = of_parts
                        .row(y - top)
                        .iter()
                        .map(|part| (part.start as usize + left, part.end as usize + left, part.label));
                    let within =
                        within.filter(|(start, _, _)| (run.start as usize..run.end as usize).contains(start));
                    for (start, end, part) in within {
                        anew.push(start, end, label(run.label, part));
                    }
                }
                anew.end_row();
            }
            runs_on_disk.push(&anew)?;
            told(progress(1))?;
        }
        let count = labels.len() as u32;
        Ok(self.with_runs(runs_on_disk, count))
    }
}

/// Where objects are split.
#[derive(Clone, Copy)]
enum Cut<'a> {
    /// At necks of this depth in nm.
    Necks(f32),
    /// At the voxels of these objects.
    Boundaries(&'a Objects),
}

/// Runs `[z, y, start, end]` of an object that later sections go on with.
#[derive(Default)]
struct Pieces {
    runs: Vec<[u32; 4]>,
    /// Those of boundaries within the object.
    walls: Vec<[u32; 4]>,
}

fn taken(open: &mut HashMap<u32, Pieces>, number: u32) -> Pieces {
    open.remove(&number).expect("an object that ends was open")
}

/// The runs of a section as `[y, object, start, end]`.
fn runs_of(section: &SectionRuns) -> impl Iterator<Item = [u32; 4]> + '_ {
    // A section has fewer than 2^32 rows.
    (0..section.height())
        .flat_map(|y| section.row(y).iter().map(move |run| [y as u32, run.label, run.start, run.end]))
}
