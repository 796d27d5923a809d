//! Cleaning of a mask as a volume (3D), though it comes section by section and need not fit into memory.
//!
//! ```text
//! sections ─► median of a window of sections ─► components ─► large ones ─► background ─► open parts
//!                                                   disk ◄────────────────────┘ disk
//! ```
//!
//! What belongs to a component is known at its last section only, so sections come out when all
//! have gone in. Between, their runs lie in a temporary file.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::labelling::{Stitching, label_section};
use crate::postprocess::{check_window, mirrored_with_edge, votes_of_section};
use crate::runs::SectionRuns;
use crate::runs_on_disk::RunsOnDisk;
use crate::{Connectivity, Extent, Postprocess};

/// Takes the sections of a mask, and cleans them as one volume.
///
/// ```
/// use em_objects::{Postprocess, VolumeCleaner};
/// use ndarray::array;
///
/// let steps = Postprocess { minimum_voxels: 3, ..Default::default() };
/// let folder = std::env::temp_dir();
/// let mut cleaner = VolumeCleaner::new(steps, [2, 1, 4], &folder)?;
/// cleaner.push(array![[true, true, false, true]].view())?;
/// cleaner.push(array![[false, true, false, false]].view())?;
/// let clean = cleaner.finish()?;
/// // Three voxels hang together through the sections; the fourth is alone.
/// assert_eq!(clean.section(0)?, array![[true, true, false, false]]);
/// assert_eq!(clean.section(1)?, array![[false, true, false, false]]);
/// # Ok::<(), em_objects::Error>(())
/// ```
#[derive(Debug)]
pub struct VolumeCleaner {
    steps: Postprocess,
    shape: [usize; 3],
    folder: PathBuf,
    /// In-plane votes of the last sections, as many as the window is deep.
    votes: VecDeque<Array2<u32>>,
    /// Sections taken, and sections that have left the median.
    pushed: usize,
    voted: usize,
    parts: Parts,
}

impl VolumeCleaner {
    /// Starts with a volume of `shape`, `[z, y, x]`, whose runs go into a temporary file in `folder`.
    ///
    /// # Errors
    ///
    /// [`Error::Window`] for an even or too large median, [`Error::SectionTooLarge`], and
    /// [`Error::TemporaryFile`] where the file cannot be made.
    pub fn new(steps: Postprocess, shape: [usize; 3], folder: &Path) -> Result<Self> {
        check_window([steps.median_size; 3])?;
        let [_, height, width] = shape;
        if height.saturating_mul(width) >= u32::MAX as usize {
            return Err(Error::SectionTooLarge { width, height });
        }
        let (votes, folder) = (VecDeque::with_capacity(steps.median_size), folder.to_owned());
        let parts = Parts::new(Connectivity::Corners, width, &folder)?;
        Ok(Self { steps, shape, folder, votes, pushed: 0, voted: 0, parts })
    }

    /// Takes the next section, `[y, x]`.
    ///
    /// # Errors
    ///
    /// [`Error::TemporaryFile`] and [`Error::TooManyComponents`].
    ///
    /// # Panics
    ///
    /// If the section is not as large as the volume says, or one too many.
    pub fn push(&mut self, section: ArrayView2<'_, bool>) -> Result<()> {
        assert_eq!([section.nrows(), section.ncols()], self.shape[1..], "a section of the volume");
        assert!(self.pushed < self.shape[0], "the volume has no more sections");
        self.pushed += 1;
        if self.steps.median_size == 1 {
            return self.parts.push(SectionRuns::of(section));
        }
        if self.votes.len() == self.steps.median_size {
            self.votes.pop_front();
        }
        self.votes.push_back(votes_of_section(section, self.steps.median_size));
        if self.pushed > self.steps.median_size / 2 { self.vote() } else { Ok(()) }
    }

    /// Lets the next section leave the median: all that it needs is there.
    fn vote(&mut self) -> Result<()> {
        let edge = self.steps.median_size;
        let first = self.pushed - self.votes.len();
        let mut sum = Array2::<u32>::zeros((self.shape[1], self.shape[2]));
        for place in 0..edge {
            sum += &self.votes[mirrored_with_edge(self.voted + place, edge / 2, self.shape[0]) - first];
        }
        self.voted += 1;
        let half = (edge.pow(3) / 2) as u32;
        self.parts.push(SectionRuns::of_voxels(sum.view(), |votes| votes > half))
    }

