//! EpochScores of a network on the validation regions of a split.

use std::ops::Range;

use em_data::{Normalization, Region};
use em_metrics::ConfusionCounts;
use tch::{Kind, Tensor};

use super::loss::Loss;
use crate::augment::{DeviceVolumes, Labels, Targets};
use crate::error::Computed;
use crate::infer::sections::{self, SectionConfig};
use crate::infer::volumes::{self, VolumePlan};
use crate::network::FoldedNetwork;
use crate::{Architecture, EpochScores, PredictConfig, Result};

/// About as many voxels go through the network at once: small regions are taken together.
const VOXELS_AT_ONCE: usize = 1 << 20;

/// Which sections are scored, and how.
#[derive(Debug)]
pub(crate) struct ValidationSet {
    pieces: Vec<Piece>,
    context_sections: usize,
    plan: VolumePlan,
    config: SectionConfig,
}

/// What goes through the network at once.
#[derive(Debug)]
enum Piece {
    /// Sections of one size: their region, and z within it.
    Sections(Vec<(Region, usize)>),
    /// Sections of a region, for a network of volumes.
    Chunk(Region, Range<usize>),
}

impl ValidationSet {
    pub fn new(
        regions: &[Region],
        architecture: &Architecture,
        predict: &PredictConfig,
        normalization: Normalization,
    ) -> Self {
        let plan = VolumePlan::new(architecture, predict.tile_size);
        let context_sections = architecture.context_sections;
        if architecture.dimensions == 3 {
            let pieces = regions.iter().flat_map(|region| {
                let depth = region.roi.shape[0];
                let starts = (0..depth).step_by(plan.depth);
                starts.map(move |z| Piece::Chunk(*region, z..(z + plan.depth).min(depth)))
            });
            let config = plan.section_config(predict.border, normalization);
            return Self { pieces: pieces.collect(), context_sections, plan, config };
        }
        let config = SectionConfig::new(predict, normalization);
        let sections: Vec<(Region, usize)> =
            regions.iter().flat_map(|region| (0..region.roi.shape[0]).map(|z| (*region, z))).collect();
        let edges = |(region, _): &(Region, usize)| [region.roi.shape[1], region.roi.shape[2]];
        let alike = sections.chunk_by(|a, b| edges(a) == edges(b));
        let pieces = alike.flat_map(|alike| {
            let [height, width] = edges(&alike[0]);
            let groups = alike.chunks((VOXELS_AT_ONCE / (height * width)).max(1));
            groups.map(|group| Piece::Sections(group.to_vec()))
        });
        Self { pieces: pieces.collect(), context_sections, plan, config }
    }

    /// Pools loss and counts at the probability 0.5 over all sections; `go_on` is asked before each
    /// piece of them.
    pub fn score(
        &self,
        net: &FoldedNetwork,
        loss: &Loss,
        volumes: &DeviceVolumes,
        mut go_on: impl FnMut() -> Result<()>,
    ) -> Computed<EpochScores> {
        let _guard = tch::no_grad_guard();
        let (mut weighted, mut voxels) = (0.0, 0);
        let mut tally: Option<Tensor> = None;
        for piece in &self.pieces {
            go_on()?;
            let (logits, targets) = self.logits(net, piece, volumes)?;
            let size = targets.masks.numel() / targets.masks.size()[1] as usize;
            weighted += loss.of(&logits, &targets)?.double_value(&[]) * size as f64;
            voxels += size;
            let counts = tally_of(&loss.probabilities(&logits)?, &targets)?;
            tally = Some(match tally {
                Some(sum) => sum + counts,
                None => counts,
            });
        }
        let counts = tally.map(|tally| counts_of(&tally)).transpose()?.unwrap_or_default();
        Ok(EpochScores { loss: weighted / voxels.max(1) as f64, counts })
    }

