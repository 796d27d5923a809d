//! A volume that lies in chunks on a grid: which of them a block touches, and how their voxels get into it.
//! It knows no format.

use super::stored::Stored;
use crate::error::{Error, Result, on_one_line};
use crate::limits::{self, MAX_PIECE_BYTES, MAX_SMALL_CHUNKS, SMALL_CHUNK};
use crate::sample::{Endian, Voxel};
use crate::storage::failure::Failure;
use crate::{Roi, formats::json::metadata, storage};
use ndarray::{Array3, ArrayViewMut3, Axis};
use rayon::prelude::*;
use std::io;
use std::path::Path;

/// Why the bytes of a chunk are none.
pub(crate) type Reason = Box<dyn std::error::Error + Send + Sync>;

/// Cuts a part of the volume that begins at `start` at the multiples of `cell` along one axis.
pub(crate) fn split<T>(
    part: ArrayViewMut3<'_, T>,
    axis: usize,
    start: usize,
    cell: usize,
) -> impl Iterator<Item = (usize, ArrayViewMut3<'_, T>)> {
    let mut rest = Some((start, part));
    std::iter::from_fn(move || {
        let (start, part) = rest.take()?;
        let len = part.len_of(Axis(axis));
        if len == 0 {
            return None;
        }
        let first = (cell - start % cell).min(len);
        let (head, tail) = part.split_at(Axis(axis), first);
        rest = Some((start + first, tail));
        Some((start, head))
    })
}

/// Fills a block chunk by chunk, in parallel; all is 0 before. The chunks lie in `folder`.
///
/// `fill` gets the place of a chunk in the grid and that of the part of the block within the chunk, both
/// `[z, y, x]`, and the part. Of several failing chunks the error of the first one is returned.
pub(crate) fn read_chunks<T: Voxel>(
    folder: &Path,
    roi: Roi,
    cell: [usize; 3],
    fill: impl Fn([usize; 3], [usize; 3], ArrayViewMut3<'_, T>) -> Result<()> + Sync,
) -> Result<Array3<T>> {
    let [depth, height, width] = roi.shape;
    let voxels = limits::zeroed::<T>(roi.voxels())?;
    let mut block =
        Array3::from_shape_vec((depth, height, width), voxels).expect("the buffer was made for this shape");
    let mut rows = Vec::new();
    for (z, slab) in split(block.view_mut(), 0, roi.start[0], cell[0]) {
        for (y, row) in split(slab, 1, roi.start[1], cell[1]) {
            rows.push((z, y, row));
        }
    }
    let fill_row = |(z, y, row)| {
        let parts: Vec<_> = split(row, 2, roi.start[2], cell[2]).collect();
        let filled = parts.into_par_iter().map(|(x, part)| {
            let start = [z, y, x];
            let place = std::array::from_fn(|axis| start[axis] / cell[axis]);
            fill(place, std::array::from_fn(|axis| start[axis] % cell[axis]), part)
        });
        filled.find_map_first(Result::err)
    };
    let failure =
        storage::in_parallel(folder, || rows.into_par_iter().map(fill_row).find_map_first(|failure| failure));
    match failure {
        Some(error) => Err(error),
        None => Ok(block),
    }
}

/// The voxels of a decoded chunk, or those of one channel of it.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    stored: Stored,
    endian: Endian,
    /// How many there are along `[z, y, x]`: at the far borders perhaps fewer than the grid is wide.
    shape: [usize; 3],
    /// How many voxels lie from one to the next along `[z, y, x]`.
    strides: [usize; 3],
    first: usize,
}

impl Chunk {
    /// Takes voxels that follow each other along x, then y, then z.
    pub(crate) fn contiguous(
        bytes: Vec<u8>,
        (stored, endian): (Stored, Endian),
        shape: [usize; 3],
        first: usize,
    ) -> Result<Self, Reason> {
        let strides = [shape[1].saturating_mul(shape[2]), shape[2], 1];
        Self::strided(bytes, (stored, endian), shape, strides, first)
    }

