//! Where the files of a run lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use em_io::ScratchFolder;

use crate::network::Engine;
use crate::{Error, Result};

/// The paths of a run.
///
/// ```text
/// runs/<name>/
///   config.toml            the configuration, all keys
///   model.safetensors      best weights
///   model.json             what they need to be used: the model card
///   network.onnx           the network itself, where it was imported; or network.pt
///   tune.json              thresholds and cleaning that were chosen for them
///   last/state.safetensors full training state for resuming
///   history.csv            one row per epoch
///   tensorboard/           the same for TensorBoard
///   scores.json            scores of the best weights
///   report.html            the report, with samples.png, curves.png and panels/
///   teacher/ ...           where sections without labels are learned from: the network that labelled them
///   folds/1/ ...           where regions are labelled: networks that left some out, to score them
/// ```
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The folder of a network that came from memory, which is gone with its last user.
    _unpacked: Option<Arc<ScratchFolder>>,
}

impl PartialEq for RunFolder {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for RunFolder {}

impl RunFolder {
    /// Names a run by its folder; nothing is read or made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), _unpacked: None }
    }

    /// Makes a folder of a network that is in memory, as a model card, weights and the choice of
    /// thresholds: it is there as long as the value or one of its clones.
    ///
    /// # Errors
    ///
    /// Fails if there is no place for temporary files.
    pub fn unpacked(card: &str, weights: &[u8], tuning: &str) -> Result<Self> {
        let folder = ScratchFolder::new()?;
        let run = Self { path: folder.path().to_owned(), _unpacked: Some(Arc::new(folder)) };
        let files =
            [(run.card(), card.as_bytes()), (run.weights(), weights), (run.tuning(), tuning.as_bytes())];
        for (path, bytes) in files {
            let problem = |error| format!("cannot be written: {error}");
            std::fs::write(&path, bytes).map_err(|error| Error::RunFile { path, problem: problem(error) })?;
        }
        Ok(run)
    }

    /// Returns the folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the best weights lie.
    pub fn weights(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Returns where the model card lies.
    pub fn card(&self) -> PathBuf {
        self.path.join("model.json")
    }

    /// Returns where the network lies that was imported for an engine.
    pub fn network(&self, engine: Engine) -> PathBuf {
        self.path.join(engine.file_name())
    }

    /// Returns where the thresholds and the cleaning lie that were chosen on validation.
    pub fn tuning(&self) -> PathBuf {
        self.path.join("tune.json")
    }

    /// Returns the folder of the training state.
    pub fn last(&self) -> PathBuf {
        self.path.join("last")
    }

    /// Returns where the training state lies.
    pub fn state(&self) -> PathBuf {
        self.last().join("state.safetensors")
    }

    /// Returns where the history lies.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// Returns the folder of what TensorBoard reads.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// Returns where the resolved configuration lies.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Returns where the scores lie.
    pub fn scores(&self) -> PathBuf {
        self.path.join("scores.json")
    }

    /// Returns where the report lies.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Returns where the picture of the first training tiles lies.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples.png")
    }

    /// Returns where the curves of the history lie.
    pub fn curves(&self) -> PathBuf {
        self.path.join("curves.png")
    }

    /// Returns the folder of the panels.
    pub fn panels(&self) -> PathBuf {
        self.path.join("panels")
    }

    /// Returns where the panel of that name lies.
    pub fn panel(&self, name: &str) -> PathBuf {
        self.panels().join(format!("{name}.png"))
    }

    /// Returns the folder of the networks that were trained beside the run, to score regions.
    pub fn folds(&self) -> PathBuf {
        self.path.join("folds")
    }

    /// Returns the folder of network number `number` of these, from 1.
    pub fn fold(&self, number: usize) -> Self {
        Self::new(self.folds().join(number.to_string()))
    }

    /// Returns the folder of the network that labels sections which nobody labelled.
    pub fn teacher(&self) -> Self {
        Self::new(self.path.join("teacher"))
    }

    /// Copies what predictions need, weights, card and the choice of thresholds, to another folder.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where a file cannot be read or written.
    pub fn copy_network(&self, to: &Self) -> Result<()> {
        let problem = |path: &Path, error: &dyn std::fmt::Display| Error::RunFile {
            path: path.to_owned(),
            problem: format!("cannot be copied: {error}"),
        };
        std::fs::create_dir_all(to.path()).map_err(|error| problem(to.path(), &error))?;
        // The weights come last: with them the copy is one that may be used.
        let networks =
            [Engine::Onnx, Engine::Torchscript].map(|engine| (self.network(engine), to.network(engine)));
        let others = [(self.tuning(), to.tuning()), (self.card(), to.card()), (self.weights(), to.weights())];
        for (from, to) in networks.into_iter().chain(others) {
            if !from.exists() {
                continue;
            }
            let bytes = std::fs::read(&from).map_err(|error| problem(&from, &error))?;
            em_io::write_atomically(&to, |file| file.write_all(&bytes))?;
        }
        Ok(())
    }

    /// Returns where the lock lies while a training holds the folder.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.path.join("training.lock")
    }

    /// Whether a training has written weights or its state here.
    pub fn is_started(&self) -> bool {
        self.state().exists() || self.weights().exists()
    }

    /// Whether a training would be lost with the folder: of the run, or of a network beside it.
    pub fn holds_training(&self) -> bool {
        [self, &self.teacher(), &self.fold(1), &self.fold(1).teacher()].iter().any(|run| run.is_started())
    }
}
