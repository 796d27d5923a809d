//! The training loop.
//!
//! Nothing random outlives an epoch: tiles follow from the seed and the epoch's number, and so do
//! dropout and noise. A run that is killed and resumed therefore ends, on the CPU, with the same
//! bytes as one that was not.

use std::ops::ControlFlow;
use std::time::Instant;

use em_data::Sampler;

use crate::augment::{BatchConfig, DeviceVolumes};
use crate::error::{Computed, Failure};
use crate::network::Mode;
use crate::ranks::Share;
use crate::run::EventFile;
use crate::{EpochRecord, Error, Result, RunFolder, RunLock};

mod average;
mod config;
mod data_digest;
pub(crate) mod generator;
mod initial;
mod learner;
pub(crate) mod loss;
mod meter;
pub(crate) mod optimizer;
mod preview;
mod schedule;
mod state;
mod together;
mod training;
mod validation;

pub use config::{BestBy, TrainConfig};
use data_digest::DataDigest;
pub use initial::TakenWeights;
use learner::Learner;
pub use loss::{LossConfig, LossKind, Overlap};
use meter::Meter;
pub use optimizer::{OptimizerConfig, OptimizerKind};
pub use preview::SampleTile;
pub use schedule::{ScheduleConfig, ScheduleKind};
use state::State;
pub use training::{Training, TrainingSettings};
use validation::ValidationSet;

/// What happens in a training, for whoever shows it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The network starts with weights of another.
    Started {
        /// What was taken.
        from: &'a TakenWeights,
    },
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
    /// The validation regions are being scored, some at a time.
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

