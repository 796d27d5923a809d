//! TIFF and BigTIFF: stacks of pages, as ImageJ, Fiji, Bio-Formats and tifffile write them.

mod at_page;
mod chunks;
mod contiguous;
mod description;
mod direct;
mod metadata;
mod ome;
mod page;
mod pages;
mod read;
mod write;

pub(crate) use read::open;
pub(crate) use write::{Flavour, create};

use crate::error::Error;
use std::path::Path;
use tiff::TiffError;

/// Turns the decoder's error into ours: not read by us, cut short, or damaged.
fn failure(path: &Path, page: usize, error: TiffError) -> Error {
    match error {
        TiffError::UnsupportedError(reason) => Error::Unsupported {
            path: path.to_path_buf(),
            page,
            found: format!("stored in a way that is not read ({reason})"),
            expected: page::READABLE,
        },
        error => Error::decoding(path, page, Box::new(error)),
    }
}
