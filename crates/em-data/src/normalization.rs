//! Grey values to network inputs.
//!
//! Statistics are fitted once, on training voxels, and travel with the model.

mod config;
mod fitting;

use em_io::Voxels;
use ndarray::{Array1, ArrayView2, ArrayViewMut2, Axis};
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::robust::robust_mean_and_std;
use crate::{Error, Result};

pub use config::{NormalizationConfig, NormalizationKind};
pub use fitting::Fitting;

/// A fitted normalisation, ready to be applied and saved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Normalization {
    /// `(v - mean) / std`.
    Zscore {
        /// Mean of the training voxels.
        mean: f64,
        /// Population standard deviation of the training voxels.
        std: f64,
    },
    /// `(v - mean) / std`, of tiles in place of all voxels: see [`robust_mean_and_std`].
    Robust {
        /// Median of the tiles' means.
        mean: f64,
        /// Median of the tiles' population standard deviations.
        std: f64,
    },
    /// `(v - min) / (max - min)`.
    MinMax {
        /// Smallest training voxel.
        min: f64,
        /// Largest training voxel.
        max: f64,
    },
    /// `clip((v - low) / (high - low), 0, 1)`.
    Percentile {
        /// Value at the lower percentile.
        low: f64,
        /// Value at the upper percentile.
        high: f64,
    },
    /// `v / divisor`.
    Scale {
        /// The largest value of the voxel type: 255 for 8-bit unsigned, 1 for floating point.
        divisor: f64,
    },
    /// `v / sqrt(sum over y of v^2)` in bands of `tile_size` rows; a column of norm 0 stays 0.
    ///
    /// This is `tf.keras.utils.normalize(tiles, axis=1)` for tiles `[n, y, x]`.
    #[serde(rename = "l2-axis1")]
    L2Axis1 {
        /// Rows in a band: the tile size of the training.
        tile_size: usize,
    },
}

/// `clip(v * gain + shift)`: the form that every normalisation but `l2-axis1` has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// Factor.
    pub gain: f64,
    /// Added after the factor.
    pub shift: f64,
    /// Limits of the result, if it is clipped.
    pub clip: Option<(f64, f64)>,
}

impl Normalization {
    /// Fits the normalisation that `config` names on blocks of training voxels.
    ///
    /// # Errors
    ///
    /// Fails if there are no voxels, if they are all alike, or if percentiles are out of order.
    pub fn fit(config: &NormalizationConfig, blocks: &[Voxels], tile_size: usize) -> Result<Self> {
        config.check()?;
        let kind = config.kind;
        let Some(first) = blocks.first() else {
            return Err(unfit(kind, "there are no training voxels".into()));
        };
        let fitted = match kind {
            NormalizationKind::L2Axis1 => Self::L2Axis1 { tile_size },
            NormalizationKind::Scale => Self::Scale { divisor: first.voxel_type().range().1 },
            NormalizationKind::Zscore => {
                let (mean, std) = Histogram::of(blocks).mean_and_std();
                Self::Zscore { mean, std }
            }
            NormalizationKind::Robust => {
                // Where all tiles are flat, as where all voxels are alike.
                let (mean, std) = robust_mean_and_std(blocks).unwrap_or((0.0, 0.0));
                Self::Robust { mean, std }
            }
            NormalizationKind::MinMax => {
                let histogram = Histogram::of(blocks);
                Self::MinMax { min: histogram.quantile(0.0), max: histogram.quantile(1.0) }
            }
            NormalizationKind::Percentile => {
                let histogram = Histogram::of(blocks);
                Self::Percentile {
                    low: histogram.quantile(config.lower_percentile / 100.0),
                    high: histogram.quantile(config.upper_percentile / 100.0),
                }
            }
        };
        if let Some(linear) = fitted.linear()
            && !linear.gain.is_finite()
        {
            let reason = match fitted {
                Self::Percentile { low, .. } => format!("both percentiles of the training voxels are {low}"),
                _ => "all training voxels have the same value".into(),
            };
            return Err(unfit(kind, reason));
        }
        Ok(fitted)
    }

    /// Returns the kind that it was fitted as.
    pub fn kind(&self) -> NormalizationKind {
        match self {
            Self::Zscore { .. } => NormalizationKind::Zscore,
            Self::Robust { .. } => NormalizationKind::Robust,
            Self::MinMax { .. } => NormalizationKind::MinMax,
            Self::Percentile { .. } => NormalizationKind::Percentile,
            Self::Scale { .. } => NormalizationKind::Scale,
            Self::L2Axis1 { .. } => NormalizationKind::L2Axis1,
        }
    }

    /// Returns the linear form, or `None` for `l2-axis1`.
    pub fn linear(&self) -> Option<Linear> {
        let span =
            |low: f64, high: f64, clip| Linear { gain: 1.0 / (high - low), shift: -low / (high - low), clip };
        match *self {
            Self::Zscore { mean, std } | Self::Robust { mean, std } => Some(span(mean, mean + std, None)),
            Self::MinMax { min, max } => Some(span(min, max, None)),
            Self::Percentile { low, high } => Some(span(low, high, Some((0.0, 1.0)))),
            Self::Scale { divisor } => Some(span(0.0, divisor, None)),
            Self::L2Axis1 { .. } => None,
        }
    }

