//! How the arrays of an image that is being written are cut into objects: a chunk each, or shards of many chunks.
//!
//! ```text
//! │ chunk │ chunk │ chunk │ ... │ offset and length of each, or 2^64 - 1 twice where there is none │ CRC-32C │
//! ```
//!
//! The packed chunks of a shard wait here until the last of them has come; it is then one object, which appears
//! whole. Source: Zarr 3, codec `sharding_indexed` 1.0.

use super::OmeZarrVersion;
use super::array::MAX_CHUNKS_PER_SHARD;
use crate::error::{Error, Result};
use crate::formats::pyramid::clipped;
use crate::formats::sink::cannot_write;
use crate::limits::MAX_PIECE_BYTES;
use crate::{VolumeSpec, WriteOptions};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The bytes of an index for each chunk: offset and length.
const ENTRY_BYTES: usize = 16;

/// What the index says of a chunk of fill values, which is not stored.
const ABSENT: [u8; ENTRY_BYTES] = [u8::MAX; ENTRY_BYTES];

/// How the array of one level is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkGrid {
    /// The voxels of a chunk, `[z, y, x]`.
    pub chunk: [usize; 3],
    /// The chunks of the array along each axis.
    count: [usize; 3],
    /// The chunks of a shard along each axis, where there are shards.
    per_shard: Option<[usize; 3]>,
}

impl ChunkGrid {
    /// Cuts an array of `shape`; neither chunk nor shard is larger than it has to be.
    pub(super) fn new(options: WriteOptions, shape: [usize; 3]) -> Self {
        // What is no chunk or shard is refused by the checks of options.
        let chunk = clipped(options.chunk, shape).map(|side| side.max(1));
        let count = std::array::from_fn(|axis| shape[axis].div_ceil(chunk[axis]));
        let per_shard = options.shard.map(|shard| {
            std::array::from_fn(|axis| (shard[axis] / options.chunk[axis].max(1)).clamp(1, count[axis]))
        });
        Self { chunk, count, per_shard }
    }

    /// Returns the voxels of one object, `[z, y, x]`: of a shard or a chunk.
    pub(super) fn object(&self) -> [usize; 3] {
        let per_object = self.per_object();
        std::array::from_fn(|axis| self.chunk[axis] * per_object[axis])
    }

    /// Tells whether objects are shards.
    pub(super) fn has_shards(&self) -> bool {
        self.per_shard.is_some()
    }

    /// Returns the place among objects of the one that a chunk is in.
    pub(super) fn object_of(&self, chunk: [usize; 3]) -> [usize; 3] {
        let per_object = self.per_object();
        std::array::from_fn(|axis| chunk[axis] / per_object[axis])
    }

    fn per_object(&self) -> [usize; 3] {
        self.per_shard.unwrap_or([1; 3])
    }

    /// Counts the chunks of an object that lie within the array.
    fn chunks_within(&self, object: [usize; 3]) -> usize {
        let per_object = self.per_object();
        let along = |axis: usize| per_object[axis].min(self.count[axis] - object[axis] * per_object[axis]);
        (0..3).map(along).product()
    }

    /// Returns the place of a chunk in the index of its shard.
    fn index_of(&self, chunk: [usize; 3]) -> usize {
        let per_object = self.per_object();
        (0..3).fold(0, |index, axis| index * per_object[axis] + chunk[axis] % per_object[axis])
    }
}

/// Refuses shards that cannot be written.
pub(super) fn check_shard(path: &Path, spec: VolumeSpec, options: WriteOptions) -> Result<()> {
    let Some(shard) = options.shard else { return Ok(()) };
    let refused = |what, expected| Err(cannot_write(path, what, expected));
    if options.version == OmeZarrVersion::V0_4 {
        return refused("shards in OME-Zarr 0.4".into(), "OME-Zarr 0.5, or no shards".to_owned());
    }
    let what = format!("shards of {shard:?} voxels");
    let is_whole = |axis: usize| shard[axis] > 0 && shard[axis].is_multiple_of(options.chunk[axis]);
    if !(0..3).all(is_whole) {
        return refused(what, format!("multiples of the chunk {:?} along every axis", options.chunk));
    }
    let grid = ChunkGrid::new(options, spec.shape);
    let product = |sides: [usize; 3], first: u64| {
        sides.iter().map(|&side| side as u64).fold(first, u64::saturating_mul)
    };
    let bytes = product(grid.object(), spec.voxel_type.bytes() as u64);
    let chunks = product(grid.per_object(), 1);
    if bytes > MAX_PIECE_BYTES as u64 || chunks > MAX_CHUNKS_PER_SHARD {
        return refused(
            what,
            format!("at most {MAX_PIECE_BYTES} bytes and {MAX_CHUNKS_PER_SHARD} chunks a shard"),
        );
    }
    Ok(())
}

