//! A region of interest: the block of a volume that is read. It knows no file.

use std::ops::Range;

/// A block of voxels, `[z, y, x]`.
///
/// ```
/// use em_io::Roi;
///
/// let roi = Roi::sections([36, 768, 1024], 10..12);
/// assert_eq!(roi, Roi { start: [10, 0, 0], shape: [2, 768, 1024] });
/// assert!(roi.is_within([36, 768, 1024]));
/// assert_eq!(roi.voxels(), 2 * 768 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roi {
    /// The first voxel, `[z, y, x]`.
    pub start: [usize; 3],
    /// The number of voxels along `[z, y, x]`.
    pub shape: [usize; 3],
}

impl Roi {
    /// Covers a whole volume of this shape.
    pub fn whole(shape: [usize; 3]) -> Self {
        Self { start: [0; 3], shape }
    }

    /// Covers the sections `z_range` of a volume of this shape, each in full.
    ///
    /// A range that ends before it starts covers nothing.
    pub fn sections(shape: [usize; 3], z_range: Range<usize>) -> Self {
        let depth = z_range.end.saturating_sub(z_range.start);
        Self { start: [z_range.start, 0, 0], shape: [depth, shape[1], shape[2]] }
    }

    /// Returns the position just behind the last voxel, `[z, y, x]`.
    ///
    /// It saturates where the sum would overflow.
    pub fn end(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.start[axis].saturating_add(self.shape[axis]))
    }

    /// Tells whether the block lies inside a volume of this shape.
    pub fn is_within(&self, shape: [usize; 3]) -> bool {
        (0..3)
            .all(|axis| self.start[axis].checked_add(self.shape[axis]).is_some_and(|end| end <= shape[axis]))
    }

    /// Counts the voxels of the block. It saturates where the product would overflow.
    pub fn voxels(&self) -> usize {
        self.shape.iter().fold(1, |product: usize, &side| product.saturating_mul(side))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_overflows_is_not_within() {
        let roi = Roi { start: [1, 0, 0], shape: [usize::MAX, 1, 1] };
        assert!(!roi.is_within([usize::MAX, 1, 1]));
        assert_eq!(roi.end()[0], usize::MAX);
    }

    #[test]
    fn the_last_section_is_within_and_the_next_is_not() {
        let shape = [5, 4, 3];
        assert!(Roi::sections(shape, 4..5).is_within(shape));
        assert!(!Roi::sections(shape, 4..6).is_within(shape));
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake is what is tested")]
    fn a_reversed_range_covers_nothing() {
        assert_eq!(Roi::sections([5, 4, 3], 3..1).voxels(), 0);
    }
}
