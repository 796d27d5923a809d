//! The file formats, one module each, and what they share.

mod absent;
#[cfg_attr(
    not(any(test, feature = "hdf5", feature = "zarr")),
    expect(dead_code, reason = "N5 and NumPy's arrays have z, y and x in one order")
)]
mod axes;
pub(crate) mod bits;
pub(crate) mod folder;
pub(crate) mod foreign;
mod grid;
pub(crate) mod gzip;
pub(crate) mod hdf5;
#[cfg(feature = "images")]
pub(crate) mod image_file;
pub(crate) mod jpeg;
mod json;
mod lz4_block;
pub(crate) mod mrc;
pub(crate) mod n5;
pub(crate) mod nifti;
mod npy;
mod open;
pub(crate) mod palette;
#[cfg(feature = "images")]
pub(crate) mod png;
pub mod precomputed;
mod pyramid;
pub(crate) mod raw;
pub(crate) mod sink;
pub(crate) mod source;
mod stored;
pub(crate) mod tiff;
mod units;
mod unpack;
pub(crate) mod values;
#[cfg(feature = "zarr")]
pub(crate) mod zarr;
pub(crate) mod zarr_paths;

#[cfg(not(feature = "zarr"))]
pub(crate) use absent::zarr;
#[cfg(not(feature = "images"))]
pub(crate) use absent::{image_file, png};

pub use open::open;
pub(crate) use open::{open_levels, open_with};

use crate::error::{Error, Result};
use crate::sample::Voxel;
use crate::{Roi, VoxelSize, Voxels, limits, match_voxels};
use ndarray::{Array3, s};
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;

/// Fills a block section by section, in parallel.
///
/// `fill` gets the z of a section and the `[y, x]` voxels of the block in that section, row after
/// row. Of several failing sections the error of the first one is returned.
pub(crate) fn read_sections<T: Voxel>(
    roi: Roi,
    fill: impl Fn(usize, &mut [T]) -> Result<()> + Sync,
) -> Result<Array3<T>> {
    let [depth, height, width] = roi.shape;
    let mut voxels = limits::zeroed::<T>(roi.voxels())?;
    // A section without voxels is none to read, and `par_chunks_mut` refuses a length of 0.
    let failure = voxels
        .par_chunks_mut((height * width).max(1))
        .enumerate()
        .map(|(z, section)| fill(roi.start[0] + z, section))
        .find_map_first(Result::err);
    match failure {
        Some(error) => Err(error),
        None => Ok(Array3::from_shape_vec((depth, height, width), voxels)
            .expect("the buffer was made for this shape")),
    }
}

/// Names what is done to colour, for the notes of a volume.
pub(crate) const COLOUR_NOTE: &str = "colour read as grey (Rec. 601 luma)";

/// Names what is done to transparency, for the notes of a volume.
pub(crate) const ALPHA_NOTE: &str = "alpha channel left out";

/// Names what is done to 64-bit floats, for the notes of a volume.
pub(crate) const DOUBLE_NOTE: &str = "64-bit float rounded to 32-bit float";

/// The decimal digits that a 32-bit float holds.
pub(crate) const FLOAT_DIGITS: usize = 7;

/// The digits of a length that was written as text or as a fraction. More of them are noise.
pub(crate) const DOUBLE_DIGITS: usize = 9;

/// Returns a voxel size in nm, rounded to some digits, where its three lengths can be believed.
pub(crate) fn voxel_size(nm: [f64; 3], digits: usize) -> Option<[f64; 3]> {
    let behind_the_point = digits - 1;
    let nm = nm.map(|length| format!("{length:.behind_the_point$e}").parse().unwrap_or(length));
    VoxelSize::new(nm).ok().map(VoxelSize::nm)
}

/// An error about a header or description whose values make no sense.
pub(crate) fn damaged(path: &Path, reason: String) -> Error {
    Error::Damaged { path: path.to_path_buf(), page: 0, source: reason.into() }
}

/// Returns the bytes of some rows of a section, in the machine's byte order.
pub(crate) fn bytes_of_rows(voxels: &Voxels, z: usize, rows: Range<usize>) -> Vec<u8> {
    let rows = s![z, rows, ..];
    match voxels {
        Voxels::U8(array) => array.slice(rows).iter().copied().collect(),
        other => {
            match_voxels!(other, array => array.slice(rows).iter().flat_map(|v| v.to_ne_bytes()).collect())
        }
    }
}
