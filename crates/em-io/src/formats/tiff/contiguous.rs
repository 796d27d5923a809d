//! Voxels that lie in the file as they are, one after another: uncompressed pages, and the stacks
//! of one directory that ImageJ writes above 4 GB and tifffile with `truncate`.

use super::directory::{Directory, Tiff, tag};
use super::page::{Page, Pixels, number};
use crate::VoxelType;
use crate::error::Result;
use crate::formats::raw::{RawVoxels, Stored};

/// Returns where the voxels of a page are, if it is uncompressed and its strips follow each other.
pub(super) fn page(tiff: &mut Tiff, directory: &Directory, page: &Page) -> Result<Option<RawVoxels>> {
    let raw = sections(tiff, directory, page, 1)?;
    let lengths = tiff.numbers(directory, tag::STRIP_BYTE_COUNTS)?.unwrap_or_default();
    let sum = lengths.iter().fold(0_u64, |sum, &length| sum.saturating_add(length));
    // Strips that say that they are shorter than their rows are for `Chunks` to refuse.
    Ok(raw.filter(|raw| lengths == [0] || sum >= raw.end() - raw.start))
}

/// Returns where `sections` are of which the directory describes the first.
pub(super) fn sections(
    tiff: &mut Tiff,
    directory: &Directory,
    page: &Page,
    sections: usize,
) -> Result<Option<RawVoxels>> {
    let is_half = page.bits == 16 && page.voxel_type == VoxelType::F32;
    let is_plain = page.pixels == Pixels::Grey
        && !is_half
        && number(tiff, directory, tag::PREDICTOR, 1)? == 1
        && number(tiff, directory, tag::COMPRESSION, 1)? == 1
        && number(tiff, directory, tag::FILL_ORDER, 1)? == 1;
    if !is_plain {
        return Ok(None);
    }
    let Some(start) = one_piece(tiff, directory, page)? else {
        return Ok(None);
    };
    Ok(Some(RawVoxels {
        path: tiff.path.clone(),
        start,
        shape: [sections, page.size[0], page.size[1]],
        stored: if page.is_double() { Stored::F64 } else { Stored::As(page.voxel_type) },
        endian: tiff.endian,
        rescale: None,
    }))
}

/// Returns the start of the page's strips, if they follow each other and are as long as their rows.
fn one_piece(tiff: &mut Tiff, directory: &Directory, page: &Page) -> Result<Option<u64>> {
    let starts = tiff.numbers(directory, tag::STRIP_OFFSETS)?.unwrap_or_default();
    let lengths = tiff.numbers(directory, tag::STRIP_BYTE_COUNTS)?.unwrap_or_default();
    let Some(&first) = starts.first() else {
        return Ok(None);
    };
    if starts.len() == 1 {
        // Stacks of one directory state the length of a section, of all, or what is left of it in 32 bits.
        return Ok(Some(first));
    }
    let row_bytes = page.size[1].saturating_mul(page.bits / 8) as u64;
    let rows = number(tiff, directory, tag::ROWS_PER_STRIP, page.size[0])?;
    let strip_bytes = row_bytes.saturating_mul(rows as u64);
    let mut left = row_bytes.saturating_mul(page.size[0] as u64);
    let mut next = first;
    for (start, length) in starts.into_iter().zip(lengths) {
        if start != next || length != strip_bytes.min(left) {
            return Ok(None);
        }
        (next, left) = (start.saturating_add(length), left - length);
    }
    Ok((left == 0).then_some(first))
}
