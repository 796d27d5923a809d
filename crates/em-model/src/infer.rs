//! Prediction with trained weights: whole sections and volumes.

mod config;
mod precision;
mod predictor;
pub(crate) mod sections;
mod views;
pub(crate) mod volumes;

pub use config::PredictConfig;
pub use precision::Precision;
pub use predictor::Predictor;
