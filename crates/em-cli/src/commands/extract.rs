//! `em-cli extract`: sections of a stack as PNG, and the way back.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_data::resize;
use em_io::{Roi, VolumeSpec, VolumeWriter, Voxels, match_voxels};
use ndarray::{Array3, ArrayView3, Axis};

use crate::output;

/// About as many voxels are in memory at once.
const VOXELS_AT_ONCE: usize = 1 << 25;

/// Arguments of `extract`.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// A stack (TIFF, MRC, NIfTI, OME-Zarr), an image, or a folder of images.
    input: PathBuf,
    /// A folder for PNG sections; or a .tif file for a stack.
    output: PathBuf,
    /// Resize each section, as in 256x256 (height x width): bilinear, rounded to the voxel type.
    #[arg(long, value_name = "HxW", value_parser = size)]
    resize: Option<[usize; 2]>,
    /// Resize by the nearest voxel instead: for labels.
    #[arg(long, requires = "resize")]
    nearest: bool,
}

/// Runs the command.
pub fn run(args: &ExtractArgs) -> Result<()> {
    let volume = output::open(&args.input)?;
    let [depth, height, width] = volume.shape();
    let [new_height, new_width] = args.resize.unwrap_or([height, width]);
    let voxel_size_nm = volume
        .voxel_size_nm()
        .map(|[z, y, x]| [z, y * height as f64 / new_height as f64, x * width as f64 / new_width as f64]);
    let shape = [depth, new_height, new_width];
    let mut writer = VolumeWriter::create(
        &args.output,
        VolumeSpec { shape, voxel_type: volume.voxel_type(), voxel_size_nm },
    )?;
    let at_once = (VOXELS_AT_ONCE / (height * width).max(1)).clamp(1, depth);
    let bar = output::bar(depth as u64, "sections");
    for start in (0..depth).step_by(at_once) {
        let block = volume.read(Roi::sections(volume.shape(), start..(start + at_once).min(depth)))?;
        let block = match args.resize {
            Some(size) if args.nearest => nearest(&block, size),
            Some(size) => bilinear(&block, size),
            None => block,
        };
        writer.write(&block)?;
        bar.inc(block.shape()[0] as u64);
    }
    writer.finish()?;
    bar.finish_and_clear();
    println!("{} sections of {new_height} x {new_width} in `{}`", depth, args.output.display());
    Ok(())
}

/// Reads `HxW`.
pub fn size(text: &str) -> Result<[usize; 2], String> {
    let parsed = text.split_once('x').and_then(|(h, w)| Some([h.parse().ok()?, w.parse().ok()?]));
    match parsed {
        Some([h, w]) if h > 0 && w > 0 => Ok([h, w]),
        _ => Err("expected height x width, as in 256x256".into()),
    }
}

fn bilinear(block: &Voxels, size: [usize; 2]) -> Voxels {
    let floats = per_section(block.to_f32().view(), size, |section| resize::bilinear(section, size));
    Voxels::from_f32(&floats, block.voxel_type())
}

fn nearest(block: &Voxels, size: [usize; 2]) -> Voxels {
    match_voxels!(block, a => {
        Voxels::from(per_section(a.view(), size, |section| resize::nearest(section, size)))
    })
}

fn per_section<T: Copy + Default>(
    block: ArrayView3<'_, T>,
    [height, width]: [usize; 2],
    resized: impl Fn(ndarray::ArrayView2<'_, T>) -> ndarray::Array2<T>,
) -> Array3<T> {
    let mut whole = Array3::from_elem((block.len_of(Axis(0)), height, width), T::default());
    for (mut to, from) in whole.axis_iter_mut(Axis(0)).zip(block.axis_iter(Axis(0))) {
        to.assign(&resized(from));
    }
    whole
}
