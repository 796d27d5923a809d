//! The metadata of a volume: what `info` says of its levels, held against the limits.

use super::sharding::{Json as ShardingJson, Sharding};
use super::{INFO, x_first};
use crate::error::Result;
use crate::formats::grid::check_chunks;
use crate::formats::json::{check_size, inside, metadata, parse, read_json};
use crate::formats::stored::{Stored, of_name};
use crate::formats::voxel_size;
use crate::{VoxelType, formats::FLOAT_DIGITS};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the metadata are, for error messages.
const EXPECTED: &str = "that of a precomputed volume of Neuroglancer";

/// The types of voxels that are read, for error messages.
const TYPES: &str = "uint8 to uint64, int8 to int64 or float32";

/// The encodings that are read, for error messages.
const ENCODINGS: &str = "raw, compressed_segmentation, jpeg or png";

/// The longest edge of a block of labels; Neuroglancer's are 8 long. An even block takes 8 bytes, whatever it holds.
const MAX_BLOCK: usize = 64;

#[derive(Deserialize)]
struct Json {
    data_type: String,
    #[serde(default = "one")]
    num_channels: usize,
    scales: Vec<Value>,
    /// What this crate writes where nobody knows the size of a voxel, which the format wants.
    #[serde(default)]
    voxel_size_is_unknown: bool,
}

fn one() -> usize {
    1
}

/// A level; all numbers are x, y, z.
#[derive(Deserialize)]
struct ScaleJson {
    key: String,
    size: [usize; 3],
    resolution: [f64; 3],
    #[serde(default)]
    voxel_offset: Option<[i64; 3]>,
    chunk_sizes: Vec<[usize; 3]>,
    encoding: String,
    #[serde(default)]
    compressed_segmentation_block_size: Option<[usize; 3]>,
    #[serde(default)]
    sharding: Option<ShardingJson>,
}

/// All levels, the full one first.
pub(super) struct Info {
    file: PathBuf,
    json: Json,
    stored: Stored,
}

/// One level; all numbers are `[z, y, x]`.
#[derive(Debug)]
pub(super) struct Level {
    pub folder: PathBuf,
    pub stored: Stored,
    pub channels: usize,
    pub shape: [usize; 3],
    pub voxel_size_nm: Option<[f64; 3]>,
    /// The place of the first voxel, by which chunks are named.
    pub offset: [i64; 3],
    pub chunk: [usize; 3],
    pub encoding: Encoding,
    pub sharding: Option<Sharding>,
}

/// How the voxels of a chunk are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw,
    /// Labels in tables, of blocks of this many voxels `[z, y, x]`.
    Segmentation([usize; 3]),
    Jpeg,
    Png,
}

impl Info {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(INFO);
        let Some(value) = read_json(&file)? else {
            return Err(metadata(folder, "no `info`", "the metadata of a precomputed volume"));
        };
        let json: Json = parse(&file, value, EXPECTED)?;
        let stored = of_name(&json.data_type.to_ascii_lowercase());
        // Halves, doubles and booleans are of other formats.
        let Some(stored @ Stored::As(_)) = stored.filter(|_| !json.data_type.eq_ignore_ascii_case("bool"))
        else {
            return Err(metadata(&file, format!("data type `{}`", json.data_type), TYPES));
        };
        if json.num_channels == 0 || json.scales.is_empty() {
            let found = format!("{} channels and {} scales", json.num_channels, json.scales.len());
            return Err(metadata(&file, found, "at least one of each"));
        }
        Ok(Self { file, json, stored })
    }

    /// Returns the number of levels, at least 1.
    pub(super) fn levels(&self) -> usize {
        self.json.scales.len()
    }

    pub(super) fn channels(&self) -> usize {
        self.json.num_channels
    }

    /// Reads a level, of which there are [`Info::levels`]; `folder` is that of the volume.
    pub(super) fn level(&self, folder: &Path, number: usize) -> Result<Level> {
        let file = &self.file;
        let json: ScaleJson = parse(file, self.json.scales[number].clone(), EXPECTED)?;
        let shape = x_first(json.size);
        if shape.contains(&0) {
            return Err(metadata(file, format!("a size of {:?}", json.size), "at least one voxel"));
        }
        check_size(file, shape)?;
        let Some(&chunk) = json.chunk_sizes.first() else {
            return Err(metadata(file, "no chunk size", "at least one"));
        };
        let bytes = self.stored.bytes().saturating_mul(self.json.num_channels);
        check_chunks(file, &shape, &x_first(chunk), bytes)?;
        let offset = x_first(json.voxel_offset.unwrap_or_default());
        let is_far = |&offset: &i64| offset.unsigned_abs() > 1 << 62;
        if offset.iter().any(is_far) {
            return Err(metadata(file, format!("a voxel offset of {offset:?}"), "at most 2^62"));
        }
        let resolution = voxel_size(x_first(json.resolution), FLOAT_DIGITS);
        let grid = std::array::from_fn(|axis| json.size[axis].div_ceil(chunk[axis]) as u64);
        Ok(Level {
            folder: folder.join(inside(file, "scale's key", &json.key)?),
            stored: self.stored,
            channels: self.json.num_channels,
            shape,
            voxel_size_nm: resolution.filter(|_| !self.json.voxel_size_is_unknown),
            offset,
            chunk: x_first(chunk),
            encoding: self.encoding(&json)?,
            sharding: json.sharding.map(|json| Sharding::new(file, json, grid)).transpose()?,
        })
    }

    fn encoding(&self, json: &ScaleJson) -> Result<Encoding> {
        let (found, channels) = (self.stored.voxel_type(), self.json.num_channels);
        let holds = |types: &[VoxelType], most: usize| types.contains(&found) && channels <= most;
        let (encoding, fits, expected) = match json.encoding.to_ascii_lowercase().as_str() {
            "raw" => (Encoding::Raw, true, ""),
            "compressed_segmentation" => {
                let block = json.compressed_segmentation_block_size.unwrap_or([8; 3]);
                if !block.iter().all(|side| (1..=MAX_BLOCK).contains(side)) {
                    let found = format!("blocks of {block:?} labels");
                    return Err(metadata(&self.file, found, format!("sides of 1 to {MAX_BLOCK}")));
                }
                let fits = holds(&[VoxelType::U32, VoxelType::U64], usize::MAX);
                (Encoding::Segmentation(x_first(block)), fits, "uint32 or uint64")
            }
            "jpeg" => {
                let fits = holds(&[VoxelType::U8], 3) && channels != 2;
                (Encoding::Jpeg, fits, "one or three channels of uint8")
            }
            "png" => {
                let fits = holds(&[VoxelType::U8, VoxelType::U16], 4);
                (Encoding::Png, fits, "up to four channels of uint8 or uint16")
            }
            other => return Err(metadata(&self.file, format!("the encoding `{other}`"), ENCODINGS)),
        };
        if fits {
            return Ok(encoding);
        }
        let found = format!("{channels} channels of {} as {}", self.json.data_type, json.encoding);
        Err(metadata(&self.file, found, expected))
    }
}
