//! Which runs belong to one object: within a section, then from section to section.
//!
//! The labels of a section follow from its runs and those of the section before, so that a volume
//! streams through with two sections in memory and one number per label. A label that turns out to
//! be part of an earlier object is remembered as such; [`Stitching::numbers`] resolves them at the end.

use em_metrics::DisjointSets;

use crate::runs::{SectionRuns, for_each_pair};
use crate::{Connectivity, Error, Extent, Result};

/// Labels the runs of one section by its components, from 0 in order of their first voxels, and
/// returns the number of components.
///
/// A section has fewer than 2^32 voxels.
pub(crate) fn label_section(section: &mut SectionRuns, connectivity: Connectivity) -> u32 {
    let mut sets = DisjointSets::new(section.runs().len() as u32);
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

/// Tells the labels of each two runs that touch, of a section and of the one before.
pub(crate) fn for_each_touch(
    section: &SectionRuns,
    before: &SectionRuns,
    connectivity: Connectivity,
    mut touch: impl FnMut(u32, u32),
) {
    for y in 0..section.height() {
        for other in y.saturating_sub(1)..(y + 2).min(section.height()) {
            let Some(slack) = connectivity.slack(1, other.abs_diff(y)) else { continue };
            let (here, there) = (section.row(y), before.row(other));
            for_each_pair(here, there, slack, |i, j| touch(here[i].label, there[j].label));
        }
    }
}

/// Labels that go through a volume section by section.
#[derive(Debug)]
pub(crate) struct Stitching {
    extent: Extent,
    connectivity: Connectivity,
    sets: DisjointSets,
}

impl Stitching {
    pub fn new(extent: Extent, connectivity: Connectivity) -> Self {
        Self { extent, connectivity, sets: DisjointSets::default() }
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
            for_each_touch(section, before, self.connectivity, |here, touched| {
                let known = &mut labels[here as usize];
                *known = Some(known.map_or(touched, |known| self.sets.join(known, touched)));
            });
        }
        let labels = labels
            .into_iter()
            .map(|label| label.or_else(|| self.sets.add()))
            .collect::<Option<Vec<u32>>>()
            .ok_or(Error::TooManyComponents)?;
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
