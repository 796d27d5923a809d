#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`network`] | what a network looks like, and the presets |
//! | [`infer`] | whole sections and volumes from a trained model |
//! | [`train`](mod@train) | the training loop, with its losses, optimisers and schedules |
//! | [`run`] | the files of a run |
//! | [`export`] | networks as files of other programs: ONNX, TorchScript |
//! | [`import`](mod@import) | networks of other programs as runs |
//! | [`ranks`] | several processes that train one network |
//! | [`device`] | CPU or CUDA |

mod augment;
pub mod device;
pub mod error;
pub mod export;
#[cfg(test)]
mod golden;
pub mod import;
pub mod infer;
pub mod network;
pub mod ranks;
pub mod run;
pub mod train;

pub use device::Device;
pub use error::{Error, Result};
pub use export::{ExportedNetwork, Interface, Takes};
pub use import::{ImportedNetwork, Lacking, NamedTensors, NetworkWeights, Wishes, import, import_own};
pub use infer::{InputComparison, MaskRule, PixelMatch, Precision, PredictConfig, Prediction, Predictor};
pub use network::{
    Activation, Architecture, ClassOutput, Combine, Engine, ModelConfig, Norm, Padding, Preset, Raw, Sizes,
    Target, boundary_of, training_bytes, validation_bytes,
};
pub use ranks::{Launch, Launcher, Ranks};
pub use run::{
    ClassTuning, EpochRecord, EpochScores, History, ModelCard, RunFolder, RunLock, TrainedOn, Tuning,
    TuningOnDisk, TuningStep,
};
pub use train::{
    BestBy, LossConfig, LossKind, OptimizerConfig, OptimizerKind, Progress, SampleTile, ScheduleConfig,
    ScheduleKind, TakenWeights, TrainConfig, Training, TrainingSettings, count_saved_epochs, follow, resume,
    saved_epochs, train,
};

pub use {em_data, em_io, em_objects, ndarray};

/// The version of libtorch that this crate is built for.
pub const LIBTORCH_VERSION: &str = "2.11.0";
