//! The one error type of em-model.

use std::path::PathBuf;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with models, trainings and checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range or does not fit another one.
    #[error("`{key}` is {found}, expected {expected}")]
    Setting {
        /// The key in the configuration.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },

    /// CUDA was asked for and is not there.
    #[error("device `{asked}` is not available: {reason}")]
    Device {
        /// The device asked for.
        asked: String,
        /// Why it cannot be had.
        reason: String,
    },

    /// A class has no foreground voxel to learn from.
    #[error("class `{class}` has no foreground voxel in the training sections")]
    EmptyClass {
        /// Name of the class.
        class: String,
    },

    /// The loss became infinite or not a number.
    #[error("the loss became {loss} in epoch {epoch}, after {steps} steps")]
    Diverged {
        /// The loss.
        loss: f64,
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Optimisation steps done so far.
        steps: usize,
    },

    /// The network predicts only background.
    #[error(
        "the network predicted only background for `{class}` in {epochs} epochs in a row, though there is foreground"
    )]
    Collapsed {
        /// Name of the class.
        class: String,
        /// Epochs in a row.
        epochs: usize,
    },

    /// A checkpoint does not belong to the network.
    #[error("`{path}` belongs to another network: {difference}")]
    OtherArchitecture {
        /// The checkpoint.
        path: PathBuf,
        /// The first difference.
        difference: String,
    },

    /// A file of a run is missing or damaged.
    #[error("`{path}` {problem}")]
    RunFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A section does not have the size that the network needs.
    #[error("a section of {height} x {width} (height x width) is {problem}")]
    Section {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// What is wrong.
        problem: String,
    },

    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(String),

    /// An error of em-data.
    #[error(transparent)]
    Tiles(#[from] em_data::Error),

    /// An error of em-io.
    #[error(transparent)]
    Io(#[from] em_io::Error),
}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Device { .. } => {
                "use --device cpu, or set up a CUDA libtorch with `cargo xtask libtorch --cuda`".into()
            }
            Self::EmptyClass { class } => {
                format!("check the label file of `{class}`, or take the class out of data.classes")
            }
            Self::Diverged { .. } => {
                "lower train.learning_rate, set train.clip_gradient_norm = 1.0, or check the raw files for damaged sections"
                    .into()
            }
            Self::Collapsed { .. } => {
                "use loss.kind = \"bce+dice\", raise tiling.foreground_fraction or loss.class_weights, or lower train.learning_rate"
                    .into()
            }
            Self::OtherArchitecture { .. } => {
                "weights and model.json must come from one training: copy the run's folder again; to resume, use the run's own config.toml"
                    .into()
            }
            Self::RunFile { .. } => {
                "give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again"
                    .into()
            }
            Self::Torch(message) if message.contains("alloc") || message.contains("out of memory") => {
                "lower train.batch_size or predict.tile_size".into()
            }
            Self::Tiles(source) => return source.hint(),
            Self::Io(source) => return source.hint(),
            _ => return None,
        })
    }
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        // libtorch appends a C++ stack trace that says nothing to a user.
        let message = error.to_string();
        let reason = message.split("Exception raised from").next().unwrap_or_default();
        Self::Torch(reason.trim().replace('\n', " "))
    }
}
