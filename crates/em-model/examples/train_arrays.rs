//! Trains a small network on arrays, a stack and a mask that are made here.
//!
//! ```sh
//! cargo run --release -p em-model --example train_arrays
//! ```

use std::error::Error;
use std::iter::successors;
use std::ops::ControlFlow;
use std::process::ExitCode;

use em_data::{LabelledVolume, Split, SplitConfig, TrainingSet};
use em_io::Mask;
use em_model::{ModelConfig, Progress, RunFolder, Training};
use ndarray::Array3;

fn run() -> Result<(), Box<dyn Error>> {
    let (raw, mask) = discs([10, 64, 64]);
    let volume = LabelledVolume::new("made here", raw.into(), vec![("discs".into(), mask)])?;
    let set = TrainingSet::new(vec!["discs".into()], vec![volume])?;
    let split = Split::new(&SplitConfig::default(), &[[10, 64, 64]], 32, 0)?;
    let model = ModelConfig { filters: Some(vec![8, 16]), ..Default::default() };
    let mut training = Training::new(&set, &split, model.architecture(1)?)?;
    training.settings.tiling.tile_size = 32;
    training.settings.tiling.tiles_per_epoch = 128;
    training.settings.train.epochs = 4;

    // A folder that is gone afterwards; a run that is to be kept has one of its own.
    let folder = tempfile::tempdir()?;
    let lock = RunFolder::new(folder.path()).lock()?;
    em_model::train(&training, &lock, &mut show)?;
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}

/// Prints each epoch; `Break` would end the training.
fn show(progress: Progress<'_>) -> ControlFlow<()> {
    if let Progress::Epoch { record, .. } = progress {
        let iou = record.validation.iou().unwrap_or(0.0);
        println!("epoch {}: loss {:.3}, validation IoU {iou:.3}", record.epoch, record.train.loss);
    }
    ControlFlow::Continue(())
}

/// Dark discs that drift through the sections, on grey with a texture, and their mask.
fn discs(shape: [usize; 3]) -> (Array3<u8>, Mask) {
    let mask = Array3::from_shape_fn(shape, |(z, y, x)| {
        let (dy, dx) = ((y + z) % 32, (x + 2 * z) % 32);
        dy.abs_diff(16).pow(2) + dx.abs_diff(16).pow(2) < 64
    });
    let raw = Array3::from_shape_fn(shape, |(z, y, x)| {
        let texture = ((z * 31 + y * 17 + x * 13) % 29) as u8;
        texture + if mask[[z, y, x]] { 60 } else { 160 }
    });
    (raw, Mask::new(mask, None))
}