/// Trains a network into a run's folder, from its start.
///
/// Writes `model.safetensors` and `model.json` whenever an epoch is the best so far, and
/// `history.csv`, `last/` and `tensorboard/` at the end of each epoch. Returns the history.
///
/// Where the observer answers `Break`, the training ends after the current step with
/// [`Error::Stopped`]; what the last finished epoch wrote is there to be [resumed](resume).
///
/// A process trains one network at a time, since libtorch has one generator of random numbers: a
/// second training waits for the first.
///
/// # Errors
///
/// Fails if settings do not fit together or the data, if a class has no foreground to learn from,
/// if the loss diverges or the network collapses to background, if the observer stops it, or if
/// files cannot be written.
pub fn train(
    training: &Training<'_>,
    lock: &RunLock,
    observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<EpochRecord>> {
    training.check()?;
    let _alone = generator::kept();
    let learner = start(training, observe)?;
    let state = State::new(DataDigest::of(training));
    go_through(training, Some(lock.run()), learner, state, observe)
}

/// Goes on with a training after the last epoch that the folder holds, or from its start where it
/// holds none; ends, on the CPU, with the same bytes as one that was never stopped.
///
/// # Errors
///
/// As [`train`], and if the folder's state is damaged, of another network or of other data.
pub fn resume(
    training: &Training<'_>,
    lock: &RunLock,
    observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<EpochRecord>> {
    training.check()?;
    let _alone = generator::kept();
    let data = DataDigest::of(training);
    if !lock.run().state().exists() {
        let learner = start(training, observe)?;
        return go_through(training, Some(lock.run()), learner, State::new(data), observe);
    }
    let mut learner = Learner::new(training)?;
    let mut state = State::load(lock.run(), &mut learner)?;
    state.expect(lock.run(), &data)?;
    tell(observe, Progress::Resumed { epochs: state.records.len() })?;
    go_through(training, Some(lock.run()), learner, state, observe)
}

/// Takes part in a training that rank 0 of [its ranks](Training::ranks) starts or resumes, and writes nothing.
///
/// # Errors
///
/// As [`train`]; if the ranks would not train the same; and if another rank ends the training.
pub fn follow(
    training: &Training<'_>,
    observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<()> {
    training.check()?;
    let _alone = generator::kept();
    let learner = Learner::new(training)?;
    let state = State::new(DataDigest::of(training));
    go_through(training, None, learner, state, observe).map(drop)
}

/// A network as it starts: random, or with the weights of another.
fn start(
    training: &Training<'_>,
    observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Learner> {
    if let Some(problem) = training.settings.train.problem_of_start(training.init.is_some()) {
        return Err(problem.into());
    }
    let Some(other) = &training.init else { return Ok(Learner::new(training)?) };
    let (learner, taken) = Learner::from_other(training, other)?;
    tell(observe, Progress::Started { from: &taken })?;
    Ok(learner)
}

/// Returns how many epochs a run has saved, from which this training can go on; 0 where there are
/// none.
///
/// # Errors
///
/// Fails if the folder's state is damaged or of other data.
pub fn saved_epochs(training: &Training<'_>, run: &RunFolder) -> Result<usize> {
    if !run.state().exists() {
        return Ok(0);
    }
    let mut state = State::read(run)?;
    state.expect(run, &DataDigest::of(training))?;
    Ok(state.records.len())
}

/// Returns how many epochs a run has saved, on whatever data; 0 where there are none.
///
/// # Errors
///
/// Fails if the folder's state is damaged.
pub fn count_saved_epochs(run: &RunFolder) -> Result<usize> {
    if !run.state().exists() {
        return Ok(0);
    }
    Ok(State::read(run)?.records.len())
}

/// Brings all ranks to where the first one is, and trains.
fn go_through(
    training: &Training<'_>,
    run: Option<&RunFolder>,
    mut learner: Learner,
    mut state: State,
    observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<EpochRecord>> {
    let (data, saved) = (state.data(), state.records.len());
    together::begin(training, &data, &mut learner, &mut state)
        .map_err(|error| Failure::from(error).after(saved))?;
    run_epochs(training, run, learner, &mut state, observe)
        .map_err(|failure| failure.after(state.records.len()))?;
    Ok(state.records)
}

/// The training loop. Ranks but the first have no run's folder, and neither score nor write.
fn run_epochs(
    training: &Training<'_>,
    run: Option<&RunFolder>,
    mut learner: Learner,
    state: &mut State,
    observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Computed<()> {
    let TrainingSettings { tiling, augmentation, train: config, predict, .. } = &training.settings;
    let (set, split, device, ranks) = (training.set, training.split, training.device, training.ranks);
    let (architecture, normalization) = (&training.architecture, training.normalization);
    let sampler = Sampler::new(set, &split.train, tiling, augmentation, config.seed)?;
    let volumes = DeviceVolumes::upload(set, device.torch())?;
    let validation = ValidationSet::new(&split.validation, architecture, predict, normalization);
    let loss = training.loss(&set.foreground_shares(&split.train))?;
    let batch = BatchConfig::new(architecture, tiling, normalization);
    let events = run.map(|run| EventFile::of_epochs(run, &state.records, set.classes())).transpose()?;
    let total_steps = config.epochs * sampler.tiles_per_epoch().div_ceil(config.batch_size);
    while state.records.len() < config.epochs && !state.stops_early(config) {
        let (index, started) = (state.records.len(), Instant::now());
        let epoch = index + 1;
        // Dropout and noise of an epoch follow from its number alone.
        tch::manual_seed(state::epoch_seed(config.seed, index));
        together::align(&learner, ranks)?;
        let samples = sampler.epoch(index);
        let mut meter = Meter::new(device);
        let mut learning_rate = config.learning_rate;
        for (step, chosen) in samples.chunks(config.batch_size).enumerate() {
            let share = Share::of(ranks, chosen.len());
            let (inputs, targets) = volumes.part_of_batch(chosen, &share, &batch)?;
            let levels =
                learner.net.levels(&inputs, Mode::Training(config.precision.kind(device), &share))?;
            let value = loss.of_levels(&levels, &targets, &share)?;
            learning_rate =
                config.learning_rate * config.schedule.factor(state.steps, total_steps, state.drops);
            state.steps += 1;
            learner.step(&value, &share, learning_rate, state.steps)?;
            meter.add(&value, &loss.probabilities(&levels[0])?, &targets, &share)?;
            let shown = meter.loss_now_and_then(step, epoch, state.steps)?;
            let (tiles, of) = (meter.tiles(), samples.len());
            together::go_on(ranks, observe(Progress::Step { epoch, tiles, of, loss: shown }))?;
        }
        let train = meter.scores(epoch, state.steps, ranks)?;
        // Kernels that the loss of a rank has ended say nothing of it: all have come here, or nothing is kept.
        together::go_on(ranks, ControlFlow::Continue(()))?;
        let tiles_per_second = samples.len() as f64 / started.elapsed().as_secs_f64();
        if let (Some(run), Some(events)) = (run, &events) {
            // Scored as it will predict.
            let folded = learner.kept().folded()?.with_features(predict.precision.kind(device));
            let scores =
                validation.score(&folded, &loss, &volumes, || tell(observe, Progress::Validating))?;
            let seconds = started.elapsed().as_secs_f64();
            let record =
                EpochRecord { epoch, learning_rate, train, validation: scores, seconds, tiles_per_second };
            let best = state.add(record, config, set.classes())?;
            state::save(training, run, &learner, state, best)?;
            events.add(&state.records[index])?;
            tell(observe, Progress::Epoch { record: &state.records[index], best })?;
        }
        together::decide(ranks, state)?;
    }
    if state.records.len() < config.epochs {
        tell(observe, Progress::StoppedEarly)?;
    }
    Ok(())
}

/// Tells the observer, who may end the training.
fn tell(observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>, progress: Progress<'_>) -> Result<()> {
    match observe(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped),
    }
}
