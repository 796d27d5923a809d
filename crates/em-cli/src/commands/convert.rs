//! `em-cli convert`: any volume that is read into any that is written, block by block.

mod options;
mod pipeline;
mod target;
#[cfg(test)]
mod tests;
mod values;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use em_io::{Roi, Volume, VolumeSpec, VolumeWriter, VoxelType};
use indicatif::DecimalBytes;

use crate::error::UserError;
use crate::{interrupt, output};
pub use options::voxel_size;
use options::{Crop, ZarrArgs, numbers, voxel_type};
use target::Target;
use values::{Change, Rule};

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Any volume that is read: TIFF, MRC, NIfTI, OME-Zarr, an image, or a folder of images.
    input: PathBuf,
    /// The volume to write; the ending decides: .tif, .ome.tif, .mrc, .zarr, .png, or none for a folder of PNG.
    output: PathBuf,
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
    /// The part to take, as in 0:10,:,512:1024; the end is exclusive, and an empty side takes all.
    #[arg(long, value_name = "Z0:Z1,Y0:Y1,X0:X1")]
    roi: Option<Crop>,
    /// Replace what is at the output path.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    zarr: ZarrArgs,
}

/// Runs the command.
pub fn run(args: &ConvertArgs) -> Result<()> {
    interrupt::watch()?;
    let written = convert(args)?;
    for loss in &written.losses {
        eprintln!("note: `{}`: {loss}", args.output.display());
    }
    println!("{}", written.line());
    Ok(())
}

/// What was written.
#[derive(Debug)]
struct Written {
    path: PathBuf,
    volume: Volume,
    bytes: u64,
    took: Duration,
    /// What the format did not keep.
    losses: Vec<String>,
}

impl Written {
    fn line(&self) -> String {
        let size = self.volume.voxel_size_nm().map_or("voxel size unknown".into(), output::voxel_size);
        format!(
            "`{}`: {} [z, y, x], {}, {size}, {} in {}",
            self.path.display(),
            output::shape(self.volume.shape()),
            self.volume.voxel_type(),
            DecimalBytes(self.bytes),
            output::duration(self.took.as_secs_f64())
        )
    }
}

fn convert(args: &ConvertArgs) -> Result<Written> {
    let started = Instant::now();
    let volume = output::open(&args.input)?;
    let options = args.zarr.options(&args.output)?;
    let target = Target::new(&args.input, &args.output, args.overwrite)?;
    let part = match &args.roi {
        Some(crop) => crop.of(&volume)?,
        None => Roi::whole(volume.shape()),
    };
    let change = change(args, &volume)?;
    let spec = VolumeSpec {
        shape: part.shape,
        voxel_type: change.to,
        voxel_size_nm: args.voxel_size.or(volume.voxel_size_nm()),
    };
    let writer =
        VolumeWriter::with_options(target.place(), spec, options).map_err(|e| refused(e, &target))?;
    pipeline::copy(&volume, part, &change, writer, pipeline::sections_at_once(&volume, spec, options))?;
    target.finish()?;

    let volume = em_io::open(&args.output)?;
    let losses = losses(spec, &volume);
    let bytes = target::bytes(&args.output)?;
    Ok(Written { path: args.output.clone(), volume, bytes, took: started.elapsed(), losses })
}

fn change(args: &ConvertArgs, volume: &Volume) -> Result<Change> {
    let from = volume.voxel_type();
    let to = args.voxel_type.unwrap_or(from);
    let rule = match args.rescale {
        Some([low, high]) if low < high => Rule::Rescale { low, high },
        Some([low, high]) => {
            let message = format!("--rescale {low},{high} has no range, expected LOW below HIGH");
            return Err(UserError::new(message, "`em-cli inspect` shows the range of a volume").into());
        }
        None if args.clip => Rule::Clip,
        None if to.holds_all_of(from) => Rule::Keep,
        None => Rule::Exact,
    };
    Ok(Change { to, rule })
}

/// Names the path that the user gave, and offers a type that the format holds.
fn refused(error: em_io::Error, target: &Target) -> anyhow::Error {
    match error {
        em_io::Error::CannotWrite { what, expected, .. } if what.ends_with(" voxels") => {
            let path = target.path().display();
            let message = format!("cannot write {what} to `{path}`, expected {expected}");
            let hint = "change the type with --type u8 or --type u16; --rescale LOW,HIGH maps a range to it";
            UserError::new(message, hint).into()
        }
        error => error.into(),
    }
}

/// Voxel sizes that differ by less are the same: TIFF stores fractions, MRC 32-bit floats.
const SAME_SIZE: f64 = 1e-5;

/// Tells in which way what is read back is not what was asked for.
fn losses(asked: VolumeSpec, written: &Volume) -> Vec<String> {
    let mut losses = Vec::new();
    let (format, kept) = (written.format(), written.voxel_type());
    if kept != asked.voxel_type {
        losses.push(format!("{format} keeps {} voxels as {kept}, with the same values", asked.voxel_type));
    }
    match (asked.voxel_size_nm, written.voxel_size_nm()) {
        (Some(asked), None) => {
            losses.push(format!("{format} keeps no voxel size; it was {}", output::voxel_size(asked)));
        }
        (asked, Some(kept)) if asked.is_none_or(|asked| differ(asked, kept)) => {
            let [asked, kept] = [asked, Some(kept)].map(|s| s.map_or("unknown".into(), output::voxel_size));
            losses.push(format!("the voxel size is {kept} now; it was {asked}"));
        }
        _ => {}
    }
    losses
}

fn differ(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > SAME_SIZE * a.abs())
}

/// Tells whether two paths are one, or one lies in the other, once links are followed.
fn overlap(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}
