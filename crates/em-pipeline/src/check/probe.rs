//! The time that a training takes, from a few steps of it.

use std::ops::ControlFlow;
use std::time::Instant;

use em_data::{Region, Sampler, Split};
use em_io::Roi;
use em_model::{Device, Progress, RunFolder};

use super::finding::Finding;
use crate::error::{Context, Result, UserError};
use crate::{Dataset, Error, Observer, RunConfig, display};

/// The steps that are measured, after one that is not: the first one sets buffers up.
const STEPS: usize = 3;

/// Measures a few steps and one validation section, and tells how long all will take.
pub fn check(
    config: &RunConfig,
    device: Device,
    findings: &mut Vec<Finding>,
    observer: &mut Observer<'_>,
) -> Result<()> {
    match measured(config, device, observer) {
        Err(Error::Stopped) => return Err(Error::Stopped),
        Ok(time) => findings.push(Finding::note(format!(
            "time: about {} for {} epochs on {device} ({:.1} tiles/s, {} for each validation)",
            display::duration(time.total),
            config.train.epochs,
            time.tiles_per_second,
            display::duration(time.validation)
        ))),
        Err(error) => findings.push(Finding::of_error(&error)),
    }
    Ok(())
}

struct Time {
    tiles_per_second: f64,
    validation: f64,
    total: f64,
}

fn measured(config: &RunConfig, device: Device, observer: &mut Observer<'_>) -> Result<Time> {
    let dataset = Dataset::read(config, observer)?;
    if !dataset.has_labels() {
        let message = "the time of a training without labels is not measured";
        return Err(UserError::new(message, "`em-cli adapt` takes a minute or two on two cores").into());
    }
    let (train, networks) = (&dataset.split.train, 1 + dataset.folds.len());
    let validation: Vec<Region> = dataset.validation().copied().collect();
    let tiles = Sampler::new(&dataset.set, train, &config.tiling, &config.augmentation, config.train.seed)?
        .tiles_per_epoch();
    let mut short = config.clone();
    short.train.epochs = 1;
    short.tiling.tiles_per_epoch = (1 + STEPS) * config.train.batch_size;
    // Without validation a training section stands for what takes no time.
    let one = one_section(validation.first().unwrap_or(&train[0]));
    let split = Split { validation: vec![one], ..dataset.split.clone() };
    let (steps, section) = steps_and_section(&short, &dataset, &split, device)?;

    let voxels: usize = validation.iter().map(|region| region.roi.voxels()).sum();
    let tiles_per_second = (STEPS * config.train.batch_size) as f64 / steps;
    let validation = section * voxels as f64 / one.roi.voxels() as f64;
    let total = config.train.epochs as f64 * (networks as f64 * tiles as f64 / tiles_per_second + validation);
    Ok(Time { tiles_per_second, validation, total })
}

fn one_section(region: &Region) -> Region {
    let [_, height, width] = region.roi.shape;
    Region { volume: region.volume, roi: Roi { start: region.roi.start, shape: [1, height, width] } }
}

/// Trains in a folder that is gone afterwards; returns the seconds of the steps and of a section.
fn steps_and_section(
    config: &RunConfig,
    dataset: &Dataset,
    split: &Split,
    device: Device,
) -> Result<(f64, f64)> {
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    let folder = tempfile::tempdir().context("there is no temporary folder")?;
    let lock = RunFolder::new(folder.path()).lock()?;
    let training = dataset.training(config, split, &architecture, device)?;
    let (mut first, mut validating, mut end) = (None, None, None);
    em_model::train(&training, &lock, &mut |progress| {
        match progress {
            Progress::Step { .. } => {
                first.get_or_insert_with(Instant::now);
            }
            Progress::Validating => validating = Some(Instant::now()),
            Progress::Epoch { .. } => end = Some(Instant::now()),
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    let between = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
        (Some(from), Some(to)) => to.duration_since(from).as_secs_f64(),
        _ => 0.0,
    };
    Ok((between(first, validating).max(f64::EPSILON), between(validating, end)))
}
