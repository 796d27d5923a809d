//! Values that are read otherwise than they are stored: turned, so that black becomes white, or signed.
//!
//! It does not decide when: the caller asks for it, or a TIFF file tells so.

use super::source::{Source, VolumeInfo};
use crate::error::{Error, Result};
use crate::{Roi, Volume, VoxelType, Voxels};

/// Turns the values of a volume of unsigned integers; `note` says why.
pub(crate) fn invert(volume: Volume, note: &str) -> Result<Volume> {
    let (path, found) = (volume.path().map(Into::into), volume.voxel_type());
    if !has_white(found) {
        return Err(Error::CannotInvert { path, found });
    }
    Ok(Volume::new(volume.info().clone(), Inverted(volume)).with_note(note))
}

/// Takes 32768 off the values of a volume of 16-bit unsigned integers.
pub(crate) fn signed(volume: Volume) -> Volume {
    let info = VolumeInfo { voxel_type: VoxelType::I16, ..volume.info().clone() };
    let note = "16-bit signed: ImageJ's calibration takes 32768 off what is stored";
    Volume::new(info, Signed(volume)).with_note(note)
}

/// Tells whether a type has a white, the largest value: signed numbers and floats have none.
pub(crate) fn has_white(voxel_type: VoxelType) -> bool {
    matches!(voxel_type, VoxelType::U8 | VoxelType::U16 | VoxelType::U32 | VoxelType::U64)
}

#[derive(Debug)]
struct Inverted(Volume);

impl Source for Inverted {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        let mut voxels = self.0.read(roi)?;
        match &mut voxels {
            Voxels::U8(array) => array.mapv_inplace(|value| !value),
            Voxels::U16(array) => array.mapv_inplace(|value| !value),
            Voxels::U32(array) => array.mapv_inplace(|value| !value),
            Voxels::U64(array) => array.mapv_inplace(|value| !value),
            // `invert` lets no other type pass, and the volume checks that it stays the same.
            _ => {}
        }
        Ok(voxels)
    }

    fn piece(&self) -> [usize; 3] {
        self.0.piece()
    }
}

#[derive(Debug)]
struct Signed(Volume);

impl Source for Signed {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        Ok(match self.0.read(roi)? {
            Voxels::U16(array) => Voxels::I16(array.mapv_into_any(|value| (value ^ 0x8000) as i16)),
            other => other,
        })
    }

    fn piece(&self) -> [usize; 3] {
        self.0.piece()
    }
}
