//! Whether an input is like what a model was trained on, and how its grey values become alike.

use em_data::{GreyValues, Normalization};
use em_io::{Volume, Voxel, VoxelType, Voxels, match_voxels};

use super::sample;
use crate::run::TrainedOn;
use crate::{ModelCard, Result};

/// Floating-point voxels that are integers divided by a number are that far from them at most: a
/// little, and what the digits of a 32-bit float leave open.
const ROUNDING: [f64; 2] = [1e-3, 1e-6];

/// How the grey values of an input compare with those that a model was trained on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InputComparison {
    /// The type of the input's voxels.
    pub voxel_type: VoxelType,
    /// The input's grey values, from the middle of up to 16 of its sections.
    pub found: GreyValues,
    /// What the model was trained on, where its card tells.
    pub trained: Option<TrainedOn>,
    /// What the input's values are multiplied with, so that they are on the scale of the training:
    /// 255 for values from 0 to 1 and a model of 8-bit voxels. 1 where they are taken as they are.
    pub factor: f64,
}

impl InputComparison {
    pub(super) fn new(card: &ModelCard, volume: &Volume) -> Result<Self> {
        let sample = sample::middles(volume, [1.0; 2])?;
        let mut found = GreyValues::default();
        sample.iter().for_each(|section| found.merge(&GreyValues::of(section)));
        let trained = card.trained_on();
        let factor = trained.as_ref().map_or(1.0, |trained| factor(&sample, &found, trained));
        Ok(Self { voxel_type: volume.voxel_type(), found, trained, factor })
    }

    /// Tells whether the input, on the scale of the training, is clearly brighter or darker, or has
    /// clearly more or less contrast than what the model was trained on.
    pub fn is_unlike(&self) -> bool {
        let alike = |trained: &TrainedOn| !trained.grey.is_unlike(&self.found.times(self.factor));
        self.found.numbers > 0 && !self.trained.as_ref().is_none_or(alike)
    }

    /// Returns the training's normalisation for values on the scale of the input.
    pub(super) fn normalization(&self, trained: Normalization) -> Normalization {
        if self.factor == 1.0 { trained } else { trained.for_parts(self.factor) }
    }
}

/// The factor among those that lose nothing which brings the values nearest to the training's; 1
/// where that brings them as near.
fn factor(sample: &[Voxels], found: &GreyValues, trained: &TrainedOn) -> f64 {
    let Some(to) = trained.voxel_type else { return 1.0 };
    let Some(from) = sample.first().map(Voxels::voxel_type).filter(|from| *from != to) else { return 1.0 };
    if found.numbers == 0 || !trained.grey.is_unlike(found) {
        return 1.0;
    }
    // What stands for white: the largest value of an integer type, and 1 for floats.
    let ratio = to.range().1 / from.range().1;
    // A byte fills 16 bits as 257 times its value, or as 256 times where it was only moved.
    let [from_bits, to_bits] = [from, to].map(|voxel_type| 8.0 * voxel_type.bytes() as f64);
    let moved = (to_bits - from_bits).exp2();
    let has_floats = [from, to].contains(&VoxelType::F32);
    let candidates = if has_floats { vec![ratio] } else { vec![ratio, moved] };
    let fits = |factor: &f64| {
        let scaled = found.times(*factor);
        // Floats that are no shares of 1 are on a scale of their own.
        let is_share = from != VoxelType::F32 || found.low >= 0.0 && found.high <= 1.0;
        factor.is_finite() && is_share && !trained.grey.is_unlike(&scaled) && is_exact(sample, *factor, to)
    };
    candidates.into_iter().find(fits).unwrap_or(1.0)
}

/// Tells whether each value, multiplied with the factor, is one of the type.
fn is_exact(sample: &[Voxels], factor: f64, to: VoxelType) -> bool {
    to == VoxelType::F32
        || sample.iter().all(|section| {
            match_voxels!(section, array => array.iter().all(|v| {
                let scaled = v.to_f64() * factor;
                let [little, of_value] = ROUNDING;
                !scaled.is_finite() || (scaled - scaled.round()).abs() <= little + of_value * scaled.abs()
            }))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    /// A picture of 8-bit values around 140.
    fn picture() -> Array3<f64> {
        Array3::from_shape_fn((20, 16, 16), |(z, y, x)| {
            f64::from(60 + (z * 37 + y * 11 + x * 5) as u32 % 161)
        })
    }

    fn trained(voxel_type: VoxelType, times: f64) -> TrainedOn {
        let grey = GreyValues::of(&Voxels::from(picture().mapv(|v| (v * times) as f32)));
        TrainedOn { voxel_type: Some(voxel_type), grey }
    }

    fn factor_of(voxels: impl Into<Voxels>, trained: &TrainedOn) -> f64 {
        let voxels = [voxels.into()];
        factor(&voxels, &GreyValues::of(&voxels[0]), trained)
    }

    #[test]
    fn the_same_picture_in_another_type_comes_onto_the_scale_of_the_training() {
        let bytes = trained(VoxelType::U8, 1.0);
        let times = |factor: f64| picture().mapv(|v| (v * factor).round() as u16);
        assert_eq!(factor_of(times(1.0), &bytes), 1.0, "bytes in 16 bits are what they are");
        assert_eq!(factor_of(times(257.0), &bytes), 1.0 / 257.0);
        assert_eq!(factor_of(times(256.0), &bytes), 1.0 / 256.0);
        assert_eq!(factor_of(times(100.0), &bytes), 1.0, "another contrast is none that is known");
        assert_eq!(factor_of(picture().mapv(|v| (v / 255.0) as f32), &bytes), 255.0);
        assert_eq!(factor_of(picture().mapv(|v| v as f32), &bytes), 1.0);
        assert_eq!(factor_of(picture().mapv(|v| (v / 300.0) as f32), &bytes), 1.0, "that would round");
        let words = trained(VoxelType::U16, 257.0);
        assert_eq!(factor_of(picture().mapv(|v| v as u8), &words), 257.0);
        assert_eq!(factor_of(picture().mapv(|v| (v * 257.0 / 65535.0) as f32), &words), 65535.0);
        let floats = trained(VoxelType::F32, 1.0 / 255.0);
        assert_eq!(factor_of(picture().mapv(|v| v as u8), &floats), 1.0 / 255.0);
        assert_eq!(factor_of(times(257.0), &floats), 1.0 / 65535.0);
        assert_eq!(factor_of(times(1.0), &TrainedOn { voxel_type: None, ..bytes }), 1.0);
    }

    #[test]
    fn gaps_count_in_no_factor() {
        let mut floats = picture().mapv(|v| (v / 255.0) as f32);
        floats[[1, 2, 3]] = f32::NAN;
        assert_eq!(factor_of(floats.clone(), &trained(VoxelType::U8, 1.0)), 255.0);
    }
}
