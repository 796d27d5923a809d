//! A normalisation that is fitted on each volume anew, as other programs do it.

use em_io::Voxels;
use serde::{Deserialize, Serialize};

use super::{Normalization, NormalizationConfig, NormalizationKind};
use crate::Result;

/// How a normalisation is fitted on a volume, where its kind alone does not tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitting {
    /// The statistics.
    pub config: NormalizationConfig,
    /// Is added to the deviation, or the range, that is divided by.
    pub eps: f64,
    /// Whether what lies beyond percentiles is clipped to 0..1.
    pub clips: bool,
}

impl Fitting {
    /// A kind as it is fitted in a training.
    pub fn of(kind: NormalizationKind) -> Self {
        Self { config: NormalizationConfig { kind, ..Default::default() }, eps: 0.0, clips: true }
    }

    /// Fits it on blocks of voxels; `tile_size` is as in [`Normalization::fit`].
    ///
    /// # Errors
    ///
    /// Fails if there are no voxels, or if they are all alike.
    pub fn fit(&self, blocks: &[Voxels], tile_size: usize) -> Result<Normalization> {
        let eps = self.eps;
        Ok(match Normalization::fit(&self.config, blocks, tile_size)? {
            Normalization::Zscore { mean, std } => Normalization::Zscore { mean, std: std + eps },
            Normalization::Robust { mean, std } => Normalization::Robust { mean, std: std + eps },
            Normalization::MinMax { min, max } => Normalization::MinMax { min, max: max + eps },
            Normalization::Percentile { low, high } if self.clips => {
                Normalization::Percentile { low, high: high + eps }
            }
            // The same line, without the limits.
            Normalization::Percentile { low, high } => Normalization::MinMax { min: low, max: high + eps },
            other @ (Normalization::Scale { .. } | Normalization::L2Axis1 { .. }) => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn what_is_added_and_clipped_is_as_it_was_told() {
        let blocks = [Voxels::U8(Array3::from_shape_fn((1, 10, 10), |(_, y, x)| (y * 10 + x) as u8))];
        let fit = |kind, eps, clips| {
            let fitting = Fitting { eps, clips, ..Fitting::of(kind) };
            fitting.fit(&blocks, 1).unwrap()
        };
        let Normalization::Zscore { mean, std } = fit(NormalizationKind::Zscore, 0.5, true) else { panic!() };
        assert!((mean - 49.5).abs() < 1e-9 && (std - 28.866_070_047_7 - 0.5).abs() < 1e-6, "{mean} {std}");
        assert_eq!(fit(NormalizationKind::MinMax, 1.0, true), Normalization::MinMax { min: 0.0, max: 100.0 });
        let clipped = fit(NormalizationKind::Percentile, 0.0, true);
        let Normalization::Percentile { low, high } = clipped else { panic!() };
        assert_eq!(
            fit(NormalizationKind::Percentile, 2.0, false),
            Normalization::MinMax { min: low, max: high + 2.0 }
        );
    }
}
