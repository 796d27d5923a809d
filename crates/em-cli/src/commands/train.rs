//! `em-cli train`: a configuration in, a run's folder out.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::{RunConfig, Start};

use crate::cli::DeviceArgs;
use crate::commands::report::print_scores;
use crate::console::{observed, say};

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The configuration.
    #[arg(long, value_name = "RUN.TOML")]
    config: PathBuf,
    /// Go on after the last epoch that the run has saved.
    #[arg(long)]
    resume: bool,
    /// Replace a run that is already in the output folder.
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
    let config = RunConfig::load(&args.config, &args.set)?;
    let device = args.device.get()?;
    let start = match (args.resume, args.overwrite) {
        (true, _) => Start::Resume,
        (_, true) => Start::Overwrite,
        _ => Start::New,
    };
    let report = observed("go on after the last whole epoch with --resume", |observer| {
        em_pipeline::train(&config, start, device, observer)
    })?;
    print_scores(&report);
    say!("report: {}", report.page.display());
    Ok(())
}
