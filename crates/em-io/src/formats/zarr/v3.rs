//! The metadata of an array in Zarr version 3: `zarr.json`.

use super::array::{ArrayMeta, Keys, Packing, Shard};
use super::sample::fill_bytes;
use super::{metadata, parse};
use crate::error::Result;
use crate::formats::stored::of_name;
use crate::formats::unpack::Compression;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// The data types that are read, for error messages.
pub(super) const TYPES: &str = "uint8 to uint64, int8 to int64, float16 to float64 or bool";

/// The codecs that are read, for error messages.
const CODECS: &str = "bytes, transpose, blosc, gzip, zstd, crc32c or sharding_indexed";

#[derive(Deserialize)]
struct Json {
    shape: Vec<usize>,
    data_type: Value,
    chunk_grid: Named,
    chunk_key_encoding: Named,
    #[serde(default)]
    fill_value: Value,
    codecs: Vec<Named>,
    #[serde(default)]
    storage_transformers: Vec<Value>,
}

/// A name, bare or with its settings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Full {
        name: String,
        #[serde(default)]
        configuration: Value,
    },
    Bare(String),
}

impl Named {
    fn name(&self) -> &str {
        match self {
            Self::Full { name, .. } | Self::Bare(name) => name,
        }
    }

    /// Returns one setting, `null` where it is not given.
    fn setting(&self, key: &str) -> &Value {
        match self {
            Self::Full { configuration, .. } => &configuration[key],
            Self::Bare(_) => &Value::Null,
        }
    }
}

/// Reads the array that a `zarr.json` describes.
pub(super) fn array(file: &Path, json: Value) -> Result<ArrayMeta> {
    let json: Json = parse(file, json)?;
    let stored = json.data_type.as_str().and_then(of_name);
    let stored = stored.ok_or_else(|| metadata(file, format!("data type {}", json.data_type), TYPES))?;
    if let Some(transformer) = json.storage_transformers.first() {
        return Err(metadata(file, format!("a storage transformer {transformer}"), "none"));
    }
    if json.chunk_grid.name() != "regular" {
        return Err(metadata(file, format!("a chunk grid `{}`", json.chunk_grid.name()), "`regular`"));
    }
    let chunk = sides(file, json.chunk_grid.setting("chunk_shape"))?;
    let mut pipeline = Pipeline::default();
    let shard = match json.codecs.as_slice() {
        [only] if only.name() == "sharding_indexed" => {
            let codecs: Vec<Named> = parse(file, only.setting("codecs").clone())?;
            pipeline.read(file, &codecs)?;
            Some(shard(file, only)?)
        }
        codecs => {
            pipeline.read(file, codecs)?;
            None
        }
    };
    ArrayMeta {
        file: file.to_path_buf(),
        shape: json.shape,
        chunk,
        shard,
        stored,
        big_endian: pipeline.big_endian,
        order: pipeline.order,
        packing: pipeline.packing,
        fill: fill_bytes(file, stored, &json.fill_value)?,
        keys: keys(file, &json.chunk_key_encoding)?,
    }
    .check()
}

fn sides(file: &Path, json: &Value) -> Result<Vec<u64>> {
    parse(file, json.clone())
}

fn keys(file: &Path, encoding: &Named) -> Result<Keys> {
    let (prefix, default) = match encoding.name() {
        "default" => (true, '/'),
        "v2" => (false, '.'),
        other => return Err(metadata(file, format!("chunk names `{other}`"), "`default` or `v2`")),
    };
    Ok(Keys { prefix, separator: separator(file, encoding.setting("separator"), default)? })
}

/// Reads what stands between the numbers in a chunk's name.
pub(super) fn separator(file: &Path, json: &Value, default: char) -> Result<char> {
    match json.as_str() {
        None if json.is_null() => Ok(default),
        Some("/") => Ok('/'),
        Some(".") => Ok('.'),
        _ => Err(metadata(file, format!("chunk names separated by {json}"), "`/` or `.`")),
    }
}

fn shard(file: &Path, codec: &Named) -> Result<Shard> {
    let mut index = Pipeline::default();
    let codecs: Vec<Named> = parse(file, codec.setting("index_codecs").clone())?;
    index.read(file, &codecs)?;
    let index_has_checksum = match index.packing.as_slice() {
        [] => false,
        [Packing::Crc32c] => true,
        _ => return Err(metadata(file, "a compressed shard index", "bytes and crc32c")),
    };
    if index.big_endian || index.order.is_some() {
        return Err(metadata(file, "a shard index in an unusual order", "little-endian bytes"));
    }
    let index_at_start = match codec.setting("index_location").as_str() {
        None | Some("end") => false,
        Some("start") => true,
        Some(other) => return Err(metadata(file, format!("a shard index at `{other}`"), "`start` or `end`")),
    };
    Ok(Shard { chunk: sides(file, codec.setting("chunk_shape"))?, index_at_start, index_has_checksum })
}

/// The steps between a chunk's voxels and its bytes.
#[derive(Default)]
struct Pipeline {
    order: Option<Vec<usize>>,
    big_endian: bool,
    packing: Vec<Packing>,
}

impl Pipeline {
    /// Reads `[transpose] bytes [packing ...]`, in this order.
    fn read(&mut self, file: &Path, codecs: &[Named]) -> Result<()> {
        let mut has_bytes = false;
        for codec in codecs {
            let packing = match (codec.name(), has_bytes) {
                ("transpose", false) if self.order.is_none() => {
                    self.order = Some(parse(file, codec.setting("order").clone())?);
                    continue;
                }
                ("bytes", false) => {
                    self.big_endian = codec.setting("endian").as_str() == Some("big");
                    has_bytes = true;
                    continue;
                }
                ("blosc", true) => Packing::By(Compression::Blosc),
                ("gzip", true) => Packing::By(Compression::Gzip),
                ("zlib" | "numcodecs.zlib", true) => Packing::By(Compression::Zlib),
                ("zstd" | "numcodecs.zstd", true) => Packing::By(Compression::Zstd),
                ("crc32c", true) => Packing::Crc32c,
                (other, _) => {
                    return Err(metadata(file, format!("codec `{other}` at this place"), CODECS));
                }
            };
            self.packing.push(packing);
        }
        // Every step is decoded in turn, and no honest writer packs more than once or twice.
        if !has_bytes || self.packing.len() > 4 {
            return Err(metadata(file, format!("{} codecs", codecs.len()), "`bytes` and a compression"));
        }
        Ok(())
    }
}