    /// Decides what stays, when all sections are in.
    ///
    /// # Errors
    ///
    /// [`Error::TemporaryFile`] and [`Error::TooManyComponents`].
    ///
    /// # Panics
    ///
    /// If sections are missing.
    pub fn finish(mut self) -> Result<CleanVolume> {
        assert_eq!(self.pushed, self.shape[0], "all sections are taken");
        while self.steps.median_size > 1 && self.voted < self.pushed {
            self.vote()?;
        }
        let [_, height, width] = self.shape;
        let smallest = self.steps.minimum_voxels;
        let kept = self.parts.finish(|part| part.voxels >= smallest);
        let found = CleanVolume { section: [height, width], kept, is_background: false };
        if !self.steps.fill_holes {
            return Ok(found);
        }
        // What is left of the background when enclosed parts are foreground.
        let mut background = Parts::new(Connectivity::Faces, width, &self.folder)?;
        for z in 0..self.shape[0] {
            background.push(SectionRuns::of_voxels(found.section(z)?.view(), |inside| !inside))?;
        }
        let kept = background.finish(|part| part.is_at_border);
        Ok(CleanVolume { section: [height, width], kept, is_background: true })
    }
}

/// A cleaned mask, which is read by section.
#[derive(Debug)]
pub struct CleanVolume {
    /// Rows and columns.
    section: [usize; 2],
    kept: Kept,
    /// Whether what was kept is the background.
    is_background: bool,
}

impl CleanVolume {
    /// Reads section `z`, `[y, x]`.
    ///
    /// # Errors
    ///
    /// [`Error::TemporaryFile`] where the temporary file cannot be read.
    ///
    /// # Panics
    ///
    /// If there is no such section.
    pub fn section(&self, z: usize) -> Result<Array2<bool>> {
        let mut mask = Array2::from_elem(self.section, self.is_background);
        let voxels = mask.as_slice_mut().expect("a new array is contiguous");
        self.kept.section(z)?.paint(voxels, self.section[1], |_| !self.is_background);
        Ok(mask)
    }
}

/// What is known of a component when all of it has gone by.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    voxels: u64,
    is_at_border: bool,
}

/// The components of sections that go by.
#[derive(Debug)]
struct Parts {
    stitching: Stitching,
    connectivity: Connectivity,
    /// Voxels of a row.
    width: usize,
    runs_on_disk: RunsOnDisk,
    before: Option<SectionRuns>,
    /// What is known of each label; labels may still be joined.
    labels: Vec<Part>,
}

impl Parts {
    fn new(connectivity: Connectivity, width: usize, folder: &Path) -> Result<Self> {
        let stitching = Stitching::new(Extent::Volume, connectivity);
        let runs_on_disk = RunsOnDisk::create(folder)?;
        Ok(Self { stitching, connectivity, width, runs_on_disk, before: None, labels: Vec::new() })
    }

    fn push(&mut self, mut section: SectionRuns) -> Result<()> {
        let count = label_section(&mut section, self.connectivity);
        self.stitching.stitch(self.before.as_ref(), &mut section, count)?;
        let labels = section.runs().iter().map(|run| run.label as usize + 1).max().unwrap_or(0);
        self.labels.resize(labels.max(self.labels.len()), Part::default());
        for y in 0..section.height() {
            let is_outer = self.before.is_none() || y == 0 || y + 1 == section.height();
            for run in section.row(y) {
                let part = &mut self.labels[run.label as usize];
                part.voxels += run.voxels();
                part.is_at_border |= is_outer || run.start == 0 || run.end as usize == self.width;
            }
        }
        self.runs_on_disk.push(&section)?;
        self.before = Some(section);
        Ok(())
    }

    /// Keeps the components that pass a test.
    fn finish(mut self, keep: impl Fn(&Part) -> bool) -> Kept {
        for run in self.before.iter().flat_map(SectionRuns::runs) {
            self.labels[run.label as usize].is_at_border = true;
        }
        let (numbers, count) = self.stitching.numbers();
        let mut whole = vec![Part::default(); count as usize];
        for (&number, part) in numbers.iter().zip(&self.labels) {
            let whole = &mut whole[number as usize - 1];
            whole.voxels += part.voxels;
            whole.is_at_border |= part.is_at_border;
        }
        let labels = numbers.iter().map(|&number| keep(&whole[number as usize - 1])).collect();
        Kept { runs_on_disk: self.runs_on_disk, labels }
    }
}

/// Components, and which of their labels stay.
#[derive(Debug)]
struct Kept {
    runs_on_disk: RunsOnDisk,
    labels: Vec<bool>,
}

impl Kept {
    /// Reads the runs of section `z` that stay.
    fn section(&self, z: usize) -> Result<SectionRuns> {
        let keep = |label: u32| Some(label).filter(|&label| self.labels[label as usize]);
        Ok(self.runs_on_disk.section(z)?.relabelled(keep))
    }
}
