//! Chunks that lie in shards: files with an index of small indices, each of which says where chunks are.
//!
//! Source: `sharded.md`. Every number of a file is held against its length before anything is read for it.

use super::{morton, murmur};
use crate::error::Result;
use crate::formats::grid::{Reason, damaged, unreadable};
use crate::formats::json::metadata;
use crate::formats::unpack::{gunzip, packed_limit};
use crate::limits::MAX_PIECE_BYTES;
use crate::storage;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The most bits of the number of a small index in its shard: the index of a shard takes 16 bytes each.
const MAX_MINISHARD_BITS: u32 = 32;

/// The bytes of an entry of a shard's index, and of a small one.
const SHARD_ENTRY: u64 = 16;
const CHUNK_ENTRY: usize = 24;

/// The most bytes of a small index: that of eleven million chunks.
const MAX_INDEX_BYTES: u64 = 1 << 28;

/// The most chunks whose places are kept in memory.
const MAX_KEPT: usize = 1 << 20;

#[derive(Deserialize)]
pub(super) struct Json {
    #[serde(rename = "@type")]
    of_type: String,
    preshift_bits: u32,
    hash: String,
    minishard_bits: u32,
    shard_bits: u32,
    #[serde(default)]
    minishard_index_encoding: Option<String>,
    #[serde(default)]
    data_encoding: Option<String>,
}

/// How the chunks of a level are spread over shards.
#[derive(Debug)]
pub(super) struct Sharding {
    preshift_bits: u32,
    is_hashed: bool,
    minishard_bits: u32,
    shard_bits: u32,
    is_index_packed: bool,
    are_chunks_packed: bool,
    /// The number of chunks along x, y, z.
    grid: [u64; 3],
    kept: Mutex<Kept>,
}

/// The small indices that were read.
#[derive(Debug, Default)]
struct Kept {
    /// By the numbers of their shard and their own.
    indices: HashMap<(u64, u64), Arc<Index>>,
    /// The chunks in all of them, and one more for each.
    chunks: usize,
}

/// Where the chunks of a small index are.
#[derive(Debug, Default)]
struct Index {
    /// The number of each chunk, where it begins in the file, and its length; by rising numbers.
    chunks: Vec<(u64, u64, u64)>,
    /// The length of the shard.
    file_bytes: u64,
}

impl Sharding {
    pub(super) fn new(file: &Path, json: Json, grid: [u64; 3]) -> Result<Self> {
        if json.of_type != "neuroglancer_uint64_sharded_v1" {
            let found = format!("sharding of the type `{}`", json.of_type);
            return Err(metadata(file, found, "`neuroglancer_uint64_sharded_v1`"));
        }
        let is_hashed = match json.hash.as_str() {
            "identity" => false,
            "murmurhash3_x86_128" => true,
            other => {
                return Err(metadata(file, format!("the hash `{other}`"), "identity or murmurhash3_x86_128"));
            }
        };
        let bits = json.minishard_bits.saturating_add(json.shard_bits);
        if json.minishard_bits > MAX_MINISHARD_BITS || bits > u64::BITS || json.preshift_bits > u64::BITS {
            let found = format!(
                "sharding by {} + {} bits behind {}",
                json.minishard_bits, json.shard_bits, json.preshift_bits
            );
            return Err(metadata(file, found, format!("at most {MAX_MINISHARD_BITS} and 64 in all")));
        }
        if morton::bits(grid) > u64::BITS {
            return Err(metadata(file, format!("a grid of {grid:?} chunks"), "numbers of at most 64 bits"));
        }
        Ok(Self {
            preshift_bits: json.preshift_bits,
            is_hashed,
            minishard_bits: json.minishard_bits,
            shard_bits: json.shard_bits,
            is_index_packed: is_gzip(file, json.minishard_index_encoding.as_deref())?,
            are_chunks_packed: is_gzip(file, json.data_encoding.as_deref())?,
            grid,
            kept: Mutex::default(),
        })
    }

