//! `em-cli convert`: any volume that is read into any that is written, block by block.

mod options;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use em_io::VoxelType;
use em_pipeline::convert::{ConvertRequest, Part, ValueRule, convert};
use em_pipeline::display;
use serde_json::json;

use self::options::{ZarrArgs, voxel_type};
use crate::arguments::{number, numbers, voxel_size};
use crate::cli::{EventArgs, ReadingArgs};
use crate::console::{self, complain, observed, say, shown_path};

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Any volume that is read: TIFF, MRC, NIfTI, OME-Zarr, an image, or a folder of images.
    input: PathBuf,
    /// The volume to write; the ending decides: .tif, .ome.tif, .mrc, .zarr, .png, or none for a folder of PNG. An address (s3://, gs://) ends in .zarr or .precomputed.
    output: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Voxel size in nm, where the input tells none or a wrong one.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Type of the voxels: u8, i8, u16, i16, u32, i32, u64, i64 or f32. A value that would change is an error.
    #[arg(long = "type", value_name = "TYPE", value_parser = voxel_type)]
    voxel_type: Option<VoxelType>,
    /// Map LOW to the smallest and HIGH to the largest value of the type (0 and 1 for f32); what lies outside is cut off.
    #[arg(long, value_name = "LOW,HIGH", value_parser = numbers::<2>, allow_hyphen_values = true)]
    rescale: Option<[f64; 2]>,
    /// Round fractions, and cut off what the type does not hold.
    #[arg(long, requires = "voxel_type", conflicts_with = "rescale")]
    clip: bool,
    /// Make a mask: 255 above this value of the file, 0 elsewhere (0.5 for probabilities, 128 for those of 8 bit).
    #[arg(long, value_name = "T", value_parser = number, conflicts_with_all = ["rescale", "clip", "voxel_type"], allow_hyphen_values = true)]
    threshold: Option<f64>,
    /// Make a mask of one class or object: 255 where the file has this value, 0 elsewhere.
    #[arg(long, value_name = "N", value_parser = number, conflicts_with_all = ["rescale", "clip", "voxel_type", "threshold"], allow_hyphen_values = true)]
    value: Option<f64>,
    /// The part to take, as in 0:10,:,512:1024; the end is exclusive, and an empty side takes all.
    #[arg(long, value_name = "Z0:Z1,Y0:Y1,X0:X1")]
    roi: Option<Part>,
    /// Replace what is at the output path.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    zarr: ZarrArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &ConvertArgs) -> Result<()> {
    let started = Instant::now();
    let request = args.request()?;
    let hint = "nothing was written: start the command again";
    let converted = observed(hint, |observer| convert(&request, observer))?;
    if console::tells_events() {
        let (shape, size) = (converted.volume.shape(), converted.volume.voxel_size().map(|size| size.nm()));
        let (bytes, losses) = (converted.bytes, &converted.losses);
        let path = shown_path(&args.output);
        return console::done(
            &json!({ "path": path, "shape": shape, "voxel_size_nm": size, "bytes": bytes, "losses": losses }),
        );
    }
    let path = args.output.display();
    for loss in &converted.losses {
        complain!("note: `{path}`: {loss}");
    }
    let volume = &converted.volume;
    say!(
        "`{path}`: {} [z, y, x], {}, {}, {} in {}",
        display::shape(volume.shape()),
        volume.voxel_type(),
        volume.voxel_size().map_or("voxel size unknown".into(), |size| size.to_string()),
        display::bytes(converted.bytes),
        display::duration(started.elapsed().as_secs_f64())
    );
    Ok(())
}

impl ConvertArgs {
    fn request(&self) -> Result<ConvertRequest> {
        let mut request = ConvertRequest::new(&self.input, &self.output);
        request.voxel_size_nm = self.voxel_size;
        request.voxel_type = self.voxel_type;
        request.reading = self.reading.options();
        request.values = match (self.rescale, self.threshold, self.value) {
            (Some([low, high]), ..) => ValueRule::Rescale { low, high },
            (_, Some(above), _) => ValueRule::Threshold(above),
            (.., Some(value)) => ValueRule::Equal(value),
            _ if self.clip => ValueRule::Clip,
            _ => ValueRule::Exact,
        };
        request.part.clone_from(&self.roi);
        request.overwrite = self.overwrite;
        request.options = self.zarr.options(&self.output)?;
        Ok(request)
    }
}
