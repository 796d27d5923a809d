//! The metadata of one dataset: what `attributes.json` says of its voxels, held against the limits.

use super::{ATTRIBUTES, EXPECTED, axes};
use crate::OpenOptions;
use crate::error::Result;
use crate::formats::axes::Axes;
use crate::formats::grid::check_chunks;
use crate::formats::json::{check_size, metadata, parse};
use crate::formats::stored::{Stored, of_name};
use crate::formats::unpack::Compression;
use crate::limits::MAX_SECTIONS;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The most axes of a dataset, some of them of length 1.
const MAX_AXES: usize = 8;

/// The types of voxels that are read, for error messages.
const TYPES: &str = "uint8 to uint64, int8 to int64, float32 or float64";

/// The compressions that are read, for error messages.
const COMPRESSIONS: &str = "raw, gzip, lz4, zstd or blosc";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    dimensions: Vec<usize>,
    block_size: Vec<usize>,
    data_type: String,
    #[serde(default)]
    compression: Value,
    /// What N5 before version 2 has in its place.
    #[serde(default)]
    compression_type: Option<String>,
    #[serde(default)]
    is_label_multiset: bool,
}

/// One dataset. Its axes are in the order of the others in this crate, x last.
#[derive(Debug)]
pub(super) struct Dataset {
    pub folder: PathBuf,
    pub block: Vec<usize>,
    pub stored: Stored,
    /// How blocks are packed, `None` where they are not.
    pub compression: Option<Compression>,
    pub axes: Axes,
    pub notes: Vec<String>,
}

impl Dataset {
    /// Reads the dataset that attributes describe, of several channels or points in time the one that is picked;
    /// `path` is what was asked for.
    pub(super) fn new(path: &Path, folder: &Path, attributes: &Value, options: OpenOptions) -> Result<Self> {
        let file = folder.join(ATTRIBUTES);
        let json: Json = parse(&file, attributes.clone(), EXPECTED)?;
        if json.is_label_multiset {
            return Err(metadata(&file, "multisets of labels, as Paintera writes them", "one label a voxel"));
        }
        let Some(stored @ (Stored::As(_) | Stored::F64)) =
            of_name(&json.data_type).filter(|_| json.data_type != "bool")
        else {
            return Err(metadata(&file, format!("data type `{}`", json.data_type), TYPES));
        };
        let reversed = |sides: &[usize]| sides.iter().rev().copied().collect::<Vec<_>>();
        let (shape, block) = (reversed(&json.dimensions), reversed(&json.block_size));
        if !(2..=MAX_AXES).contains(&shape.len()) || shape.len() != block.len() {
            let found = format!("{} axes in blocks of {}", shape.len(), block.len());
            return Err(metadata(&file, found, format!("the same number, 2 to {MAX_AXES}")));
        }
        if !shape.iter().all(|side| (1..=MAX_SECTIONS).contains(side)) {
            let found = format!("dimensions of {:?}", json.dimensions);
            return Err(metadata(&file, found, format!("sides of 1 to {MAX_SECTIONS}")));
        }
        check_chunks(&file, &shape, &block, stored.bytes())?;
        let axes = axes::find(path, &file, &shape, attributes, options)?;
        check_size(&file, axes.shape())?;
        let notes = axes.note().into_iter().chain(stored.note().map(str::to_owned)).collect();
        let compression = compression(&file, &json)?;
        Ok(Self { folder: folder.to_path_buf(), block, stored, compression, axes, notes })
    }
}

fn compression(file: &Path, json: &Json) -> Result<Option<Compression>> {
    let older = json.compression_type.as_deref();
    let name = json.compression["type"].as_str().or(json.compression.as_str()).or(older);
    Ok(match name {
        Some("raw") => None,
        Some("gzip") if json.compression["useZlib"] == true => Some(Compression::Zlib),
        Some("gzip") => Some(Compression::Gzip),
        Some("lz4") => Some(Compression::Lz4Block),
        Some("zstd") => Some(Compression::Zstd),
        #[cfg(feature = "zarr")]
        Some("blosc") => Some(Compression::Blosc),
        #[cfg(not(feature = "zarr"))]
        Some("blosc") => {
            let path = file.to_path_buf();
            return Err(crate::Error::NotBuiltIn { path, format: "N5 packed with blosc", feature: "zarr" });
        }
        Some(other) => return Err(metadata(file, format!("compression `{other}`"), COMPRESSIONS)),
        None => return Err(metadata(file, format!("compression {}", json.compression), COMPRESSIONS)),
    })
}
