//! Opens a TIFF file as a stack, and reads blocks of it.

use super::at_page::{decoder_at, limits as decoder_limits};
use super::chunks::read_block;
use super::contiguous;
use super::direct;
use super::failure;
use super::metadata::Metadata;
use super::page::{Page, Pixels};
use super::pages::{Stack, check_alike};
use crate::error::{Error, Result};
use crate::formats::raw::RawVoxels;
use crate::formats::read_sections;
use crate::formats::source::{Source, VolumeInfo};
use crate::sample::Voxel;
use crate::sample::match_voxel_type;
use crate::{OpenOptions, Volume};
use crate::{Roi, Voxels};
use ndarray::Array3;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use tiff::decoder::Decoder;

/// Opens a TIFF file: walks over its pages, decoding none.
pub(crate) fn open(path: &Path, _options: OpenOptions) -> Result<Volume> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let file_bytes = file.metadata().map_err(Error::io("open", path))?.len();
    let mut decoder = Decoder::new(BufReader::new(file))
        .map_err(|error| failure(path, 0, error))?
        .with_limits(decoder_limits(file_bytes));
    let metadata = Metadata::read(path, file_bytes, &mut decoder)?;
    if let Some((page, raw)) = one_directory(path, file_bytes, &mut decoder, &metadata)? {
        let info = info(path, raw.shape[0], page, &metadata)?;
        return Ok(Volume::new(info, raw));
    }
    let stack = match &metadata {
        Metadata::Ome(ome) => Stack::of_ome(path, file_bytes, &mut decoder, ome)?,
        _ => Stack::of_all(path, file_bytes, &mut decoder)?,
    };
    let mut info = info(path, stack.offsets.len(), stack.first, &metadata)?;
    match stack.reduced {
        0 => {}
        1 => info.notes.push("1 reduced-resolution page left out".into()),
        pages => info.notes.push(format!("{pages} reduced-resolution pages left out")),
    }
    let source =
        TiffFile { path: path.to_path_buf(), file_bytes, first: stack.first, offsets: stack.offsets };
    Ok(Volume::new(info, source))
}

/// Some programs write a stack of 3 or 4 sections as the colours of one page: `tifffile.imwrite` of
/// shape `(3, y, x)`, unless told otherwise. A file does not tell which of both it is.
const PLANES_NOTE: &str =
    "if its colours are sections, save them as grey pages (tifffile: photometric='minisblack')";

fn info(path: &Path, sections: usize, first: Page, metadata: &Metadata) -> Result<VolumeInfo> {
    let mut notes = first.notes();
    if sections == 1 && first.planar && matches!(first.pixels, Pixels::Colour { .. }) {
        notes.push(PLANES_NOTE.into());
    }
    let format = match metadata {
        Metadata::Unknown => "TIFF",
        Metadata::ImageJ(description, _) => {
            notes.extend(description.check(path, sections)?);
            "TIFF"
        }
        Metadata::Ome(ome) => {
            notes.extend(ome.notes());
            "OME-TIFF"
        }
    };
    let [height, width] = first.size;
    Ok(VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: [sections, height, width],
        voxel_type: first.voxel_type,
        voxel_size_nm: metadata.voxel_size_nm(),
        format,
        notes,
        orientation: None,
    })
}

/// Finds the sections of an ImageJ stack that has one page for all of them.
fn one_directory<R: Read + Seek>(
    path: &Path,
    file_bytes: u64,
    decoder: &mut Decoder<R>,
    metadata: &Metadata,
) -> Result<Option<(Page, RawVoxels)>> {
    let Metadata::ImageJ(description, _) = metadata else {
        return Ok(None);
    };
    let Some(sections) = description.images().filter(|&images| images > 1) else {
        return Ok(None);
    };
    if decoder.more_images() {
        return Ok(None);
    }
    let page = Page::describe(path, 0, file_bytes, decoder)?;
    let Some(raw) = contiguous::sections(path, decoder, &page, sections) else {
        return Ok(None);
    };
    raw.check(Some(file_bytes))?;
    Ok(Some((page, raw)))
}

#[derive(Debug)]
struct TiffFile {
    path: PathBuf,
    file_bytes: u64,
    first: Page,
    /// Where each section's directory is in the file.
    offsets: Vec<u64>,
}

impl Source for TiffFile {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.first.voxel_type, T => self.read_as::<T>(roi).map(Voxels::from))
    }
}

impl TiffFile {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        read_sections(roi, |z, out| self.read_page(z, roi, out))
    }

    /// Reads the block's part of one page. The page is described again: the file may have changed.
    fn read_page<T: Voxel>(&self, z: usize, roi: Roi, out: &mut [T]) -> Result<()> {
        let path = &self.path;
        let failure = |error| failure(path, z, error);
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let tags = BufReader::new(file.try_clone().map_err(Error::io("open", path))?);
        let mut decoder = decoder_at(tags, self.file_bytes, self.offsets[z]).map_err(failure)?;
        let page = Page::describe(path, z, self.file_bytes, &mut decoder)?;
        check_alike(path, z, page, self.first)?;
        if direct::read_block(&mut decoder, &mut file, &page, roi, out) {
            return Ok(());
        }
        // Both handles share one place in the file, which the decoder has lost by now.
        let file = File::open(path).map_err(Error::io("open", path))?;
        let mut decoder =
            decoder_at(BufReader::new(file), self.file_bytes, self.offsets[z]).map_err(failure)?;
        read_block(&mut decoder, &page, roi, out).map_err(failure)
    }
}
