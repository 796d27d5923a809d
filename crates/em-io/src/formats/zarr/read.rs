//! Opens an image or an array, and reads blocks of it.

use super::array::ArrayMeta;
use super::axes::{Axis, Kind, Place, place, place_by_length};
use super::chunk::{Decoder, options};
use super::group::{self, Image, Node};
use super::layout::JsonFile;
use super::{ZARR_JSON, ZARRAY, ZATTRS, metadata, read_json, read_v3, v2, v3};
use crate::error::{Error, Result};
use crate::formats::axes::Axes;
use crate::formats::grid::split;
use crate::formats::source::{Source, VolumeInfo};
use crate::formats::stored::Stored;
use crate::limits;
use crate::sample::{Endian, Voxel, match_voxel_type};
use crate::storage;
use crate::storage::failure::Failure;
use crate::{OpenOptions, Roi, Volume, Voxels};
use ndarray::{Array3, ArrayViewMut3};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{ArrayPartialDecoderTraits, ArraySubset, CodecError};

/// The names of the axes that images without any have (OME-NGFF 0.1 and 0.2).
const OLD_AXES: [&str; 5] = ["t", "c", "z", "y", "x"];

/// Opens an image (level 0 of its pyramid), a label, a bare array, or the only one of these in a
/// group. No chunk is read.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    match group::node(path)? {
        Node::Image(image) => open_image(path, image, options),
        Node::Array => open_array(path, options),
        Node::Group => {
            let names = group::volumes(path)?;
            match names.as_slice() {
                [only] => open(&path.join(only), options),
                [] => Err(metadata(
                    path,
                    "no Zarr image or array",
                    "a file `zarr.json`, `.zattrs` or `.zarray`",
                )),
                _ => Err(Error::SeveralVolumes { path: path.to_path_buf(), names }),
            }
        }
    }
}

/// Opens the smaller levels of an image, largest first; none where there is no image.
pub(crate) fn open_levels(path: &Path, options: OpenOptions) -> Result<Vec<Volume>> {
    match group::node(path)? {
        Node::Image(image) => (1..image.levels)
            .map(|level| match group::level(path, level)? {
                Node::Image(image) => open_image(path, image, options),
                Node::Array | Node::Group => open_array(path, options),
            })
            .collect(),
        Node::Array => Ok(Vec::new()),
        Node::Group => match group::volumes(path)?.as_slice() {
            [only] => open_levels(&path.join(only), options),
            _ => Ok(Vec::new()),
        },
    }
}

fn open_image(path: &Path, image: Image, options: OpenOptions) -> Result<Volume> {
    let meta = array(&image.folder)?;
    let place = match image.axes {
        Some(axes) => place(path, &meta, &axes, options)?,
        None if meta.shape.len() == OLD_AXES.len() => place(path, &meta, &Axis::of_names(OLD_AXES), options)?,
        None => place_by_length(path, &meta, options)?,
    };
    volume(path, image.folder, meta, place, image.format)
}

/// Opens an array whose metadata is not written yet, to be read as what it will be.
pub(super) fn open_unlisted(folder: &Path, (name, json): JsonFile) -> Result<Volume> {
    let file = folder.join(name);
    let meta = if name == ZARRAY { v2::array(&file, json)? } else { v3::array(&file, json)? };
    let place = place_by_length(folder, &meta, OpenOptions::default())?;
    volume(folder, folder.to_path_buf(), meta, place, "OME-Zarr")
}

fn open_array(path: &Path, options: OpenOptions) -> Result<Volume> {
    let meta = array(path)?;
    let mut place = match names(path, &meta)? {
        Some(axes) => place(path, &meta, &axes, options)?,
        None => place_by_length(path, &meta, options)?,
    };
    let format = if meta.file.ends_with(ZARRAY) { "Zarr 2" } else { "Zarr 3" };
    place.notes.insert(0, "a bare Zarr array: it does not tell the voxel size".into());
    volume(path, path.to_path_buf(), meta, place, format)
}

/// Returns the axes of a bare array, where all are named (in Zarr 3, or by xarray) and known.
fn names(folder: &Path, meta: &ArrayMeta) -> Result<Option<Vec<Axis>>> {
    let json = match read_v3(folder)? {
        Some(json) if json["dimension_names"].is_array() => json["dimension_names"].clone(),
        Some(json) => json["attributes"]["_ARRAY_DIMENSIONS"].clone(),
        None => read_json(&folder.join(ZATTRS))?.unwrap_or_default()["_ARRAY_DIMENSIONS"].clone(),
    };
    let names: Option<Vec<&str>> = json.as_array().into_iter().flatten().map(|name| name.as_str()).collect();
    let axes = Axis::of_names(names.unwrap_or_default());
    let is_known = axes.len() == meta.shape.len()
        && [Kind::Space(1), Kind::Space(2)].iter().all(|kind| axes.iter().any(|axis| axis.kind == *kind));
    Ok(is_known.then_some(axes))
}

