//! The header of NIfTI-1 and NIfTI-2.

use super::orientation::{self, Affine};
use crate::error::{Error, Result};
use crate::formats::raw::{Fields, RawVoxels, Rescale, Stored};
use crate::formats::{FLOAT_DIGITS, damaged, foreign, voxel_size};
use crate::sample::Endian;
use crate::{OpenOptions, Part, VoxelType};
use std::path::Path;

/// The longer of the two headers, that of NIfTI-2.
pub(super) const HEADER_BYTES: u64 = 540;

/// What a header says, in our words.
pub(super) struct Header {
    pub voxels: RawVoxels,
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Whether there is a voxel size but no unit.
    pub has_no_unit: bool,
    /// The directions in which x, y and z rise.
    pub orientation: Option<[char; 3]>,
}

/// The two versions, each with its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    number: u8,
    endian: Endian,
}

impl Version {
    /// Tells by the first field, which is the length of the header, and the letters `n+1` or `n+2`.
    fn of(bytes: &[u8]) -> Option<Self> {
        [Endian::Little, Endian::Big].into_iter().find_map(|endian| {
            let magic = |at| bytes.get(at..at + 3);
            let fields = Fields { bytes, endian };
            match fields.i32(0) {
                348 if matches!(magic(344), Some(b"n+1" | b"ni1")) => Some(Self { number: 1, endian }),
                540 if matches!(magic(4), Some(b"n+2" | b"ni2")) => Some(Self { number: 2, endian }),
                _ => None,
            }
        })
    }

    /// Returns the first place behind the header and the 4 bytes that tell of extensions.
    fn first_voxel(self) -> u64 {
        if self.number == 1 { 352 } else { 544 }
    }
}

/// Tells whether a file that starts with these bytes is NIfTI; 348 of them suffice.
pub(crate) fn is_nifti(bytes: &[u8]) -> bool {
    Version::of(bytes).is_some()
}

/// The fields that are read, of either version.
struct Raw {
    /// The number of axes, then the size along x, y, z, time, ...
    dim: [i64; 8],
    datatype: i16,
    /// Voxel sizes along x, y, z.
    pixdim: [f64; 3],
    vox_offset: f64,
    slope: f64,
    intercept: f64,
    units: u8,
    /// Whether the voxels are in this file.
    single: bool,
    /// How voxels lie in space.
    affine: Affine,
}

impl Raw {
    fn of(version: Version, bytes: &[u8]) -> Self {
        let fields = Fields { bytes, endian: version.endian };
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let floats = |at: usize| [at, at + 4, at + 8].map(|at| fields.f32(at).into());
        let doubles = |at: usize| [at, at + 8, at + 16].map(|at| fields.f64(at));
        match version.number {
            1 => Self {
                dim: std::array::from_fn(|axis| fields.i16(40 + 2 * axis).into()),
                datatype: fields.i16(70),
                pixdim: [80, 84, 88].map(|at| fields.f32(at).into()),
                vox_offset: fields.f32(108).into(),
                slope: fields.f32(112).into(),
                intercept: fields.f32(116).into(),
                units: byte(123),
                single: byte(345) == b'+',
                affine: Affine {
                    matrix: (fields.i16(254) != 0).then(|| std::array::from_fn(|row| floats(280 + 16 * row))),
                    quaternion: (fields.i16(252) != 0).then(|| floats(256)),
                    handedness: fields.f32(76).into(),
                },
            },
            _ => Self {
                dim: std::array::from_fn(|axis| fields.i64(16 + 8 * axis)),
                datatype: fields.i16(12),
                pixdim: [112, 120, 128].map(|at| fields.f64(at)),
                // Below 2^53 for every file that exists, and a larger one is refused.
                vox_offset: fields.i64(168) as f64,
                slope: fields.f64(176),
                intercept: fields.f64(184),
                units: fields.i32(500).to_le_bytes()[0],
                single: byte(5) == b'+',
                affine: Affine {
                    matrix: (fields.i32(348) != 0)
                        .then(|| std::array::from_fn(|row| doubles(400 + 32 * row))),
                    quaternion: (fields.i32(344) != 0).then(|| doubles(352)),
                    handedness: fields.f64(104),
                },
            },
        }
    }
}

