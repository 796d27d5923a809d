//! The training loop and its checkpoints.
//!
//! Nothing random outlives an epoch: tiles follow from the seed and the epoch's number, and so do
//! dropout and noise. A run that is killed and resumed therefore ends, on the CPU, with the same
//! bytes as one that was not.

use std::time::Instant;

use em_data::{AugmentationConfig, Normalization, Sampler, Split, TilingConfig, TrainingSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{BatchConfig, DeviceVolumes};
use crate::history::{EpochRecord, Scores};
use crate::loss::Loss;
use crate::optimizer::Optimizer;
use crate::unet::{Mode, UNet};
use crate::validate::ValidationSet;
use crate::{
    Architecture, Device, Error, LossConfig, OptimizerConfig, PredictConfig, Result, RunFolder,
    ScheduleConfig,
};

mod average;
mod meter;
mod preview;
mod state;

use average::Average;
use meter::Meter;
pub use preview::SampleTile;
use state::State;

/// Section `[train]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// How often the training tiles are gone through.
    pub epochs: usize,
    /// Tiles per step.
    pub batch_size: usize,
    /// Highest learning rate of the schedule.
    pub learning_rate: f64,
    /// Seed of weights, tiles, changes and dropout.
    pub seed: u64,
    /// Joint L2 norm to which gradients are scaled down; 0 leaves them as they are.
    pub clip_gradient_norm: f64,
    /// Share that a running average of the weights keeps at each step; the average is what is scored, saved and used. 0 takes the weights themselves. In the first steps less is kept, (1 + step) / (10 + step).
    pub average_decay: f64,
    /// Epochs without a better score after which the training ends; 0 never ends it early.
    pub early_stopping_patience: usize,
    /// The validation score whose best epoch is kept.
    pub best_by: BestBy,
    /// Numbers that features are kept in during training: `fp32`; `bf16`, about twice as fast where the processor or accelerator has instructions for it; `auto`, bf16 on processors that do. Weights are always fp32.
    pub precision: Precision,
    /// How the learning rate changes.
    pub schedule: ScheduleConfig,
    /// How weights follow gradients.
    pub optimizer: OptimizerConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 8,
            learning_rate: 3e-3,
            seed: 0,
            clip_gradient_norm: 0.0,
            average_decay: 0.0,
            early_stopping_patience: 0,
            best_by: BestBy::ValIou,
            precision: Precision::Auto,
            schedule: ScheduleConfig::default(),
            optimizer: OptimizerConfig::default(),
        }
    }
}

/// The score that decides which epoch's weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// Mean foreground IoU on validation.
    ValIou,
    /// Mean foreground Dice on validation.
    ValDice,
    /// Loss on validation.
    ValLoss,
}

/// Numbers that features are kept in during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// `bf16` on processors with instructions for it, else `fp32`.
    Auto,
    /// 32-bit floats.
    Fp32,
    /// 16-bit floats with the range of 32-bit ones.
    Bf16,
}

impl Precision {
    pub(crate) fn kind(self, device: Device) -> tch::Kind {
        let has_instructions = || device == Device::Cpu && cpu_computes_bf16();
        match self {
            Self::Bf16 => tch::Kind::BFloat16,
            Self::Auto if has_instructions() => tch::Kind::BFloat16,
            _ => tch::Kind::Float,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_computes_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_computes_bf16() -> bool {
    false
}

impl BestBy {
    /// The score of an epoch, larger is better; `None` where it does not exist.
    fn score(self, validation: &Scores) -> Option<f64> {
        match self {
            Self::ValIou => validation.iou(),
            Self::ValDice => validation.dice(),
            Self::ValLoss => Some(-validation.loss),
        }
    }
}

impl TrainConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the key that is out of range.
    pub fn check(&self) -> Result<()> {
        let above_zero = |v: f64| v > 0.0 && v.is_finite();
        let checks = [
            ("train.epochs", self.epochs.to_string(), self.epochs > 0, "at least 1"),
            ("train.batch_size", self.batch_size.to_string(), self.batch_size > 0, "at least 1"),
            (
                "train.learning_rate",
                self.learning_rate.to_string(),
                above_zero(self.learning_rate),
                "above 0",
            ),
            (
                "train.clip_gradient_norm",
                self.clip_gradient_norm.to_string(),
                self.clip_gradient_norm >= 0.0,
                "0 or more",
            ),
            (
                "train.average_decay",
                self.average_decay.to_string(),
                (0.0..1.0).contains(&self.average_decay),
                "0 to below 1",
            ),
        ];
        if let Some((key, found, _, expected)) = checks.into_iter().find(|(_, _, good, _)| !good) {
            return Err(Error::Setting { key, found, expected: expected.into() });
        }
        self.schedule.check()?;
        self.optimizer.check()
    }
}

/// All that a training needs.
#[derive(Debug)]
pub struct Training<'a> {
    /// Volumes and labels.
    pub set: &'a TrainingSet,
    /// Which voxels train and which validate.
    pub split: &'a Split,
    /// The network.
    pub architecture: &'a Architecture,
    /// Fitted on the training voxels.
    pub normalization: Normalization,
    /// Section `[tiling]`.
    pub tiling: &'a TilingConfig,
    /// Section `[augmentation]`.
    pub augmentation: &'a AugmentationConfig,
    /// Section `[loss]`.
    pub loss: &'a LossConfig,
    /// Section `[train]`.
    pub config: &'a TrainConfig,
    /// Section `[predict]`: how validation sections go through the network.
    pub predict: &'a PredictConfig,
    /// Voxel size in nm, `[z, y, x]`, for the model card.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Where to compute.
    pub device: Device,
    /// Where weights, state and history are written.
    pub run: &'a RunFolder,
}

impl Training<'_> {
    /// Checks everything that can be said before the first step.
    ///
    /// # Errors
    ///
    /// Fails if settings do not fit together or the data, or if a class has no foreground to learn from.
    pub fn check(&self) -> Result<()> {
        self.config.check()?;
        self.predict.check()?;
        self.loss.check(self.set.classes(), self.architecture.exclusive)?;
        self.tiling.check()?;
        self.tiling.check_fit(self.set, &self.split.train)?;
        self.architecture.check_tile_size(self.tiling.tile_size)?;
        self.architecture.check_tile_depth(self.tiling.tile_depth)?;
        self.augmentation.check()?;
        if self.augmentation.turn_cubes && self.tiling.tile_depth != self.tiling.tile_size {
            return Err(Error::Setting {
                key: "augmentation.turn_cubes",
                found: "true".into(),
                expected: "false where tiling.tile_depth is not tiling.tile_size".into(),
            });
        }
        let foreground = self.set.foreground(&self.split.train);
        match self.set.classes().iter().zip(foreground).find(|(_, voxels)| *voxels == 0) {
            Some((class, _)) => Err(Error::EmptyClass { class: class.clone() }),
            None => Ok(()),
        }
    }
}

impl Training<'_> {
    /// The share of foreground of each class among the training voxels.
    fn foreground_shares(&self) -> Vec<f64> {
        let voxels: usize = self.split.train.iter().map(|region| region.roi.voxels()).sum();
        let foreground = self.set.foreground(&self.split.train);
        foreground.into_iter().map(|n| n as f64 / voxels.max(1) as f64).collect()
    }
}

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
