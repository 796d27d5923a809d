//! The model card: what weights need besides themselves to be used.

use std::collections::BTreeMap;

use em_data::{Fitting, Normalization};
use em_metrics::ConfusionCounts;
use serde::{Deserialize, Serialize};

use super::strangers::read_text;
use super::{RunFolder, TrainedOn};
use crate::{Architecture, Error, PredictConfig, Result};

/// The version of `model.json` that this crate writes. It reads version 1, too, which has thresholds
/// and no digest of the weights.
pub const FORMAT_VERSION: u32 = 2;

/// What weights need besides themselves to be used, and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelCard {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// SHA-256 of `model.safetensors` in hexadecimal digits; absent in cards of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// The network.
    pub architecture: Architecture,
    /// Names of the classes, in the order of the output channels.
    pub classes: Vec<String>,
    /// From grey values to inputs.
    pub normalization: Normalization,
    /// How predictions fit the normalisation on each volume, where they do, and otherwise than its kind is fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitting: Option<Fitting>,
    /// How the weights were scored, and are to predict; absent in cards of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict: Option<PredictConfig>,
    /// Probability above which a voxel is foreground, per class, in cards of version 1.
    #[serde(rename = "thresholds", default, skip_serializing)]
    pub(crate) thresholds_of_version_1: BTreeMap<String, f32>,
    /// Edge of the training tiles in voxels.
    pub tile_size: usize,
    /// What the training voxels were like; absent in earlier cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_voxels: Option<TrainedOn>,
    /// Voxel size of the training volumes in nm, `[z, y, x]`, where it is known.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Seed of the training.
    pub seed: u64,
    /// Epoch of these weights, from 1.
    pub epoch: usize,
    /// Version of this crate.
    pub em_model: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Whether validation voxels were neighbours of training voxels in the same sections.
    pub leaking_split: bool,
    /// Validation counts at the threshold 0.5, per class.
    pub validation: BTreeMap<String, ConfusionCounts>,
}

impl ModelCard {
    /// Reads the card of a run.
    ///
    /// # Errors
    ///
    /// Fails if it is missing, damaged, or of a later version; and if it describes no network, or names classes
    /// that could not be written as files.
    pub fn read(run: &RunFolder) -> Result<Self> {
        let path = run.card();
        let problem = |problem: String| Error::RunFile { path: path.clone(), problem };
        let text = read_text(&path)?;
        let version: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| problem(format!("is not valid JSON: {error}")))?;
        match version["format_version"].as_u64() {
            Some(version) if (1..=u64::from(FORMAT_VERSION)).contains(&version) => {}
            found => {
                let found = found.map_or("none".to_owned(), |version| version.to_string());
                return Err(problem(format!("has format_version {found}, expected {FORMAT_VERSION} or 1")));
            }
        }
        let mut card: Self =
            serde_json::from_str(&text).map_err(|error| problem(format!("is not a model card: {error}")))?;
        if let Some(imported) = &mut card.architecture.imported {
            imported.network.set_place(run.network(imported.engine));
        }
        card.check(&path)?;
        Ok(card)
    }

    /// Writes the card of a run, in place of the one that is there, and before it the network that it tells of,
    /// where that was imported.
    pub(crate) fn write(&self, run: &RunFolder) -> Result<()> {
        if let Some(imported) = &self.architecture.imported {
            let (path, bytes) = (run.network(imported.engine), imported.network.bytes()?);
            let is_there = std::fs::read(&path).is_ok_and(|found| *found == *bytes);
            if !is_there {
                em_io::write_atomically(&path, |file| file.write_all(&bytes))?;
            }
        }
        let text = serde_json::to_string_pretty(self).expect("a card has no maps with keys other than text");
        Ok(em_io::write_atomically(&run.card(), |file| writeln!(file, "{text}"))?)
    }
}
