//! What `em-cli tune` chose for a run, and where it is kept: `tune.json`. Thresholds are in the model
//! card besides, where everything that predicts finds them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Context, Result};
use em_model::RunFolder;
use em_objects::Postprocess;
use serde::{Deserialize, Serialize};

/// `tune.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tuned {
    /// Version of this layout.
    pub format_version: u32,
    /// What was chosen for each class.
    pub classes: BTreeMap<String, TunedClass>,
}

/// What was chosen for a class, and what each step gained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedClass {
    /// Probability above which a voxel is foreground.
    pub threshold: f32,
    /// What is done to the mask after the threshold, to each section or to the volume.
    pub postprocess: Postprocess,
    /// The steps that were tried, in order.
    pub steps: Vec<Step>,
}

/// A step that was tried on validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What was chosen among.
    pub step: String,
    /// The best choice.
    pub choice: String,
    /// Pooled IoU with it.
    pub iou: Option<f64>,
    /// What it gained over the steps before.
    pub gain: f64,
    /// Whether it gained enough to be kept.
    pub kept: bool,
}

impl Tuned {
    /// Returns the place of a run's `tune.json`.
    pub fn path(run: &RunFolder) -> PathBuf {
        run.path().join("tune.json")
    }

    /// Reads what was chosen for a run; nothing where it was never tuned.
    pub fn read(run: &RunFolder) -> Result<Self> {
        let path = Self::path(run);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` is damaged", path.display()))
    }

    /// Returns what is done to the mask of a class.
    pub fn postprocess(&self, class: &str) -> Postprocess {
        self.classes.get(class).map_or_else(Postprocess::default, |class| class.postprocess)
    }
}
