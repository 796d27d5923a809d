//! What is done with grey values before they go in: what a package may ask for, and what is done here.

use em_data::{Normalization, NormalizationConfig, NormalizationKind};

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
            Over::Volume => "each volume by all of its voxels",
            Over::Dataset => "all volumes of a data set together",
            Over::Section => "each section by itself",
        };
        vec![format!(
            "the package normalises {each}; here each volume is, by up to 1024 x 1024 voxels of 16 of its sections"
        )]
    }
}

impl Fitting {
    /// The same as em-data has it.
    pub fn as_fitted(&self) -> em_data::Fitting {
        let config = match self.statistics {
            Statistics::MeanAndDeviation => {
                NormalizationConfig { kind: NormalizationKind::Zscore, ..Default::default() }
            }
            Statistics::Percentiles { lower, upper } => {
                let kind = NormalizationKind::Percentile;
                NormalizationConfig { kind, lower_percentile: lower, upper_percentile: upper }
            }
        };
        em_data::Fitting { config, eps: self.eps, clips: self.clips }
    }
}
