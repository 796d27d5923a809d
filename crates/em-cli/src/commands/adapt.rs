//! `em-cli adapt`: a network that suits a stack which nobody labelled.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_io::VoxelSize;
use em_pipeline::{AdaptRequest, Start};
use serde_json::json;

use crate::arguments::voxel_size;
use crate::cli::{DeviceArgs, EventArgs};
use crate::console::{self, observed_keeping, say, shown_path};

/// Arguments of `adapt`.
#[derive(Debug, Args)]
pub struct AdaptArgs {
    /// The folder of a run, or the name of a built-in network (`em-cli models`); it stays as it is.
    #[arg(value_name = "RUN|MODEL")]
    model: PathBuf,
    /// The stack that the network is to suit.
    stack: PathBuf,
    /// The folder of the new run.
    #[arg(short, long, value_name = "RUN2")]
    output: PathBuf,
    /// Voxel size in nm, where the stack tells none or a wrong one.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Override a key of the training, as in train.epochs=12.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Go on after the last epoch that the new run has saved.
    #[arg(long)]
    resume: bool,
    /// Replace a run that is already in the output folder.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &AdaptArgs) -> Result<()> {
    let device = args.device.get()?;
    let mut request = AdaptRequest::new(args.model.clone(), args.stack.clone(), args.output.clone(), device);
    request.voxel_size = args.voxel_size.map(VoxelSize::new).transpose()?;
    request.settings.clone_from(&args.set);
    request.start = match (args.resume, args.overwrite) {
        (true, _) => Start::Resume,
        (_, true) => Start::Overwrite,
        _ => Start::New,
    };
    let moved = observed_keeping("whole epochs are kept", "go on with --resume", |observer| {
        em_pipeline::adapt(&request, observer)
    })?;
    if console::tells_events() {
        return console::done(&json!({ "run": shown_path(&args.output), "moved": moved }));
    }
    say!("how far the answers moved, on the sections that were learned from:");
    for moved in &moved {
        let [before, after, changed] = [moved.before, moved.after, moved.changed].map(|share| share * 100.0);
        let mean = moved.mean_change;
        say!("  {}: foreground {before:.2} % before, {after:.2} % now", moved.class);
        say!("    {changed:.2} % of voxels changed sides, probabilities by {mean:.4} on average");
    }
    say!("`em-cli predict --model {}` uses the new network", args.output.display());
    Ok(())
}
