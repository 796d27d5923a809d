//! NIfTI-1 and NIfTI-2, the format of medical imaging: `.nii` and `.nii.gz`. It is not written.
//!
//! The headers are those of `nifti1.h` and `nifti2.h` (nifti.nimh.nih.gov). The voxels are read in
//! the order in which they are stored, x fastest: the turns and mirrors that the header may ask for
//! are left to viewers.

mod gzip;
mod header;

use crate::Volume;
use crate::error::{Error, Result};
use crate::formats::DOUBLE_NOTE;
use crate::formats::raw::Stored;
use crate::formats::source::VolumeInfo;
use header::{HEADER_BYTES, Header};
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(crate) use gzip::is_nifti as is_compressed;
pub(crate) use header::is_nifti;

/// Opens a plain file.
pub(crate) fn open(path: &Path) -> Result<Volume> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let file_bytes = file.metadata().map_err(Error::io("open", path))?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(HEADER_BYTES).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    let header = Header::parse(path, &bytes)?;
    header.voxels.check(Some(file_bytes))?;
    Ok(Volume::new(info(path, &header), header.voxels))
}

/// Opens a gzip-compressed file.
///
/// Its voxels cannot be reached one by one, so that the first block that is read unpacks the file
/// into a temporary one, which goes when the volume does.
pub(crate) fn open_compressed(path: &Path) -> Result<Volume> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let file_bytes = file.metadata().map_err(Error::io("open", path))?.len();
    let bytes = gzip::start(file, HEADER_BYTES).map_err(|error| Error::decoding(path, 0, Box::new(error)))?;
    let header = Header::parse(path, &bytes)?;
    let info = info(path, &header);
    Ok(Volume::new(info, gzip::Compressed::new(header.voxels, file_bytes)?))
}

fn info(path: &Path, header: &Header) -> VolumeInfo {
    let mut notes = Vec::new();
    match (header.voxels.rescale, header.voxels.stored) {
        (Some(rescale), _) => notes.push(format!(
            "values are {} x stored + {}, as the header says, in 32-bit float",
            rescale.slope, rescale.intercept
        )),
        (None, Stored::F64) => notes.push(DOUBLE_NOTE.into()),
        (None, Stored::As(_)) => {}
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
        orientation: None,
        section_names: None,
    }
}
