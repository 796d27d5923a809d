//! Reads MRC: the header, and from there on voxels that are not compressed, or packed as a whole.

use super::nibbles::Nibbles;
use super::{HEADER_BYTES, IMOD_STAMP, at};
use crate::error::{Error, Result};
use crate::formats::gzip::{self, Compressed};
use crate::formats::raw::{Fields, RawFile, RawVoxels, Stored};
use crate::formats::source::{Source, VolumeInfo};
use crate::formats::{FLOAT_DIGITS, damaged, voxel_size};
use crate::sample::Endian;
use crate::storage::Object;
use crate::{OpenOptions, Part, Volume, VoxelType};
use std::path::Path;

/// The modes that are read, for error messages.
const READABLE: &str = "mode 0, 1, 2, 6, 12 or 101 (4- to 16-bit integers, 16- or 32-bit float)";

/// Ångström in a nanometre.
const ANGSTROM_NM: f64 = 0.1;

/// The space groups of rows of volumes: 400 more than that of each volume.
const ROWS_OF_VOLUMES: std::ops::RangeInclusive<i32> = 401..=630;

/// IMOD's flags: bytes are signed, and two voxels are in a byte of mode 0.
const SIGNED: i32 = 1;
const HALF_BYTES: i32 = 16;

/// Opens an MRC file.
///
/// The rows are read in the order in which they are stored. Viewers of MRC draw the first row at
/// the bottom, those of other formats at the top.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    let file = Object::existing(path).map_err(Error::io("open", path))?;
    let header = file.read_range(0, HEADER_BYTES as u64);
    let header = header.map_err(|error| Error::decoding(path, 0, Box::new(error)))?;
    let parsed = parse(path, &header, options)?;
    parsed.voxels.check(Some(file.bytes()))?;
    Ok(volume(parsed.info, parsed.is_halved, RawFile { voxels: parsed.voxels, file }))
}

/// Opens a gzip-compressed MRC file, as EMDB gives out its maps.
///
/// The first block that is read unpacks it into a temporary file, which goes when the volume does.
pub(crate) fn open_compressed(path: &Path, options: OpenOptions) -> Result<Volume> {
    let header = gzip::start(path, HEADER_BYTES as u64)?;
    if header.len() < HEADER_BYTES {
        return Err(Error::Truncated { path: path.to_path_buf(), page: 0 });
    }
    let parsed = parse(path, &header, options)?;
    Ok(volume(parsed.info, parsed.is_halved, Compressed::new(parsed.voxels)?))
}

fn volume(info: VolumeInfo, is_halved: bool, source: impl Source + 'static) -> Volume {
    if is_halved { Volume::new(info, Nibbles(source)) } else { Volume::new(info, source) }
}

/// What a header says, in our words.
struct Parsed {
    info: VolumeInfo,
    /// The voxels, or the bytes of which each holds two.
    voxels: RawVoxels,
    is_halved: bool,
}

fn parse(path: &Path, header: &[u8], options: OpenOptions) -> Result<Parsed> {
    let fields = Fields { bytes: header, endian: endian(header) };
    let mut notes = Vec::new();
    let (stored, is_halved) = stored(path, &fields, &mut notes)?;
    notes.extend(stored.note().map(str::to_owned));
    let columns = size(path, &fields, at::SHAPE, "columns")?;
    // Mode 101 counts voxels, and bytes of mode 0 are counted as bytes.
    let width = match fields.i32(at::MODE) {
        0 if is_halved => columns.saturating_mul(2),
        _ => columns,
    };
    let depth = size(path, &fields, at::SHAPE + 8, "sections")?;
    let rows = size(path, &fields, at::SHAPE + 4, "rows")?;
    let each = sections_of_each(&fields, depth);
    let mut voxels = RawVoxels {
        path: path.to_path_buf(),
        start: HEADER_BYTES as u64 + size(path, &fields, at::EXTENDED_BYTES, "an extended header")? as u64,
        shape: [each, rows, if is_halved { width.div_ceil(2) } else { width }],
        stored,
        endian: fields.endian,
        rescale: None,
    };
    check_axes(path, &fields)?;
    voxels.check(None)?;
    let count = depth / each;
    let picked = options.pick(path, Part::Volume, count, || format!("{count} volumes of {each} sections"))?;
    let volume_bytes = voxels.end() - voxels.start;
    voxels.start = voxels.start.saturating_add(volume_bytes.saturating_mul(picked as u64));
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: [each, rows, width],
        voxel_type: voxels.voxel_type(),
        voxel_size_nm: voxel_size_nm(&fields, depth, &mut notes),
        format: "MRC",
        notes,
        orientation: None,
        section_names: None,
    };
    Ok(Parsed { info, voxels, is_halved })
}

