//! `em-cli phantom`: a training and a validation stack with labels.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::display;
use em_pipeline::phantom::{PhantomRequest, write_phantom};
use serde_json::json;

use crate::cli::EventArgs;
use crate::console::{self, say, shown_path};

/// Arguments of `phantom`.
#[derive(Debug, Args)]
pub struct PhantomArgs {
    /// The folder to write train.tif, val.tif and their labels to.
    output: PathBuf,
    /// Sections of the training stack.
    #[arg(long, default_value_t = 40)]
    train_sections: usize,
    /// Sections left out between the stacks.
    #[arg(long, default_value_t = 8)]
    gap: usize,
    /// Sections of the validation stack.
    #[arg(long, default_value_t = 8)]
    val_sections: usize,
    /// Height and width of a section.
    #[arg(long, default_value_t = 512)]
    size: usize,
    /// Another seed is another phantom.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Let the seed draw the tissue, the microscope and the voxel size, too; with labels of clefts,
    /// vesicles, membranes and nuclei, and numbered cells.
    #[arg(long)]
    vary: bool,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &PhantomArgs) -> Result<()> {
    let mut request = PhantomRequest::new(&args.output);
    request.train_sections = args.train_sections;
    request.gap = args.gap;
    request.val_sections = args.val_sections;
    request.size = args.size;
    request.seed = args.seed;
    request.vary = args.vary;
    let config = write_phantom(&request)?;
    if console::tells_events() {
        let (folder, shape, size) = (shown_path(&args.output), config.shape, config.voxel_size_nm);
        return console::done(&json!({ "folder": folder, "shape": shape, "voxel_size_nm": size }));
    }
    let [z, y, x] = config.voxel_size_nm.map(display::four_digits);
    let voxels = if args.vary { format!(" of {z} x {y} x {x} nm") } else { String::new() };
    say!(
        "phantom {}{voxels} in `{}`: {} training and {} validation sections",
        display::shape(config.shape),
        args.output.display(),
        args.train_sections,
        args.val_sections
    );
    Ok(())
}
