//! The pages of a file that are the sections of its stack.

use super::at_page::decoder_at;
use super::failure;
use super::ome::Ome;
use super::page::Page;
use crate::error::{Error, Result};
use crate::limits;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use tiff::decoder::Decoder;
use tiff::tags::Tag;

/// The pages that are sections, all of one size and type.
pub(super) struct Stack {
    pub first: Page,
    /// Where the directory of each section is in the file.
    pub offsets: Vec<u64>,
    /// The number of pages that are only smaller copies of others.
    pub reduced: usize,
}

impl Stack {
    /// Takes all pages for sections, in their order in the file.
    pub(super) fn of_all<R: Read + Seek>(
        path: &Path,
        file_bytes: u64,
        decoder: &mut Decoder<R>,
    ) -> Result<Self> {
        let first = Page::describe(path, 0, file_bytes, decoder)?;
        let mut stack = Self { first, offsets: Vec::new(), reduced: 0 };
        walk(path, decoder, |page, decoder| {
            if page > 0 && is_reduced(decoder) {
                stack.reduced += 1;
                return Ok(());
            }
            let described = Page::describe(path, page, file_bytes, decoder)?;
            check_alike(path, page, described, first)?;
            stack.offsets.extend(decoder.ifd_pointer().map(|pointer| pointer.0));
            Ok(())
        })?;
        Ok(stack)
    }

    /// Takes the pages that OME-XML names. Others, of other images, may be of any size.
    pub(super) fn of_ome<R: Read + Seek>(
        path: &Path,
        file_bytes: u64,
        decoder: &mut Decoder<R>,
        ome: &Ome,
    ) -> Result<Self> {
        let mut all = Vec::new();
        walk(path, decoder, |_, decoder| {
            all.extend(decoder.ifd_pointer().map(|pointer| pointer.0));
            Ok(())
        })?;
        let pages = ome.pages(path, all.len())?;
        let mut first = None;
        for &page in &pages {
            let described = describe_at(path, page, file_bytes, all[page])?;
            check_alike(path, page, described, *first.get_or_insert(described))?;
        }
        match first {
            Some(first) => {
                Ok(Self { first, offsets: pages.iter().map(|&page| all[page]).collect(), reduced: 0 })
            }
            None => Err(Error::Truncated { path: path.to_path_buf(), page: 0 }),
        }
    }
}

/// Goes over the pages, from the first to the last.
fn walk<R: Read + Seek>(
    path: &Path,
    decoder: &mut Decoder<R>,
    mut visit: impl FnMut(usize, &mut Decoder<R>) -> Result<()>,
) -> Result<()> {
    for page in 0.. {
        visit(page, decoder)?;
        if !decoder.more_images() {
            break;
        }
        limits::check_sections(path, page + 2)?;
        decoder.next_image().map_err(|error| failure(path, page + 1, error))?;
    }
    Ok(())
}

/// Describes the page whose directory is at `offset`.
fn describe_at(path: &Path, page: usize, file_bytes: u64, offset: u64) -> Result<Page> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut decoder =
        decoder_at(BufReader::new(file), file_bytes, offset).map_err(|error| failure(path, page, error))?;
    Page::describe(path, page, file_bytes, &mut decoder)
}

/// Checks that a page has the size and type of the first one.
pub(super) fn check_alike(path: &Path, page: usize, found: Page, expected: Page) -> Result<()> {
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
