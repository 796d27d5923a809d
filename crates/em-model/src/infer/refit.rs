//! A normalisation fitted on an input, as the network sees it.

use em_data::{Normalization, NormalizationConfig, NormalizationKind};
use em_io::{Roi, Volume, Voxels};

use super::PixelMatch;
use crate::{ModelCard, Result};

/// A normalisation is fitted on so many sections of an input at most, evenly over its depth.
const FITTED_SECTIONS: usize = 32;

/// Fits a normalisation of the kind of the training's.
pub(super) fn refitted(
    card: &ModelCard,
    volume: &Volume,
    pixels: Option<PixelMatch>,
) -> Result<Normalization> {
    let kind = match card.normalization {
        Normalization::Zscore { .. } => NormalizationKind::Zscore,
        Normalization::Robust { .. } => NormalizationKind::Robust,
        Normalization::MinMax { .. } => NormalizationKind::MinMax,
        Normalization::Percentile { .. } => NormalizationKind::Percentile,
        Normalization::Scale { .. } => NormalizationKind::Scale,
        Normalization::L2Axis1 { .. } => NormalizationKind::L2Axis1,
    };
    let config = NormalizationConfig { kind, ..Default::default() };
    let sample = sample(volume, pixels)?;
    Ok(Normalization::fit(&config, &sample, card.tile_size)?)
}

/// Sections from all over a volume, as the network sees them.
fn sample(volume: &Volume, pixels: Option<PixelMatch>) -> Result<Vec<Voxels>> {
    let [depth, height, width] = volume.shape();
    let sections = (0..depth).step_by(depth.div_ceil(FITTED_SECTIONS).max(1));
    let section = |z: usize| {
        let voxels = volume.read(Roi { start: [z, 0, 0], shape: [1, height, width] })?;
        Ok(match pixels {
            None => voxels,
            Some(pixels) => Voxels::F32(pixels.to_network(voxels.to_f32().view(), 0.0)),
        })
    };
    sections.map(section).collect()
}
