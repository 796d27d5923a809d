//! `em-cli report`: curves, pictures and the page of a run, written again.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::report;
use em_pipeline::report::Report;
use serde_json::json;

use crate::cli::{DeviceArgs, EventArgs};
use crate::console::{self, observed, say, shown_path};

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a run.
    run: PathBuf,
    /// Override a key of data.* or predict.*, as in data.folder=DIR for data that were moved.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &ReportArgs) -> Result<()> {
    let device = args.device.get()?;
    let run = em_pipeline::find_run(&args.run)?;
    let report = observed("start the command again", |observer| {
        report::write_again(&run, &args.set, device, observer)
    })?;
    if console::tells_events() {
        return done(&report);
    }
    print_scores(&report);
    say!("report: {}", report.page.display());
    Ok(())
}

/// Prints the scores as an event.
pub fn done(report: &Report) -> Result<()> {
    console::done(&json!({ "report": shown_path(&report.page), "scores": report.scores }))
}

/// Prints the scores of each side and class.
pub fn print_scores(report: &Report) {
    let sides = [("validation", Some(&report.scores.validation)), ("test", report.scores.test.as_ref())];
    for (side, of_side) in sides {
        for (class, of_class) in of_side.into_iter().flatten() {
            say!("\n{class}, {side}");
            say!("{}", console::score_table(of_class, false));
        }
    }
}
