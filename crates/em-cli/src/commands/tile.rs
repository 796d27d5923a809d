//! `em-cli tile`: sections cut into tiles named `{name}-{row}_{column}.png`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use em_pipeline::tile::{Border, TileRequest, tile};
use serde_json::json;

use crate::cli::EventArgs;
use crate::console::{self, observed, say, shown_path};

/// Arguments of `tile`.
#[derive(Debug, Args)]
pub struct TileArgs {
    /// A stack (TIFF, MRC, NIfTI, OME-Zarr), an image, a folder of images, or the address of one.
    input: PathBuf,
    /// The folder to write tiles to; it must not exist yet, or be empty.
    output: PathBuf,
    /// Height and width of a tile.
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// Voxels from one tile to the next; the size if absent.
    #[arg(long)]
    stride: Option<usize>,
    /// What happens to tiles that reach over the border.
    #[arg(long, value_enum, default_value_t = BorderChoice::Keep)]
    border: BorderChoice,
    /// First part of the names; the section's number follows it. The input's name if absent.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    pub events: EventArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BorderChoice {
    /// Write them smaller.
    Keep,
    /// Fill them up with 0.
    Pad,
    /// Leave them out.
    Drop,
}

/// Runs the command.
pub fn run(args: &TileArgs) -> Result<()> {
    let mut request = TileRequest::new(&args.input, &args.output);
    request.size = args.size;
    request.stride = args.stride;
    request.border = match args.border {
        BorderChoice::Keep => Border::Keep,
        BorderChoice::Pad => Border::Pad,
        BorderChoice::Drop => Border::Drop,
    };
    request.name.clone_from(&args.name);
    let hint = "nothing was written: start the command again";
    let count = observed(hint, |observer| tile(&request, observer))?;
    if console::tells_events() {
        return console::done(&json!({ "folder": shown_path(&args.output), "tiles": count }));
    }
    say!("{count} tiles in `{}`", args.output.display());
    Ok(())
}
