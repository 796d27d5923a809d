//! `em-cli extract`: sections of a stack as PNG, and the way back.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::extract::{ExtractRequest, Resize, extract};
use serde_json::json;

use crate::arguments::section_size;
use crate::cli::EventArgs;
use crate::console::{self, observed, say, shown_path};

/// Arguments of `extract`.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// A stack (TIFF, MRC, NIfTI, OME-Zarr), an image, a folder of images, or the address of one.
    input: PathBuf,
    /// A folder for PNG sections; or a .tif file for a stack.
    output: PathBuf,
    /// Resize each section, as in 256x256 (height x width): bilinear, rounded to the voxel type.
    #[arg(long, value_name = "HxW", value_parser = section_size)]
    resize: Option<[usize; 2]>,
    /// Resize by the nearest voxel instead: for labels.
    #[arg(long, requires = "resize")]
    nearest: bool,
    /// Replace what is at the output path.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &ExtractArgs) -> Result<()> {
    let mut request = ExtractRequest::new(&args.input, &args.output);
    request.resize = args.resize.map(if args.nearest { Resize::Nearest } else { Resize::Bilinear });
    request.overwrite = args.overwrite;
    let hint = "nothing was written: start the command again";
    let [depth, height, width] = observed(hint, |observer| extract(&request, observer))?;
    if console::tells_events() {
        let path = shown_path(&args.output);
        return console::done(&json!({ "path": path, "shape": [depth, height, width] }));
    }
    say!("{depth} sections of {height} x {width} in `{}`", args.output.display());
    Ok(())
}
