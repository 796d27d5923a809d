//! `em-cli report`: curves, pictures and the page of a run, written again.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_model::RunFolder;

use crate::cli::DeviceArgs;
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::report;

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a run.
    run: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub fn run(args: &ReportArgs) -> Result<()> {
    let run = RunFolder::new(&args.run);
    // The card is read first: its error says what a run is.
    em_model::ModelCard::read(&run)?;
    let config = RunConfig::load(&run.config(), &[])?;
    let dataset = Dataset::read(&config)?;
    let written = report::write(&run, &config, &dataset, args.device.get()?)?;
    println!("report: {}", written.display());
    Ok(())
}
