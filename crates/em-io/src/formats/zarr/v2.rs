//! The metadata of an array in Zarr version 2: `.zarray`.

use super::array::{ArrayMeta, Keys, Packing};
use super::sample::fill_bytes;
use super::v3::separator;
use super::{metadata, parse};
use crate::error::Result;
use crate::formats::stored::Stored;
use crate::formats::unpack::Compression;
use crate::sample::Endian;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

#[derive(Deserialize)]
struct Json {
    shape: Vec<usize>,
    chunks: Vec<u64>,
    dtype: Value,
    #[serde(default)]
    compressor: Option<Compressor>,
    #[serde(default)]
    fill_value: Value,
    #[serde(default)]
    order: Option<String>,
    #[serde(default)]
    filters: Option<Vec<Value>>,
    #[serde(default)]
    dimension_separator: Value,
}

#[derive(Deserialize)]
struct Compressor {
    id: String,
}

/// Reads the array that a `.zarray` describes.
pub(super) fn array(file: &Path, json: Value) -> Result<ArrayMeta> {
    let json: Json = parse(file, json)?;
    let Some((stored, endian)) = json.dtype.as_str().and_then(Stored::of_numpy) else {
        return Err(metadata(
            file,
            format!("data type {}", json.dtype),
            "u1, i1, u2, i2, u4, i4, u8, i8, f2, f4, f8 or b1",
        ));
    };
    if let Some(filter) = json.filters.iter().flatten().next() {
        return Err(metadata(file, format!("a filter {filter}"), "none"));
    }
    let packing = match json.compressor.as_ref().map(|compressor| compressor.id.as_str()) {
        None => Vec::new(),
        Some("blosc") => vec![Packing::By(Compression::Blosc)],
        Some("gzip") => vec![Packing::By(Compression::Gzip)],
        Some("zlib") => vec![Packing::By(Compression::Zlib)],
        Some("zstd") => vec![Packing::By(Compression::Zstd)],
        Some(other) => {
            return Err(metadata(file, format!("compressor `{other}`"), "blosc, gzip, zlib or zstd"));
        }
    };
    let order = match json.order.as_deref() {
        None | Some("C") => None,
        Some("F") => Some((0..json.shape.len()).rev().collect()),
        Some(other) => return Err(metadata(file, format!("order `{other}`"), "`C` or `F`")),
    };
    ArrayMeta {
        file: file.to_path_buf(),
        shape: json.shape,
        chunk: json.chunks,
        shard: None,
        stored,
        big_endian: endian == Endian::Big,
        order,
        packing,
        fill: fill_bytes(file, stored, &json.fill_value)?,
        keys: Keys { prefix: false, separator: separator(file, &json.dimension_separator, '.')? },
    }
    .check()
}
