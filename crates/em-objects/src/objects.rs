//! The objects of a volume that need not fit into memory.
//!
//! ```text
//! sections ─► runs ─► components of each section ─► stitched to the section before ─► runs on disk
//!             └──────── on all cores ────────┘      └─ labels that may still be joined ─┘
//! ```
//!
//! In memory are a batch of sections, the runs of the section before, and a few numbers per label.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use em_io::{Blocks, MaskValues, Roi, Volume, VoxelType, Voxels};
use ndarray::{Array3, Axis};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::foreground::{Foreground, FoundSection};
use crate::labelling::{Stitching, label_section};
use crate::measure::Space;
use crate::runs::SectionRuns;
use crate::runs_on_disk::RunsOnDisk;
use crate::{Connectivity, Extent, postprocess};

/// The most bytes of voxels that are read at a time, where a section is not larger.
pub const BATCH_BYTES: usize = 64 << 20;

/// Sections that are read at a time at least as far as [`BATCH_BYTES`] allows: chunks of volumes are
/// often as deep, and would be decoded several times otherwise.
const BATCH_SECTIONS: usize = 32;

/// How objects are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FindConfig {
    /// What the values of the volume mean.
    pub foreground: Foreground,
    /// Whether objects go through sections.
    pub extent: Extent,
    /// Whether background that the foreground encloses within a section is foreground too.
    pub fill_holes: bool,
    /// Which voxels are neighbours.
    pub connectivity: Connectivity,
}

impl Default for FindConfig {
    fn default() -> Self {
        Self {
            foreground: Foreground::Mask,
            extent: Extent::default(),
            fill_holes: false,
            connectivity: Connectivity::default(),
        }
    }
}

/// The objects of one class in a volume, numbered from 1.
///
/// Components have their numbers in order of their first voxel, z before y before x; instances in
/// order of their values. The runs of the objects lie in a temporary file, which goes with this.
#[derive(Debug)]
pub struct Objects {
    shape: [usize; 3],
    extent: Extent,
    voxel_size_nm: Option<[f64; 3]>,
    runs_on_disk: RunsOnDisk,
    /// The number of each label on disk; 0 is none.
    numbers: Vec<u32>,
    /// The name of each object: its value among instances, else its number.
    names: Vec<u32>,
    /// The sums of their probabilities, as those are stored, where they were found with the objects.
    probability_sums: Option<(VoxelType, Vec<u64>)>,
}

