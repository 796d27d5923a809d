//! NIfTI-1 and NIfTI-2, the format of medical imaging: `.nii` and `.nii.gz`. It is not written.
//!
//! The headers are those of `nifti1.h` and `nifti2.h` (nifti.nimh.nih.gov). The voxels are read in
//! the order in which they are stored, x fastest: the turns and mirrors that the header may ask for
//! are left to viewers, and told as [`VolumeInfo::orientation`].

mod header;
mod orientation;

use crate::error::{Error, Result};
use crate::formats::gzip::{self, Compressed};
use crate::formats::raw::RawFile;
use crate::formats::source::VolumeInfo;
use crate::storage::Object;
use crate::{OpenOptions, Volume};
use header::{HEADER_BYTES, Header};
use std::path::Path;

pub(crate) use header::is_nifti;

/// Opens a plain file.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    let file = Object::existing(path).map_err(Error::io("open", path))?;
    let bytes = file.read_range(0, HEADER_BYTES.min(file.bytes())).map_err(Error::io("read", path))?;
    let header = Header::parse(path, &bytes, options)?;
    header.voxels.check(Some(file.bytes()))?;
    Ok(Volume::new(info(path, &header), RawFile { voxels: header.voxels, file }))
}

/// Opens a gzip-compressed file.
///
/// Its voxels cannot be reached one by one, so that the first block that is read unpacks the file
/// into a temporary one, which goes when the volume does.
pub(crate) fn open_compressed(path: &Path, options: OpenOptions) -> Result<Volume> {
    let bytes = gzip::start(path, HEADER_BYTES)?;
    let header = Header::parse(path, &bytes, options)?;
    let info = info(path, &header);
    Ok(Volume::new(info, Compressed::new(header.voxels)?))
}

fn info(path: &Path, header: &Header) -> VolumeInfo {
    let mut notes = Vec::new();
    match header.voxels.rescale {
        Some(rescale) => notes.push(format!(
            "values are {} x stored + {}, as the header says, in 32-bit float",
            rescale.slope, rescale.intercept
        )),
        None => notes.extend(header.voxels.stored.note().map(str::to_owned)),
    }
    if header.has_no_unit {
        notes.push("the voxel size has no unit and is left out".into());
    }
    VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: header.voxels.shape,
        voxel_type: header.voxels.voxel_type(),
        voxel_size_nm: header.voxel_size_nm,
        format: "NIfTI",
        notes,
        orientation: header.orientation,
        section_names: None,
    }
}
