//! What a training remembers between epochs, and how it is saved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::average::tensors;
use super::data_digest::DataDigest;
use super::learner::Learner;
use super::{TrainConfig, Training};
use crate::error::Computed;
use crate::run::{FORMAT_VERSION, checkpoint, write_history};
use crate::{EpochRecord, Error, ModelCard, Result, RunFolder, ScheduleKind};

/// Epochs in a row without any foreground after which a training is given up.
const EPOCHS_OF_BACKGROUND: usize = 3;

/// What the names of the optimiser's moments, and of averaged weights, begin with.
const MOMENT: &str = "optimizer.";
const AVERAGE: &str = "average.";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// What is trained on; states of earlier versions do not know.
    #[serde(default)]
    data: Option<DataDigest>,
    pub records: Vec<EpochRecord>,
    pub steps: usize,
    /// Times that the plateau schedule has lowered the learning rate.
    pub drops: usize,
    best: Option<f64>,
    epochs_since_best: usize,
    epochs_since_drop: usize,
    optimizer_steps: i32,
    /// Epochs in a row in which a class was never predicted, per class.
    background: Vec<usize>,
}

impl State {
    /// Starts with no epoch.
    pub fn new(data: DataDigest) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// The data that are trained on.
    pub fn data(&self) -> DataDigest {
        self.data.clone().expect("a training knows its data when it starts")
    }

    /// Reads the state of a run, but for its tensors.
    pub fn read(run: &RunFolder) -> Result<Self> {
        Self::parse(run, &checkpoint::read_state_text(run)?)
    }

    fn parse(run: &RunFolder, text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| Error::RunFile { path: run.state(), problem: format!("is damaged: {error}") })
    }

    /// Checks that the run was trained on these data.
    pub fn expect(&mut self, run: &RunFolder, data: &DataDigest) -> Result<()> {
        let before = self.data.get_or_insert_with(|| data.clone());
        match before.difference(data) {
            Some(difference) => Err(Error::OtherData { run: run.path().to_owned(), difference }),
            None => Ok(()),
        }
    }

    /// Adds an epoch. Returns whether it is the best so far.
    ///
    /// Fails if a class has not been predicted for too long.
    pub fn add(&mut self, record: EpochRecord, config: &TrainConfig, classes: &[String]) -> Result<bool> {
        self.watch_background(&record, classes)?;
        let score = config.best_by.score(&record.validation);
        let best = score.is_none_or(|score| self.best.is_none_or(|known| score > known));
        self.best = if best { score } else { self.best };
        self.epochs_since_best = if best { 0 } else { self.epochs_since_best + 1 };
        self.epochs_since_drop = if best { 0 } else { self.epochs_since_drop + 1 };
        let plateau = config.schedule.kind == ScheduleKind::Plateau;
        if plateau && self.epochs_since_drop > config.schedule.plateau_patience {
            self.drops += 1;
            self.epochs_since_drop = 0;
        }
        self.records.push(record);
        Ok(best)
    }

    pub fn stops_early(&self, config: &TrainConfig) -> bool {
        let patience = config.early_stopping_patience;
        patience > 0 && self.epochs_since_best >= patience
    }

    fn watch_background(&mut self, record: &EpochRecord, classes: &[String]) -> Result<()> {
        self.background.resize(classes.len(), 0);
        for (number, class) in classes.iter().enumerate() {
            let sides = [&record.train, &record.validation].map(|scores| scores.counts.get(number));
            let sum: em_metrics::ConfusionCounts = sides.into_iter().flatten().copied().sum();
            let predicted = sum.true_positives + sum.false_positives > 0;
            let missed = sum.false_negatives > 0;
            self.background[number] = if missed && !predicted { self.background[number] + 1 } else { 0 };
            if self.background[number] >= EPOCHS_OF_BACKGROUND {
                return Err(Error::Collapsed { class: class.clone(), epochs: self.background[number] });
            }
        }
        Ok(())
    }

    /// Reads the state of a run and puts weights and moments back.
    pub fn load(run: &RunFolder, learner: &mut Learner) -> Computed<Self> {
        let path = run.state();
        let device = learner.net.parameters().device();
        let (tensors, text) = checkpoint::read_state(run, device)?;
        let mut state = Self::parse(run, &text)?;
        let (mut weights, mut moments, mut averaged) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (name, tensor) in tensors {
            if let Some(moment) = name.strip_prefix(MOMENT) {
                moments.insert(moment.to_owned(), tensor);
            } else if let Some(weight) = name.strip_prefix(AVERAGE) {
                averaged.insert(weight.to_owned(), tensor);
            } else {
                weights.insert(name, tensor);
            }
        }
        let of_average = match &mut learner.average {
            Some(average) => average.load(&averaged)?,
            None => None,
        };
        let difference = match of_average {
            Some(difference) => Some(format!("the average of the weights: {difference}")),
            None => learner.net.parameters_mut().load(&weights)?,
        };
        if let Some(difference) = difference {
            return Err(Error::OtherArchitecture { path, difference }.into());
        }
        if let Some(name) = learner.optimizer.load(&moments, state.optimizer_steps)? {
            let difference = format!("the optimiser's `{name}` is missing or has another shape");
            return Err(Error::OtherArchitecture { path, difference }.into());
        }
        if !is_whole(run) {
            state.best = None;
        }
        Ok(state)
    }
}

