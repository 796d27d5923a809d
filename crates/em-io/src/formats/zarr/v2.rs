//! The metadata of an array in Zarr version 2: `.zarray`.

use super::array::{ArrayMeta, Keys, Packing};
use super::sample::{fill_bytes, names};
use super::v3::separator;
use super::{metadata, parse};
use crate::VoxelType;
use crate::error::Result;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

#[derive(Deserialize)]
struct Json {
    shape: Vec<u64>,
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
    let Some((voxel_type, big_endian)) = json.dtype.as_str().and_then(data_type) else {
        return Err(metadata(
            file,
            format!("data type {}", json.dtype),
            "u1, i1, u2, i2, u4, i4, u8, i8, f4 or b1",
        ));
    };
    if let Some(filter) = json.filters.iter().flatten().next() {
        return Err(metadata(file, format!("a filter {filter}"), "none"));
    }
    let packing = match json.compressor.as_ref().map(|compressor| compressor.id.as_str()) {
        None => Vec::new(),
        Some("blosc") => vec![Packing::Blosc],
        Some("gzip") => vec![Packing::Gzip],
        Some("zlib") => vec![Packing::Zlib],
        Some("zstd") => vec![Packing::Zstd],
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
        voxel_type,
        big_endian,
        order,
        packing,
        fill: fill_bytes(file, voxel_type, &json.fill_value)?,
        keys: Keys { prefix: false, separator: separator(file, &json.dimension_separator, '.')? },
    }
    .check()
}

/// Reads a data type such as `<u2`, and whether it is big-endian.
fn data_type(name: &str) -> Option<(VoxelType, bool)> {
    let order = name.chars().next().filter(|order| "|<>".contains(*order))?;
    // The byte order is one byte long.
    let code = &name[1..];
    if code == "b1" {
        return Some((VoxelType::U8, false));
    }
    let voxel_type = VoxelType::ALL.into_iter().find(|&voxel_type| names(voxel_type).0 == code)?;
    // `|` says that there is no order, which is so for one byte.
    (voxel_type.bytes() == 1 || order != '|').then_some((voxel_type, order == '>'))
}
