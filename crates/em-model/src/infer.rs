//! Prediction with trained weights: whole sections and volumes.

mod config;
pub(crate) mod ensemble;
pub(crate) mod input;
mod mask;
mod pixel_match;
mod precision;
mod predictor;
mod refit;
mod sample;
pub(crate) mod sections;
mod views;
pub(crate) mod volumes;

pub use config::PredictConfig;
pub use input::InputComparison;
pub use mask::{MaskRule, Prediction};
pub use pixel_match::PixelMatch;
pub use precision::Precision;
pub use predictor::Predictor;