impl Header {
    /// Reads a header; of several points in time the one that was picked is the volume.
    pub(super) fn parse(path: &Path, bytes: &[u8], options: OpenOptions) -> Result<Self> {
        let version =
            Version::of(bytes).ok_or_else(|| damaged(path, "its NIfTI header has changed".into()))?;
        let raw = Raw::of(version, bytes);
        if !raw.single {
            return Err(foreign::NIFTI_PAIR.error(path));
        }
        // Whole bytes that a file can hold; the comparison is false for NaN.
        if !(0.0..=9e15).contains(&raw.vox_offset) {
            return Err(damaged(path, format!("the header claims an offset of {}", raw.vox_offset)));
        }
        let (voxel_size_nm, has_no_unit) = size_of(&raw);
        let (shape, times) = shape(path, &raw)?;
        let mut voxels = RawVoxels {
            path: path.to_path_buf(),
            // Some programs leave it at 0 and mean the place behind the header.
            start: (raw.vox_offset as u64).max(version.first_voxel()),
            shape,
            stored: stored(path, raw.datatype)?,
            endian: version.endian,
            rescale: rescale(&raw),
        };
        let time = options.pick(path, Part::Time, times, || format!("{times} time points"))?;
        // Checked first: the end of a volume within the limits is below 2^59.
        voxels.check(None)?;
        let volume_bytes = voxels.end() - voxels.start;
        voxels.start = voxels.start.saturating_add(volume_bytes.saturating_mul(time as u64));
        let orientation = orientation::of(raw.affine);
        Ok(Self { voxels, voxel_size_nm, has_no_unit, orientation })
    }
}

/// Returns `[z, y, x]` and the number of points in time.
fn shape(path: &Path, raw: &Raw) -> Result<([usize; 3], usize)> {
    let axes = usize::try_from(raw.dim[0]).ok().filter(|axes| (1..=7).contains(axes));
    let axes = axes.ok_or_else(|| damaged(path, format!("the header claims {} axes", raw.dim[0])))?;
    let sides = &raw.dim[1..=axes];
    if sides.iter().skip(4).any(|&side| side > 1) {
        return Err(Error::NotAStack {
            path: path.to_path_buf(),
            found: format!("{sides:?} voxels along x, y, z, time and further axes"),
            expected: "one value per voxel and time".into(),
        });
    }
    let side = |axis: usize| {
        let side = sides.get(axis).copied().unwrap_or(1);
        usize::try_from(side).map_err(|_| damaged(path, format!("the header claims a side of {side} voxels")))
    };
    Ok(([side(2)?, side(1)?, side(0)?], side(3)?.max(1)))
}

/// The codes `DT_` of `nifti1.h`.
fn stored(path: &Path, datatype: i16) -> Result<Stored> {
    Ok(match datatype {
        2 => Stored::As(VoxelType::U8),
        256 => Stored::As(VoxelType::I8),
        512 => Stored::As(VoxelType::U16),
        4 => Stored::As(VoxelType::I16),
        768 => Stored::As(VoxelType::U32),
        8 => Stored::As(VoxelType::I32),
        1280 => Stored::As(VoxelType::U64),
        1024 => Stored::As(VoxelType::I64),
        16 => Stored::As(VoxelType::F32),
        64 => Stored::F64,
        32 | 1792 | 2048 => return Err(unsupported(path, "stored as complex numbers".into())),
        128 | 2304 => return Err(unsupported(path, "stored as colours".into())),
        1 => return Err(unsupported(path, "stored as single bits".into())),
        1536 => return Err(unsupported(path, "stored as 128-bit float".into())),
        other => return Err(unsupported(path, format!("of NIfTI data type {other}"))),
    })
}

/// `scl_slope` and `scl_inter`; a slope of 0 says that there is none.
fn rescale(raw: &Raw) -> Option<Rescale> {
    let Raw { slope, intercept, .. } = *raw;
    let given = slope != 0.0 && slope.is_finite() && intercept.is_finite();
    (given && (slope, intercept) != (1.0, 0.0)).then_some(Rescale { slope, intercept })
}

/// The voxel size, or whether only its unit is missing.
fn size_of(raw: &Raw) -> (Option<[f64; 3]>, bool) {
    // The lower three bits of `xyzt_units`.
    let unit_nm = match raw.units & 7 {
        1 => 1e9,
        2 => 1e6,
        3 => 1e3,
        _ => return (None, raw.pixdim.iter().any(|&size| size != 0.0 && size != 1.0)),
    };
    let [x, y, z] = raw.pixdim.map(|size| size.abs() * unit_nm);
    (voxel_size([z, y, x], FLOAT_DIGITS), false)
}

fn unsupported(path: &Path, found: String) -> Error {
    Error::Unsupported {
        path: path.to_path_buf(),
        page: 0,
        found,
        expected: "8- to 64-bit integers or 32- or 64-bit float in one .nii file",
    }
}
