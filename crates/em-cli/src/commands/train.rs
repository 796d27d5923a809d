//! `em-cli train`: a configuration in, a run's folder out.

use anyhow::Result;
use clap::Args;
use em_objects::Extent;
use em_pipeline::report::Report;
use em_pipeline::{RunConfig, Start};

use crate::cli::{ConfigFile, DeviceArgs, EventArgs};
use crate::commands::report::{done, print_scores};
use crate::console::{self, observed_keeping, say};

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

/// Runs the command.
pub fn run(args: &TrainArgs) -> Result<()> {
    let config = RunConfig::load(args.config.path(), &args.set)?;
    let device = args.device.get()?;
    let start = match (args.resume, args.overwrite) {
        (true, _) => Start::Resume,
        (_, true) => Start::Overwrite,
        _ => Start::New,
    };
    let hint = "go on after the last whole epoch with --resume";
    let report = observed_keeping("whole epochs are kept", hint, |observer| {
        em_pipeline::train(&config, start, device, observer)
    })?;
    if console::tells_events() {
        return done(&report);
    }
    print_scores(&report);
    print_choice(&report);
    say!("report: {}", report.page.display());
    Ok(())
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
