//! What is drawn again in a bootstrap: sections, or blocks of sections where those are few.

use em_metrics::ConfusionCounts;
use ndarray::{ArrayView2, ArrayView3, Axis, s};

use super::intervals::FEWEST_SECTIONS;
use crate::error::Result;

/// Blocks of a section along y and along x.
const BLOCKS: usize = 4;

/// What is drawn again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A section.
    Section,
    /// One of 4 x 4 blocks of a section: these tell how a score varies within the sections at hand,
    /// and less than sections would of the rest of the volume.
    Block,
}

impl Unit {
    /// Takes sections where there are enough of them.
    pub fn of(sections: usize) -> Self {
        if sections < FEWEST_SECTIONS { Self::Block } else { Self::Section }
    }

    /// Counts each unit of a volume whose ignored voxels are background, `[z, y, x]`.
    pub fn counts(
        self,
        prediction: ArrayView3<'_, bool>,
        label: ArrayView3<'_, bool>,
        ignored: Option<ArrayView3<'_, bool>>,
    ) -> Result<Vec<ConfusionCounts>> {
        let mut counts = Vec::new();
        for z in 0..label.len_of(Axis(0)) {
            let [prediction, label] = [prediction, label].map(|mask| mask.index_axis_move(Axis(0), z));
            let ignored = ignored.map(|ignored| ignored.index_axis_move(Axis(0), z));
            match self {
                Self::Section => counts.push(counts_of(prediction, label, ignored)?),
                Self::Block => counts.extend(of_blocks(prediction, label, ignored)?),
            }
        }
        Ok(counts)
    }
}

/// Counts the blocks of a section.
pub fn of_blocks(
    prediction: ArrayView2<'_, bool>,
    label: ArrayView2<'_, bool>,
    ignored: Option<ArrayView2<'_, bool>>,
) -> Result<Vec<ConfusionCounts>> {
    let (height, width) = label.dim();
    let range = |number: usize, length: usize| number * length / BLOCKS..(number + 1) * length / BLOCKS;
    let mut counts = Vec::with_capacity(BLOCKS * BLOCKS);
    for row in 0..BLOCKS {
        for column in 0..BLOCKS {
            let block = s![range(row, height), range(column, width)];
            let ignored = ignored.map(|ignored| ignored.slice_move(block));
            counts.push(counts_of(prediction.slice(block), label.slice(block), ignored)?);
        }
    }
    Ok(counts)
}

/// Counts masks whose ignored voxels are background, without these.
pub fn counts_of(
    prediction: ArrayView2<'_, bool>,
    label: ArrayView2<'_, bool>,
    ignored: Option<ArrayView2<'_, bool>>,
) -> Result<ConfusionCounts> {
    let mut counts = ConfusionCounts::of(prediction, label)?;
    if let Some(ignored) = ignored {
        counts.true_negatives -= ignored.iter().filter(|&&ignored| ignored).count() as u64;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn units_cover_every_voxel_once() {
        let shape = (3, 10, 13);
        let prediction = Array3::from_shape_fn(shape, |(z, y, x)| (z + y * x) % 3 == 0);
        let label = Array3::from_shape_fn(shape, |(z, y, x)| (z * y + x) % 2 == 0);
        let whole = ConfusionCounts::of(prediction.view(), label.view()).unwrap();
        for (unit, expected) in [(Unit::Section, 3), (Unit::Block, 48)] {
            let counts = unit.counts(prediction.view(), label.view(), None).unwrap();
            assert_eq!(counts.len(), expected);
            assert_eq!(counts.into_iter().sum::<ConfusionCounts>(), whole);
        }
        assert_eq!((Unit::of(7), Unit::of(8)), (Unit::Block, Unit::Section));
    }

    #[test]
    fn ignored_voxels_are_in_no_unit() {
        let background = Array3::from_elem((1, 8, 8), false);
        let ignored = Array3::from_shape_fn((1, 8, 8), |(_, y, x)| y < 2 && x < 3);
        let counts = Unit::Block.counts(background.view(), background.view(), Some(ignored.view())).unwrap();
        let totals: Vec<u64> = counts.iter().map(ConfusionCounts::total).collect();
        assert_eq!(totals[..4], [0, 2, 4, 4]);
        assert_eq!(totals.iter().sum::<u64>(), 58);
    }
}
