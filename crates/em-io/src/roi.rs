//! A region of interest: the block of a volume that is read. It knows no file.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A block of voxels, `[z, y, x]`.
///
/// ```
/// use em_io::Roi;
///
/// let roi = Roi::sections([36, 768, 1024], 10..12);
/// assert_eq!(roi, Roi { start: [10, 0, 0], shape: [2, 768, 1024] });
/// assert_eq!(roi, Roi::from([10..12, 0..768, 0..1024]));
/// assert!(roi.is_within([36, 768, 1024]));
/// assert_eq!(roi.voxels(), 2 * 768 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    /// Covers the middle of sections of a volume of this shape: at most `edges` voxels along `[y, x]`.
    ///
    /// ```
    /// use em_io::Roi;
    ///
    /// let middle = Roi::middle([36, 768, 1024], 4..5, [1000, 512]);
    /// assert_eq!(middle, Roi::from([4..5, 0..768, 256..768]));
    /// ```
    pub fn middle(shape: [usize; 3], sections: Range<usize>, edges: [usize; 2]) -> Self {
        let mut middle = Self::sections(shape, sections);
        for (axis, edge) in [1, 2].into_iter().zip(edges) {
            let length = shape[axis].min(edge);
            (middle.start[axis], middle.shape[axis]) = ((shape[axis] - length) / 2, length);
        }
        middle
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

    /// Returns the voxels along `[z, y, x]` as ranges, as indices of an array are given.
    pub fn ranges(&self) -> [Range<usize>; 3] {
        let end = self.end();
        std::array::from_fn(|axis| self.start[axis]..end[axis])
    }

    /// Returns the block that two blocks share, `None` where they share no voxel.
    ///
    /// ```
    /// use em_io::Roi;
    ///
    /// let roi = Roi::from([0..4, 10..20, 0..9]);
    /// assert_eq!(roi.intersection(Roi::from([2..9, 0..12, 0..9])), Some(Roi::from([2..4, 10..12, 0..9])));
    /// assert_eq!(roi.intersection(Roi::from([4..9, 10..20, 0..9])), None);
    /// ```
    pub fn intersection(&self, other: Self) -> Option<Self> {
        let (ends, others) = (self.end(), other.end());
        let shared = Self::from(std::array::from_fn(|axis| {
            self.start[axis].max(other.start[axis])..ends[axis].min(others[axis])
        }));
        (shared.voxels() > 0).then_some(shared)
    }

    /// Returns the smallest block around two.
    ///
    /// ```
    /// use em_io::Roi;
    ///
    /// let roi = Roi::from([0..4, 10..20, 0..9]);
    /// assert_eq!(roi.around(Roi::from([2..9, 0..12, 3..4])), Roi::from([0..9, 0..20, 0..9]));
    /// ```
    #[must_use]
    pub fn around(&self, other: Self) -> Self {
        let (ends, others) = (self.end(), other.end());
        Self::from(std::array::from_fn(|axis| {
            self.start[axis].min(other.start[axis])..ends[axis].max(others[axis])
        }))
    }

    /// Counts the voxels of the block. It saturates where the product would overflow.
    pub fn voxels(&self) -> usize {
        self.shape.iter().fold(1, |product: usize, &side| product.saturating_mul(side))
    }
}

impl From<[Range<usize>; 3]> for Roi {
    /// Covers the voxels in these ranges along `[z, y, x]`; one that ends before it starts covers nothing.
    fn from(ranges: [Range<usize>; 3]) -> Self {
        let shape = ranges.each_ref().map(|range| range.end.saturating_sub(range.start));
        Self { start: ranges.map(|range| range.start), shape }
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

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake is what is tested")]
    fn ranges_become_a_block_and_a_block_ranges() {
        let roi = Roi { start: [1, 2, 3], shape: [4, 5, 6] };
        assert_eq!(roi.ranges(), [1..5, 2..7, 3..9]);
        assert_eq!(Roi::from(roi.ranges()), roi);
        assert_eq!(Roi::from([3..1, 0..5, 0..5]), Roi { start: [3, 0, 0], shape: [0, 5, 5] });
    }

    #[test]
    fn the_intersection_is_what_lies_in_both() {
        let (a, b) = (Roi::from([0..5, 2..8, 3..9]), Roi::from([4..9, 0..4, 8..20]));
        let shared = Roi::from([4..5, 2..4, 8..9]);
        assert_eq!((a.intersection(b), b.intersection(a)), (Some(shared), Some(shared)));
        assert_eq!(a.intersection(a), Some(a));
        for apart in [[5..9, 0..9, 0..9], [0..9, 8..9, 0..9], [0..9, 0..9, 0..3], [0..0, 0..9, 0..9]] {
            assert_eq!(a.intersection(Roi::from(apart.clone())), None, "{apart:?}");
        }
        let huge = Roi { start: [1; 3], shape: [usize::MAX; 3] };
        assert_eq!(a.intersection(huge), Some(Roi::from([1..5, 2..8, 3..9])));
    }

    #[test]
    fn a_block_survives_json() {
        let roi = Roi::from([1..5, 2..7, 3..9]);
        let json = serde_json::to_string(&roi).unwrap();
        assert_eq!(json, r#"{"start":[1,2,3],"shape":[4,5,6]}"#);
        assert_eq!(serde_json::from_str::<Roi>(&json).unwrap(), roi);
        assert!(serde_json::from_str::<Roi>(r#"{"start":[1,2,3],"shape":[4,5,6],"end":[5,7,9]}"#).is_err());
    }
}
