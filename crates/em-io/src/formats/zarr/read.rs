//! Opens an image or an array, and reads blocks of it.

use super::array::ArrayMeta;
use super::chunk::{Decoder, options};
use super::group::{self, Image, Node};
use super::{ZARR_JSON, ZARRAY, metadata, read_json, v2, v3};
use crate::Volume;
use crate::error::{Error, Result};
use crate::formats::source::{Source, VolumeInfo};
use crate::limits;
use crate::sample::{Voxel, match_voxel_type};
use crate::{Roi, Voxels};
use ndarray::{Array3, ArrayViewMut3, Axis};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{ArrayPartialDecoderTraits, ArraySubset, CodecError};

/// Opens an image (level 0 of its pyramid), a label, or a bare array. No chunk is read.
pub(crate) fn open(path: &Path) -> Result<Volume> {
    match group::node(path)? {
        Node::Image(image) => open_image(path, image),
        Node::Array => open_array(path),
    }
}

fn open_image(path: &Path, image: Image) -> Result<Volume> {
    let meta = array(&image.folder)?;
    if meta.shape.len() != image.axes.len() {
        let found = format!("{} axes and an array of {}", image.axes.len(), meta.shape.len());
        return Err(metadata(&image.file, found, "the same number"));
    }
    for (name, &len) in image.axes.iter().zip(&meta.shape[..leading(&meta)]) {
        if len != 1 {
            let kind = if name == "t" { "time points" } else { "channels" };
            return Err(metadata(&image.file, format!("{len} {kind}"), "1: save one as an image of its own"));
        }
    }
    volume(path, image.folder, meta, image.voxel_size_nm, image.format, Vec::new())
}

fn open_array(path: &Path) -> Result<Volume> {
    let meta = array(path)?;
    if leading(&meta) > 0 {
        let found = format!("an array of {} axes without a name", meta.shape.len());
        return Err(metadata(&meta.file, found, "3 (z, y, x), or an OME-Zarr image"));
    }
    let format = if meta.file.ends_with(ZARRAY) { "Zarr 2" } else { "Zarr 3" };
    let notes = vec!["a bare Zarr array: it does not tell the voxel size".into()];
    volume(path, path.to_path_buf(), meta, None, format, notes)
}

/// Counts the axes before those of space.
fn leading(meta: &ArrayMeta) -> usize {
    meta.shape.len().saturating_sub(3)
}

fn array(folder: &Path) -> Result<ArrayMeta> {
    let file = folder.join(ZARR_JSON);
    if let Some(json) = read_json(&file)? {
        return v3::array(&file, json);
    }
    let file = folder.join(ZARRAY);
    match read_json(&file)? {
        Some(json) => v2::array(&file, json),
        None => Err(metadata(folder, "no array", "a file `zarr.json` or `.zarray`")),
    }
}

fn volume(
    path: &Path,
    folder: PathBuf,
    meta: ArrayMeta,
    voxel_size_nm: Option<[f64; 3]>,
    format: &'static str,
    notes: Vec<String>,
) -> Result<Volume> {
    let decoder = Decoder::new(&meta)
        .ok_or_else(|| metadata(&meta.file, "contradictory codecs", "those of zarr-python"))?;
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: of_space(&meta.shape),
        voxel_type: meta.voxel_type,
        voxel_size_nm,
        format,
        notes,
        orientation: None,
        section_names: None,
    };
    let cell = of_space(meta.inner_chunk());
    let chunk = of_space(&meta.chunk);
    Ok(Volume::new(info, ZarrArray { folder, meta, decoder, chunk, cell }))
}

/// Takes the last three numbers, with 1 for a missing z.
fn of_space(sides: &[u64]) -> [usize; 3] {
    let mut space = [1; 3];
    for (space, &side) in space.iter_mut().rev().zip(sides.iter().rev()) {
        // The sides of a volume are bounded by the limits; those of a chunk may pass a usize on a
        // small machine, and are as good as endless then.
        *space = usize::try_from(side).unwrap_or(usize::MAX);
    }
    space
}

#[derive(Debug)]
struct ZarrArray {
    folder: PathBuf,
    meta: ArrayMeta,
    decoder: Decoder,
    /// What a file holds, `[z, y, x]`.
    chunk: [usize; 3],
    /// What is decoded at once, `[z, y, x]`: a chunk, where there are shards one within.
    cell: [usize; 3],
}

