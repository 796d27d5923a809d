#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`architecture`] | what a network looks like, and the presets |
//! | [`loss`], [`optimizer`], [`schedule`] | the settings of a training and what they compute |
//! | [`train`](mod@train) | the training loop and its checkpoints |
//! | [`predict`] | whole sections and volumes from a trained model |
//! | [`run_folder`] | the files of a run |
//! | [`device`] | CPU or CUDA |

pub mod architecture;
mod batch;
mod blocks;
mod change;
mod checkpoint;
mod cost;
pub mod device;
pub mod error;
#[cfg(test)]
mod golden;
pub mod history;
pub mod loss;
mod memory;
pub mod optimizer;
mod parameters;
pub mod predict;
pub mod run_folder;
pub mod schedule;
mod section;
pub mod train;
mod unet;
mod validate;
mod volume;

pub use architecture::{Activation, Architecture, ModelConfig, Norm, Padding, Preset, Target, boundary_of};
pub use device::Device;
pub use error::{Error, Result};
pub use history::{EpochRecord, Scores};
pub use loss::{LossConfig, LossKind};
pub use memory::{training_bytes, validation_bytes};
pub use optimizer::{OptimizerConfig, OptimizerKind};
pub use predict::{PredictConfig, Predictor};
pub use run_folder::{ModelCard, RunFolder};
pub use schedule::{ScheduleConfig, ScheduleKind};
pub use train::{Precision, Progress, SampleTile, TrainConfig, Training, train};

/// The version of libtorch that this crate is built for.
pub const LIBTORCH_VERSION: &str = "2.11.0";