    /// The normalisation of voxels that were divided by a positive `factor`: their inputs are as those
    /// of the voxels before.
    pub fn for_parts(self, factor: f64) -> Self {
        match self {
            Self::Zscore { mean, std } => Self::Zscore { mean: mean / factor, std: std / factor },
            Self::Robust { mean, std } => Self::Robust { mean: mean / factor, std: std / factor },
            Self::MinMax { min, max } => Self::MinMax { min: min / factor, max: max / factor },
            Self::Percentile { low, high } => Self::Percentile { low: low / factor, high: high / factor },
            Self::Scale { divisor } => Self::Scale { divisor: divisor / factor },
            // A norm divides whatever is multiplied.
            Self::L2Axis1 { tile_size } => Self::L2Axis1 { tile_size },
        }
    }

    /// Returns a grey value from the middle of those that it was fitted to.
    pub fn middle(&self) -> f64 {
        match *self {
            Self::Zscore { mean, .. } | Self::Robust { mean, .. } => mean,
            Self::MinMax { min: low, max: high } | Self::Percentile { low, high } => (low + high) / 2.0,
            Self::Scale { divisor } => divisor / 2.0,
            Self::L2Axis1 { .. } => 0.0,
        }
    }

    /// Normalises one section `[y, x]` in place.
    pub fn apply(&self, mut section: ArrayViewMut2<'_, f32>) {
        match (self, self.linear()) {
            (Self::L2Axis1 { tile_size }, _) => {
                for mut band in section.axis_chunks_iter_mut(Axis(0), (*tile_size).max(1)) {
                    let norms = column_norms(band.view());
                    for mut row in band.rows_mut() {
                        row.zip_mut_with(&norms, |v, norm| *v = (f64::from(*v) / norm) as f32);
                    }
                }
            }
            (_, Some(Linear { gain, shift, clip })) => section.mapv_inplace(|v| {
                let scaled = f64::from(v) * gain + shift;
                clip.map_or(scaled, |(low, high)| scaled.clamp(low, high)) as f32
            }),
            (_, None) => unreachable!("only l2-axis1 has no linear form"),
        }
    }
}

/// The L2 norm of each column, or 1 where it is 0, so that it can be divided by.
fn column_norms(band: ArrayView2<'_, f32>) -> Array1<f64> {
    // Row by row, in the order of memory.
    let mut squares = Array1::<f64>::zeros(band.ncols());
    for row in band.rows() {
        squares.zip_mut_with(&row, |sum, &v| *sum += f64::from(v) * f64::from(v));
    }
    squares.mapv(|sum| if sum == 0.0 { 1.0 } else { sum.sqrt() })
}

