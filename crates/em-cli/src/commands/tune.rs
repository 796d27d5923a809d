//! `em-cli tune`: thresholds and cleaning of masks, chosen on the validation sections of a run.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_model::ClassTuning;
use em_objects::Extent;
use em_pipeline::display;
use serde_json::json;

use crate::cli::{DeviceArgs, EventArgs};
use crate::console::{self, observed, say, shown_path};

/// Arguments of `tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
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
pub fn run(args: &TuneArgs) -> Result<()> {
    let device = args.device.get()?;
    let run = em_pipeline::find_run(&args.run)?;
    let tuning = observed("nothing was chosen: start the command again", |observer| {
        em_pipeline::tune(&run, &args.set, device, observer)
    })?;
    if console::tells_events() {
        return console::done(&json!({ "path": shown_path(&run.tuning()), "tuning": tuning }));
    }
    for (class, chosen) in &tuning.classes {
        print(class, chosen);
    }
    say!("`{}` holds the choice; `em-cli predict` follows it", run.tuning().display());
    say!("it was chosen on validation, whose scores are now too good: judge it on a test stack");
    Ok(())
}

fn print(class: &str, chosen: &ClassTuning) {
    let cleaned = match chosen.postprocess.extent {
        Extent::Section => "section by section",
        Extent::Volume => "as a volume",
    };
    say!("{class}, cleaned {cleaned}");
    for step in &chosen.steps {
        let kept = if step.kept { "kept" } else { "left out" };
        let iou = display::score(step.iou);
        say!("  {:<18}{:<12}IoU {iou}  {:+.4}  {kept}", step.step, step.choice, step.gain);
    }
}
