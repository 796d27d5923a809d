//! Opens a TIFF file as a stack, and reads blocks of it.

use super::chunks::Chunks;
use super::contiguous;
use super::description::Values;
use super::directory::{Directory, Tiff};
use super::metadata::{Metadata, Words};
use super::page::{Page, Pixels};
use super::pages::{Plane, check_alike};
use crate::error::{Error, Result};
use crate::formats::raw::RawVoxels;
use crate::formats::read_sections;
use crate::formats::source::{Source, VolumeInfo};
use crate::formats::values;
use crate::sample::Voxel;
use crate::sample::match_voxel_type;
use crate::storage::{self, Object};
use crate::{OpenOptions, Roi, Volume, VoxelType, Voxels};
use ndarray::Array3;
use std::path::{Path, PathBuf};

/// Opens a TIFF file: walks over its pages, decoding none.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    let object = Object::existing(path).map_err(Error::io("open", path))?;
    let mut tiff = Tiff::open(path, &object)?;
    let directory = tiff.directory(0, tiff.first)?;
    let metadata = Metadata::read(&mut tiff, &directory)?;
    if let Some(found) = one_directory(&mut tiff, &directory, &metadata, options)? {
        let OneDirectory { page, raw, planes, notes } = found;
        let info = info(path, planes.len(), &page, &metadata, notes);
        let source = Contiguous { raw, object, planes };
        return with_meant_values(Volume::new(info, source), &page, &metadata, options);
    }
    let stack = metadata.stack(&mut tiff, options)?;
    // What is packed in a way that is not read is told before anything is read.
    let plane = stack.planes.first().map_or(tiff.first, |plane| plane.offset);
    let directory = tiff.directory(stack.planes.first().map_or(0, |plane| plane.page), plane)?;
    let [height, width] = Chunks::of(&mut tiff, &directory, &stack.first)?.chunk;
    // Strips that are not packed are read in parts.
    let is_packed = contiguous::page(&mut tiff, &directory, &stack.first)?.is_none();
    let piece = if is_packed { [1, height, width] } else { [1; 3] };
    let info = info(path, stack.planes.len(), &stack.first, &metadata, stack.notes);
    let first = stack.first.clone();
    let source =
        TiffFile { path: path.to_path_buf(), object, first: stack.first, planes: stack.planes, piece };
    with_meant_values(Volume::new(info, source), &first, &metadata, options)
}

/// Some programs write a stack of 3 or 4 sections as the colours of one page: `tifffile.imwrite` of
/// shape `(3, y, x)`, unless told otherwise. A file without its description does not tell which it is.
const PLANES_NOTE: &str =
    "if its colours are sections, save them as grey pages (tifffile: photometric='minisblack')";

fn info(path: &Path, sections: usize, page: &Page, metadata: &Metadata, more: Vec<String>) -> VolumeInfo {
    let mut notes = page.notes();
    if sections == 1 && page.planar && page.pixels == Pixels::Colour {
        notes.push(PLANES_NOTE.into());
    }
    notes.extend(more);
    match &metadata.words {
        Words::ImageJ(description, resolution) => notes.extend(description.notes(*resolution)),
        Words::Ome(ome) => notes.extend(ome.notes()),
        Words::Unknown | Words::Tifffile(_) => {}
    }
    let [height, width] = page.size;
    VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: [sections, height, width],
        voxel_type: page.voxel_type,
        voxel_size_nm: metadata.voxel_size_nm(),
        format: metadata.format(),
        notes,
        orientation: None,
        section_names: None,
    }
}

/// The number of the widest samples that pictures come in. Wider ones are measurements or labels.
const PICTURE_BITS: usize = 16;