    /// Takes voxels that lie at any distance from each other, the first of them behind `first` others.
    pub(crate) fn strided(
        bytes: Vec<u8>,
        (stored, endian): (Stored, Endian),
        shape: [usize; 3],
        strides: [usize; 3],
        first: usize,
    ) -> Result<Self, Reason> {
        let far = |axis: usize| shape[axis].saturating_sub(1).saturating_mul(strides[axis]);
        let last = (0..3).map(far).fold(first, usize::saturating_add);
        let end = last.saturating_add(1).saturating_mul(stored.bytes());
        if shape.iter().all(|&side| side > 0) && end > bytes.len() {
            return Err(format!("{} bytes, expected at least {end}", bytes.len()).into());
        }
        Ok(Self { bytes, stored, endian, shape, strides, first })
    }

    /// Puts the voxels from `start` on into a part of a block; what reaches out of the chunk stays.
    pub(crate) fn put<T: Voxel>(&self, start: [usize; 3], mut part: ArrayViewMut3<'_, T>) {
        let size = self.stored.bytes();
        let left = |axis: usize| self.shape[axis].saturating_sub(start[axis]);
        let width = left(2).min(part.len_of(Axis(2)));
        if width == 0 {
            return;
        }
        for (z, mut section) in part.outer_iter_mut().enumerate().take(left(0)) {
            for (y, mut row) in section.outer_iter_mut().enumerate().take(left(1)) {
                let at = self.first
                    + (start[0] + z) * self.strides[0]
                    + (start[1] + y) * self.strides[1]
                    + start[2] * self.strides[2];
                match row.as_slice_mut() {
                    Some(row) if self.strides[2] == 1 => {
                        let bytes = &self.bytes[at * size..(at + width) * size];
                        self.stored.decode(bytes, self.endian, &mut row[..width]);
                    }
                    _ => {
                        for (x, voxel) in row.iter_mut().take(width).enumerate() {
                            let at = (at + x * self.strides[2]) * size;
                            let bytes = &self.bytes[at..at + size];
                            self.stored.decode(bytes, self.endian, std::slice::from_mut(voxel));
                        }
                    }
                }
            }
        }
    }
}

/// Checks the chunks that metadata claim, one side per axis; `bytes` is that of a voxel with its channels.
pub(crate) fn check_chunks(file: &Path, shape: &[usize], chunk: &[usize], bytes: usize) -> Result<()> {
    if chunk.contains(&0) {
        return Err(metadata(file, "an empty chunk", "sides of at least 1"));
    }
    let product =
        |sides: &[usize]| sides.iter().try_fold(1_u64, |product, &side| product.checked_mul(side as u64));
    let voxels = product(chunk);
    let all = voxels.and_then(|voxels| voxels.checked_mul(bytes as u64));
    let Some(voxels) = voxels.filter(|_| all.is_some_and(|all| all <= MAX_PIECE_BYTES as u64)) else {
        let found = format!("chunks of {chunk:?} voxels");
        return Err(metadata(file, found, format!("at most {MAX_PIECE_BYTES} bytes a chunk")));
    };
    let grid: Vec<_> = shape.iter().zip(chunk).map(|(&side, &chunk)| side.div_ceil(chunk)).collect();
    let count = product(&grid);
    if voxels < SMALL_CHUNK && count.is_none_or(|count| count > MAX_SMALL_CHUNKS) {
        let found = format!("a volume of {shape:?} voxels in chunks of {chunk:?}");
        return Err(metadata(file, found, format!("at most {MAX_SMALL_CHUNKS} chunks of so few voxels")));
    }
    Ok(())
}

/// Says why a chunk cannot be decoded.
pub(crate) fn damaged(path: &Path, reason: impl Into<Reason>) -> Error {
    Error::DamagedChunk { path: path.to_path_buf(), source: on_one_line(reason.into()) }
}

/// Sorts a failure to read a chunk: the storage refused, or what is there cannot be a chunk.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        _ if Failure::of(&error).is_some() => Error::io("read", path)(error),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => damaged(path, error),
        io::ErrorKind::FileTooLarge => damaged(path, format!("{error}, which no chunk of this volume has")),
        _ => Error::io("read", path)(error),
    }
}
