//! The files of a run.
//!
//! ```text
//! runs/<name>/
//!   model.safetensors      best weights
//!   model.json             what they need to be used: the model card
//!   last/state.safetensors full training state for resuming
//!   history.csv            one row per epoch
//! ```

use std::path::{Path, PathBuf};

/// The paths of a run.
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

    /// Returns where the training state lies.
    pub fn state(&self) -> PathBuf {
        self.0.join("last").join("state.safetensors")
    }

    /// Returns where the history lies.
    pub fn history(&self) -> PathBuf {
        self.0.join("history.csv")
    }

    /// Returns where the resolved configuration lies.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }
}
