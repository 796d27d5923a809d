//! Connected components of a mask, found on runs of foreground voxels.
//!
//! ```text
//! row y    ▓▓▓▓░░▓▓░░     two runs
//! row y+1  ░░▓▓▓▓▓░░░     one run, which touches both: one component
//! ```
//!
//! A run is a stretch of foreground along x. Runs of neighbouring rows that touch are joined by
//! union-find, so the work and the memory follow the number of runs, not of voxels.

use ndarray::{Array3, ArrayView3, Axis, Zip};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::labelling::{Stitching, label_section};
use crate::runs::SectionRuns;

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
    pub(crate) fn slack(self, dz: usize, dy: usize) -> Option<u32> {
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
    /// The runs of each section; their labels are the numbers of the components, from 1.
    sections: Vec<SectionRuns>,
    /// Voxels of each component.
    sizes: Vec<u64>,
}

impl Components {
    /// Finds the components of a mask, of each section by itself or of the volume, on all cores.
    ///
    /// # Panics
    ///
    /// If there are 2^32 components or more, or as many voxels in a section.
    pub fn of(mask: ArrayView3<'_, bool>, extent: Extent, connectivity: Connectivity) -> Self {
        let (depth, height, width) = mask.dim();
        assert!(
            height.saturating_mul(width) < u32::MAX as usize && height.max(width) < u32::MAX as usize,
            "a section has fewer than 2^32 voxels"
        );
        let mut sections: Vec<(SectionRuns, u32)> = mask
            .axis_iter(Axis(0))
            .into_par_iter()
            .map(|section| {
                let mut runs = SectionRuns::of(section);
                let count = label_section(&mut runs, connectivity);
                (runs, count)
            })
            .collect();
        let mut stitching = Stitching::new(extent, connectivity);
        for z in 0..depth {
            let (before, from) = sections.split_at_mut(z);
            let (section, count) = &mut from[0];
            stitching
                .stitch(before.last().map(|(runs, _)| runs), section, *count)
                .expect("a mask has fewer than 2^32 components");
        }
        let (numbers, count) = stitching.numbers();
        let mut sizes = vec![0; count as usize];
        let mut sections: Vec<SectionRuns> = sections.into_iter().map(|(runs, _)| runs).collect();
        for run in sections.iter_mut().flat_map(SectionRuns::runs_mut) {
            run.label = numbers[run.label as usize];
            sizes[run.label as usize - 1] += run.voxels();
        }
        Self { shape: [depth, height, width], sections, sizes }
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
    pub fn mask_of(&self, keep: impl Fn(u32) -> bool + Sync) -> Array3<bool> {
        self.painted(keep)
    }

    fn painted<T: Copy + Default + Send + Sync>(&self, value: impl Fn(u32) -> T + Sync) -> Array3<T> {
        let mut voxels = Array3::from_elem(self.shape, T::default());
        voxels.axis_iter_mut(Axis(0)).into_par_iter().zip(&self.sections).for_each(|(mut out, section)| {
            section.paint(out.as_slice_mut().expect("a new array is contiguous"), self.shape[2], &value);
        });
        voxels
    }

    /// Tells of each component, in the order of their numbers, whether it reaches the border of the
    /// volume, or of its section.
    pub(crate) fn at_border(&self, extent: Extent) -> Vec<bool> {
        let [depth, height, width] = self.shape;
        let mut found = vec![false; self.count()];
        for (z, section) in self.sections.iter().enumerate() {
            let outer_section = extent == Extent::Volume && (z == 0 || z + 1 == depth);
            for y in 0..height {
                let outer = outer_section || y == 0 || y + 1 == height;
                for run in section.row(y) {
                    found[run.label as usize - 1] |= outer || run.start == 0 || run.end as usize == width;
                }
            }
        }
        found
    }
}

/// Inverts a mask.
pub(crate) fn inverted(mask: ArrayView3<'_, bool>) -> Array3<bool> {
    Zip::from(mask).par_map_collect(|&v| !v)
}
