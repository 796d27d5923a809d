//! The one error type of em-model.

use std::path::PathBuf;

use em_data::SettingError;
use em_io::VoxelSize;

use crate::import::Lacking;
use crate::network::onnx::OnnxError;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with models, trainings and checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range or does not fit another one.
    #[error(transparent)]
    Settings(#[from] SettingError),

    /// A text that names no device.
    #[error("`{found}` is no device, expected auto, cpu, cuda or cuda:N")]
    UnknownDevice {
        /// The text.
        found: String,
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

    /// A run would go on with other data than those that it was trained on.
    #[error("`{run}` was trained on other data: {difference}")]
    OtherData {
        /// The folder of the run.
        run: PathBuf,
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

    /// The bytes of a file are not those that its checksum was made of.
    #[error("`{path}` does not match its checksum in {place}")]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Where the checksum stands.
        place: &'static str,
    },

    /// Another training is at work in a run's folder.
    #[error("`{path}` is in use by {holder}")]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process.
        holder: String,
    },

    /// An observer ended a training.
    #[error("stopped before the end")]
    Stopped,

    /// The environment says that there are several ranks, and not all that is needed.
    #[error("this process is started as one of several ranks, but {problem}")]
    Launch {
        /// What is missing or wrong.
        problem: String,
    },

    /// The ranks of a training do not come together.
    #[error("{doing}: {reason}")]
    Ranks {
        /// Which rank cannot do what.
        doing: String,
        /// Why not.
        reason: String,
    },

    /// The ranks of a training would not train the same.
    #[error("rank {rank} of {of} {difference}")]
    RanksDiffer {
        /// A rank that differs from rank 0.
        rank: usize,
        /// The number of ranks.
        of: usize,
        /// How it differs.
        difference: String,
    },

    /// A rank of a training is gone, without a word.
    #[error("rank {rank} of {of} was lost, after {epochs} whole epochs")]
    RankLost {
        /// The rank, from 0.
        rank: usize,
        /// The number of ranks.
        of: usize,
        /// Epochs that are saved.
        epochs: usize,
    },

    /// An error ended a rank of a training.
    #[error("rank {rank} of {of} failed: {message}")]
    RankFailed {
        /// The rank, from 0.
        rank: usize,
        /// The number of ranks.
        of: usize,
        /// What it says.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },

    /// A prediction was asked of no run at all.
    #[error("no run to predict with, expected at least one")]
    NoRun,

    /// Pixels of an input and of a training are too far apart to be brought to one size.
    #[error(
        "pixels of {input} cannot be brought to those of the network, {trained} [z, y, x]: expected at most {farthest} times larger or smaller"
    )]
    PixelsTooFarApart {
        /// Voxel size of the input.
        input: VoxelSize,
        /// Voxel size of the training.
        trained: VoxelSize,
        /// How many times larger or smaller they may be.
        farthest: f64,
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

    /// A network has more weights than an ONNX file can hold.
    #[error("the network takes {bytes} bytes as ONNX, expected at most 2147483647, which its files can hold")]
    TooLargeForOnnx {
        /// What it takes.
        bytes: usize,
    },

    /// A network of another program cannot be used.
    #[error("{problem}")]
    Import {
        /// What was found, and what was expected.
        problem: String,
        /// What it has to tell, or what has to be told of it.
        lacking: Lacking,
    },

    /// An operator of an ONNX network cannot be applied to what its node takes.
    #[error("node {node} {problem}")]
    OnnxNode {
        /// The node, with its operator.
        node: String,
        /// What is wrong.
        problem: String,
    },

    /// An ONNX network is given other tensors than it takes.
    #[error("the network is given {problem}")]
    OnnxInput {
        /// What it is given, and what is expected.
        problem: String,
    },

    /// An error of em-objects.
    #[error(transparent)]
    Objects(#[from] em_objects::Error),

    /// An error of em-io.
    #[error(transparent)]
    Io(#[from] em_io::Error),
}

impl Error {
    /// Returns what can be done about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::EmptyClass { class } => {
                format!("check the label of `{class}`, or leave the class out")
            }
            Self::Diverged { .. } => {
                "lower the learning rate, clip the gradients, or check the raw volumes for damaged sections".into()
            }
            Self::Collapsed { .. } => {
                "take a loss with an overlap, place more tiles on foreground, weigh the class more, or lower the learning rate"
                    .into()
            }
            Self::OtherArchitecture { .. } => {
                "weights and model.json must come from one training: copy the run's folder again; to resume, use the settings that the run was started with"
                    .into()
            }
            Self::OtherData { .. } => {
                "resume with the data that the run was started with, or train on these into another folder"
                    .into()
            }
            Self::RunFile { .. } => "if the run's files are damaged, copy them again or train again".into(),
            Self::Checksum { .. } => {
                "the file was changed, or a training was killed while it wrote: copy the run's folder again, resume the training, or train again"
                    .into()
            }
            Self::Locked { .. } => "wait until it is done, or train into another folder".into(),
            Self::Launch { .. } => {
                "start all ranks with torchrun, srun or mpirun; for one process alone, unset the variables".into()
            }
            Self::Ranks { .. } => {
                "start all ranks at about the same time, with one MASTER_ADDR and MASTER_PORT that each can reach".into()
            }
            Self::RanksDiffer { .. } => "start all ranks with the same program, settings and data".into(),
            Self::RankLost { .. } => "resume the training, with any number of ranks".into(),
            Self::RankFailed { hint, .. } => return hint.clone(),
            Self::Torch(message) if message.contains("alloc") || message.contains("out of memory") => {
                "take fewer tiles at a time, or smaller ones".into()
            }
            Self::TooLargeForOnnx { .. } => "export it as TorchScript, or train a network with fewer filters".into(),
            Self::Tiles(source) => return source.hint(),
            Self::Objects(source) => return source.hint(),
            Self::Io(source) => return source.hint(),
            _ => return None,
        })
    }
}

