//! Where the files of a run lie.

use std::path::{Path, PathBuf};

/// The paths of a run.
///
/// ```text
/// runs/<name>/
///   config.toml            the configuration, all keys
///   model.safetensors      best weights
///   model.json             what they need to be used: the model card
///   tune.json              thresholds and cleaning that were chosen for them
///   last/state.safetensors full training state for resuming
///   history.csv            one row per epoch
///   scores.json            scores of the best weights
///   report.html            the report, with samples.png, curves.png and panels/
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Names a run by its folder; nothing is read or made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns the folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns where the best weights lie.
    pub fn weights(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }

    /// Returns where the model card lies.
    pub fn card(&self) -> PathBuf {
        self.0.join("model.json")
    }

    /// Returns where the thresholds and the cleaning lie that were chosen on validation.
    pub fn tuning(&self) -> PathBuf {
        self.0.join("tune.json")
    }

    /// Returns the folder of the training state.
    pub fn last(&self) -> PathBuf {
        self.0.join("last")
    }

    /// Returns where the training state lies.
    pub fn state(&self) -> PathBuf {
        self.last().join("state.safetensors")
    }

    /// Returns where the history lies.
    pub fn history(&self) -> PathBuf {
        self.0.join("history.csv")
    }

    /// Returns where the resolved configuration lies.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// Returns where the scores lie.
    pub fn scores(&self) -> PathBuf {
        self.0.join("scores.json")
    }

    /// Returns where the report lies.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// Returns where the picture of the first training tiles lies.
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples.png")
    }

    /// Returns where the curves of the history lie.
    pub fn curves(&self) -> PathBuf {
        self.0.join("curves.png")
    }

    /// Returns the folder of the panels.
    pub fn panels(&self) -> PathBuf {
        self.0.join("panels")
    }

    /// Returns where the panel of that name lies.
    pub fn panel(&self, name: &str) -> PathBuf {
        self.panels().join(format!("{name}.png"))
    }

    /// Returns where the lock lies while a training holds the folder.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.0.join("training.lock")
    }

    /// Whether a training has written weights or its state here.
    pub fn is_started(&self) -> bool {
        self.state().exists() || self.weights().exists()
    }
}
