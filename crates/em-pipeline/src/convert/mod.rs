//! Any volume that is read into any that is written, block by block.

use std::path::PathBuf;

use em_io::{Roi, Volume, VolumeSpec, VolumeWriter, VoxelType, WriteOptions};

pub use self::part::Part;
use self::target::Target;
use self::values::Change;
pub use self::values::ValueRule;
use crate::error::{Context, Error, Result, UserError};
use crate::overlap::read_ahead;
use crate::{Observer, Stage, display, open};

mod part;
mod target;
#[cfg(test)]
mod tests;
mod values;

/// The voxels of one block, in bytes. Two blocks are in memory at once, and what became of the
/// values of one.
const BLOCK_BYTES: usize = 64 << 20;

/// What is to be converted, and into what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConvertRequest {
    /// Any volume that is read.
    pub input: PathBuf,
    /// The volume to write; the ending decides on the format.
    pub output: PathBuf,
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where the input tells none or wrong ones.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Type of the voxels; the input's if absent.
    pub voxel_type: Option<VoxelType>,
    /// How values become those of the type.
    pub values: ValueRule,
    /// The part to take; all if absent.
    pub part: Option<Part>,
    /// Whether to replace what is at the output path.
    pub overwrite: bool,
    /// How OME-Zarr is written.
    pub options: WriteOptions,
}

impl ConvertRequest {
    /// Asks for a whole volume in another format, with the same values.
    pub fn new(input: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            input: input.into(),
            output: output.into(),
            voxel_size_nm: None,
            voxel_type: None,
            values: ValueRule::Exact,
            part: None,
            overwrite: false,
            options: WriteOptions::default(),
        }
    }
}

/// What was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Converted {
    /// The volume, as it is read back.
    pub volume: Volume,
    /// The size of its file, or of all files in its folder.
    pub bytes: u64,
    /// What the format did not keep, each as a sentence without its full stop.
    pub losses: Vec<String>,
}

/// Converts a volume block by block. Memory: about 200 MB, or three sections where they are larger.
///
/// # Errors
///
/// Fails if the input cannot be read or the output not be written, if the output is the input or
/// exists and is not to be replaced, if a value does not fit its new type; and with
/// [`Error::Stopped`], which the observer may ask for at each block. Then nothing is written.
pub fn convert(request: &ConvertRequest, observer: &mut Observer<'_>) -> Result<Converted> {
    let volume = open(&request.input, observer)?;
    let target = Target::new(&request.input, &request.output, request.overwrite)?;
    let part = match &request.part {
        Some(part) => part.within(volume.shape())?,
        None => Roi::whole(volume.shape()),
    };
    let change = Change::new(request.voxel_type.unwrap_or(volume.voxel_type()), request.values)?;
    let spec = VolumeSpec {
        shape: part.shape,
        voxel_type: change.voxel_type(),
        voxel_size_nm: request.voxel_size_nm.or(volume.voxel_size_nm()),
    };
    let mut writer = VolumeWriter::with_options(target.place(), spec, request.options)
        .map_err(|error| refused(error, &target))?;
    let at_once = sections_at_once(&volume, spec, request.options);
    copy(&volume, part, &change, &mut writer, at_once, observer)?;
    writer.finish()?;
    target.finish()?;

    let volume = em_io::open(&request.output)?;
    let losses = losses(spec, &volume);
    let bytes = target::bytes(&request.output)
        .with_context(|| format!("cannot look at `{}`", request.output.display()))?;
    Ok(Converted { volume, bytes, losses })
}

/// Copies a part of a volume into a writer: the next block is read while the present one is written.
fn copy(
    volume: &Volume,
    part: Roi,
    change: &Change,
    writer: &mut VolumeWriter,
    at_once: usize,
    observer: &mut Observer<'_>,
) -> Result<()> {
    let voxel_bytes = volume.voxel_type().bytes();
    observer.stage(Stage::bytes((part.voxels() * voxel_bytes) as u64), |observer| {
        read_ahead(
            blocks(part, at_once),
            |block| Ok(change.apply(volume.read(block)?)),
            |block, changed| {
                let voxels = changed.ok_or_else(|| change.misfit(volume, part, at_once))?;
                writer.write(&voxels)?;
                observer.advance((block.voxels() * voxel_bytes) as u64)
            },
        )
    })
}

/// Returns how many sections go at once: as many as the budget holds, and a multiple of a chunk's
/// depth where a chunk fits, so that no chunk is decoded twice.
fn sections_at_once(volume: &Volume, target: VolumeSpec, options: WriteOptions) -> usize {
    let [depth, height, width] = target.shape;
    let voxel = volume.voxel_type().bytes().max(target.voxel_type.bytes());
    let section = height.saturating_mul(width).saturating_mul(voxel).max(1);
    let fitting = (BLOCK_BYTES / section).clamp(1, depth.max(1));
    let chunk = options.chunk[0].max(1);
    if fitting < chunk { fitting } else { fitting - fitting % chunk }
}

/// Cuts a part into blocks of whole sections of it.
fn blocks(part: Roi, at_once: usize) -> impl Iterator<Item = Roi> {
    let ([z, y, x], [depth, height, width]) = (part.start, part.shape);
    (0..depth).step_by(at_once.max(1)).map(move |offset| Roi {
        start: [z + offset, y, x],
        shape: [at_once.min(depth - offset), height, width],
    })
}

/// Names the path that the user gave, and offers a type that the format holds.
fn refused(error: em_io::Error, target: &Target) -> Error {
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
            losses.push(format!("{format} keeps no voxel size; it was {}", display::voxel_size(asked)));
        }
        (asked, Some(kept)) if asked.is_none_or(|asked| differ(asked, kept)) => {
            let [asked, kept] = [asked, Some(kept)].map(|s| s.map_or("unknown".into(), display::voxel_size));
            losses.push(format!("the voxel size is {kept} now; it was {asked}"));
        }
        _ => {}
    }
    losses
}

fn differ(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > SAME_SIZE * a.abs())
}
