//! Scores of a network on the validation regions of a split.

use em_data::{Normalization, Region, TrainingSet};
use em_io::match_voxels;
use em_metrics::ConfusionCounts;
use ndarray::s;
use tch::{Kind, Tensor};

use crate::Result;
use crate::history::Scores;
use crate::loss::Loss;
use crate::section::{self, SectionConfig};
use crate::unet::FoldedUNet;

/// About as many voxels go through the network at once: small regions are taken together.
const VOXELS_AT_ONCE: usize = 1 << 20;

/// Regions ready to be scored: sections of one size, with their masks.
#[derive(Debug)]
pub(crate) struct ValidationSet {
    /// Inputs `[n, y, x]` of 32-bit floats and masks `[n, class, y, x]` of 0 and 1.
    stacks: Vec<(Tensor, Tensor)>,
    config: SectionConfig,
}

impl ValidationSet {
    pub fn new(
        set: &TrainingSet,
        regions: &[Region],
        border: usize,
        tile_size: usize,
        normalization: Normalization,
    ) -> Result<Self> {
        let mut sections: Vec<([usize; 2], Tensor, Tensor)> = Vec::new();
        for region in regions {
            for z in 0..region.roi.shape[0] {
                let (raw, masks) = section_of(set, region, z)?;
                sections.push(([region.roi.shape[1], region.roi.shape[2]], raw, masks));
            }
        }
        let mut stacks = Vec::new();
        for run in sections.chunk_by(|a, b| a.0 == b.0) {
            let at_once = (VOXELS_AT_ONCE / (run[0].0[0] * run[0].0[1])).max(1);
            for chunk in run.chunks(at_once) {
                let raws: Vec<&Tensor> = chunk.iter().map(|(_, raw, _)| raw).collect();
                let masks: Vec<&Tensor> = chunk.iter().map(|(_, _, masks)| masks).collect();
                stacks.push((Tensor::f_stack(&raws, 0)?, Tensor::f_stack(&masks, 0)?));
            }
        }
        Ok(Self { stacks, config: SectionConfig { tile_size, border, normalization } })
    }

    /// Pools loss and counts at the probability 0.5 over all regions.
    pub fn score(&self, net: &FoldedUNet, loss: &Loss, device: tch::Device) -> Result<Scores> {
        let _guard = tch::no_grad_guard();
        let (mut weighted, mut voxels) = (0.0, 0);
        let mut tally: Option<Tensor> = None;
        for (raw, masks) in &self.stacks {
            let masks = masks.f_to_device(device)?.f_to_kind(Kind::Float)?;
            let logits = section::logits(net, &raw.f_to_device(device)?, &self.config)?;
            weighted += loss.of(&logits, &masks)?.double_value(&[]) * raw.numel() as f64;
            voxels += raw.numel();
            let counts = tally_of(&loss.probabilities(&logits, &masks)?, &masks)?;
            tally = Some(match tally {
                Some(sum) => sum + counts,
                None => counts,
            });
        }
        let counts = tally.map(|tally| counts_of(&tally)).transpose()?.unwrap_or_default();
        Ok(Scores { loss: weighted / voxels.max(1) as f64, counts })
    }
}

/// Counts `[class, 3]` as 64-bit integers: predicted and true, predicted, true; and the voxels.
pub(crate) fn tally_of(probabilities: &Tensor, masks: &Tensor) -> Result<Tensor> {
    let predicted = probabilities.f_gt(0.5)?;
    let truth = masks.f_gt(0.5)?;
    let sum = |t: Tensor| t.f_sum_dim_intlist([0, 2, 3].as_slice(), false, Kind::Int64);
    let both = sum(predicted.f_logical_and(&truth)?)?;
    let (predicted, truth) = (sum(predicted)?, sum(truth)?);
    let classes = masks.size()[1];
    let voxels = predicted.f_full_like(masks.numel() as f64 / classes as f64)?;
    Ok(Tensor::f_stack(&[both, predicted, truth, voxels], 1)?)
}

/// Turns a sum of [`tally_of`] into confusion counts, one per class.
pub(crate) fn counts_of(tally: &Tensor) -> Result<Vec<ConfusionCounts>> {
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

fn section_of(set: &TrainingSet, region: &Region, z: usize) -> Result<(Tensor, Tensor)> {
    let volume = &set.volumes()[region.volume];
    let size = [region.roi.shape[1] as i64, region.roi.shape[2] as i64];
    let floats: Vec<f32> = match_voxels!(volume.raw(), a => {
        region.slice(a.view()).slice(s![z, .., ..]).iter().map(|&v| f64::from(v) as f32).collect()
    });
    let masks = (0..set.classes().len()).map(|class| {
        let mask = region.slice(volume.mask(class));
        let bytes: Vec<u8> = mask.slice(s![z, .., ..]).iter().map(|&v| u8::from(v)).collect();
        Ok(Tensor::f_from_data_size(&bytes, &size, Kind::Uint8)?)
    });
    let masks = masks.collect::<Result<Vec<_>>>()?;
    Ok((Tensor::f_from_slice(&floats)?.f_view(size)?, Tensor::f_stack(&masks, 0)?))
}
