//! A small volume of discs, and trainings on it that take a moment.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::ops::ControlFlow;

use em_data::{LabelledVolume, Region, Split, TrainingSet};
use em_io::{Mask, Roi, Voxels};
use em_model::{
    ClassTuning, Device, ModelCard, ModelConfig, Predictor, Progress, RunFolder, Training, Tuning,
};
use em_objects::Postprocess;
use ndarray::Array3;

pub const SHAPE: [usize; 3] = [4, 32, 32];
pub const CLASS: &str = "discs";

pub fn raw() -> Array3<u8> {
    Array3::from_shape_fn(SHAPE, |(z, y, x)| {
        let texture = ((z * 31 + y * 17 + x * 13) % 29) as u8;
        texture + if is_inside(z, y, x) { 60 } else { 160 }
    })
}

pub fn is_inside(z: usize, y: usize, x: usize) -> bool {
    (y + z).abs_diff(16).pow(2) + x.abs_diff(16).pow(2) < 64
}

pub fn set() -> TrainingSet {
    let mask = Mask::new(Array3::from_shape_fn(SHAPE, |(z, y, x)| is_inside(z, y, x)), None);
    let volume = LabelledVolume::new("discs", Voxels::from(raw()), vec![(CLASS.into(), mask)]).unwrap();
    TrainingSet::new(vec![CLASS.into()], vec![volume]).unwrap()
}

pub fn split() -> Split {
    let sections = |z| Region { volume: 0, roi: Roi::sections(SHAPE, z) };
    Split { train: vec![sections(0..2)], validation: vec![sections(3..4)], leaks: false }
}

/// A training of a tiny network, one step an epoch.
pub fn training<'a>(set: &'a TrainingSet, split: &'a Split) -> Training<'a> {
    let model = ModelConfig { filters: Some(vec![4, 8]), ..Default::default() };
    let mut training = Training::new(set, split, model.architecture(1).unwrap()).unwrap();
    training.device = Device::Cpu;
    training.voxel_size_nm = Some([50.0, 5.0, 5.0]);
    training.settings.tiling.tile_size = 32;
    training.settings.tiling.tiles_per_epoch = 4;
    training.settings.train.epochs = 2;
    training.settings.train.batch_size = 2;
    training
}

pub fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Trains into a folder that is gone after the test.
pub fn trained(seed: u64) -> (tempfile::TempDir, RunFolder) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    train_again(&run, seed);
    (folder, run)
}

pub fn train_again(run: &RunFolder, seed: u64) {
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    training.settings.train.seed = seed;
    em_model::train(&training, &run.lock().unwrap(), &mut go_on).unwrap();
}

pub fn load(run: &RunFolder) -> em_model::Result<Predictor> {
    Predictor::load(run.path(), Device::Cpu)
}

/// Writes a choice for the weights that are there now.
pub fn tune(run: &RunFolder, threshold: f32, postprocess: Postprocess) {
    let mut tuning = Tuning::new(run, &ModelCard::read(run).unwrap()).unwrap();
    tuning.classes.insert(CLASS.into(), ClassTuning { threshold, postprocess, steps: Vec::new() });
    tuning.write(run).unwrap();
}
