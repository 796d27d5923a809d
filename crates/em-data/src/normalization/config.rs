//! The settings of a normalisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{self, Checks};
use crate::{Result, SettingError};

/// Section `[normalization]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizationConfig {
    /// How grey values become network inputs: `zscore` subtracts the mean and divides by the standard deviation, `robust` does the same with the medians of mean and deviation over tiles of 64 voxels, so that resin, nuclei and borders count little, `min-max` maps the range to 0..1, `percentile` maps two percentiles to 0..1 and clips, `scale` divides by the largest value of the type, `l2-axis1` divides each column of each tile by its L2 norm.
    pub kind: NormalizationKind,
    /// Lower percentile of `percentile`.
    pub lower_percentile: f64,
    /// Upper percentile of `percentile`.
    pub upper_percentile: f64,
}

impl NormalizationConfig {
    /// Returns all settings that are out of range or in the wrong order.
    ///
    /// Percentiles are looked at where `kind` uses them.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("NormalizationConfig");
        if self.kind == NormalizationKind::Percentile {
            let (lower, upper) = (self.lower_percentile, self.upper_percentile);
            checks.within("lower_percentile", lower, 0.0..=100.0, "0 to 100");
            checks.within("upper_percentile", upper, 0.0..=100.0, "0 to 100");
            // NaN, which is out of range already, is in no order.
            let is_reversed = lower >= upper;
            let expected = format!("less than upper_percentile, which is {upper}");
            checks.require("lower_percentile", lower, !is_reversed, expected);
        }
        checks.finish()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is out of range or in the wrong order.
    pub fn check(&self) -> Result<()> {
        Ok(settings::first(self.problems())?)
    }
}

impl Default for NormalizationConfig {
    fn default() -> Self {
        Self { kind: NormalizationKind::Zscore, lower_percentile: 0.5, upper_percentile: 99.5 }
    }
}

/// The kinds of normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizationKind {
    /// Mean 0, standard deviation 1.
    Zscore,
    /// Mean 0 and standard deviation 1 of the tile in the middle.
    Robust,
    /// Smallest value 0, largest value 1.
    MinMax,
    /// Two percentiles to 0 and 1, clipped.
    Percentile,
    /// Divided by the largest value of the voxel type.
    Scale,
    /// Each column of each tile divided by its L2 norm.
    #[serde(rename = "l2-axis1")]
    L2Axis1,
}

impl NormalizationKind {
    /// Returns its name in a configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zscore => "zscore",
            Self::Robust => "robust",
            Self::MinMax => "min-max",
            Self::Percentile => "percentile",
            Self::Scale => "scale",
            Self::L2Axis1 => "l2-axis1",
        }
    }
}
