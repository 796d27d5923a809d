//! The training loop and its checkpoints.
//!
//! Nothing random outlives an epoch: tiles follow from the seed and the epoch's number, and so do
//! dropout and noise. A run that is killed and resumed therefore ends, on the CPU, with the same
//! bytes as one that was not.

use std::time::Instant;

use em_data::Sampler;

use crate::augment::{BatchConfig, DeviceVolumes};
use crate::network::{Mode, UNet};
use crate::{EpochRecord, Result};

mod average;
mod config;
pub(crate) mod loss;
mod meter;
pub(crate) mod optimizer;
mod preview;
mod schedule;
mod state;
mod training;
mod validation;

use average::Average;
pub use config::{BestBy, TrainConfig};
use loss::Loss;
pub use loss::{LossConfig, LossKind, Overlap};
use meter::Meter;
use optimizer::Optimizer;
pub use optimizer::{OptimizerConfig, OptimizerKind};
pub use preview::SampleTile;
pub use schedule::{ScheduleConfig, ScheduleKind};
use state::State;
pub use training::Training;
use validation::ValidationSet;

/// What happens in a training, for whoever shows it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// An interrupted training goes on after this many finished epochs.
    Resumed {
        /// Finished epochs.
        epochs: usize,
    },
    /// A step is done.
    Step {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Tiles of this epoch that are done.
        tiles: usize,
        /// Tiles of an epoch.
        of: usize,
        /// Mean loss of this epoch so far, now and then.
        loss: Option<f64>,
    },
    /// The validation regions are being scored.
    Validating,
    /// An epoch is done and saved.
    Epoch {
        /// Its row of the history.
        record: &'a EpochRecord,
        /// Whether its weights are the best so far.
        best: bool,
    },
    /// No better score for as long as the configuration allows.
    StoppedEarly,
}

/// Trains a network; with `resume`, goes on after the last epoch that the run has saved, if any.
///
/// Writes `model.safetensors` and `model.json` whenever an epoch is the best so far, and
/// `history.csv` and `last/` at the end of each epoch. Returns the history.
///
/// # Errors
///
/// Fails if settings do not fit together or the data, if a class has no foreground to learn from,
/// if the loss diverges or the network collapses to background, or if files cannot be written.
pub fn train(
    training: &Training<'_>,
    resume: bool,
    observe: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<EpochRecord>> {
    training.check()?;
    let Training { config, device, .. } = *training;
    let architecture = training.architecture;
    let sampler = Sampler::new(
        training.set,
        &training.split.train,
        training.tiling,
        training.augmentation,
        config.seed,
    )?;
    let volumes = DeviceVolumes::upload(training.set, device.torch())?;
    let validation = ValidationSet::new(
        &training.split.validation,
        architecture,
        training.predict,
        training.normalization,
    );
    let classes = training.set.classes();
    let shares = training.foreground_shares();
    let balanced = training.loss.balanced(classes, &shares);
    let loss = Loss::new(&balanced, classes, architecture.exclusive, device.torch())?;
    let mut net = UNet::new(architecture, device, config.seed)?;
    net.expect(&shares)?;
    let mut optimizer = Optimizer::new(&config.optimizer, net.parameters())?;
    let mut average = Average::new(config.average_decay, &net, architecture, device)?;
    let mut state = State::default();
    if resume && training.run.state().exists() {
        state = State::load(training.run, &mut net, &mut optimizer, average.as_mut())?;
        observe(Progress::Resumed { epochs: state.records.len() });
    }

    let batch = BatchConfig::new(architecture, training.tiling, training.normalization);
    let precision = config.precision.kind(device);
    let total_steps = config.epochs * sampler.tiles_per_epoch().div_ceil(config.batch_size);
    while state.records.len() < config.epochs && !state.stops_early(config) {
        let epoch = state.records.len();
        let started = Instant::now();
        // Dropout and noise of an epoch follow from its number alone.
        tch::manual_seed(state::epoch_seed(config.seed, epoch));
        let samples = sampler.epoch(epoch);
        let mut meter = Meter::new(device);
        let mut learning_rate = config.learning_rate;
        for (step, chosen) in samples.chunks(config.batch_size).enumerate() {
            let (inputs, masks) = volumes.batch(chosen, &batch)?;
            let levels = net.levels(&inputs, Mode::Training(precision))?;
            let value = loss.of_levels(&levels, &masks)?;
            value.f_backward()?;
            if config.clip_gradient_norm > 0.0 {
                optimizer.clip_gradients(config.clip_gradient_norm)?;
            }
            learning_rate =
                config.learning_rate * config.schedule.factor(state.steps, total_steps, state.drops);
            optimizer.step(learning_rate)?;
            state.steps += 1;
            if let Some(average) = &mut average {
                average.follow(&net, state.steps)?;
            }
            meter.add(&value, &loss.probabilities(&levels[0])?, &masks, chosen.len())?;
            let shown = meter.loss_now_and_then(step, epoch + 1, state.steps)?;
            observe(Progress::Step {
                epoch: epoch + 1,
                tiles: meter.tiles(),
                of: samples.len(),
                loss: shown,
            });
        }
        let train = meter.scores(epoch + 1, state.steps)?;
        let tiles_per_second = samples.len() as f64 / started.elapsed().as_secs_f64();
        observe(Progress::Validating);
        // The average of the weights, where there is one, is what is scored and kept.
        let kept = average.as_ref().map_or(&net, Average::net);
        // Scored as it will predict.
        let folded = kept.folded()?.with_features(training.predict.precision.kind(device));
        let scores = validation.score(&folded, &loss, &volumes)?;
        let seconds = started.elapsed().as_secs_f64();
        let record = EpochRecord {
            epoch: epoch + 1,
            learning_rate,
            train,
            validation: scores,
            seconds,
            tiles_per_second,
        };
        let best = state.add(record, config, training.set.classes())?;
        state::save(training, &net, average.as_ref(), &optimizer, &state, best)?;
        observe(Progress::Epoch { record: &state.records[epoch], best });
    }
    if state.records.len() < config.epochs {
        observe(Progress::StoppedEarly);
    }
    Ok(state.records)
}
