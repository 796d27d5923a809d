//! Values that are turned, so that black becomes white: the largest of the type minus the stored one.
//!
//! It does not decide when: the caller asks for it, or a TIFF file shows 0 as white.

use super::source::Source;
use crate::error::{Error, Result};
use crate::{Roi, Volume, VoxelType, Voxels};

/// Turns the values of a volume of unsigned integers; `note` says why.
pub(crate) fn invert(volume: Volume, note: &str) -> Result<Volume> {
    let (path, found) = (volume.path().map(Into::into), volume.voxel_type());
    if !has_white(found) {
        return Err(Error::CannotInvert { path, found });
    }
    let info = volume.info().clone().with_note(note);
    Ok(Volume::new(info, Inverted(volume)))
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
}
