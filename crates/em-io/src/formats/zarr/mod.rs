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

use super::zarr_paths::{LABELS, ZARR_JSON, ZARRAY, ZATTRS, ZGROUP, image_of_label};
use crate::error::{Error, Result};
use crate::{Content, OmeZarrVersion, WriteOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The most bytes of a metadata file that are read; those of ten thousand labels fit.
const METADATA_BYTES: u64 = 1 << 24;

/// Reads a metadata file, `None` where there is none.
fn read_json(file: &Path) -> Result<Option<Value>> {
    match fs::metadata(file) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(metadata(file, "no regular file", "JSON")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", file)(error)),
    }
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|open| open.take(METADATA_BYTES + 1).read_to_end(&mut bytes))
        .map_err(Error::io("read", file))?;
    if bytes.len() as u64 > METADATA_BYTES {
        return Err(metadata(file, "more bytes than metadata has", format!("at most {METADATA_BYTES}")));
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| metadata(file, format!("no JSON ({error})"), "JSON"))
}

/// Reads a part of the metadata into its type.
fn parse<T: DeserializeOwned>(file: &Path, json: Value) -> Result<T> {
    serde_json::from_value(json)
        .map_err(|error| metadata(file, format!("unusual metadata ({error})"), "that of OME-Zarr 0.1 to 0.5"))
}

/// Says what is wrong with metadata.
fn metadata(file: &Path, found: impl Into<String>, expected: impl Into<String>) -> Error {
    // Values are quoted from the file: keep the message to one line of bearable length.
    let found = found.into().chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Error::Metadata { path: file.to_path_buf(), found, expected: expected.into() }
}
