//! Which runs belong to one object: within a section, then from section to section.
//!
//! The labels of a section follow from its runs and those of the section before, so that a volume
//! streams through with two sections in memory and one number per label. A label that turns out to
//! be part of an earlier object is remembered as such; [`Stitching::numbers`] resolves them at the end.

use crate::runs::{SectionRuns, for_each_pair};
use crate::{Connectivity, Error, Extent, Result};

/// Disjoint sets of labels. The smallest label of a set stands for it.
#[derive(Debug, Default)]
struct Sets {
    parents: Vec<u32>,
}

impl Sets {
    /// Adds a set of one label.
    fn add(&mut self) -> Result<u32> {
        let label = u32::try_from(self.parents.len()).map_err(|_| Error::TooManyComponents)?;
        // The last number is left free, so that ids from 1 fit as well.
        if label == u32::MAX {
            return Err(Error::TooManyComponents);
        }
        self.parents.push(label);
        Ok(label)
    }

    /// Returns the label that stands for the set, and shortens the way to it.
    fn find(&mut self, mut label: u32) -> u32 {
        while self.parents[label as usize] != label {
            let grandparent = self.parents[self.parents[label as usize] as usize];
            self.parents[label as usize] = grandparent;
            label = grandparent;
        }
        label
    }

    /// Joins two sets and returns the label that stands for both.
    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high as usize] = low;
        low
    }

    /// Numbers the sets from 0, in order of their first labels, and returns the number of each label.
    fn numbered(mut self) -> (Vec<u32>, u32) {
        let mut count = 0;
        for label in 0..self.parents.len() {
            // Parents are smaller than their children, so a parent has its number already.
            let parent = self.parents[label] as usize;
            self.parents[label] = if parent == label {
                count += 1;
                count - 1
            } else {
                self.parents[parent]
            };
        }
        (self.parents, count)
    }
}

/// Labels the runs of one section by its components, from 0 in order of their first voxels, and
/// returns the number of components.
///
/// A section has fewer than 2^32 voxels.
pub(crate) fn label_section(section: &mut SectionRuns, connectivity: Connectivity) -> u32 {
    let mut sets = Sets { parents: (0..section.runs().len() as u32).collect() };
    let slack = connectivity.slack(0, 1).expect("neighbours in a section share at least edges");
    for y in 1..section.height() {
        let (above, here) = (section.row_start(y - 1), section.row_start(y));
        for_each_pair(section.row(y), section.row(y - 1), slack, |i, j| {
            sets.join((here + i) as u32, (above + j) as u32);
        });
    }
    let (numbers, count) = sets.numbered();
    section.runs_mut().iter_mut().zip(numbers).for_each(|(run, number)| run.label = number);
    count
}

/// Labels that go through a volume section by section.
#[derive(Debug)]
pub(crate) struct Stitching {
    extent: Extent,
    connectivity: Connectivity,
    sets: Sets,
}

impl Stitching {
    pub fn new(extent: Extent, connectivity: Connectivity) -> Self {
        Self { extent, connectivity, sets: Sets::default() }
    }

    /// Turns the labels of [`label_section`] into labels of the volume.
    ///
    /// `before` is the section before, as it came out of this function.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyComponents`].
    pub fn stitch(
        &mut self,
        before: Option<&SectionRuns>,
        section: &mut SectionRuns,
        count: u32,
    ) -> Result<()> {
        let mut labels: Vec<Option<u32>> = vec![None; count as usize];
        if let Some(before) = before.filter(|_| self.extent == Extent::Volume) {
            for y in 0..section.height() {
                for other in y.saturating_sub(1)..(y + 2).min(section.height()) {
                    let Some(slack) = self.connectivity.slack(1, other.abs_diff(y)) else { continue };
                    let (here, there) = (section.row(y), before.row(other));
                    for_each_pair(here, there, slack, |i, j| {
                        let known = &mut labels[here[i].label as usize];
                        let touched = there[j].label;
                        *known = Some(known.map_or(touched, |known| self.sets.join(known, touched)));
                    });
                }
            }
        }
        let labels = labels
            .into_iter()
            .map(|label| label.map_or_else(|| self.sets.add(), Ok))
            .collect::<Result<Vec<u32>>>()?;
        section.runs_mut().iter_mut().for_each(|run| run.label = labels[run.label as usize]);
        Ok(())
    }

    /// Returns the number of each label, from 1 in order of the first voxels, and how many there are.
    pub fn numbers(self) -> (Vec<u32>, u32) {
        let (mut numbers, count) = self.sets.numbered();
        numbers.iter_mut().for_each(|number| *number += 1);
        (numbers, count)
    }
}
