//! `em-cli inspect`: what a volume is.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::display;
use em_pipeline::inspect::{Inspection, ValueShare, inspect};

use crate::cli::ReadingArgs;
use crate::console::{self, observed, say};

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A stack (TIFF, MRC, NIfTI, OME-Zarr), an image, a folder of images, or the address of one (https://, s3://, gs://).
    input: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> Result<()> {
    let inspection = observed("start the command again", |observer| {
        inspect(&args.input, args.reading.options(), observer)
    })?;
    if args.json {
        return console::json(&inspection);
    }
    print(&inspection);
    Ok(())
}

fn print(i: &Inspection) {
    say!("file        {}", i.path.display());
    say!("format      {}", i.format);
    say!("shape       {} [z, y, x]", display::shape(i.shape));
    say!("type        {}", i.voxel_type);
    match i.voxel_size_nm {
        Some([z, y, x]) => say!("voxel size  {z} x {y} x {x} nm [z, y, x]"),
        None => say!("voxel size  unknown"),
    }
    say!("range       {} to {}", i.minimum, i.maximum);
    say!("mean, std   {:.3}, {:.3}", i.mean, i.std);
    if i.missing > 0 {
        say!("no numbers  {} voxels are NaN or infinite", i.missing);
    }
    for ValueShare { value, share } in i.shares.iter().flatten() {
        say!("value {value:<6} {:.3} %", share * 100.0);
    }
    for note in &i.notes {
        say!("note        {note}");
    }
}
