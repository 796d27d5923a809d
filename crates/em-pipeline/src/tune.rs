//! Thresholds and cleaning of masks, chosen on the validation sections of a run.
//!
//! The network predicts once; then each class goes through the steps in turn (`choose.rs`).
//! Where regions were left out, each is predicted by the network that has not seen it.
//! Nothing but validation is chosen on; of the training labels only the sizes of objects are looked at,
//! which bound what may be removed as too small.

mod choose;
mod sizes;

use em_model::{Device, ModelCard, RunFolder, Tuning};
use ndarray::Axis;

use crate::dataset::region_probabilities;
use crate::error::Result;
use crate::{Dataset, Observer, RunConfig, scorers};
use choose::{Scored, choose};
use sizes::SmallestObjects;

/// Chooses thresholds and cleaning on the validation regions of a run, and writes them to its folder;
/// `settings` are overrides of `data.*`, for data that were moved, and of `predict.*`.
///
/// # Errors
///
/// Fails if the run or its data are missing or damaged, or memory runs out.
pub fn tune(
    run: &RunFolder,
    settings: &[String],
    device: Device,
    observer: &mut Observer<'_>,
) -> Result<Tuning> {
    // The card is read first: its error says what a run is.
    ModelCard::read(run)?;
    let config = RunConfig::of_run(run, settings)?;
    let dataset = Dataset::read(&config, observer)?;
    choose_for(run, &config, &dataset, device)
}

/// Chooses for a run whose data are in memory, and writes the choice to its folder.
pub(crate) fn choose_for(
    run: &RunFolder,
    config: &RunConfig,
    dataset: &Dataset,
    device: Device,
) -> Result<Tuning> {
    let card = ModelCard::read(run)?;
    let mut sides: Vec<Vec<Scored<'_>>> = card.classes.iter().map(|_| Vec::new()).collect();
    for scorer in scorers::of(run, dataset, &config.predict, device)? {
        for region in scorer.regions {
            let volume = &dataset.set.volumes()[region.volume];
            let probabilities = region_probabilities(&scorer.predictor, &dataset.set, region)?;
            for (class, sides) in sides.iter_mut().enumerate() {
                let label = region.slice(volume.mask(class));
                let ignored = volume.ignored(class).map(|ignored| region.slice(ignored));
                sides.push(Scored::new(probabilities.index_axis(Axis(0), class), label, ignored));
            }
        }
    }
    let mut tuning = Tuning::new(run, &card)?;
    for (number, (class, sides)) in card.classes.iter().zip(&sides).enumerate() {
        let smallest = SmallestObjects::of(&dataset.set, &dataset.split.train, number);
        tuning.classes.insert(class.clone(), choose(sides, smallest)?);
    }
    tuning.write(run)?;
    Ok(tuning)
}
