//! The plan that cuts a part of a volume into blocks of whole sections. It reads nothing.

use crate::Roi;

/// A part of a volume, cut along z into blocks, the last one perhaps thinner.
///
/// [`Volume::blocks`](crate::Volume::blocks) reads them, and [`read_compute_write`] does so while
/// earlier ones are worked on.
///
/// ```
/// use em_io::{Blocks, Roi};
///
/// // As many sections as 4 million voxels allow, whole chunks of 16 sections where these fit.
/// let blocks = Blocks::of_voxels(Roi::whole([100, 300, 400]), 4_000_000).in_chunks_of(16);
/// assert_eq!((blocks.depth(), blocks.count()), (32, 4));
/// assert_eq!(blocks.roi(3), Roi::from([96..100, 0..300, 0..400]));
/// assert_eq!(blocks.roi_with_halo(1, 2), Roi::from([30..66, 0..300, 0..400]));
/// ```
///
/// [`read_compute_write`]: crate::read_compute_write
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    part: Roi,
    /// The sections of a block, at least 1, and perhaps more than there are.
    depth: usize,
}

impl Blocks {
    /// Cuts a part into blocks of so many sections, at least 1.
    pub fn of_sections(part: Roi, sections: usize) -> Self {
        Self { part, depth: sections.max(1) }
    }

    /// Cuts a part into blocks of at most so many voxels, but of at least 1 section.
    ///
    /// For a bound in bytes, divide it by [`VoxelType::bytes`](crate::VoxelType::bytes).
    pub fn of_voxels(part: Roi, most: usize) -> Self {
        let section = part.shape[1].saturating_mul(part.shape[2]).max(1);
        Self::of_sections(part, most / section)
    }

    /// Takes at most so many sections a block.
    pub fn at_most(self, sections: usize) -> Self {
        Self::of_sections(self.part, self.depth.min(sections))
    }

    /// Takes a multiple of so many sections, at least that many: what is computed at once.
    pub fn in_steps_of(self, sections: usize) -> Self {
        let sections = sections.max(1);
        Self::of_sections(self.part, (self.depth / sections).max(1).saturating_mul(sections))
    }

    /// Takes a multiple of so many sections where as many fit, so that no chunk that is as deep is
    /// decoded or written twice.
    pub fn in_chunks_of(self, sections: usize) -> Self {
        let sections = sections.max(1);
        if self.depth < sections { self } else { self.in_steps_of(sections) }
    }

    /// Returns the part that is cut.
    pub fn part(&self) -> Roi {
        self.part
    }

    /// Returns the sections of the largest block.
    pub fn depth(&self) -> usize {
        self.depth.min(self.part.shape[0])
    }

    /// Returns the voxels of the largest block.
    pub fn voxels(&self) -> usize {
        Roi { shape: [self.depth(), self.part.shape[1], self.part.shape[2]], ..self.part }.voxels()
    }

    /// Returns how many blocks there are.
    pub fn count(&self) -> usize {
        self.part.shape[0].div_ceil(self.depth)
    }

    /// Returns the place of a block in the volume; one behind the last is empty.
    pub fn roi(&self, index: usize) -> Roi {
        self.roi_with_halo(index, 0)
    }

    /// Returns the place of a block and of up to `halo` sections on each side of it, within the part.
    pub fn roi_with_halo(&self, index: usize, halo: usize) -> Roi {
        let [depth, height, width] = self.part.shape;
        let [z, y, x] = self.part.start;
        let start = index.saturating_mul(self.depth);
        let end = start.saturating_add(self.depth).saturating_add(halo).min(depth);
        let start = start.saturating_sub(halo).min(end);
        Roi { start: [z.saturating_add(start), y, x], shape: [end - start, height, width] }
    }

    /// Goes over the places of the blocks, from the first section on.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Roi> + Clone + Send {
        (0..self.count()).map(move |index| self.roi(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_section_is_in_one_block(
            shape in [1..5000_usize, 1..9000_usize, 1..9000_usize],
            start in [0..99_usize, 0..99_usize, 0..99_usize],
            most in 1..50_000_000_usize,
            at_once in 1..40_usize,
        ) {
            let part = Roi { start, shape };
            let section = shape[1] * shape[2];
            for (blocks, bound) in [
                (Blocks::of_voxels(part, most), most.max(section)),
                (Blocks::of_voxels(part, most).in_steps_of(at_once), most.max(at_once * section)),
                (Blocks::of_voxels(part, most).in_chunks_of(at_once), most.max(section)),
                (Blocks::of_voxels(part, most).at_most(at_once), most.max(section).min(at_once * section)),
            ] {
                prop_assert!(blocks.voxels() <= bound);
                let mut next = start[0];
                for roi in blocks.iter() {
                    prop_assert_eq!((roi.start, roi.shape[0] > 0), ([next, start[1], start[2]], true));
                    prop_assert!(roi.voxels() <= blocks.voxels() && roi.shape[1..] == shape[1..]);
                    next += roi.shape[0];
                }
                prop_assert_eq!(next, start[0] + shape[0]);
                prop_assert_eq!(blocks.iter().len(), blocks.count());
                prop_assert_eq!(blocks.roi(0).shape[0], blocks.depth());
            }
        }

        #[test]
        fn blocks_are_multiples_of_what_is_asked_for(most in 1..999_usize, at_once in 1..40_usize) {
            let part = Roi::whole([5000, 1, 1]);
            let steps = Blocks::of_sections(part, most).in_steps_of(at_once).depth();
            prop_assert!(steps.is_multiple_of(at_once) && steps <= most.max(at_once));
            prop_assert!(steps + at_once > most);
            let chunks = Blocks::of_sections(part, most).in_chunks_of(at_once).depth();
            prop_assert_eq!(chunks, if most < at_once { most } else { steps });
        }

        #[test]
        fn a_halo_widens_a_block_as_far_as_the_part_goes(
            depth in 1..300_usize, at_once in 1..40_usize, halo in 0..50_usize, z in 0..9_usize,
        ) {
            let blocks = Blocks::of_sections(Roi { start: [z, 0, 0], shape: [depth, 2, 3] }, at_once);
            for index in 0..blocks.count() {
                let (inner, outer) = (blocks.roi(index), blocks.roi_with_halo(index, halo));
                prop_assert_eq!(outer.start[0], inner.start[0].saturating_sub(halo).max(z));
                prop_assert_eq!(outer.end()[0], (inner.end()[0] + halo).min(z + depth));
            }
        }
    }

    #[test]
    fn nothing_has_no_blocks_and_what_is_behind_the_last_is_empty() {
        assert_eq!(Blocks::of_sections(Roi::whole([0, 4, 4]), 3).count(), 0);
        assert_eq!(Blocks::of_voxels(Roi::whole([5, 0, 4]), 3).count(), 2);
        let blocks = Blocks::of_sections(Roi::whole([5, 4, 4]), 2);
        assert_eq!(blocks.roi(3).voxels(), 0);
        assert_eq!(blocks.roi(usize::MAX).voxels(), 0);
    }
}
