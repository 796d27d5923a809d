//! Opens a TIFF file as a stack, and reads blocks of it.

use super::at_page::{decoder_at, limits as decoder_limits};
use super::chunks::{ChunkSample, read_block};
use super::description::{Description, Resolution};
use super::failure;
use super::page::Page;
use crate::error::{Error, Result};
use crate::formats::read_sections;
use crate::sample::match_voxel_type;
use crate::volume::{Info, Source, Volume};
use crate::{Roi, Voxels, limits};
use ndarray::Array3;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::Tag;

/// The most bytes of a description that are read; ImageJ's fits many times over.
const DESCRIPTION_BYTES: u64 = 1 << 14;

/// Opens a TIFF file: walks over its pages, decoding none.
pub(crate) fn open(path: &Path) -> Result<Volume> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let file_bytes = file.metadata().map_err(Error::io("open", path))?.len();
    let mut decoder = Decoder::new(BufReader::new(file))
        .map_err(|error| failure(path, 0, error))?
        .with_limits(decoder_limits());
    let description = description(&mut decoder).unwrap_or_default();
    let resolution = resolution(&mut decoder);
    let stack = walk(path, file_bytes, &mut decoder)?;

    let mut notes = stack.first.notes();
    notes.extend(description.check(path, stack.offsets.len())?);
    match stack.reduced {
        0 => {}
        1 => notes.push("1 reduced-resolution page left out".into()),
        pages => notes.push(format!("{pages} reduced-resolution pages left out")),
    }
    let [height, width] = stack.first.size;
    let info = Info {
        path: Some(path.to_path_buf()),
        shape: [stack.offsets.len(), height, width],
        voxel_type: stack.first.voxel_type,
        voxel_size_nm: description.voxel_size_nm(resolution),
        format: "TIFF",
        notes,
    };
    let source =
        TiffFile { path: path.to_path_buf(), file_bytes, first: stack.first, offsets: stack.offsets };
    Ok(Volume::new(info, source))
}

/// What the walk over the pages finds.
struct Stack {
    first: Page,
    /// Where each page's directory is in the file.
    offsets: Vec<u64>,
    /// The number of pages that are only smaller copies of others.
    reduced: usize,
}

fn walk<R: Read + Seek>(path: &Path, file_bytes: u64, decoder: &mut Decoder<R>) -> Result<Stack> {
    let first = Page::describe(path, 0, file_bytes, decoder)?;
    let mut stack = Stack { first, offsets: Vec::new(), reduced: 0 };
    for page in 0.. {
        if page > 0 && is_reduced(decoder) {
            stack.reduced += 1;
        } else {
            let described = Page::describe(path, page, file_bytes, decoder)?;
            check_alike(path, page, described, stack.first)?;
            stack.offsets.extend(decoder.ifd_pointer().map(|pointer| pointer.0));
        }
        if !decoder.more_images() {
            break;
        }
        limits::check_sections(path, page + 2)?;
        decoder.next_image().map_err(|error| failure(path, page + 1, error))?;
    }
    Ok(stack)
}

fn check_alike(path: &Path, page: usize, found: Page, expected: Page) -> Result<()> {
    let section = || format!("page {page} of `{}`", path.display());
    if found.size != expected.size {
        return Err(Error::SizeMismatch { section: section(), found: found.size, expected: expected.size });
    }
    if found.voxel_type != expected.voxel_type {
        return Err(Error::TypeMismatch {
            section: section(),
            found: found.voxel_type,
            expected: expected.voxel_type,
        });
    }
    Ok(())
}

/// Tells whether a page is a smaller copy of another (TIFF 6.0, NewSubfileType, bit 0).
fn is_reduced<R: Read + Seek>(decoder: &mut Decoder<R>) -> bool {
    let kind = decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType);
    kind.ok().flatten().is_some_and(|kind| kind & 1 == 1)
}

/// Reads ImageJ's description, as UTF-8 or, from old versions, Latin-1.
fn description<R: Read + Seek>(decoder: &mut Decoder<R>) -> Option<Description> {
    let mut directory = decoder.image_ifd();
    let count = directory.find_entry(Tag::ImageDescription)?.count().min(DESCRIPTION_BYTES);
    let mut bytes = vec![0; usize::try_from(count).ok()?];
    directory.find_tag_bytes(Tag::ImageDescription, &mut bytes, 0).ok()??;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|&byte| char::from(byte)).collect());
    Description::parse(&text)
}

fn resolution<R: Read + Seek>(decoder: &mut Decoder<R>) -> Resolution {
    let mut rational = |tag| match decoder.find_tag(tag) {
        Ok(Some(Value::Rational(over, under))) => Some(f64::from(over) / f64::from(under)),
        _ => None,
    };
    let (x, y) = (rational(Tag::XResolution), rational(Tag::YResolution));
    let unit = decoder.find_tag_unsigned(Tag::ResolutionUnit).ok().flatten();
    Resolution { x, y, unit: unit.unwrap_or(1) }
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
    fn read_as<T: ChunkSample>(&self, roi: Roi) -> Result<Array3<T>> {
        read_sections(roi, |z, out| self.read_page(z, roi, out))
    }

    /// Reads the block's part of one page. The page is described again: the file may have changed.
    fn read_page<T: ChunkSample>(&self, z: usize, roi: Roi, out: &mut [T]) -> Result<()> {
        let path = &self.path;
        let failure = |error| failure(path, z, error);
        let file = File::open(path).map_err(Error::io("open", path))?;
        let mut decoder = decoder_at(BufReader::new(file), self.offsets[z]).map_err(failure)?;
        let page = Page::describe(path, z, self.file_bytes, &mut decoder)?;
        check_alike(path, z, page, self.first)?;
        read_block(&mut decoder, &page, roi, out).map_err(failure)
    }
}
