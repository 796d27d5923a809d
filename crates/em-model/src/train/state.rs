//! What a training remembers between epochs, and the files that hold it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::average::{Average, tensors};
use super::optimizer::Optimizer;
use super::{TrainConfig, Training};
use crate::network::UNet;
use crate::run::{FORMAT_VERSION, checkpoint, to_csv};
use crate::{EpochRecord, Error, ModelCard, Result, RunFolder, ScheduleKind};

/// Epochs in a row without any foreground after which a training is given up.
const EPOCHS_OF_BACKGROUND: usize = 3;

/// What the names of the optimiser's moments, and of averaged weights, begin with.
const MOMENT: &str = "optimizer.";
const AVERAGE: &str = "average.";

/// The key of the state's text in `last/state.safetensors`.
const STATE: &str = "state";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
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
    /// Adds an epoch. Returns whether it is the best so far.
    ///
    /// Fails if a class has not been predicted for too long.
    pub fn add(&mut self, record: EpochRecord, config: &TrainConfig, classes: &[String]) -> Result<bool> {
        self.watch_background(&record, classes)?;
        let score = config.best_by.score(&record.validation);
        // Without any score the last epoch counts as the best, so that there is a model.
        let best = score.is_none() && self.best.is_none() || score > self.best;
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
    pub fn load(
        run: &RunFolder,
        net: &mut UNet,
        optimizer: &mut Optimizer,
        average: Option<&mut Average>,
    ) -> Result<Self> {
        let path = run.state();
        let device = net.parameters().device();
        let (tensors, texts) = checkpoint::read(&path, device)?;
        let problem = |problem: String| Error::RunFile { path: path.clone(), problem };
        let text = texts.get(STATE).ok_or_else(|| problem("holds no training state".into()))?;
        let state: Self =
            serde_json::from_str(text).map_err(|error| problem(format!("is damaged: {error}")))?;
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
        if let Some(average) = average
            && let Some(difference) = average.load(&averaged)?
        {
            let difference = format!("the average of the weights: {difference}");
            return Err(Error::OtherArchitecture { path, difference });
        }
        if let Some(difference) = net.parameters_mut().load(&weights)? {
            return Err(Error::OtherArchitecture { path, difference });
        }
        if let Some(name) = optimizer.load(&moments, state.optimizer_steps)? {
            let difference = format!("the optimiser's `{name}` is missing or has another shape");
            return Err(Error::OtherArchitecture { path, difference });
        }
        Ok(state)
    }
}

/// Writes an epoch: the model if it is the best, the history, and last the state.
///
/// A kill in between leaves the earlier state, from which the same epoch follows again.
pub(super) fn save(
    training: &Training<'_>,
    net: &UNet,
    average: Option<&Average>,
    optimizer: &Optimizer,
    state: &State,
    best: bool,
) -> Result<()> {
    let run = training.run;
    if best {
        let kept = tensors(average.map_or(net, Average::net));
        checkpoint::write(&run.weights(), &kept, HashMap::from([("format".into(), "pt".into())]))?;
        card(training, state).write(run)?;
    }
    let csv = to_csv(&state.records, training.set.classes());
    em_io::write_atomically(&run.history(), |file| file.write_all(csv.as_bytes()))?;
    let (moments, optimizer_steps) = optimizer.state();
    let mut saved = tensors(net);
    saved.extend(moments.into_iter().map(|(name, tensor)| (format!("{MOMENT}{name}"), tensor)));
    if let Some(average) = average {
        let averaged = tensors(average.net()).into_iter();
        saved.extend(averaged.map(|(name, tensor)| (format!("{AVERAGE}{name}"), tensor)));
    }
    let state = State { optimizer_steps, ..state.clone() };
    let text = serde_json::to_string(&state).expect("a state has no maps");
    checkpoint::write(&run.state(), &saved, HashMap::from([(STATE.into(), text)]))
}

fn card(training: &Training<'_>, state: &State) -> ModelCard {
    let record = state.records.last().expect("a card is written after an epoch");
    let classes = training.set.classes();
    ModelCard {
        format_version: FORMAT_VERSION,
        architecture: training.architecture.clone(),
        classes: classes.to_vec(),
        normalization: training.normalization,
        thresholds: classes.iter().map(|class| (class.clone(), 0.5)).collect(),
        tile_size: training.tiling.tile_size,
        voxel_size_nm: training.voxel_size_nm,
        seed: training.config.seed,
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
