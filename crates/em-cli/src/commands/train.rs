//! `em-cli train`: a configuration in, a run's folder out.

use anyhow::Result;
use clap::Args;
use em_model::{Launch, Ranks};
use em_objects::Extent;
use em_pipeline::report::Report;
use em_pipeline::{RunConfig, Start};

use crate::cli::{ConfigFile, DeviceArgs, EventArgs};
use crate::commands::report::{done, print_scores};
use crate::console::{self, observed_keeping, observed_silently, say};

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Go on after the last epoch that the run has saved; `--set train.epochs=N` goes on for more of them, and `--set data.folder=DIR` where the data lie now.
    #[arg(long)]
    resume: bool,
    /// Replace a run that is already in the output folder, with all that was made of it.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Override a key, as in train.epochs=5.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// What is kept of a training that ends early, and how it goes on.
const KEPT: &str = "whole epochs are kept";
const HINT: &str = "go on after the last whole epoch with --resume";

/// Runs the command. Returns whether it succeeded, where another rank tells why not.
pub fn run(args: &TrainArgs) -> Result<bool> {
    let config = RunConfig::load(args.config.path(), &args.set)?;
    let start = match (args.resume, args.overwrite) {
        (true, _) => Start::Resume,
        (_, true) => Start::Overwrite,
        _ => Start::New,
    };
    if let Some(launch) = Launch::from_environment()? {
        let ranks = Ranks::connect(&launch, args.device.of_rank(launch.local_rank)?)?;
        return if ranks.is_first() { lead(&config, start, &ranks) } else { follow(&config, start, &ranks) };
    }
    let device = args.device.get()?;
    let report =
        observed_keeping(KEPT, HINT, |observer| em_pipeline::train(&config, start, device, observer))?;
    show(&report)
}

/// Trains as rank 0 of several, which writes the run and tells how it goes on.
fn lead(config: &RunConfig, start: Start, ranks: &Ranks) -> Result<bool> {
    let report =
        observed_keeping(KEPT, HINT, |observer| em_pipeline::train_on_ranks(config, start, ranks, observer))?;
    report.as_ref().map_or(Ok(true), show)
}

/// Takes part as another rank. What ends the training is told once, by rank 0 unless that was lost.
fn follow(config: &RunConfig, start: Start, ranks: &Ranks) -> Result<bool> {
    let result =
        observed_silently(KEPT, |observer| em_pipeline::train_on_ranks(config, start, ranks, observer))?;
    let Err(error) = result else { return Ok(true) };
    let of_model = match &error {
        em_pipeline::Error::Model(error) => Some(error),
        _ => None,
    };
    if ranks.is_teller(of_model) { Err(error.into()) } else { Ok(false) }
}

/// Prints what the training came to.
fn show(report: &Report) -> Result<bool> {
    if console::tells_events() {
        done(report)?;
        return Ok(true);
    }
    print_scores(report);
    print_choice(report);
    say!("report: {}", report.page.display());
    Ok(true)
}

/// Tells whether this process is one of several ranks and not the first, which alone tells how it goes on.
pub fn is_follower() -> bool {
    // What is wrong with the environment is told by the command.
    Launch::from_environment().is_ok_and(|launch| launch.is_some_and(|launch| launch.rank > 0))
}

/// Prints what validation chose for the masks.
fn print_choice(report: &Report) {
    let scores = &report.scores;
    if !scores.tuned_on_validation {
        return;
    }
    say!("\nmasks, as validation chose them (train.tune):");
    for (class, threshold) in &scores.thresholds {
        let cleaning = scores.cleaning.get(class).copied().unwrap_or_default();
        say!("  {class}: above {threshold}");
        if cleaning.median_size > 1 {
            say!("    median of {} voxels along each axis", cleaning.median_size);
        }
        if cleaning.minimum_voxels > 0 {
            say!("    without components below {} voxels", cleaning.minimum_voxels);
        }
        if cleaning.fill_holes {
            say!("    holes filled");
        }
        if cleaning.extent == Extent::Volume && !cleaning.is_none() {
            say!("    as a volume, not section by section");
        }
    }
}
