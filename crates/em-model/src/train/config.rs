//! The settings of a training.

use std::ops::Bound;
use std::path::PathBuf;

use em_data::SettingError;
use em_data::settings::{self, Checks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OptimizerConfig, ScheduleConfig};
use crate::run::EpochScores;
use crate::{Precision, Result};

/// All numbers above 0.
pub(super) const ABOVE_0: (Bound<f64>, Bound<f64>) = (Bound::Excluded(0.0), Bound::Unbounded);

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
    /// The validation score whose best epoch is kept; `last` keeps the last epoch, as does a training without validation.
    pub best_by: BestBy,
    /// Numbers that features are kept in during training: `fp32`; `bf16`, about twice as fast where the processor or accelerator has instructions for it; `auto`, bf16 on processors that do. Weights are always fp32.
    pub precision: Precision,
    /// Weights to start with in place of random ones: a run, a file in it, or the name of a built-in network. Tensors of another name or shape keep their random start, and are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// Leave the encoder as `init` has it, and train the rest.
    pub freeze_encoder: bool,
    /// Choose thresholds and the cleaning of masks on validation when the training is done; whoever calls the training does it.
    pub tune: bool,
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
            init: None,
            freeze_encoder: false,
            tune: true,
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
    /// The last epoch, whatever validation says: its score is then that of a network which was not chosen by it.
    Last,
}

impl BestBy {
    /// The score of an epoch, larger is better: of the classes that validation holds, or the loss
    /// where it holds none. What it holds is the same in all epochs of a training. `None` where the
    /// last epoch is the best, and where there is no validation.
    pub(super) fn score(self, validation: &EpochScores) -> Option<f64> {
        let loss = validation.known_loss()?;
        let of_classes = match self {
            Self::ValIou => validation.of_present().iou(),
            Self::ValDice => validation.of_present().dice(),
            Self::ValLoss => None,
            Self::Last => return None,
        };
        Some(of_classes.unwrap_or(-loss))
    }
}

impl TrainConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("TrainConfig");
        checks
            .at_least_1("epochs", self.epochs)
            .at_least_1("batch_size", self.batch_size)
            .within("learning_rate", self.learning_rate, ABOVE_0, "above 0")
            .within("clip_gradient_norm", self.clip_gradient_norm, 0.0.., "0 or more")
            .within("average_decay", self.average_decay, 0.0..1.0, "0 to below 1")
            .extend(self.schedule.problems())
            .extend(self.optimizer.problems());
        checks.finish()
    }

    /// Returns what is wrong with a frozen encoder, for a training with or without a network to start with.
    pub fn problem_of_start(&self, has_init: bool) -> Option<SettingError> {
        let mut checks = Checks::of("TrainConfig");
        let expected = "false without init, since a random encoder would never learn";
        checks.require("freeze_encoder", self.freeze_encoder, has_init || !self.freeze_encoder, expected);
        checks.finish().pop()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        Ok(settings::first(self.problems())?)
    }
}