    /// Reads the bytes of the chunk at a place in the grid, `[z, y, x]`, of at most `limit` bytes, with the
    /// shard that it lies in; `None` where there is no such chunk.
    pub(super) fn read(
        &self,
        folder: &Path,
        place: [usize; 3],
        limit: u64,
    ) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let place = super::x_first(place.map(|number| number as u64));
        let id = morton::compressed(place, self.grid);
        let (shard, minishard) = self.shard_of(id);
        let path = folder.join(self.name(shard));
        let index = self.index(&path, (shard, minishard))?;
        let Ok(at) = index.chunks.binary_search_by_key(&id, |chunk| chunk.0) else { return Ok(None) };
        let (_, start, len) = index.chunks[at];
        let most = if self.are_chunks_packed { packed_limit(limit) } else { limit };
        let bytes = read_within(&path, (start, len), index.file_bytes, most)?;
        if !self.are_chunks_packed {
            return Ok(Some((path, bytes)));
        }
        let unpacked = gunzip(&bytes, limit).map_err(|error| damaged(&path, error))?;
        Ok(Some((path, unpacked)))
    }

    /// Returns the number of the shard, and of the small index in it.
    fn shard_of(&self, id: u64) -> (u64, u64) {
        let key = id.checked_shr(self.preshift_bits).unwrap_or(0);
        let hash = if self.is_hashed { murmur::hash(key) } else { key };
        let mask = |bits: u32| 1_u64.checked_shl(bits).map_or(u64::MAX, |end| end - 1);
        (
            hash.checked_shr(self.minishard_bits).unwrap_or(0) & mask(self.shard_bits),
            hash & mask(self.minishard_bits),
        )
    }

    fn name(&self, shard: u64) -> String {
        let digits = self.shard_bits.div_ceil(4) as usize;
        format!("{shard:0digits$x}.shard")
    }

    fn index(&self, path: &Path, numbers: (u64, u64)) -> Result<Arc<Index>> {
        // A thread that panicked has left it as it was.
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = kept().indices.get(&numbers) {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(self.read_index(path, numbers.1)?);
        let mut kept = kept();
        if kept.chunks > MAX_KEPT {
            *kept = Kept::default();
        }
        kept.chunks += index.chunks.len() + 1;
        kept.indices.insert(numbers, Arc::clone(&index));
        Ok(index)
    }

    fn read_index(&self, path: &Path, minishard: u64) -> Result<Index> {
        let Some(stat) = storage::stat(path).map_err(|error| unreadable(path, error))? else {
            let older = path.with_extension("index");
            return match storage::stat(&older) {
                Ok(None) => Ok(Index::default()),
                Ok(Some(_)) => Err(metadata(&older, "shards of an older form", "files that end in .shard")),
                Err(error) => Err(unreadable(&older, error)),
            };
        };
        let file_bytes = stat.bytes;
        let index_end = SHARD_ENTRY << self.minishard_bits;
        let entry = read_within(path, (minishard * SHARD_ENTRY, SHARD_ENTRY), file_bytes, SHARD_ENTRY)?;
        let [start, end] = [0, 8].map(|at| word(&entry, at));
        if start == end {
            return Ok(Index { chunks: Vec::new(), file_bytes });
        }
        let place = start.checked_add(index_end).zip(end.checked_sub(start));
        let Some(place) = place else {
            return Err(damaged(path, format!("its index {minishard} goes from {start} to {end}")));
        };
        let count = self.grid.iter().fold(1_u64, |count, &side| count.saturating_mul(side));
        let most = count.saturating_mul(CHUNK_ENTRY as u64).min(MAX_INDEX_BYTES);
        let bytes = read_within(path, place, file_bytes, packed_limit(most))?;
        let bytes = if self.is_index_packed {
            gunzip(&bytes, most).map_err(|error| damaged(path, error))?
        } else {
            bytes
        };
        let chunks = places(&bytes, index_end).map_err(|error| damaged(path, error))?;
        Ok(Index { chunks, file_bytes })
    }
}

/// Reads where chunks are: their numbers, the gaps before them, and their lengths.
fn places(bytes: &[u8], index_end: u64) -> Result<Vec<(u64, u64, u64)>, Reason> {
    if !bytes.len().is_multiple_of(CHUNK_ENTRY) {
        return Err(format!("an index of {} bytes, expected a multiple of {CHUNK_ENTRY}", bytes.len()).into());
    }
    let count = bytes.len() / CHUNK_ENTRY;
    let (mut id, mut end) = (0_u64, index_end);
    let mut chunks = Vec::new();
    chunks.try_reserve_exact(count)?;
    for number in 0..count {
        let [step, gap, len] = [0, 1, 2].map(|row| word(bytes, 8 * (row * count + number)));
        id = id.wrapping_add(step);
        // A place behind the end of the file is refused where it is read.
        let start = end.saturating_add(gap);
        end = start.saturating_add(len);
        chunks.push((id, start, len));
    }
    chunks.sort_unstable();
    Ok(chunks)
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |&word| u64::from_le_bytes(word))
}

/// Reads a part of a shard, which is held against its length and a limit before.
fn read_within(path: &Path, (start, len): (u64, u64), file_bytes: u64, limit: u64) -> Result<Vec<u8>> {
    if start.checked_add(len).is_none_or(|end| end > file_bytes) {
        return Err(damaged(path, format!("{len} bytes at {start} in a shard of {file_bytes}")));
    }
    if len > limit.min(MAX_PIECE_BYTES as u64) {
        return Err(damaged(path, format!("{len} bytes at {start}, expected at most {limit}")));
    }
    let len = usize::try_from(len).map_err(|error| damaged(path, error))?;
    storage::read_range(path, start, len).map_err(|error| unreadable(path, error))
}

/// Reads the name of an encoding.
fn is_gzip(file: &Path, encoding: Option<&str>) -> Result<bool> {
    match encoding {
        None | Some("raw") => Ok(false),
        Some("gzip") => Ok(true),
        Some(other) => Err(metadata(file, format!("shards packed as `{other}`"), "raw or gzip")),
    }
}
