//! OME-Zarr 0.4 (Zarr version 2) and 0.5 (version 3), in a local folder.
//!
//! `group` reads the metadata of images, `array` with `v2` and `v3` that of arrays; `read` brings
//! blocks into memory through `chunk` and `unpack`, and `write` makes images and labels with a
//! pyramid of levels, laid out by `layout`. Chunks in shards are decoded by the `zarrs` crate.

mod array;
mod chunk;
mod group;
mod layout;
mod level;
mod options;
mod read;
mod sample;
mod unpack;
mod v2;
mod v3;
mod write;

pub use options::{Content, OmeZarrVersion, WriteOptions};
pub(crate) use read::open;
pub(crate) use write::{create, is_destination};

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The metadata of version 3, for groups and arrays.
const ZARR_JSON: &str = "zarr.json";

/// The metadata of an array in version 2.
const ZARRAY: &str = ".zarray";

/// The marker of a group in version 2.
const ZGROUP: &str = ".zgroup";

/// The attributes of a group or an array in version 2.
const ZATTRS: &str = ".zattrs";

/// The most bytes of a metadata file that are read; those of ten thousand labels fit.
const METADATA_BYTES: u64 = 1 << 24;

/// Tells whether a folder is meant as Zarr: by the metadata in it, or by its name.
pub(crate) fn is_zarr(folder: &Path) -> bool {
    let named_so = folder.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zarr"));
    named_so || [ZARR_JSON, ZARRAY, ZGROUP, ZATTRS].iter().any(|name| folder.join(name).is_file())
}

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
        .map_err(|error| metadata(file, format!("unusual metadata ({error})"), "that of OME-Zarr 0.4 or 0.5"))
}

/// Says what is wrong with metadata.
fn metadata(file: &Path, found: impl Into<String>, expected: impl Into<String>) -> Error {
    // Values are quoted from the file: keep the message to one line of bearable length.
    let found = found.into().chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Error::Metadata { path: file.to_path_buf(), found, expected: expected.into() }
}
