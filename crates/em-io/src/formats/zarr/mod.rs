//! OME-Zarr 0.1 to 0.4 (Zarr version 2) and 0.5 (version 3), in a folder or behind an address.
//!
//! `group` reads the metadata of images, `axes` finds z, y and x among their axes, `array` with `v2` and `v3` that of arrays; `read` brings
//! blocks into memory through `chunk` and `unpack`, and `write` makes images and labels with a
//! pyramid of levels, laid out by `layout`, in objects that `shards` makes of chunks. Chunks in shards are decoded by
//! the `zarrs` crate.

mod array;
mod axes;
mod chunk;
mod consolidated;
mod group;
mod layout;
mod level;
mod read;
mod sample;
mod shards;
mod shared;
mod sparse;
mod unpack;
mod v2;
mod v3;
mod write;

pub(crate) use read::{open, open_levels};
pub use shared::{SharedZarr, StoredObject, ZarrPart};
pub use sparse::SparseLabels;
pub(crate) use write::create;

use super::json::{metadata, read_json};
use super::zarr_paths::{LABELS, ZARR_JSON, ZARRAY, ZATTRS, ZGROUP, image_of_label};
use crate::error::{Error, Result};
use crate::{Content, OmeZarrVersion, WriteOptions, storage};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// Reads the metadata of version 3 in a folder, `None` where there is none.
///
/// Buckets that may be read and not listed say of what is missing that access is denied: there is none, too,
/// where that of version 2 can be read.
fn read_v3(folder: &Path) -> Result<Option<Value>> {
    match read_json(&folder.join(ZARR_JSON)) {
        Err(Error::Remote { kind: ErrorKind::PermissionDenied, .. })
            if [ZARRAY, ZGROUP, ZATTRS].iter().any(|name| storage::is_file(&folder.join(name))) =>
        {
            Ok(None)
        }
        found => found,
    }
}

/// Reads a part of the metadata into its type.
fn parse<T: DeserializeOwned>(file: &Path, json: Value) -> Result<T> {
    super::json::parse(file, json, "that of OME-Zarr 0.1 to 0.5")
}
