//! A volume cut into blocks of whole sections, and what they take in memory.

use em_io::Roi;

/// Blocks of whole sections, the last one perhaps thinner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    shape: [usize; 3],
    depth: usize,
}

impl Blocks {
    /// Cuts a volume of `shape`, `[z, y, x]`, into blocks of at most so many voxels, but at least
    /// `at_once` sections, and a multiple of it.
    pub fn new(shape: [usize; 3], block_voxels: usize, at_once: usize) -> Self {
        let section = shape[1].saturating_mul(shape[2]).max(1);
        let depth = (block_voxels / section / at_once).max(1) * at_once;
        Self { shape, depth: depth.min(shape[0].max(1)) }
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.shape[0].div_ceil(self.depth)
    }

    /// Returns the place of a block.
    pub fn roi(&self, index: usize) -> Roi {
        let start = index * self.depth;
        Roi::sections(self.shape, start..(start + self.depth).min(self.shape[0]))
    }

    /// Returns the place of a block and of up to `halo` sections on each side of it.
    pub fn roi_with_halo(&self, index: usize, halo: usize) -> Roi {
        let start = index * self.depth;
        let end = start.saturating_add(self.depth).saturating_add(halo).min(self.shape[0]);
        Roi::sections(self.shape, start.saturating_sub(halo)..end)
    }

    /// Returns the voxels of the largest block.
    pub fn voxels(&self) -> usize {
        self.depth.saturating_mul(self.shape[1]).saturating_mul(self.shape[2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_section_is_in_one_block(depth in 1..5000_usize, height in 1..9000_usize, width in 1..9000_usize, most in 1..50_000_000_usize, at_once in 1..40_usize) {
            let blocks = Blocks::new([depth, height, width], most, at_once);
            let mut next = 0;
            for index in 0..blocks.count() {
                let roi = blocks.roi(index);
                prop_assert_eq!(roi.start, [next, 0, 0]);
                prop_assert_eq!(next % at_once, 0);
                prop_assert!(roi.shape[0] > 0 && roi.voxels() <= blocks.voxels());
                next += roi.shape[0];
            }
            prop_assert_eq!(next, depth);
            prop_assert!(blocks.voxels() <= most.max(at_once * height * width));
        }
    }
}
