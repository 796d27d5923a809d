//! What a model makes of labelled blocks that are in memory: probabilities.

use em_data::{Region, TrainingSet};
use em_model::Predictor;
use ndarray::Array4;

use crate::error::Result;

/// Predicts one region: probabilities `[class, z, y, x]`.
pub fn probabilities(predictor: &Predictor, set: &TrainingSet, region: &Region) -> Result<Array4<f32>> {
    let grey = set.volumes()[region.volume].raw().cut(region.roi).to_f32();
    let sections = 0..region.roi.shape[0];
    Ok(predictor.predict_sections(grey.view(), sections, predictor.card().normalization)?)
}
