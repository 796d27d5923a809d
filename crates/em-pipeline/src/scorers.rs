//! Which network scores which regions of a run.

use em_data::Region;
use em_model::{Device, PredictConfig, Predictor, RunFolder};

use crate::Dataset;
use crate::error::Result;

/// A network and what it is scored on.
pub struct Scorer<'a> {
    /// The network.
    pub predictor: Predictor,
    /// Regions that it has not seen.
    pub regions: &'a [Region],
}

/// Returns the run itself with its validation; or, where it learned from all regions, the networks that
/// were trained beside it, each with what it left out.
pub fn of<'a>(
    run: &RunFolder,
    dataset: &'a Dataset,
    predict: &PredictConfig,
    device: Device,
) -> Result<Vec<Scorer<'a>>> {
    let scorer = |run: &RunFolder, regions: &'a [Region]| {
        Ok(Scorer { predictor: Predictor::with_config(run, device, predict.clone())?, regions })
    };
    if dataset.folds.is_empty() {
        return Ok(vec![scorer(run, &dataset.split.validation)?]);
    }
    (1..).zip(&dataset.folds).map(|(number, fold)| scorer(&run.fold(number), &fold.validation)).collect()
}
