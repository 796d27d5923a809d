//! Metadata in JSON beside chunks: of Zarr, N5 and Neuroglancer. It knows none of them.

use crate::error::{Error, Result};
use crate::{limits, storage};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::path::{Component, Path};

/// The most bytes of a metadata file that are read; those of ten thousand labels fit.
const METADATA_BYTES: u64 = 1 << 24;

/// Reads a metadata file, `None` where there is none.
pub(crate) fn read_json(file: &Path) -> Result<Option<Value>> {
    let bytes = storage::read(file, METADATA_BYTES).map_err(|error| match error.kind() {
        _ if storage::is_irregular(&error) => metadata(file, "no regular file", "JSON"),
        io::ErrorKind::FileTooLarge => {
            metadata(file, "more bytes than metadata has", format!("at most {METADATA_BYTES}"))
        }
        _ => Error::io("read", file)(error),
    })?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    parsed.map_err(|error| metadata(file, format!("no JSON ({error})"), "JSON"))
}

/// Reads a part of the metadata into its type; `expected` names the format.
pub(crate) fn parse<T: DeserializeOwned>(file: &Path, json: Value, expected: &str) -> Result<T> {
    serde_json::from_value(json)
        .map_err(|error| metadata(file, format!("unusual metadata ({error})"), expected))
}

/// Says what is wrong with metadata.
pub(crate) fn metadata(file: &Path, found: impl Into<String>, expected: impl Into<String>) -> Error {
    // Values are quoted from the file: keep the message to one line of bearable length.
    let found = found.into().chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Error::Metadata { path: file.to_path_buf(), found, expected: expected.into() }
}

/// Refuses the path of a part that leads out of the folder which names it.
pub(crate) fn inside<'a>(file: &Path, what: &str, path: &'a str) -> Result<&'a Path> {
    let within = Path::new(path);
    let stays = within.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !stays || path.is_empty() {
        return Err(metadata(file, format!("the {what} `{path}`"), "a path within the folder"));
    }
    Ok(within)
}

/// Holds the shape of a volume against the limits: chunks that are missing take no place, so that the
/// length of no file says anything.
pub(crate) fn check_size(path: &Path, [depth, height, width]: [usize; 3]) -> Result<()> {
    limits::check_sections(path, depth)?;
    limits::check_section(path, 0, [height, width], 0, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_leads_out_of_its_folder() {
        let file = Path::new("zarr.json");
        for path in ["../secret", "0/../../secret", "/etc", "", ".."] {
            assert!(inside(file, "dataset path", path).is_err(), "{path}");
        }
        for path in ["0", "scale0/image", "./s0"] {
            assert!(inside(file, "dataset path", path).is_ok(), "{path}");
        }
    }
}
