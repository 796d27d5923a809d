//! A network made to suit a stack that nobody labelled.
//!
//! Statistics first: grey values are those of the stack. Then the network is asked for some sections
//! at several pixel sizes and in all views, whose mean is better than any of the answers, and goes on to
//! learn what that mean is sure of (`dataset/unlabelled.rs`). It is an ordinary training on a stack
//! without labels, so that it is resumed, kept and refused as one.

use std::path::PathBuf;

use em_io::VoxelSize;
use em_model::{Device, ModelCard, Predictor, RunFolder};
use ndarray::{Axis, Zip};

use crate::config::RunConfig;
use crate::error::Result;
use crate::fine_tuning::{AUGMENTATION, AVERAGE_DECAY, BATCH_SIZE, TILES_PER_EPOCH};
use crate::train::{Start, train};
use crate::{Dataset, Observer, built_in, config, find_run, silent};

/// What is adapted to what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AdaptRequest {
    /// The folder of a run, or the name of a built-in network.
    pub model: PathBuf,
    /// The stack that the network is to suit.
    pub stack: PathBuf,
    /// Its voxel size in nm, `[z, y, x]`, where it tells none or a wrong one.
    pub voxel_size: Option<VoxelSize>,
    /// The folder of the new run.
    pub output: PathBuf,
    /// Overrides `KEY=VALUE` of its configuration.
    pub settings: Vec<String>,
    /// What becomes of a run that is there already.
    pub start: Start,
    /// Where to compute.
    pub device: Device,
}

impl AdaptRequest {
    /// Asks for a network to suit a stack.
    pub fn new(model: PathBuf, stack: PathBuf, output: PathBuf, device: Device) -> Self {
        Self { model, stack, voxel_size: None, output, settings: Vec::new(), start: Start::New, device }
    }
}

/// How far the answers for a class moved, on the sections that were learned from.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Movement {
    /// The class.
    pub class: String,
    /// Share of voxels that were foreground before, above the threshold of the class.
    pub before: f64,
    /// The same afterwards.
    pub after: f64,
    /// Share of voxels that changed sides.
    pub changed: f64,
    /// Mean absolute change of the probability.
    pub mean_change: f64,
}

/// As measured in docs/results.md.
const EPOCHS: usize = 6;
const LEARNING_RATE: f64 = 5e-4;
const FOREGROUND_FRACTION: f64 = 0.3;

/// Adapts a network; the model that it starts from is left as it is.
///
/// # Errors
///
/// As [`train()`], and if the model or the stack cannot be read.
pub fn adapt(request: &AdaptRequest, observer: &mut Observer<'_>) -> Result<Vec<Movement>> {
    let model = find_run(&request.model)?;
    let config = configuration(request, &model)?;
    train(&config, request.start, request.device, observer)?;
    movements(&config, &model, request.device)
}

/// The configuration of the training: the network and the predictions of the model, on the stack alone.
fn configuration(request: &AdaptRequest, model: &RunFolder) -> Result<RunConfig> {
    let card = ModelCard::read(model)?;
    let absolute = |path: &PathBuf| em_io::place::absolute(path).unwrap_or(path.clone());
    let of_model =
        if model.config().exists() { RunConfig::load(&model.config(), &[])? } else { of_card(&card)? };
    let mut adapted = RunConfig { data: Default::default(), ..of_model };
    adapted.data.classes.clone_from(&card.classes);
    adapted.data.unlabelled = vec![absolute(&request.stack)];
    adapted.data.voxel_size_nm = request.voxel_size;
    adapted.data.pixel_nm = card.voxel_size_nm.map(|[_, _, pixel]| pixel);
    if let Some(imported) = &mut adapted.model.imported {
        *imported = absolute(&model.path().to_owned());
    }
    let is_built_in = built_in::named(&request.model).is_some();
    let init = if is_built_in { request.model.clone() } else { absolute(&model.path().to_owned()) };
    let train = &mut adapted.train;
    (train.init, train.epochs, train.learning_rate) = (Some(init), EPOCHS, LEARNING_RATE);
    (train.average_decay, train.early_stopping_patience) = (AVERAGE_DECAY, 0);
    let tiling = &mut adapted.tiling;
    (tiling.tiles_per_epoch, tiling.foreground_fraction) = (TILES_PER_EPOCH, FOREGROUND_FRACTION);
    adapted.output.folder = absolute(&request.output);
    config::overrides::apply(adapted, &request.settings)
}

/// The configuration of a network that comes without one.
fn of_card(card: &ModelCard) -> Result<RunConfig> {
    let mut config = RunConfig::default();
    config.normalization.kind = card.normalization.kind();
    config.tiling.tile_size = card.tile_size;
    config.model.filters = Some(card.architecture.filters.clone());
    config.predict = card.predict.clone().unwrap_or_default();
    config.train.batch_size = BATCH_SIZE;
    let brighter = [("contrast", 0.25), ("brightness", 0.5)];
    let keys = AUGMENTATION.into_iter().chain(brighter);
    let keys: Vec<String> = keys.map(|(key, value)| format!("augmentation.{key}={value}")).collect();
    config::overrides::apply(config, &keys)
}

/// Compares what the model and the new run say of the sections.
fn movements(config: &RunConfig, model: &RunFolder, device: Device) -> Result<Vec<Movement>> {
    let run = RunFolder::new(&config.output.folder);
    let load = |run: &RunFolder| Predictor::with_config(run, device, config.predict.clone());
    let (before, after) = (load(model)?, load(&run)?);
    let mut unheard = silent;
    let dataset = Dataset::read(config, &mut Observer::new(&mut unheard))?;
    let Some(unlabelled) = &dataset.unlabelled else { return Ok(Vec::new()) };
    let mut voxels = 0;
    let mut sums = vec![[0.0_f64; 4]; after.card().classes.len()];
    for block in unlabelled.blocks() {
        let grey = block.to_f32();
        voxels += grey.len();
        let [was, is] = [&before, &after].map(|predictor| {
            let normalization = unlabelled.normalization_for(predictor);
            predictor.predict_sections(grey.view(), 0..block.shape()[0], normalization)
        });
        let (was, is) = (was?, is?);
        for (number, (class, sums)) in after.card().classes.iter().zip(&mut sums).enumerate() {
            let thresholds = [before.rule(class)?.threshold, after.rule(class)?.threshold];
            let place = before.card().classes.iter().position(|other| other == class).unwrap_or(number);
            Zip::from(was.index_axis(Axis(0), place)).and(is.index_axis(Axis(0), number)).for_each(
                |&a, &b| {
                    let (above_a, above_b) = (a > thresholds[0], b > thresholds[1]);
                    let share = |is: bool| f64::from(u8::from(is));
                    let moved =
                        [share(above_a), share(above_b), share(above_a != above_b), f64::from((a - b).abs())];
                    sums.iter_mut().zip(moved).for_each(|(sum, value)| *sum += value);
                },
            );
        }
    }
    let movement = |(class, sums): (&String, &[f64; 4])| {
        let [before, after, changed, mean_change] = sums.map(|sum| sum / (voxels as f64).max(1.0));
        Movement { class: class.clone(), before, after, changed, mean_change }
    };
    Ok(after.card().classes.iter().zip(&sums).map(movement).collect())
}
