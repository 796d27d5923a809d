//! TIFF and BigTIFF: stacks of pages, as ImageJ, Fiji, Bio-Formats and tifffile write them.

mod axes;
mod chunks;
mod codec;
mod contiguous;
mod description;
mod directory;
mod fax;
mod metadata;
mod ome;
mod ome_xml;
mod page;
mod pages;
mod pixels;
mod read;
mod shaped;
mod write;

pub(crate) use ome::ONE_OF_FILES_NOTE;
pub(crate) use read::open;
pub(crate) use write::{Flavour, create};