    /// The logits of a piece, `[n, channel, ..., y, x]`, and what they should be.
    fn logits(
        &self,
        net: &FoldedNetwork,
        piece: &Piece,
        volumes: &DeviceVolumes,
    ) -> Computed<(Tensor, Targets)> {
        match piece {
            Piece::Sections(group) => {
                let cut = group.iter().map(|(region, z)| volumes.section(region, *z, self.context_sections));
                let (raws, labels): (Vec<_>, Vec<_>) = cut.collect::<Computed<Vec<_>>>()?.into_iter().unzip();
                let logits = sections::logits(net, &Tensor::f_stack(&raws, 0)?, &self.config)?;
                Ok((logits, Labels::stacked(&labels)?))
            }
            Piece::Chunk(region, keep) => {
                let (raw, labels) = volumes.block(region)?;
                let logits = volumes::logits(net, &raw, keep, &self.plan, &self.config)?;
                let (first, count) = (keep.start as i64, keep.len() as i64);
                let kept = labels.map(|labels| Ok(labels.f_narrow(1, first, count)?))?;
                Ok((logits, Labels::stacked(&[kept])?))
            }
        }
    }
}

/// Counts `[class, 4]` as 64-bit integers: predicted and true, predicted, true; and the voxels.
pub(super) fn tally_of(probabilities: &Tensor, targets: &Targets) -> Computed<Tensor> {
    let masks = &targets.masks;
    let mut predicted = probabilities.f_gt(0.5)?;
    let mut truth = masks.f_gt(0.5)?;
    let mut voxels = masks.f_ones_like()?;
    if let Some(counted) = &targets.counted {
        let counted = counted.f_gt(0.5)?;
        (predicted, truth) = (predicted.f_logical_and(&counted)?, truth.f_logical_and(&counted)?);
        voxels = voxels.f_logical_and(&counted)?;
    }
    let axes: Vec<i64> = (0..masks.dim() as i64).filter(|axis| *axis != 1).collect();
    let sum = |t: Tensor| t.f_sum_dim_intlist(axes.as_slice(), false, Kind::Int64);
    let both = sum(predicted.f_logical_and(&truth)?)?;
    Ok(Tensor::f_stack(&[both, sum(predicted)?, sum(truth)?, sum(voxels)?], 1)?)
}

/// Turns a sum of [`tally_of`] into confusion counts, one per class.
pub(super) fn counts_of(tally: &Tensor) -> Computed<Vec<ConfusionCounts>> {
    let numbers: Vec<i64> = Vec::try_from(tally.f_to_device(tch::Device::Cpu)?.f_view(-1)?)?;
    let counts = numbers.chunks_exact(4).map(|row| {
        let [both, predicted, truth, voxels] = [row[0] as u64, row[1] as u64, row[2] as u64, row[3] as u64];
        ConfusionCounts {
            true_positives: both,
            false_positives: predicted - both,
            false_negatives: truth - both,
            true_negatives: voxels + both - predicted - truth,
        }
    });
    Ok(counts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voxels_that_do_not_count_are_in_no_count() {
        let row = |values: &[f32]| Tensor::from_slice(values).view([1, 1, 1, 5]);
        let probabilities = row(&[0.9, 0.9, 0.1, 0.1, 0.9]);
        let mask = row(&[1.0, 0.0, 1.0, 0.0, 1.0]);
        let expected = |tp, tn| ConfusionCounts {
            true_positives: tp,
            false_positives: 1,
            false_negatives: 1,
            true_negatives: tn,
        };
        let all = Targets { masks: mask.copy(), counted: None };
        let all = counts_of(&tally_of(&probabilities, &all).unwrap()).unwrap();
        assert_eq!(all, [expected(2, 1)]);
        let some = Targets { masks: mask, counted: Some(row(&[1.0, 1.0, 1.0, 0.0, 0.0])) };
        let some = counts_of(&tally_of(&probabilities, &some).unwrap()).unwrap();
        assert_eq!(some, [expected(1, 0)]);
    }
}