/// Whether weights and card are there and belong together.
///
/// A kill between the two leaves a pair that no one can use. The epoch that wrote it comes again, and
/// has to replace it whatever its score is then: on an accelerator it may not be the same.
fn is_whole(run: &RunFolder) -> bool {
    let Ok(card) = ModelCard::read(run) else { return false };
    let Ok(found) = checkpoint::sha256_of_file(&run.weights()) else { return false };
    card.weights_sha256.is_none_or(|known| known == found)
}

/// Writes an epoch: the model if it is the best, the history, and last the state.
///
/// A kill in between leaves the earlier state, from which the same epoch follows again.
pub(super) fn save(
    training: &Training<'_>,
    run: &RunFolder,
    learner: &Learner,
    state: &State,
    best: bool,
) -> Computed<()> {
    if best {
        let weights_sha256 = checkpoint::write_weights(run, &tensors(learner.kept()))?;
        card(training, state, weights_sha256).write(run)?;
    }
    write_history(run, &state.records, training.set.classes())?;
    let (moments, optimizer_steps) = learner.optimizer.state();
    let mut saved = tensors(&learner.net);
    saved.extend(moments.into_iter().map(|(name, tensor)| (format!("{MOMENT}{name}"), tensor)));
    if let Some(average) = &learner.average {
        let averaged = tensors(average.net()).into_iter();
        saved.extend(averaged.map(|(name, tensor)| (format!("{AVERAGE}{name}"), tensor)));
    }
    let state = State { optimizer_steps, ..state.clone() };
    let text = serde_json::to_string(&state).expect("a state has no maps");
    checkpoint::write_state(run, &saved, text)
}

fn card(training: &Training<'_>, state: &State, weights_sha256: String) -> ModelCard {
    let record = state.records.last().expect("a card is written after an epoch");
    let classes = training.set.classes();
    ModelCard {
        format_version: FORMAT_VERSION,
        weights_sha256: Some(weights_sha256),
        architecture: training.architecture.clone(),
        classes: classes.to_vec(),
        normalization: training.normalization,
        fitting: None,
        predict: Some(training.settings.predict.clone()),
        thresholds_of_version_1: BTreeMap::new(),
        tile_size: training.settings.tiling.tile_size,
        training_voxels: Some(training.voxels()),
        voxel_size_nm: training.voxel_size_nm,
        seed: training.settings.train.seed,
        epoch: record.epoch,
        em_model: env!("CARGO_PKG_VERSION").into(),
        libtorch: crate::LIBTORCH_VERSION.into(),
        leaking_split: training.split.leaks,
        validation: classes.iter().cloned().zip(record.validation.counts.iter().copied()).collect(),
    }
}

/// A seed for libtorch's generator, different for each epoch.
pub(super) fn epoch_seed(seed: u64, epoch: usize) -> i64 {
    // Any odd multiplier keeps epochs apart; `as` wraps, and any 64 bits are a seed.
    seed.wrapping_add((epoch as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)) as i64
}
