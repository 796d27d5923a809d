//! The file formats, one module each, and what they share.

pub(crate) mod folder;
pub(crate) mod image_file;
pub(crate) mod png;
pub(crate) mod tiff;
pub(crate) mod zarr;

use crate::error::Result;
use crate::voxels::{Sample, Voxels};
use crate::{Roi, limits};
use ndarray::{Array3, s};
use rayon::prelude::*;
use std::ops::Range;

/// Fills a block section by section, in parallel.
///
/// `fill` gets the z of a section and the `[y, x]` voxels of the block in that section, row after
/// row. Of several failing sections the error of the first one is returned.
pub(crate) fn read_sections<T: Sample>(
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

/// Returns the bytes of some rows of a section, in the machine's byte order.
pub(crate) fn bytes_of_rows(voxels: &Voxels, z: usize, rows: Range<usize>) -> Vec<u8> {
    let rows = s![z, rows, ..];
    match voxels {
        Voxels::U8(array) => array.slice(rows).iter().copied().collect(),
        Voxels::U16(array) => array.slice(rows).iter().flat_map(|v| v.to_ne_bytes()).collect(),
        Voxels::F32(array) => array.slice(rows).iter().flat_map(|v| v.to_ne_bytes()).collect(),
    }
}
