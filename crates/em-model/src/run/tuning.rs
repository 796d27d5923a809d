//! What was chosen for a model on validation: a threshold and a cleaning for each class.
//!
//! The choice lies in `tune.json` and names the weights that it was made for. For other weights it
//! does not count.

use std::collections::BTreeMap;

use em_metrics::Interval;
use em_objects::Postprocess;
use serde::{Deserialize, Serialize};

use super::strangers::read_text;
use super::{ModelCard, RunFolder};
use crate::{Error, Result};

/// The version of `tune.json` that is written. Version 1 did not name its weights.
const FORMAT_VERSION: u32 = 2;

/// `tune.json`: what was chosen for the weights of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tuning {
    /// Version of this layout.
    pub format_version: u32,
    /// SHA-256 of the weights, as [`ModelCard::weights_sha256`].
    pub weights_sha256: String,
    /// What was chosen for each class.
    pub classes: BTreeMap<String, ClassTuning>,
}

/// What was chosen for a class, and what each step gained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassTuning {
    /// Probability above which a voxel is foreground.
    pub threshold: f32,
    /// What is done to the mask after the threshold, to each section or to the volume.
    pub postprocess: Postprocess,
    /// The steps that were tried, in order.
    pub steps: Vec<TuningStep>,
}

/// A step that was tried on validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningStep {
    /// What was chosen among.
    pub step: String,
    /// The best choice.
    pub choice: String,
    /// Pooled IoU with it.
    pub iou: Option<f64>,
    /// What it gained over the steps before.
    pub gain: f64,
    /// The 95 % interval of the gain, from a paired bootstrap; `None` where there is too little to draw from.
    #[serde(default)]
    pub interval: Option<Interval>,
    /// Whether it gained enough to be kept.
    pub kept: bool,
}

/// What a run's folder holds of a tuning.
#[derive(Clone, Debug, PartialEq)]
pub enum TuningOnDisk {
    /// Nothing was chosen.
    Missing,
    /// A choice for the weights of the run.
    Valid(Tuning),
    /// A choice for other weights, or one that does not say for which: it does not count.
    ForOtherWeights,
}

impl TuningOnDisk {
    /// Returns the choice that counts, if there is one.
    pub fn valid(self) -> Option<Tuning> {
        match self {
            Self::Valid(tuning) => Some(tuning),
            Self::Missing | Self::ForOtherWeights => None,
        }
    }
}

impl Tuning {
    /// Starts a choice for the weights of a run.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where the weights cannot be read; they are for cards of version 1 only,
    /// which do not know their digest.
    pub fn new(run: &RunFolder, card: &ModelCard) -> Result<Self> {
        let weights_sha256 = weights_sha256(run, card)?;
        Ok(Self { format_version: FORMAT_VERSION, weights_sha256, classes: BTreeMap::new() })
    }

    /// Reads what was chosen for a run.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where the file is damaged or of a later version.
    pub fn read(run: &RunFolder, card: &ModelCard) -> Result<TuningOnDisk> {
        let path = run.tuning();
        if !path.exists() {
            return Ok(TuningOnDisk::Missing);
        }
        let problem = |problem: String| Error::RunFile { path: path.clone(), problem };
        let text = read_text(&path)?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| problem(format!("is not valid JSON: {error}")))?;
        match value["format_version"].as_u64() {
            Some(1) => return Ok(TuningOnDisk::ForOtherWeights),
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            found => {
                let found = found.map_or("none".to_owned(), |version| version.to_string());
                return Err(problem(format!("has format_version {found}, expected {FORMAT_VERSION}")));
            }
        }
        let tuning: Self =
            serde_json::from_value(value).map_err(|error| problem(format!("is not a tuning: {error}")))?;
        let is_of_these = tuning.weights_sha256 == weights_sha256(run, card)?;
        Ok(if is_of_these { TuningOnDisk::Valid(tuning) } else { TuningOnDisk::ForOtherWeights })
    }

    /// Writes the choice, in place of the one that is there.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    ///
    /// # Panics
    ///
    /// Does not: all that a choice holds can be written as JSON.
    pub fn write(&self, run: &RunFolder) -> Result<()> {
        let text =
            serde_json::to_string_pretty(self).expect("a tuning has no maps with keys other than text");
        Ok(em_io::write_atomically(&run.tuning(), |file| writeln!(file, "{text}"))?)
    }
}

/// The digest of a run's weights, by its card or, where that does not know it, by the file.
fn weights_sha256(run: &RunFolder, card: &ModelCard) -> Result<String> {
    match &card.weights_sha256 {
        Some(digest) => Ok(digest.clone()),
        None => super::checkpoint::sha256_of_file(&run.weights()),
    }
}