fn unfit(kind: NormalizationKind, reason: String) -> Error {
    Error::Normalization { kind: kind.name(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use em_io::VoxelType;
    use ndarray::{Array2, Array3};

    fn config(kind: NormalizationKind) -> NormalizationConfig {
        NormalizationConfig { kind, ..Default::default() }
    }

    fn ramp() -> Vec<Voxels> {
        vec![Voxels::U8(Array3::from_shape_fn((2, 4, 5), |(z, y, x)| (z * 100 + y * 7 + x * 3) as u8))]
    }

    // python: a = np.fromfunction(lambda z,y,x: z*100+y*7+x*3, (2,4,5)).astype(np.uint8)
    //         a.mean(), a.std(), a.min(), a.max(), np.percentile(a, [0.5, 99.5])
    #[test]
    fn statistics_equal_numpy() {
        let fit = |kind| Normalization::fit(&config(kind), &ramp(), 4).unwrap();
        let Normalization::Zscore { mean, std } = fit(NormalizationKind::Zscore) else { panic!() };
        assert_abs_diff_eq!(mean, 66.5, epsilon = 1e-9);
        assert_abs_diff_eq!(std, 50.786_317_054_891_86, epsilon = 1e-9);
        assert_eq!(fit(NormalizationKind::MinMax), Normalization::MinMax { min: 0.0, max: 133.0 });
        let Normalization::Percentile { low, high } = fit(NormalizationKind::Percentile) else { panic!() };
        assert_abs_diff_eq!(low, 0.585, epsilon = 1e-9);
        assert_abs_diff_eq!(high, 132.415, epsilon = 1e-9);
        assert_eq!(fit(NormalizationKind::Scale), Normalization::Scale { divisor: 255.0 });
    }

    // python: t = np.fromfunction(lambda y,x: (y*5+x*x) % 11, (8,3)); t[:,1] = 0
    //         n = np.linalg.norm(t.reshape(2,4,3), axis=1, keepdims=True); n[n==0] = 1
    //         (t.reshape(2,4,3)/n).reshape(8,3)[[1,6]]
    #[test]
    fn l2_axis1_equals_keras_normalize_per_tile() {
        let mut section =
            Array2::from_shape_fn((8, 3), |(y, x)| if x == 1 { 0.0 } else { ((y * 5 + x * x) % 11) as f32 });
        Normalization::L2Axis1 { tile_size: 4 }.apply(section.view_mut());
        let expected = [[0.421_075_97, 0.0, 0.690_268_5], [0.636_445_8, 0.0, 0.105_409_26]];
        for (row, expected) in [1, 6].into_iter().zip(expected) {
            for (x, expected) in expected.into_iter().enumerate() {
                assert_abs_diff_eq!(section[[row, x]], expected, epsilon = 1e-6);
            }
        }
    }

    #[test]
    fn percentile_clips_and_zscore_does_not() {
        let mut section = Array2::from_elem((1, 1), 200.0_f32);
        Normalization::Percentile { low: 0.0, high: 100.0 }.apply(section.view_mut());
        assert_eq!(section[[0, 0]], 1.0);
        section[[0, 0]] = 200.0;
        Normalization::Zscore { mean: 100.0, std: 10.0 }.apply(section.view_mut());
        assert_abs_diff_eq!(section[[0, 0]], 10.0, epsilon = 1e-6);
    }

    // python: a = np.fromfunction(lambda z,y,x: z*100+y*7+x*3, (2,4,5)) - 50; np.percentile(a, [0.5, 99.5])
    #[test]
    fn statistics_are_the_same_in_every_type_that_holds_the_values() {
        let floats = ramp()[0].to_f32().mapv(|v| v - 50.0);
        for voxel_type in [VoxelType::I8, VoxelType::I16, VoxelType::I32, VoxelType::F32] {
            let blocks = [Voxels::from_f32(&floats, voxel_type)];
            let fitted = Normalization::fit(&config(NormalizationKind::Percentile), &blocks, 4).unwrap();
            let Normalization::Percentile { low, high } = fitted else { panic!() };
            assert_abs_diff_eq!(low, -49.415, epsilon = 1e-9);
            assert_abs_diff_eq!(high, 82.415, epsilon = 1e-9);
        }
    }

    #[test]
    fn parts_of_voxels_have_the_inputs_of_the_whole() {
        for fitted in [
            Normalization::Zscore { mean: 100.0, std: 20.0 },
            Normalization::MinMax { min: 10.0, max: 210.0 },
            Normalization::Percentile { low: 20.0, high: 200.0 },
            Normalization::Scale { divisor: 255.0 },
            Normalization::L2Axis1 { tile_size: 2 },
        ] {
            let mut whole = Array2::from_shape_fn((4, 5), |(y, x)| (y * 50 + x * 9) as f32);
            let mut parts = &whole / 255.0;
            fitted.apply(whole.view_mut());
            fitted.for_parts(255.0).apply(parts.view_mut());
            whole.iter().zip(&parts).for_each(|(a, b)| assert_abs_diff_eq!(a, b, epsilon = 1e-5));
            let middle = fitted.middle();
            assert!(
                (0.0..=255.0).contains(&middle)
                    && (fitted.for_parts(2.0).middle() - middle / 2.0).abs() < 1e-9
            );
        }
    }

    #[test]
    fn a_constant_volume_is_refused() {
        let flat = vec![Voxels::U8(Array3::from_elem((1, 4, 4), 7))];
        let error = Normalization::fit(&config(NormalizationKind::Zscore), &flat, 4).unwrap_err();
        assert!(error.to_string().contains("same value"), "{error}");
    }

    #[test]
    fn percentiles_that_are_one_value_are_refused_though_voxels_differ() {
        let mut voxels = Array3::from_elem((1, 40, 40), 7_u8);
        voxels[[0, 0, 0]] = 9;
        let blocks = [Voxels::U8(voxels)];
        let error = Normalization::fit(&config(NormalizationKind::Percentile), &blocks, 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot fit the normalisation `percentile`: both percentiles of the training voxels are 7"
        );
    }

    #[test]
    fn percentiles_have_a_range_and_an_order_where_they_are_used() {
        let problems = |kind, lower_percentile, upper_percentile| {
            let config = NormalizationConfig { kind, lower_percentile, upper_percentile };
            config.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let percentile = NormalizationKind::Percentile;
        assert!(problems(percentile, 0.0, 100.0).is_empty());
        assert_eq!(
            problems(percentile, 60.0, 40.0),
            [
                "`NormalizationConfig::lower_percentile` is 60, expected less than upper_percentile, which is 40"
            ]
        );
        assert_eq!(problems(percentile, 50.0, 50.0).len(), 1);
        assert_eq!(
            problems(percentile, -1.0, 101.0),
            [
                "`NormalizationConfig::lower_percentile` is -1, expected 0 to 100",
                "`NormalizationConfig::upper_percentile` is 101, expected 0 to 100",
            ]
        );
        assert_eq!(problems(percentile, f64::NAN, 40.0).len(), 1);
        assert!(problems(NormalizationKind::Zscore, 60.0, 40.0).is_empty());
        let config = NormalizationConfig { lower_percentile: 99.9, kind: percentile, ..Default::default() };
        assert!(matches!(Normalization::fit(&config, &ramp(), 4), Err(Error::Settings(_))));
    }
}