/// Why something inside this crate failed.
///
/// Errors of libtorch become one here and an [`Error`] where they leave the crate, so that no
/// public signature names tch.
#[derive(Debug)]
pub(crate) struct Failure(Error);

/// The result of functions inside this crate that compute with libtorch.
pub(crate) type Computed<T> = std::result::Result<T, Failure>;

impl From<tch::TchError> for Failure {
    fn from(error: tch::TchError) -> Self {
        // libtorch appends a C++ stack trace that says nothing to a user.
        let message = error.to_string();
        let reason = message.split("Exception raised from").next().unwrap_or_default();
        // A script tells where in its source something failed, and last what.
        let reason = match reason.split_once("Traceback of TorchScript") {
            Some((_, trace)) => trace.rsplit("RuntimeError: ").next().unwrap_or(trace),
            None => reason,
        };
        Self(Error::Torch(reason.trim().replace('\n', " ")))
    }
}

impl Failure {
    /// Says after how many epochs a rank was lost.
    pub fn after(self, finished: usize) -> Self {
        match self.0 {
            Error::RankLost { rank, of, .. } => Self(Error::RankLost { rank, of, epochs: finished }),
            error => Self(error),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<OnnxError> for Error {
    fn from(error: OnnxError) -> Self {
        let lacking = match error {
            OnnxError::Opset { .. } | OnnxError::Operators(_) | OnnxError::Attribute { .. } => {
                Lacking::Operators
            }
            _ => Lacking::Whole,
        };
        Self::Import { problem: error.to_string(), lacking }
    }
}

impl From<em_data::Error> for Failure {
    fn from(error: em_data::Error) -> Self {
        Self(error.into())
    }
}

impl From<em_io::Error> for Failure {
    fn from(error: em_io::Error) -> Self {
        Self(error.into())
    }
}

impl From<Failure> for Error {
    fn from(Failure(error): Failure) -> Self {
        error
    }
}
