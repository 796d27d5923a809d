//! Any volume that is read into any that is written, block by block.

use std::path::PathBuf;

use em_io::{
    Blocks, OpenOptions, Roi, Volume, VolumeSpec, VolumeWriter, VoxelSize, VoxelType, WriteOptions,
    read_compute_write,
};

pub use self::part::Part;
use self::values::Change;
pub use self::values::ValueRule;
use crate::error::{Error, Result, UserError};
use crate::grey_values::Missing;
use crate::target::{self, Target};
use crate::unchanged::Unchanged;
use crate::{Observer, Stage, open_with, voxel_size};

mod part;
#[cfg(test)]
mod tests;
mod values;

/// The voxels of one block, in bytes. About six blocks are in memory at once: being read, changed and
/// written, and what became of them.
const BLOCK_BYTES: usize = 32 << 20;

/// What is to be converted, and into what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConvertRequest {
    /// Any volume that is read.
    pub input: PathBuf,
    /// Which stack of it is taken, where it holds several.
    pub reading: OpenOptions,
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
            reading: OpenOptions::default(),
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

/// Converts a volume block by block. Memory: about 200 MB, or six sections where they are larger; of OME-Zarr also
/// the sections of a chunk's depth, and in shards the packed chunks of a shard's depth.
///
/// # Errors
///
/// Fails if the input cannot be read or the output not be written, if the output is the input or
/// exists and is not to be replaced, if a value does not fit its new type, if the input changes meanwhile; and with
/// [`Error::Stopped`], which the observer may ask for at each block. Then nothing is written.
pub fn convert(request: &ConvertRequest, observer: &mut Observer<'_>) -> Result<Converted> {
    let volume = open_with(&request.input, request.reading, observer)?;
    let unchanged = Unchanged::of(&volume);
    let target = Target::new([&request.input], &request.output, request.overwrite)?;
    if let Some(nm) = request.voxel_size_nm {
        voxel_size::warn_of_doubt("--voxel-size", nm, observer)?;
    }
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
        .map_err(|error| refused(error, spec.voxel_type, &target))?;
    let voxel_bytes = volume.voxel_type().bytes().max(spec.voxel_type.bytes());
    // Whole chunks where they fit, so that none is decoded twice.
    let blocks = Blocks::of_voxels(part, BLOCK_BYTES / voxel_bytes).in_chunks_of(request.options.chunk[0]);
    let missing = copy(&volume, blocks, &change, &mut writer, observer)?;
    unchanged.check()?;
    writer.finish()?;
    target.finish()?;

    let volume = em_io::open(&request.output)?;
    let mut losses = losses(spec, &volume);
    if let Some(missing) = missing.described().filter(|_| spec.voxel_type != VoxelType::F32) {
        losses.push(format!("{missing} of what was read; 0 stands there now"));
    }
    let bytes = target::bytes(&request.output)?;
    Ok(Converted { volume, bytes, losses })
}

/// Copies blocks of a volume into a writer: the next one is read while the present one is changed,
/// and the one before written. Returns which voxels were no numbers.
fn copy(
    volume: &Volume,
    blocks: Blocks,
    change: &Change,
    writer: &mut VolumeWriter,
    observer: &mut Observer<'_>,
) -> Result<Missing> {
    let voxel_bytes = volume.voxel_type().bytes();
    let mut missing = Missing::default();
    observer.stage(Stage::bytes((blocks.part().voxels() * voxel_bytes) as u64), |observer| {
        read_compute_write(
            blocks.iter(),
            |block| Ok(volume.read(block)?),
            |block, voxels| {
                missing.extend(&Missing::of(&voxels));
                let changed = change.apply(voxels).ok_or_else(|| change.misfit(volume, blocks))?;
                observer.advance((block.voxels() * voxel_bytes) as u64)?;
                Ok(changed)
            },
            |_, changed| Ok(writer.write(&changed)?),
        )
    })?;
    Ok(missing)
}

/// Names the path that the user gave, and offers a type where that of the voxels is what the format does not hold.
fn refused(error: em_io::Error, voxel_type: VoxelType, target: &Target) -> Error {
    let em_io::Error::CannotWrite { what, expected, .. } = error else { return error.into() };
    if what.ends_with(&format!("{voxel_type} voxels")) {
        let path = target.path().display();
        let message = format!("cannot write {what} to `{path}`, expected {expected}");
        let hint = "change the type with --type u8 or --type u16; --rescale LOW,HIGH maps a range to it";
        return UserError::new(message, hint).into();
    }
    em_io::Error::CannotWrite { path: target.path().to_path_buf(), what, expected }.into()
}

/// Tells in which way what is read back is not what was asked for.
fn losses(asked: VolumeSpec, written: &Volume) -> Vec<String> {
    let mut losses = Vec::new();
    let (format, kept) = (written.format(), written.voxel_type());
    if kept != asked.voxel_type {
        losses.push(format!("{format} keeps {} voxels as {kept}, with the same values", asked.voxel_type));
    }
    let asked_size = asked.voxel_size_nm.and_then(|nm| VoxelSize::new(nm).ok());
    match (asked_size, written.voxel_size()) {
        (Some(asked), None) => losses.push(format!("{format} keeps no voxel size; it was {asked}")),
        (asked, Some(kept)) if asked.is_none_or(|asked| !asked.is_same_as(kept)) => {
            let asked = asked.map_or("unknown".into(), |size| size.to_string());
            losses.push(format!("the voxel size is {kept} now; it was {asked}"));
        }
        _ => {}
    }
    losses
}
