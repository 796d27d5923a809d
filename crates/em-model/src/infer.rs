//! Prediction with trained weights: whole sections and volumes.

mod config;
mod ensemble;
pub(crate) mod input;
mod mask;
mod precision;
mod predictor;
pub(crate) mod sections;
mod views;
pub(crate) mod volumes;

pub use config::PredictConfig;
pub use input::InputComparison;
pub use mask::{MaskRule, Prediction};
pub use precision::Precision;
pub use predictor::Predictor;