impl Objects {
    /// Finds the objects of a volume, in one pass.
    ///
    /// `folder` takes the temporary file, about four bytes per run of foreground in a row; `progress`
    /// is told the sections done, and ends the work where it breaks.
    ///
    /// # Errors
    ///
    /// Those of [`Volume::read`]; [`em_io::Error::NotAMask`], [`Error::NotAnInstance`] and
    /// [`Error::NotAProbability`] for values that do not fit [`FindConfig::foreground`];
    /// [`Error::TooManyComponents`], [`Error::SectionTooLarge`] and [`Error::TemporaryFile`].
    pub fn find(
        volume: &Volume,
        config: FindConfig,
        folder: &Path,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Self> {
        let whole = Roi::whole(volume.shape());
        Ok(Self::find_within(volume, whole, config, folder, &mut progress)?.0)
    }

    /// Finds the objects of some whole sections, as if there were no others; with the values of a mask.
    pub(crate) fn find_within(
        volume: &Volume,
        part: Roi,
        config: FindConfig,
        folder: &Path,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(Self, MaskValues)> {
        check_section(volume.shape())?;
        let mut runs_on_disk = RunsOnDisk::create(folder)?;
        let mut labels = match config.foreground {
            Foreground::Instances => Labels::Instances(BTreeMap::new()),
            _ => Labels::Components(Stitching::new(config.extent, config.connectivity)),
        };
        let mut checks = ValueChecks { volume, foreground: config.foreground, values: MaskValues::default() };
        let mut before: Option<SectionRuns> = None;
        for block in volume.blocks(batches(part, volume.voxel_type().bytes())) {
            let (place, voxels) = block?;
            let sections = find_in_batch(&voxels, config);
            for (section, (found, count)) in sections.into_iter().enumerate() {
                checks.check(&found, place.start[0] + section)?;
                let mut runs = found.runs;
                labels.assign(before.as_ref(), &mut runs, count)?;
                runs_on_disk.push(&runs)?;
                before = Some(runs);
                told(progress(1))?;
            }
        }
        let (numbers, names) = labels.finish();
        let (extent, voxel_size_nm) = (config.extent, volume.voxel_size_nm());
        let space = Space { shape: part.shape, extent, voxel_size_nm };
        Ok((Self::of_runs(space, runs_on_disk, numbers, names), checks.values))
    }

    /// Objects by their runs, the number of each label on disk, and the name of each number.
    pub(crate) fn of_runs(
        space: Space,
        runs_on_disk: RunsOnDisk,
        numbers: Vec<u32>,
        names: Vec<u32>,
    ) -> Self {
        let Space { shape, extent, voxel_size_nm } = space;
        Self { shape, extent, voxel_size_nm, runs_on_disk, numbers, names, probability_sums: None }
    }

    /// Keeps the sums of the stored probabilities of each object.
    pub(crate) fn set_probability_sums(&mut self, sums: Option<(VoxelType, Vec<u64>)>) {
        self.probability_sums = sums;
    }

    /// Returns the sums of the probabilities of each object, where those that are known are stored so.
    pub(crate) fn probability_sums(&self, stored: VoxelType) -> Option<&[u64]> {
        self.probability_sums.as_ref().filter(|known| known.0 == stored).map(|known| known.1.as_slice())
    }

    /// Returns the number of voxels along `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns whether objects go through sections.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Returns the volume that the objects lie in.
    pub fn space(&self) -> Space {
        Space { shape: self.shape, extent: self.extent, voxel_size_nm: self.voxel_size_nm }
    }

    /// Returns the size of a voxel along `[z, y, x]` in nm, `None` where it is unknown.
    pub fn voxel_size_nm(&self) -> Option<[f64; 3]> {
        self.voxel_size_nm
    }

    /// Sets the size of a voxel, `[z, y, x]` in nm.
    pub fn set_voxel_size_nm(&mut self, voxel_size_nm: Option<[f64; 3]>) {
        self.voxel_size_nm = voxel_size_nm;
    }

    /// Counts the voxels of all objects in each section.
    ///
    /// # Errors
    ///
    /// [`Error::TemporaryFile`] where the temporary file cannot be read.
    pub fn voxels_by_section(&self) -> Result<Vec<u64>> {
        (0..self.shape[0])
            .into_par_iter()
            .map(|z| Ok(self.section(z)?.runs().iter().map(|run| run.voxels()).sum()))
            .collect()
    }

    /// Counts the voxels of each object.
    ///
    /// # Errors
    ///
    /// [`Error::TemporaryFile`] where the temporary file cannot be read.
    pub fn sizes(&self) -> Result<Vec<u64>> {
        let mut sizes = vec![0; self.count()];
        for z in 0..self.shape[0] {
            for run in self.section(z)?.runs() {
                sizes[run.label as usize - 1] += run.voxels();
            }
        }
        Ok(sizes)
    }

    /// Returns the number of objects.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Returns the name of each object: its value among instances, else its number.
    pub fn names(&self) -> &[u32] {
        &self.names
    }

    /// Keeps the objects whose number passes a test, and numbers them anew from 1 in the same order.
    ///
    /// Instances keep their names.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let mut anew = vec![0; self.names.len() + 1];
        let mut names = Vec::new();
        let are_numbers = self.names.iter().zip(1..).all(|(&name, number)| name == number);
        for (&name, number) in self.names.iter().zip(1_u32..) {
            if keep(number) {
                // There are no more objects than before.
                let kept = names.len() as u32 + 1;
                anew[number as usize] = kept;
                names.push(if are_numbers { kept } else { name });
            }
        }
        self.numbers.iter_mut().for_each(|number| *number = anew[*number as usize]);
        self.names = names;
        if let Some((_, sums)) = &mut self.probability_sums {
            let mut kept = anew[1..].iter().map(|&number| number > 0);
            sums.retain(|_| kept.next().unwrap_or(false));
        }
    }

    /// The same volume with other objects: `count` of them, each of one label on disk, from 0.
    pub(crate) fn with_runs(&self, runs_on_disk: RunsOnDisk, count: u32) -> Self {
        Self::of_runs(self.space(), runs_on_disk, (1..=count).collect(), (1..=count).collect())
    }

    /// Reads the runs of section `z`, labelled by the numbers of their objects.
    pub(crate) fn section(&self, z: usize) -> Result<SectionRuns> {
        let section = self.runs_on_disk.section(z)?;
        Ok(section.relabelled(|label| Some(self.numbers[label as usize]).filter(|&number| number > 0)))
    }

    /// Paints the sections `z_range`, `[z, y, x]`: the name of the object in each voxel, 0 in the background.
    ///
    /// # Errors
    ///
    /// [`Error::TemporaryFile`] where the temporary file cannot be read, and that of em-io where the sections do not fit
    /// into memory.
    ///
    /// # Panics
    ///
    /// If the range reaches out of the volume.
    pub fn paint(&self, z_range: std::ops::Range<usize>) -> Result<Array3<u32>> {
        let [_, height, width] = self.shape;
        let voxels = z_range.len() * height * width;
        let mut labels = Vec::new();
        let bytes = 4 * voxels as u64;
        labels.try_reserve_exact(voxels).map_err(|_| em_io::Error::OutOfMemory { path: None, bytes })?;
        labels.resize(voxels, 0);
        let labels = Array3::from_shape_vec((z_range.len(), height, width), labels);
        let mut labels = labels.expect("there are as many voxels");
        labels.outer_iter_mut().into_par_iter().zip(z_range).try_for_each(|(mut out, z)| -> Result<()> {
            let out = out.as_slice_mut().expect("a new array is contiguous");
            self.section(z)?.paint(out, width, |number| self.names[number as usize - 1]);
            Ok(())
        })?;
        Ok(labels)
    }
}

/// Cuts a part of a volume into blocks that are read at a time.
pub(crate) fn batches(part: Roi, voxel_bytes: usize) -> Blocks {
    Blocks::of_voxels(part, BATCH_BYTES / voxel_bytes).at_most(BATCH_SECTIONS)
}

/// Ends the work where whoever is told of it says so.
pub(crate) fn told(answer: ControlFlow<()>) -> Result<()> {
    if answer.is_break() { Err(Error::Stopped) } else { Ok(()) }
}

fn check_section([_, height, width]: [usize; 3]) -> Result<()> {
    if height.max(width) < u32::MAX as usize && height.saturating_mul(width) < u32::MAX as usize {
        return Ok(());
    }
    Err(Error::SectionTooLarge { width, height })
}

/// Finds the runs of each section of a batch and its components within the section.
fn find_in_batch(voxels: &Voxels, config: FindConfig) -> Vec<(FoundSection, u32)> {
    (0..voxels.shape()[0])
        .into_par_iter()
        .map(|z| {
            let mut found = config.foreground.find(voxels, z);
            if config.fill_holes && config.foreground != Foreground::Instances {
                found.runs = filled(&found.runs, voxels.shape()[2]);
            }
            let count = match config.foreground {
                Foreground::Instances => 0,
                _ => label_section(&mut found.runs, config.connectivity),
            };
            (found, count)
        })
        .collect()
}

/// Fills what the runs of a section enclose.
fn filled(runs: &SectionRuns, width: usize) -> SectionRuns {
    let mut mask = Array3::from_elem((1, runs.height(), width), false);
    runs.paint(mask.as_slice_mut().expect("a new array is contiguous"), width, |_| true);
    SectionRuns::of(postprocess::fill_holes(mask.view(), Extent::Section).index_axis(Axis(0), 0))
}

/// Checks the values of a volume section by section.
struct ValueChecks<'a> {
    volume: &'a Volume,
    foreground: Foreground,
    values: MaskValues,
}

