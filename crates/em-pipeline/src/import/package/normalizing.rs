//! What is done with grey values before they go in: what a package may ask for, and what is done here.

use em_data::{Normalization, NormalizationConfig, NormalizationKind};
use em_io::Voxels;

use crate::error::Result;

/// How grey values become what goes in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Normalizing {
    /// They go in as they are.
    None,
    /// By numbers that the package tells, exactly.
    Fixed(Normalization),
    /// By numbers that the package tells, others for each channel, exactly.
    FixedPerChannel(Vec<Normalization>),
    /// By statistics of the grey values themselves.
    Fitted(Fitting),
}

/// A normalisation by statistics of the grey values themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fitting {
    /// The statistics.
    pub statistics: Statistics,
    /// Is added to what is divided by.
    pub eps: f64,
    /// Limits the results to 0..1.
    pub clips: bool,
    /// The voxels that have statistics together.
    pub over: Over,
}

/// Statistics of grey values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistics {
    /// `(v - mean) / (std + eps)`.
    MeanAndDeviation,
    /// `(v - lower) / (upper - lower + eps)`.
    Percentiles {
        /// From 0 to 100.
        lower: f64,
        /// From 0 to 100, and more than `lower`.
        upper: f64,
    },
}

/// The voxels that have statistics together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// All volumes of a data set.
    Dataset,
    /// Each volume.
    Volume,
    /// Each section, or each channel.
    Section,
}

impl Normalizing {
    /// What differs when it is done for a whole volume at a time, as sentences.
    pub fn notes(&self) -> Vec<String> {
        let Self::Fitted(fitting) = self else { return Vec::new() };
        let each = match fitting.over {
            Over::Volume => return Vec::new(),
            Over::Dataset => "all volumes of a data set together",
            Over::Section => "each section by itself",
        };
        vec![format!("the package normalises {each}; here each volume is normalised by itself")]
    }
}

impl Fitting {
    /// Fits it on blocks of voxels, exactly as the package says.
    ///
    /// # Errors
    ///
    /// Fails if there are no voxels, or if they are all alike.
    pub fn fit(&self, blocks: &[Voxels]) -> Result<Normalization> {
        let fit = |config| Normalization::fit(&config, blocks, 1);
        let eps = self.eps;
        Ok(match self.statistics {
            Statistics::MeanAndDeviation => {
                match fit(NormalizationConfig { kind: NormalizationKind::Zscore, ..Default::default() })? {
                    Normalization::Zscore { mean, std } => Normalization::Zscore { mean, std: std + eps },
                    other => other,
                }
            }
            Statistics::Percentiles { lower, upper } => match fit(percentile(lower, upper))? {
                Normalization::Percentile { low, high } if self.clips => {
                    Normalization::Percentile { low, high: high + eps }
                }
                // The same line, without the limits.
                Normalization::Percentile { low, high } => {
                    Normalization::MinMax { min: low, max: high + eps }
                }
                other => other,
            },
        })
    }

    /// The settings that come nearest, and what is not the same, as sentences.
    pub fn nearest(&self) -> (NormalizationConfig, Vec<String>) {
        let mut notes = vec![format!(
            "the package adds {} to what it divides by; here nothing is added, which shows where grey values are \
             nearly all alike",
            self.eps
        )];
        let config = match self.statistics {
            Statistics::MeanAndDeviation => {
                NormalizationConfig { kind: NormalizationKind::Zscore, ..Default::default() }
            }
            // A limit at the smallest and the largest value limits nothing.
            Statistics::Percentiles { lower, upper } if lower == 0.0 && upper == 100.0 => {
                NormalizationConfig { kind: NormalizationKind::MinMax, ..Default::default() }
            }
            Statistics::Percentiles { lower, upper } => {
                if !self.clips {
                    let told =
                        "grey values beyond the percentiles are clipped to 0..1 here, and not in the package";
                    notes.push(told.into());
                }
                percentile(lower, upper)
            }
        };
        (config, notes)
    }

    /// What else is not the same where [`nearest`](Self::nearest) is fitted by `predict.refit_normalization`, which
    /// looks at parts of a volume, and knows a kind but no percentiles.
    pub fn notes_of_refitting(&self) -> Vec<String> {
        let usual = NormalizationConfig::default();
        let mut notes = vec![
            "statistics are those of up to 1024 x 1024 voxels in 16 sections of a volume here, and of all voxels in \
             the package"
                .to_owned(),
        ];
        let (nearest, _) = self.nearest();
        let (lower, upper) = (nearest.lower_percentile, nearest.upper_percentile);
        let is_usual = [lower, upper] == [usual.lower_percentile, usual.upper_percentile];
        if nearest.kind == NormalizationKind::Percentile && !is_usual {
            notes.push(format!(
                "percentiles are {} and {} here, and {lower} and {upper} in the package",
                usual.lower_percentile, usual.upper_percentile
            ));
        }
        notes
    }
}

fn percentile(lower: f64, upper: f64) -> NormalizationConfig {
    let kind = NormalizationKind::Percentile;
    NormalizationConfig { kind, lower_percentile: lower, upper_percentile: upper }
}