/// The shards whose chunks have not all come yet, by level and place.
#[derive(Default)]
pub(super) struct OpenShards(Mutex<HashMap<(usize, [usize; 3]), OpenShard>>);

/// The packed chunks of one shard, in the order of its index.
struct OpenShard {
    missing: usize,
    chunks: Vec<Option<Box<[u8]>>>,
}

impl OpenShards {
    /// Takes a chunk by its place in the grid of a level, `None` where it is one of fill values, and returns the
    /// bytes of its shard if it was the last one: none where all are of fill values.
    pub(super) fn take(
        &self,
        (level, grid): (usize, &ChunkGrid),
        chunk: [usize; 3],
        packed: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>> {
        let object = grid.object_of(chunk);
        // Compression leaves room for the worst case, which is not kept while the chunk waits.
        let packed = packed.map(Vec::into_boxed_slice);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shard = open.entry((level, object)).or_insert_with(|| OpenShard {
            missing: grid.chunks_within(object),
            chunks: vec![None; grid.per_object().iter().product()],
        });
        shard.chunks[grid.index_of(chunk)] = packed;
        shard.missing -= 1;
        if shard.missing > 0 {
            return Ok(None);
        }
        let whole = open.remove(&(level, object));
        drop(open);
        whole.map_or(Ok(None), |shard| joined(shard.chunks))
    }
}

/// Puts the chunks of a shard behind each other, and the index behind them.
fn joined(chunks: Vec<Option<Box<[u8]>>>) -> Result<Option<Vec<u8>>> {
    let stored = chunks.iter().flatten().map(|chunk| chunk.len()).sum::<usize>();
    if stored == 0 {
        return Ok(None);
    }
    let mut index = Vec::with_capacity(chunks.len() * ENTRY_BYTES);
    let len = stored + index.capacity() + size_of::<u32>();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { path: None, bytes: len as u64 })?;
    for chunk in chunks {
        let Some(chunk) = chunk else {
            index.extend_from_slice(&ABSENT);
            continue;
        };
        index.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        index.extend_from_slice(&(chunk.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&chunk);
    }
    bytes.extend_from_slice(&index);
    bytes.extend_from_slice(&crc32c::crc32c(&index).to_le_bytes());
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(chunk: [usize; 3], shard: [usize; 3], shape: [usize; 3]) -> ChunkGrid {
        ChunkGrid::new(WriteOptions::default().with_chunk(chunk).with_shard(Some(shard)), shape)
    }

    #[test]
    fn shards_are_whole_chunks_at_every_size() {
        let object = |shape| grid([16, 256, 256], [64, 1024, 512], shape).object();
        assert_eq!(object([1000, 5000, 5000]), [64, 1024, 512]);
        // Five chunks of 256 cover 1100, of which four are a shard; one chunk covers 200.
        assert_eq!(object([40, 1100, 200]), [48, 1024, 200]);
        assert_eq!(object([3, 7, 300]), [3, 7, 512]);
    }

    #[test]
    fn a_shard_is_whole_with_its_last_chunk() {
        let grid = grid([1, 4, 4], [2, 8, 8], [3, 8, 9]);
        let open = OpenShards::default();
        let take =
            |chunk, packed: Option<&[u8]>| open.take((0, &grid), chunk, packed.map(<[u8]>::to_vec)).unwrap();
        // The shard at the corner has two of its eight chunks within the array.
        assert_eq!(take([2, 0, 2], Some(b"abc")), None);
        let bytes = take([2, 1, 2], None).unwrap();
        let mut index = [0_u64.to_le_bytes(), 3_u64.to_le_bytes()].concat();
        index.extend([u8::MAX; 7 * ENTRY_BYTES]);
        let checksum = crc32c::crc32c(&index).to_le_bytes();
        assert_eq!(bytes, [b"abc".as_slice(), &index, &checksum].concat());
        // One of fill values alone is no object.
        assert_eq!(take([0, 0, 2], None).or(take([0, 1, 2], None)).or(take([1, 0, 2], None)), None);
        assert_eq!(take([1, 1, 2], None), None);
        assert!(open.0.lock().unwrap().is_empty());
    }
}