impl ValueChecks<'_> {
    /// Checks section `page`.
    fn check(&mut self, found: &FoundSection, page: usize) -> Result<()> {
        let path = || self.volume.path().map(Path::to_path_buf);
        self.values.merge(&found.values);
        match (found.refused, self.foreground) {
            (Some(value), Foreground::Instances) => Err(Error::NotAnInstance { path: path(), page, value }),
            (Some(value), _) => Err(Error::NotAProbability { path: path(), page, value }),
            (None, _) if self.values.is_mask() => Ok(()),
            (None, _) => Err(self.values.error(self.volume.path(), page).into()),
        }
    }
}

/// The labels given so far.
enum Labels {
    Components(Stitching),
    /// The label of each value.
    Instances(BTreeMap<u32, u32>),
}

impl Labels {
    /// Gives the runs of a section their labels in the volume.
    fn assign(&mut self, before: Option<&SectionRuns>, runs: &mut SectionRuns, count: u32) -> Result<()> {
        match self {
            Self::Components(stitching) => stitching.stitch(before, runs, count),
            Self::Instances(known) => {
                let mut last = (0, 0);
                for run in runs.runs_mut() {
                    if run.label != last.0 {
                        // Values are of 32 bits without 0, so they are fewer than 2^32.
                        let next = known.len() as u32;
                        last = (run.label, *known.entry(run.label).or_insert(next));
                    }
                    run.label = last.1;
                }
                Ok(())
            }
        }
    }

    /// Returns the number of each label, from 1, and the name of each number.
    fn finish(self) -> (Vec<u32>, Vec<u32>) {
        match self {
            Self::Components(stitching) => {
                let (numbers, count) = stitching.numbers();
                (numbers, (1..=count).collect())
            }
            Self::Instances(known) => {
                let mut numbers = vec![0; known.len()];
                for (number, &label) in (1..).zip(known.values()) {
                    numbers[label as usize] = number;
                }
                (numbers, known.into_keys().collect())
            }
        }
    }
}
