//! Reads MRC: the header, and from there on uncompressed voxels.

use super::{HEADER_BYTES, IMOD_STAMP, at};
use crate::Volume;
use crate::VoxelType;
use crate::error::{Error, Result};
use crate::formats::raw::{Fields, RawVoxels, Stored};
use crate::formats::source::VolumeInfo;
use crate::formats::{FLOAT_DIGITS, damaged, voxel_size};
use crate::sample::Endian;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The modes that are read, for error messages.
const READABLE: &str = "mode 0, 1, 2 or 6 (8- or 16-bit integers, 32-bit float)";

/// Ångström in a nanometre.
const ANGSTROM_NM: f64 = 0.1;

/// Opens an MRC file.
///
/// The rows are read in the order in which they are stored. Viewers of MRC draw the first row at
/// the bottom, those of other formats at the top.
pub(crate) fn open(path: &Path) -> Result<Volume> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let file_bytes = file.metadata().map_err(Error::io("open", path))?.len();
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).map_err(|error| Error::decoding(path, 0, Box::new(error)))?;
    let fields = Fields { bytes: &header, endian: endian(&header) };

    let mut notes = Vec::new();
    let raw = RawVoxels {
        path: path.to_path_buf(),
        start: HEADER_BYTES as u64 + size(path, &fields, at::EXTENDED_BYTES, "an extended header")? as u64,
        shape: [
            size(path, &fields, at::SHAPE + 8, "sections")?,
            size(path, &fields, at::SHAPE + 4, "rows")?,
            size(path, &fields, at::SHAPE, "columns")?,
        ],
        stored: Stored::As(voxel_type(path, &fields, &mut notes)?),
        endian: fields.endian,
        rescale: None,
    };
    check_axes(path, &fields)?;
    raw.check(Some(file_bytes))?;
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: raw.shape,
        voxel_type: raw.voxel_type(),
        voxel_size_nm: voxel_size_nm(&fields, &mut notes),
        format: "MRC",
        notes,
        orientation: None,
        section_names: None,
    };
    Ok(Volume::new(info, raw))
}

/// Finds the byte order by the mode, which is below 256 in the right one.
///
/// The machine stamp is for that, but there are files where it is wrong (mrcfile knows them too).
fn endian(header: &[u8]) -> Endian {
    let little = Fields { bytes: header, endian: Endian::Little }.i32(at::MODE);
    let big = Fields { bytes: header, endian: Endian::Big }.i32(at::MODE);
    match ((0..256).contains(&little), (0..256).contains(&big)) {
        (true, false) => Endian::Little,
        (false, true) => Endian::Big,
        // Mode 0 is the same in both.
        _ if header.get(at::MACHINE) == Some(&0x11) => Endian::Big,
        _ => Endian::Little,
    }
}

fn size(path: &Path, fields: &Fields<'_>, at: usize, what: &str) -> Result<usize> {
    let found = fields.i32(at);
    usize::try_from(found)
        .map_err(|_| damaged(path, format!("the header claims {what} of number or size {found}")))
}

fn voxel_type(path: &Path, fields: &Fields<'_>, notes: &mut Vec<String>) -> Result<VoxelType> {
    match fields.i32(at::MODE) {
        0 => Ok(byte_type(fields, notes)),
        1 => Ok(VoxelType::I16),
        2 => Ok(VoxelType::F32),
        6 => Ok(VoxelType::U16),
        mode => Err(Error::Unsupported {
            path: path.to_path_buf(),
            page: 0,
            found: format!("MRC mode {mode}"),
            expected: READABLE,
        }),
    }
}

/// Tells signed from unsigned bytes, as IMOD does.
///
/// MRC2014 has signed bytes only, but programs went on to write unsigned ones. IMOD leaves a flag;
/// else the range in the header tells, since no signed byte is above 127.
fn byte_type(fields: &Fields<'_>, notes: &mut Vec<String>) -> VoxelType {
    if fields.i32(at::IMOD_STAMP) == IMOD_STAMP {
        return if fields.i32(at::IMOD_FLAGS) & 1 == 1 { VoxelType::I8 } else { VoxelType::U8 };
    }
    let (smallest, largest) = (fields.f32(at::RANGE), fields.f32(at::RANGE + 4));
    if smallest >= 0.0 && largest > f32::from(i8::MAX) {
        notes.push("bytes read as unsigned, since the header's range goes beyond 127".into());
        return VoxelType::U8;
    }
    VoxelType::I8
}

/// Refuses volumes whose columns, rows and sections are not x, y and z.
fn check_axes(path: &Path, fields: &Fields<'_>) -> Result<()> {
    let axes = [0, 4, 8].map(|offset| fields.i32(at::AXES + offset));
    // Old files leave the fields at 0.
    if matches!(axes, [1, 2, 3] | [0, 0, 0]) {
        return Ok(());
    }
    Err(Error::Unsupported {
        path: path.to_path_buf(),
        page: 0,
        found: format!("stored with columns, rows and sections along the axes {axes:?}"),
        expected: "[1, 2, 3] (x, y, z)",
    })
}

/// Returns the size of the cell divided by its grid, where that is three lengths.
fn voxel_size_nm(fields: &Fields<'_>, notes: &mut Vec<String>) -> Option<[f64; 3]> {
    let angstrom = [8, 4, 0]
        .map(|offset| f64::from(fields.f32(at::CELL + offset)) / f64::from(fields.i32(at::GRID + offset)));
    // IMOD writes it for files that have no pixel size.
    if angstrom == [1.0; 3] {
        notes.push("a voxel size of exactly 1 ångström is taken for none".into());
        return None;
    }
    voxel_size(angstrom.map(|length| length * ANGSTROM_NM), FLOAT_DIGITS)
}
