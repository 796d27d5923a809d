//! Predicts the masks of a file: `predict_to_file RUN INPUT MASK`.
//!
//! Without arguments a run is trained first, for a moment, on generated stacks in a temporary folder.

use std::error::Error;
use std::iter::successors;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use em_pipeline::em_model::Device;
use em_pipeline::{Observer, PhantomRequest, PredictRequest, RunConfig, Start};
use em_pipeline::{predict, silent, train, write_phantom};

fn run() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [run, input, masks] = match <[PathBuf; 3]>::try_from(arguments) {
        Ok(given) => given,
        Err(_) => generated(temporary.path())?,
    };
    let mut request = PredictRequest::new([run], input, Device::Cpu);
    request.masks = Some(masks);
    let prediction = predict(&request, &mut Observer::new(&mut silent))?;
    for file in prediction.files {
        println!("{}: {:.2} % foreground, in `{}`", file.class, 100.0 * file.foreground, file.path.display());
    }
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}

/// Trains a run in a folder, and returns it with a stack to predict and the path of its masks.
fn generated(folder: &Path) -> Result<[PathBuf; 3], Box<dyn Error>> {
    let mut phantom = PhantomRequest::new(folder);
    (phantom.train_sections, phantom.gap, phantom.val_sections, phantom.size) = (2, 1, 1, 64);
    write_phantom(&phantom)?;
    let config = folder.join("run.toml");
    let settings = "[data]\nfolder = \".\"\n[tiling]\ntile_size = 32\ntiles_per_epoch = 8\n[model]\nfilters = [4, 8]\n\
                    [train]\nepochs = 1\nbatch_size = 4\n[output]\nfolder = \"run\"\n";
    std::fs::write(&config, settings)?;
    train(&RunConfig::load(&config, &[])?, Start::New, Device::Cpu, &mut Observer::new(&mut silent))?;
    Ok([folder.join("run"), folder.join("val.tif"), folder.join("mask.tif")])
}