impl Source for ZarrArray {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.meta.voxel_type, T => self.read_as::<T>(roi).map(Voxels::from))
    }
}

/// One chunk's or shard's decoder, with its place in the grid.
type Opened = ([usize; 3], Arc<dyn ArrayPartialDecoderTraits>);

impl ZarrArray {
    /// Cuts the block at the borders of the chunks along z and y, and fills the rows of chunks in
    /// parallel. Of several failing rows the error of the first one is returned.
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        let [depth, height, width] = roi.shape;
        let voxels = limits::zeroed::<T>(roi.voxels())?;
        let mut block = Array3::from_shape_vec((depth, height, width), voxels)
            .expect("the buffer was made for this shape");
        let mut rows = Vec::new();
        for (z, slab) in split(block.view_mut(), 0, roi.start[0], self.cell[0]) {
            for (y, row) in split(slab, 1, roi.start[1], self.cell[1]) {
                rows.push(([z, y, roi.start[2]], row));
            }
        }
        let failure =
            rows.into_par_iter().map(|(start, row)| self.fill_row(start, row)).find_map_first(Result::err);
        match failure {
            Some(error) => Err(error),
            None => Ok(block),
        }
    }

    /// Fills a part of the block that lies in one row of chunks along x.
    fn fill_row<T: Voxel>(&self, start: [usize; 3], row: ArrayViewMut3<'_, T>) -> Result<()> {
        let mut opened: Option<Opened> = None;
        for (x, mut part) in split(row, 2, start[2], self.cell[2]) {
            let start = [start[0], start[1], x];
            let position: [usize; 3] = std::array::from_fn(|axis| start[axis] / self.chunk[axis]);
            let path = self.path(position);
            let failed = |error| damaged(&path, error);
            if opened.as_ref().is_none_or(|(at, _)| *at != position) {
                opened = Some((position, self.decoder.chunk(&path).map_err(failed)?));
            }
            let Some((_, chunk)) = &opened else { continue };
            let offset = std::array::from_fn(|axis| start[axis] % self.chunk[axis]);
            let (depth, height, width) = part.dim();
            let subset = self.subset(offset, [depth, height, width]);
            let bytes = chunk
                .partial_decode(&subset, &options())
                .and_then(|bytes| Ok(bytes.into_fixed()?))
                .map_err(failed)?;
            if bytes.len() != part.len() * size_of::<T>() {
                return Err(failed(CodecError::Other(format!(
                    "{} bytes for {} voxels",
                    bytes.len(),
                    part.len()
                ))));
            }
            for (voxel, bytes) in part.iter_mut().zip(bytes.chunks_exact(size_of::<T>())) {
                *voxel = bytemuck::pod_read_unaligned(bytes);
            }
        }
        Ok(())
    }

    fn path(&self, position: [usize; 3]) -> PathBuf {
        self.meta.keys.path(&self.folder, &self.all_axes(position, 0))
    }

    fn subset(&self, offset: [usize; 3], shape: [usize; 3]) -> ArraySubset {
        let (start, shape) = (self.all_axes(offset, 0), self.all_axes(shape, 1));
        let ranges: Vec<_> = start.iter().zip(shape).map(|(&start, len)| start..start + len).collect();
        ArraySubset::new_with_ranges(&ranges)
    }

    /// Turns `[z, y, x]` into one number per axis of the array.
    fn all_axes(&self, space: [usize; 3], leading: u64) -> Vec<u64> {
        let axes = self.meta.shape.len();
        let mut all = vec![leading; axes];
        for (all, space) in all.iter_mut().rev().zip(space.iter().rev()) {
            *all = *space as u64;
        }
        all
    }
}

/// Cuts a part of the volume that begins at `start` at the multiples of `cell` along one axis.
fn split<T>(
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

/// Sorts a decoder's failure: the disk refused, or the bytes are wrong.
fn damaged(path: &Path, error: CodecError) -> Error {
    match &error {
        CodecError::IOError(reason) if reason.raw_os_error().is_some() => {
            Error::io("read", path)(std::io::Error::from(reason.kind()))
        }
        _ => Error::DamagedChunk { path: path.to_path_buf(), source: Box::new(error) },
    }
}
