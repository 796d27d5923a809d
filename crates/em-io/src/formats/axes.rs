//! Which axes of an array are z, y and x, and where it is cut along the others. It knows no format.

use crate::Roi;
use std::ops::Range;

/// A volume within an array of any number of axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Axes {
    /// The length of every axis.
    lengths: Vec<usize>,
    /// The axis that z, y and x each are; there may be no z.
    space: [Option<usize>; 3],
    /// The place along every other axis.
    at: Vec<usize>,
}

impl Axes {
    /// Describes an array whose axes are known: those of z, y and x, and the places along the others.
    pub(crate) fn named(lengths: &[usize], space: [Option<usize>; 3], at: Vec<usize>) -> Self {
        Self { lengths: lengths.to_vec(), space, at }
    }

    /// Takes two or three axes as they are; of more, those of length 1 are left out.
    ///
    /// They go from the end (a channel), then from the start (time), then from between, until three
    /// are left. `None` where more than three are longer, or there are fewer than two.
    pub(crate) fn by_length(lengths: &[usize]) -> Option<Self> {
        let mut kept: Vec<usize> = (0..lengths.len()).collect();
        while kept.len() > 3 && kept.last().is_some_and(|&axis| lengths[axis] == 1) {
            kept.pop();
        }
        let behind = kept.iter().take_while(|&&axis| lengths[axis] == 1).count();
        kept.drain(..behind.min(kept.len().saturating_sub(3)));
        while kept.len() > 3 {
            let between = kept.iter().position(|&axis| lengths[axis] == 1)?;
            kept.remove(between);
        }
        let space = match *kept.as_slice() {
            [z, y, x] => [Some(z), Some(y), Some(x)],
            [y, x] => [None, Some(y), Some(x)],
            _ => return None,
        };
        Some(Self::named(lengths, space, vec![0; lengths.len()]))
    }

    /// Returns the shape of the volume, `[z, y, x]`.
    pub(crate) fn shape(&self) -> [usize; 3] {
        self.of_space(&self.lengths)
    }

    /// Takes z, y and x of one number per axis, with 1 for a missing z.
    pub(crate) fn of_space(&self, all: &[usize]) -> [usize; 3] {
        self.space.map(|axis| axis.map_or(1, |axis| all[axis]))
    }

    /// Returns the part of the array that a block is: a range per axis.
    pub(crate) fn ranges(&self, roi: Roi) -> Vec<Range<usize>> {
        let mut ranges: Vec<_> = self.at.iter().map(|&at| at..at + 1).collect();
        for (axis, range) in self.space.iter().zip(roi.ranges()) {
            if let Some(axis) = axis {
                ranges[*axis] = range;
            }
        }
        ranges
    }

    /// Returns the place along every axis at which the volume is cut, 0 along z, y and x.
    pub(crate) fn place(&self) -> &[usize] {
        &self.at
    }

    /// Tells whether an axis is z, y or x.
    pub(crate) fn is_of_space(&self, axis: usize) -> bool {
        self.space.contains(&Some(axis))
    }

    /// Returns the axes that are z, y and x, `None` where there is no z.
    pub(crate) fn space(&self) -> Option<[usize; 3]> {
        let [z, y, x] = self.space;
        Some([z?, y?, x?])
    }

    /// Returns the place of a chunk in the grid of all axes from that along `[z, y, x]`.
    pub(crate) fn place_in_grid(&self, place: [usize; 3], chunk: &[usize]) -> Vec<usize> {
        let mut all: Vec<_> = self.at.iter().zip(chunk).map(|(at, chunk)| at / chunk).collect();
        for (axis, place) in self.space.iter().zip(place) {
            if let Some(axis) = axis {
                all[*axis] = place;
            }
        }
        all
    }

    /// Returns the order in which z (0), y (1) and x (2) follow each other in the array.
    pub(crate) fn order(&self) -> [usize; 3] {
        let mut order = [0, 1, 2];
        // A missing z is the slowest.
        order.sort_by_key(|&side| self.space[side]);
        order
    }

    /// Says which axes are left out, where there are more than three.
    pub(crate) fn note(&self) -> Option<String> {
        (self.lengths.len() > 3).then(|| format!("axes of length 1 left out of {:?}", self.lengths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_length_one_are_left_out_from_the_end_the_start_and_between() {
        let found = |lengths: &[usize]| Axes::by_length(lengths).map(|axes| (axes.space, axes.shape()));
        let at = |z, y, x| [Some(z), Some(y), Some(x)];
        assert_eq!(found(&[7, 8, 9]), Some((at(0, 1, 2), [7, 8, 9])));
        assert_eq!(found(&[1, 7, 8, 9, 1]), Some((at(1, 2, 3), [7, 8, 9])));
        assert_eq!(found(&[1, 1, 8, 9]), Some((at(1, 2, 3), [1, 8, 9])));
        assert_eq!(found(&[7, 1, 8, 9]), Some((at(0, 2, 3), [7, 8, 9])));
        assert_eq!(found(&[1, 1, 1, 1, 1]), Some((at(0, 1, 2), [1, 1, 1])));
        assert_eq!(found(&[8, 9]), Some(([None, Some(0), Some(1)], [1, 8, 9])));
        assert_eq!(found(&[2, 7, 8, 9]), None);
        assert_eq!(found(&[8]), None);
    }

    #[test]
    fn a_block_is_a_range_along_every_axis() {
        // x, c, y, z, the second of two channels
        let axes = Axes::named(&[9, 2, 8, 7], [Some(3), Some(2), Some(0)], vec![0, 1, 0, 0]);
        assert_eq!(axes.shape(), [7, 8, 9]);
        assert_eq!(axes.ranges(Roi::from([1..3, 2..4, 5..9])), [5..9, 1..2, 2..4, 1..3]);
        assert_eq!(axes.order(), [2, 1, 0]);
        let section = Axes::by_length(&[8, 9]).unwrap();
        assert_eq!(section.ranges(Roi::from([0..1, 2..4, 5..9])), [2..4, 5..9]);
        assert_eq!(section.order(), [0, 1, 2]);
    }
}
