//! Predicts a stack with a trained model, and writes the mask of its first class.
//!
//! ```sh
//! cargo run --release -p em-model --example predict_file -- RUN STACK.tif MASK.tif
//! ```
//!
//! Without arguments it makes a stack, and trains a network for it, in a folder that is gone afterwards.

use std::error::Error;
use std::iter::successors;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use em_data::{LabelledVolume, Split, SplitConfig, TrainingSet};
use em_io::{Mask, Voxels};
use em_model::{Device, ModelConfig, Predictor, RunFolder, Training};
use ndarray::Array3;

fn run() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [run, stack, output] = match <[PathBuf; 3]>::try_from(arguments) {
        Ok(paths) => paths,
        Err(none) if none.is_empty() => example(folder.path())?,
        Err(_) => return Err("expected the arguments RUN STACK MASK".into()),
    };
    let predictor = Predictor::load(run, Device::auto())?;
    let class = &predictor.card().classes[0];
    let mask = predictor.predict(&em_io::open(stack)?)?.mask(class)?;
    em_io::write_mask(&output, &mask)?;
    println!("{class}: {} voxels, in `{}`", mask.foreground(), output.display());
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}

/// Writes a stack with a dark disc in each section, and trains on it: the run, the stack and a place
/// for the mask.
fn example(folder: &Path) -> Result<[PathBuf; 3], Box<dyn Error>> {
    const SHAPE: [usize; 3] = [10, 64, 64];
    let is_inside = |(_, y, x): (usize, usize, usize)| y.abs_diff(32).pow(2) + x.abs_diff(32).pow(2) < 200;
    let raw = Array3::from_shape_fn(SHAPE, |place| if is_inside(place) { 60_u8 } else { 160 });
    let mask = Mask::new(Array3::from_shape_fn(SHAPE, is_inside), None);
    let [run, stack, output] = ["run", "stack.tif", "mask.tif"].map(|name| folder.join(name));
    em_io::write_volume(&stack, &Voxels::from(raw.clone()), None)?;

    let volume = LabelledVolume::new("stack.tif", Voxels::from(raw), vec![("disc".into(), mask)])?;
    let set = TrainingSet::new(vec!["disc".into()], vec![volume])?;
    let split = Split::new(&SplitConfig::default(), &[SHAPE], 32, 0)?;
    let model = ModelConfig { filters: Some(vec![4, 8]), ..Default::default() };
    let mut training = Training::new(&set, &split, model.architecture(1)?)?;
    training.settings.tiling.tile_size = 32;
    training.settings.tiling.tiles_per_epoch = 64;
    training.settings.train.batch_size = 4;
    training.settings.train.epochs = 5;
    em_model::train(&training, &RunFolder::new(&run).lock()?, &mut |_| ControlFlow::Continue(()))?;
    Ok([run, stack, output])
}