fn array(folder: &Path) -> Result<ArrayMeta> {
    let file = folder.join(ZARR_JSON);
    if let Some(json) = read_v3(folder)? {
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
    place: Place,
    format: &'static str,
) -> Result<Volume> {
    let decoder = Decoder::new(&meta)
        .ok_or_else(|| metadata(&meta.file, "contradictory codecs", "those of zarr-python"))?;
    let Place { axes, voxel_size_nm, mut notes } = place;
    notes.extend(meta.stored.note().map(str::to_owned));
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: axes.shape(),
        voxel_type: meta.stored.voxel_type(),
        voxel_size_nm,
        format,
        notes,
        orientation: None,
        section_names: None,
    };
    // The sides of a chunk may pass a usize on a small machine, and are as good as endless then.
    let sides: Vec<_> =
        meta.inner_chunk().iter().map(|&side| usize::try_from(side).unwrap_or(usize::MAX)).collect();
    let cell = axes.of_space(&sides);
    Ok(Volume::new(info, ZarrArray { folder, meta, decoder, axes, cell }))
}

#[derive(Debug)]
struct ZarrArray {
    folder: PathBuf,
    meta: ArrayMeta,
    decoder: Decoder,
    axes: Axes,
    /// What is decoded at once, `[z, y, x]`: a chunk, where there are shards one within.
    cell: [usize; 3],
}

impl Source for ZarrArray {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.meta.stored.voxel_type(), T => self.read_as::<T>(roi).map(Voxels::from))
    }

    fn piece(&self) -> [usize; 3] {
        self.cell
    }
}

/// One chunk's or shard's decoder, with its place in the grid.
type Opened = (Vec<u64>, Arc<dyn ArrayPartialDecoderTraits>);

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
        let failure = storage::in_parallel(&self.folder, || {
            rows.into_par_iter().map(|(start, row)| self.fill_row(start, row)).find_map_first(Result::err)
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(block),
        }
    }

    /// Fills a part of the block that lies in one row of chunks along x.
    fn fill_row<T: Voxel>(&self, start: [usize; 3], row: ArrayViewMut3<'_, T>) -> Result<()> {
        let mut opened: Option<Opened> = None;
        for (x, part) in split(row, 2, start[2], self.cell[2]) {
            let (depth, height, width) = part.dim();
            let roi = Roi { start: [start[0], start[1], x], shape: [depth, height, width] };
            let (position, subset) = self.within_chunk(roi);
            let path = self.meta.keys.path(&self.folder, &position);
            let failed = |error| damaged(&path, error);
            if opened.as_ref().is_none_or(|(at, _)| *at != position) {
                opened = Some((position, self.decoder.chunk(&path).map_err(failed)?));
            }
            let Some((_, chunk)) = &opened else { continue };
            let bytes = chunk
                .partial_decode(&subset, &options())
                .and_then(|bytes| Ok(bytes.into_fixed()?))
                .map_err(failed)?;
            if bytes.len() != part.len() * self.meta.stored.bytes() {
                let reason = format!("{} bytes for {} voxels", bytes.len(), part.len());
                return Err(failed(CodecError::Other(reason)));
            }
            // The bytes follow the axes of the array.
            self.put(&bytes, part.permuted_axes(self.axes.order()))?;
        }
        Ok(())
    }

    /// Puts decoded bytes, which are in the machine's order, into their place.
    fn put<T: Voxel>(&self, bytes: &[u8], mut part: ArrayViewMut3<'_, T>) -> Result<()> {
        if let Stored::As(_) = self.meta.stored {
            for (voxel, bytes) in part.iter_mut().zip(bytes.chunks_exact(size_of::<T>())) {
                *voxel = bytemuck::pod_read_unaligned(bytes);
            }
            return Ok(());
        }
        let mut voxels = limits::zeroed::<T>(part.len())?;
        self.meta.stored.decode(bytes, Endian::NATIVE, &mut voxels);
        part.iter_mut().zip(voxels).for_each(|(out, voxel)| *out = voxel);
        Ok(())
    }

    /// Returns the chunk that a block of one cell is in, by its place in the grid, and its part of it.
    fn within_chunk(&self, roi: Roi) -> (Vec<u64>, ArraySubset) {
        let ranges = self.axes.ranges(roi);
        let pairs = || ranges.iter().zip(&self.meta.chunk);
        let position = pairs().map(|(range, &chunk)| range.start as u64 / chunk).collect();
        let subset: Vec<_> = pairs()
            .map(|(range, &chunk)| {
                let start = range.start as u64 % chunk;
                start..start + range.len() as u64
            })
            .collect();
        (position, ArraySubset::new_with_ranges(&subset))
    }
}

/// Sorts a decoder's failure: the disk refused, or the bytes are wrong.
fn damaged(path: &Path, error: CodecError) -> Error {
    match &error {
        CodecError::IOError(reason) if let Some(failure) = Failure::of(reason.as_ref()) => {
            failure.error("read", path)
        }
        CodecError::IOError(reason) if reason.raw_os_error().is_some() => {
            Error::io("read", path)(std::io::Error::from(reason.kind()))
        }
        _ => Error::DamagedChunk { path: path.to_path_buf(), source: Box::new(error) },
    }
}
