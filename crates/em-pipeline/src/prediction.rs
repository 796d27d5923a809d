//! What a model makes of labelled blocks that are in memory: probabilities, and the masks that follow.

use em_data::{Region, TrainingSet};
use em_model::Predictor;
use ndarray::{Array3, Array4, ArrayView3};

use crate::error::Result;
use crate::tuned::Tuned;

/// Predicts one region: probabilities `[class, z, y, x]`.
pub fn probabilities(predictor: &Predictor, set: &TrainingSet, region: &Region) -> Result<Array4<f32>> {
    let grey = set.volumes()[region.volume].raw().cut(region.roi).to_f32();
    let sections = 0..region.roi.shape[0];
    Ok(predictor.predict_sections(grey.view(), sections, predictor.card().normalization)?)
}

/// Makes the mask of a class from its probabilities `[z, y, x]`, as the model's card and `em-cli tune` say.
pub fn mask(
    predictor: &Predictor,
    tuned: &Tuned,
    class: &str,
    probabilities: ArrayView3<'_, f32>,
) -> Result<Array3<bool>> {
    let threshold = predictor.threshold(class);
    Ok(tuned.postprocess(class).apply(probabilities.mapv(|p| p > threshold))?)
}
