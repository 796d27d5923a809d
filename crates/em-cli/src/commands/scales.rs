//! `em-cli scales`: which pixel size suits a network, to be seen.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_io::VoxelSize;
use em_pipeline::display::four_digits;
use em_pipeline::{ScalesRequest, make_scales};
use serde_json::json;

use crate::arguments::{number, voxel_size};
use crate::cli::{DeviceArgs, EventArgs, ReadingArgs};
use crate::console::{self, observed, say, shown_path};

/// Arguments of `scales`.
#[derive(Debug, Args)]
pub struct ScalesArgs {
    /// The raw stack.
    stack: PathBuf,
    /// The folder of a run, or the name of a built-in network (`em-cli models`).
    #[arg(long, value_name = "RUN|MODEL")]
    model: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Voxel size in nm, where the stack tells none or a wrong one.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Pixel sizes in nm to try, as in 4,6,8; without it five are tried.
    #[arg(long, value_name = "NM", value_delimiter = ',', value_parser = number)]
    pixels: Vec<f64>,
    /// Where to write the picture.
    #[arg(short, long, value_name = "SHEET.PNG")]
    output: PathBuf,
    /// Replace a picture that is there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &ScalesArgs) -> Result<()> {
    let device = args.device.get()?;
    let mut request = ScalesRequest::new(args.model.clone(), args.stack.clone(), args.output.clone(), device);
    request.reading = args.reading.options();
    request.voxel_size = args.voxel_size.map(VoxelSize::new).transpose()?;
    request.pixels_nm.clone_from(&args.pixels);
    request.overwrite = args.overwrite;
    let scales =
        observed("nothing was written: start the command again", |observer| make_scales(&request, observer))?;
    if console::tells_events() {
        return console::done(&json!({ "path": shown_path(&args.output), "scales": scales }));
    }
    for scale in &scales {
        let shares = scale.foreground.iter().map(|(class, share)| format!("{class} {:.2} %", share * 100.0));
        let told = if scale.is_known { " (as told)" } else { "" };
        let (size, shares) = (four_digits(scale.pixel_nm), shares.collect::<Vec<_>>().join(", "));
        say!("pixels of {size} nm{told}: {shares}");
    }
    say!("`{}` shows them; give the size that is right with --voxel-size Z,Y,X", args.output.display());
    Ok(())
}