/// Returns the sections of one volume: all of them, but in a row of volumes.
fn sections_of_each(fields: &Fields<'_>, depth: usize) -> usize {
    let of_grid = usize::try_from(fields.i32(at::GRID + 8)).unwrap_or_default();
    let is_row = ROWS_OF_VOLUMES.contains(&fields.i32(at::SPACE_GROUP));
    let divides = of_grid > 0 && depth.is_multiple_of(of_grid);
    if is_row && divides && depth > 0 { of_grid } else { depth }
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

/// Returns how voxels are stored, and whether there are two in a byte.
fn stored(path: &Path, fields: &Fields<'_>, notes: &mut Vec<String>) -> Result<(Stored, bool)> {
    let byte = Stored::As(VoxelType::U8);
    let is_imod = fields.i32(at::IMOD_STAMP) == IMOD_STAMP;
    let found = match fields.i32(at::MODE) {
        0 if is_imod && fields.i32(at::IMOD_FLAGS) & HALF_BYTES != 0 => return Ok((byte, true)),
        0 if is_imod && fields.i32(at::IMOD_FLAGS) & SIGNED != 0 => return Ok((Stored::ShiftedByte, false)),
        0 if is_imod => return Ok((byte, false)),
        0 => return Ok((Stored::As(byte_type(fields, notes)), false)),
        1 => return Ok((Stored::As(VoxelType::I16), false)),
        2 => return Ok((Stored::As(VoxelType::F32), false)),
        6 => return Ok((Stored::As(VoxelType::U16), false)),
        12 => return Ok((Stored::F16, false)),
        101 => return Ok((byte, true)),
        mode @ (3 | 4) => format!("MRC mode {mode}, complex numbers (a Fourier transform)"),
        mode @ 16 => format!("MRC mode {mode}, colours"),
        mode => format!("MRC mode {mode}"),
    };
    Err(Error::Unsupported { path: path.to_path_buf(), page: 0, found, expected: READABLE })
}

/// Tells signed from unsigned bytes of files that are not IMOD's.
///
/// MRC2014 has signed bytes only, but programs went on to write unsigned ones: the range in the
/// header tells, since no signed byte is above 127.
fn byte_type(fields: &Fields<'_>, notes: &mut Vec<String>) -> VoxelType {
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
///
/// A stack of images has a grid of one section (MRC2014), and no distance from one to the next.
fn voxel_size_nm(fields: &Fields<'_>, depth: usize, notes: &mut Vec<String>) -> Option<[f64; 3]> {
    if fields.i32(at::SPACE_GROUP) == 0 && fields.i32(at::GRID + 8) == 1 && depth > 1 {
        notes.push("a stack of images: the file does not tell how thick sections are".into());
        return None;
    }
    let angstrom = [8, 4, 0]
        .map(|offset| f64::from(fields.f32(at::CELL + offset)) / f64::from(fields.i32(at::GRID + offset)));
    // IMOD writes it for files that have no pixel size.
    if angstrom == [1.0; 3] {
        notes.push("a voxel size of exactly 1 ångström is taken for none".into());
        return None;
    }
    voxel_size(angstrom.map(|length| length * ANGSTROM_NM), FLOAT_DIGITS)
}
