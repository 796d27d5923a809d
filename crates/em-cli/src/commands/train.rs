//! `em-cli train`: a configuration in, a run's folder out.

use anyhow::Result;
use clap::Args;
use em_pipeline::{RunConfig, Start};

use crate::cli::{ConfigFile, DeviceArgs};
use crate::commands::report::print_scores;
use crate::console::{observed_keeping, say};

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
    print_scores(&report);
    say!("report: {}", report.page.display());
    Ok(())
}