/// Turns values that are shown the other way round, and gives ImageJ's signed numbers their sign.
///
/// "White is zero" is how a picture is shown. Stored numbers are values where the file's own program
/// takes them so: ImageJ turns the look-up table only, and tifffile nothing. They are, too, where
/// there is no white: in floats, signed numbers and labels.
fn with_meant_values(
    volume: Volume,
    page: &Page,
    metadata: &Metadata,
    options: OpenOptions,
) -> Result<Volume> {
    if let (Words::ImageJ(description, _), VoxelType::U16) = (&metadata.words, volume.voxel_type())
        && description.values() == Values::Signed
        && options.invert != Some(true)
    {
        return Ok(values::signed(volume));
    }
    let is_picture = values::has_white(page.voxel_type) && page.bits <= PICTURE_BITS;
    let is_shown = is_picture && !metadata.is_imagej() && !metadata.is_tifffile;
    match (options.invert, page.white_is_zero) {
        (Some(true), _) => values::invert(volume, "values turned, as asked for"),
        (None, true) if is_shown => values::invert(volume, "inverted: the file stores 0 for white"),
        (_, true) => {
            Ok(volume.with_note("not inverted, though the file shows 0 as white: values are as stored"))
        }
        _ => Ok(volume),
    }
}

/// A stack that has one directory for all of its sections, as which some of its planes are read.
struct OneDirectory {
    page: Page,
    raw: RawVoxels,
    planes: Vec<usize>,
    notes: Vec<String>,
}

/// Finds the sections of a stack that has one directory for all of them.
fn one_directory(
    tiff: &mut Tiff,
    directory: &Directory,
    metadata: &Metadata,
    options: OpenOptions,
) -> Result<Option<OneDirectory>> {
    if directory.next.is_some() {
        return Ok(None);
    }
    let page = Page::describe(tiff, directory)?;
    let Some(axes) = metadata.planes_of_one_directory(tiff, &page)? else {
        return Ok(None);
    };
    let Some(raw) = contiguous::sections(tiff, directory, &page, axes.planes())? else {
        return Ok(None);
    };
    raw.check(Some(tiff.bytes))?;
    let picked = axes.pick(&tiff.path, options)?;
    Ok(Some(OneDirectory { page, raw, planes: picked.planes, notes: picked.notes }))
}

/// Planes that lie one after another, some of which are sections.
#[derive(Debug)]
struct Contiguous {
    raw: RawVoxels,
    object: Object,
    planes: Vec<usize>,
}

impl Source for Contiguous {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.raw.voxel_type(), T => self.read_as::<T>(roi).map(Voxels::from))
    }
}

impl Contiguous {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        let path = &self.raw.path;
        let section = |z: usize, out: &mut [T]| {
            let mut file = self.object.reader().map_err(Error::io("open", path))?;
            self.raw.read_section(&mut file, self.planes[z], roi, out)
        };
        storage::in_parallel(path, || read_sections(roi, section))
    }
}

#[derive(Debug)]
struct TiffFile {
    path: PathBuf,
    object: Object,
    first: Page,
    planes: Vec<Plane>,
    /// What is unpacked at once of the first section.
    piece: [usize; 3],
}

impl Source for TiffFile {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.first.voxel_type, T => self.read_as::<T>(roi).map(Voxels::from))
    }

    fn piece(&self) -> [usize; 3] {
        self.piece
    }
}

impl TiffFile {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        let section = |z: usize, out: &mut [T]| self.read_plane(self.planes[z], roi, out);
        storage::in_parallel(&self.path, || read_sections(roi, section))
    }

    /// Reads the block's part of one plane, whose page is described again.
    fn read_plane<T: Voxel>(&self, plane: Plane, roi: Roi, out: &mut [T]) -> Result<()> {
        let mut tiff = Tiff::open(&self.path, &self.object)?;
        let directory = tiff.directory(plane.page, plane.offset)?;
        let mut page = Page::describe(&mut tiff, &directory)?;
        check_alike(&tiff, plane.page, &page, &self.first)?;
        if let Some(sample) = plane.sample.filter(|&sample| sample < page.samples) {
            page = page.with_sample(sample);
        }
        let Some(raw) = contiguous::page(&mut tiff, &directory, &page)? else {
            Chunks::of(&mut tiff, &directory, &page)?.read(&mut tiff, plane.page, &page, roi, out)?;
            return tiff.check();
        };
        let roi = Roi { start: [0, roi.start[1], roi.start[2]], ..roi };
        raw.read_section(&mut tiff.into_file()?, 0, roi, out).map_err(|error| match error {
            Error::Truncated { path, .. } => Error::Truncated { path, page: plane.page },
            error => error,
        })
    }
}
