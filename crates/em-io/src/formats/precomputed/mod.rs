//! Neuroglancer's format "precomputed": a folder with a file `info`, and chunks in folders of levels.
//!
//! `info` reads the metadata, `read` brings blocks into memory through `chunk` (the file of a chunk and its
//! decoding), `sharding` (chunks that lie in shards) and `segmentation` (labels in tables), and `write` makes
//! images and segmentations with a pyramid of levels. `layout` is what readers and writers share.
//!
//! Source: `src/datasource/precomputed/volume.md` and `sharded.md` of Neuroglancer. Its axes are x, y, z,
//! and those of this crate z, y, x.

mod chunk;
mod info;
mod layout;
mod morton;
mod murmur;
mod png;
mod read;
mod segmentation;
mod segmentation_write;
mod sharding;
mod write;

pub use layout::{Scale, chunk_name, info, roi_of_chunk};
pub(crate) use read::{open, open_levels};
pub use segmentation_write::{BLOCK, Label, MOST_BLOCKS, compress_labels};
pub(crate) use write::create;

use super::json::read_json;
use std::path::Path;

/// The file that makes a folder one.
pub(crate) const INFO: &str = "info";

/// The name of the format, for users.
const FORMAT: &str = "Neuroglancer precomputed";

/// Tells whether a folder is meant as one: by its name, or by levels in its `info`.
pub(crate) fn is_precomputed(folder: &Path) -> bool {
    is_destination(folder)
        || read_json(&folder.join(INFO)).is_ok_and(|json| json.is_some_and(|json| json["scales"].is_array()))
}

/// Tells whether a path is one that is written in this format.
pub(crate) fn is_destination(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("precomputed"))
}

fn x_first<T: Copy>([z, y, x]: [T; 3]) -> [T; 3] {
    [x, y, z]
}
