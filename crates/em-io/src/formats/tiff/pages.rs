//! The pages of a file that are the sections of its stack.

use super::directory::{Directory, Tiff, tag};
use super::metadata::{Metadata, Words};
use super::ome::Ome;
use super::page::{Others, Page, Pixels};
use crate::error::{Error, Result};
use crate::{OpenOptions, Part, limits};
use std::collections::HashSet;

/// Where a section is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    /// The number of its page.
    pub page: usize,
    /// Where the directory of its page is in the file.
    pub offset: u64,
    /// Which sample of each pixel it is, where samples are planes.
    pub sample: Option<usize>,
}

/// The planes that are sections, all of one size and type.
pub(super) struct Stack {
    pub first: Page,
    pub planes: Vec<Plane>,
    /// What a user should know of what was picked and left out.
    pub notes: Vec<String>,
}

impl Stack {
    /// Finds the sections of a file whose pages are its planes, in the order of the pages.
    pub(super) fn of_all(tiff: &mut Tiff, metadata: &Metadata, options: OpenOptions) -> Result<Self> {
        let (mut pages, mut first) = (Vec::new(), None);
        let (mut reduced, mut masks) = (0, 0);
        walk(tiff, |tiff, directory, offset| {
            let kind = tiff.number(directory, tag::NEW_SUBFILE_TYPE)?.unwrap_or(0);
            // TIFF 6.0, NewSubfileType: a smaller copy of another page, or its transparency.
            match kind {
                kind if kind & 1 == 1 && directory.page > 0 => reduced += 1,
                kind if kind & 4 == 4 && directory.page > 0 => masks += 1,
                _ => {
                    let page = Page::describe(tiff, directory)?;
                    check_alike(tiff, directory.page, &page, first.get_or_insert_with(|| page.clone()))?;
                    pages.push((directory.page, offset));
                }
            }
            Ok(())
        })?;
        let Some(first) = first else {
            return Err(Error::Truncated { path: tiff.path.clone(), page: 0 });
        };
        let (planes, mut notes) = metadata.planes(tiff, &first, pages.len())?;
        let picked = planes.axes.pick(&tiff.path, options)?;
        notes.extend(picked.notes);
        notes.extend(left_out(reduced, "reduced-resolution page"));
        notes.extend(left_out(masks, "transparency page"));
        let of_page = if planes.samples_are_planes { first.samples } else { 1 };
        let planes = picked.planes.into_iter().map(|plane| {
            let (page, offset) = pages[plane / of_page];
            Plane { page, offset, sample: planes.samples_are_planes.then_some(plane % of_page) }
        });
        Ok(Self { first, planes: planes.collect(), notes }.of_samples())
    }

    /// Finds the pages that OME-XML names. Others, of other images, may be of any size.
    pub(super) fn of_ome(tiff: &mut Tiff, ome: &Ome, options: OpenOptions) -> Result<Self> {
        let mut offsets = Vec::new();
        walk(tiff, |_, _, offset| {
            offsets.push(offset);
            Ok(())
        })?;
        let (pages, mut notes) = ome.pages(&tiff.path, offsets.len(), options)?;
        let (mut first, mut planes) = (None, Vec::new());
        for page in pages {
            let directory = tiff.directory(page, offsets[page])?;
            let described = Page::describe(tiff, &directory)?;
            check_alike(tiff, page, &described, first.get_or_insert_with(|| described.clone()))?;
            planes.push(Plane { page, offset: offsets[page], sample: None });
        }
        let Some(first) = first else {
            return Err(Error::Truncated { path: tiff.path.clone(), page: 0 });
        };
        if first.pixels == (Pixels::One { index: 0, others: Others::Planes }) {
            let count = first.samples;
            let sample = options.pick(&tiff.path, Part::Channel, count, || format!("{count} channels"))?;
            notes.push(format!("channel {sample} of {count} (0 to {}) read", count - 1));
            planes.iter_mut().for_each(|plane| plane.sample = Some(sample));
        }
        Ok(Self { first, planes, notes }.of_samples())
    }

    /// Describes the pages by the samples that are read of them.
    fn of_samples(mut self) -> Self {
        if let Some(Plane { sample: Some(sample), .. }) = self.planes.first() {
            self.first = self.first.with_sample(*sample);
        }
        self
    }
}

impl Metadata {
    /// Finds the sections of a file.
    pub(super) fn stack(&self, tiff: &mut Tiff, options: OpenOptions) -> Result<Stack> {
        match &self.words {
            Words::Ome(ome) if ome.has_planes() => Stack::of_ome(tiff, ome, options),
            _ => Stack::of_all(tiff, self, options),
        }
    }
}

/// Goes over the pages, from the first to the last.
fn walk(tiff: &mut Tiff, mut visit: impl FnMut(&mut Tiff, &Directory, u64) -> Result<()>) -> Result<()> {
    let mut seen = HashSet::new();
    let mut next = Some(tiff.first);
    while let Some(offset) = next {
        let page = seen.len();
        limits::check_sections(&tiff.path, page + 1)?;
        if !seen.insert(offset) {
            return Err(tiff.damaged(page, "its pages follow each other in a circle".into()));
        }
        let directory = tiff.directory(page, offset)?;
        visit(tiff, &directory, offset)?;
        next = directory.next;
    }
    Ok(())
}

fn left_out(count: usize, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what} left out")),
        _ => Some(format!("{count} {what}s left out")),
    }
}

/// Checks that a page has the size and type of the first one.
pub(super) fn check_alike(tiff: &Tiff, page: usize, found: &Page, expected: &Page) -> Result<()> {
    let section = || format!("page {page} of `{}`", tiff.path.display());
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
