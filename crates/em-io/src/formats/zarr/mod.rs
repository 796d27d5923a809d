//! OME-Zarr 0.1 to 0.4 (Zarr version 2) and 0.5 (version 3), in a local folder.
//!
//! `group` reads the metadata of images, `axes` finds z, y and x among their axes, `array` with `v2` and `v3` that of arrays; `read` brings
//! blocks into memory through `chunk` and `unpack`, and `write` makes images and labels with a
//! pyramid of levels, laid out by `layout`. Chunks in shards are decoded by the `zarrs` crate.

mod array;
mod axes;
mod chunk;
mod group;
mod layout;
mod level;
mod read;
mod sample;
mod sparse;
mod unpack;
mod v2;
mod v3;
mod write;

pub(crate) use read::{open, open_levels};
pub use sparse::SparseLabels;
pub(crate) use write::create;

use super::json::{metadata, read_json};
use super::zarr_paths::{LABELS, ZARR_JSON, ZARRAY, ZATTRS, ZGROUP, image_of_label};
use crate::error::Result;
use crate::{Content, OmeZarrVersion, WriteOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// Reads a part of the metadata into its type.
fn parse<T: DeserializeOwned>(file: &Path, json: Value) -> Result<T> {
    super::json::parse(file, json, "that of OME-Zarr 0.1 to 0.5")
}
