//! What is known of one Zarr array: its shape, its chunks and how they are packed.
//!
//! It checks every number before anything is allocated for it. The JSON of version 3 is read in
//! `v3`, that of version 2 in `v2`.

use super::metadata;
use crate::error::Result;
use crate::formats::stored::Stored;
use crate::formats::unpack::Compression;
use crate::limits::{MAX_PIECE_BYTES, MAX_SECTIONS, MAX_SMALL_CHUNKS, SMALL_CHUNK};
use std::path::{Path, PathBuf};

/// The most axes of an array: time, channel, z, y and x, and some of length 1.
const MAX_AXES: usize = 8;

/// The most chunks in one shard; their index takes 16 bytes each.
pub(super) const MAX_CHUNKS_PER_SHARD: u64 = 1 << 22;

/// One array, as its metadata describes it and the limits allow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ArrayMeta {
    /// The metadata file, for error messages.
    pub file: PathBuf,
    /// The number of voxels along every axis.
    pub shape: Vec<usize>,
    /// The shape of what one file holds: a chunk, or a shard of them.
    pub chunk: Vec<u64>,
    /// How chunks are laid out in a shard, where there are shards.
    pub shard: Option<Shard>,
    pub stored: Stored,
    pub big_endian: bool,
    /// The order in which axes are stored, where it is not the order of the shape.
    pub order: Option<Vec<usize>>,
    /// What was done to the bytes of a chunk, in the order of writing.
    pub packing: Vec<Packing>,
    /// The value of voxels in missing chunks, in the machine's byte order.
    pub fill: Vec<u8>,
    pub keys: Keys,
}

/// A file that holds many chunks, with an index of where they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shard {
    pub chunk: Vec<u64>,
    pub index_at_start: bool,
    pub index_has_checksum: bool,
}

/// One step of packing bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    By(Compression),
    Crc32c,
}

/// How the files of chunks are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// Version 3 puts `c` before the numbers.
    pub prefix: bool,
    pub separator: char,
}

impl Keys {
    /// Returns the file of the chunk at these positions in the grid.
    pub(super) fn path(self, folder: &Path, position: &[u64]) -> PathBuf {
        let mut name = if self.prefix { "c".to_owned() } else { String::new() };
        for number in position {
            if !name.is_empty() {
                name.push(self.separator);
            }
            name.push_str(&number.to_string());
        }
        folder.join(name)
    }
}

impl ArrayMeta {
    /// Returns the shape of what is decoded at once.
    pub(super) fn inner_chunk(&self) -> &[u64] {
        self.shard.as_ref().map_or(&self.chunk, |shard| &shard.chunk)
    }

    /// Returns the bytes of one decoded chunk.
    pub(super) fn inner_bytes(&self) -> u64 {
        self.inner_chunk().iter().product::<u64>() * self.stored.bytes() as u64
    }

    /// Counts the chunks in a file.
    pub(super) fn chunks_per_file(&self) -> u64 {
        self.chunk.iter().zip(self.inner_chunk()).map(|(whole, part)| whole / part).product()
    }

    /// Checks what the metadata claims against the limits.
    pub(super) fn check(self) -> Result<Self> {
        let bad = |found: String, expected: String| metadata(&self.file, found, expected);
        let axes = self.shape.len();
        if !(2..=MAX_AXES).contains(&axes) {
            return Err(bad(format!("{axes} axes"), format!("2 to {MAX_AXES}")));
        }
        // Which of them are z, y and x is known, and held to their own limits, only later.
        if !self.shape.iter().all(|side| (1..=MAX_SECTIONS).contains(side)) {
            let expected = format!("sides of 1 to {MAX_SECTIONS}");
            return Err(bad(format!("an array of shape {:?}", self.shape), expected));
        }
        self.check_chunks()?;
        if let Some(order) = &self.order {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            if !sorted.into_iter().eq(0..axes) {
                return Err(bad(
                    format!("an axis order {order:?}"),
                    format!("the numbers 0 to {}", axes - 1),
                ));
            }
        }
        Ok(self)
    }

    fn check_chunks(&self) -> Result<()> {
        let bad = |found: String, expected: String| metadata(&self.file, found, expected);
        let inner = self.inner_chunk();
        if self.chunk.len() != self.shape.len() || inner.len() != self.shape.len() {
            let found = format!("chunks of {} and an array of {} axes", inner.len(), self.shape.len());
            return Err(bad(found, "the same number of axes".into()));
        }
        if self.chunk.iter().chain(inner).any(|&side| side == 0) {
            return Err(bad("an empty chunk".into(), "sides of at least 1".into()));
        }
        if self.chunk.iter().zip(inner).any(|(whole, part)| whole % part != 0) {
            let found = format!("shards of {:?} with chunks of {inner:?}", self.chunk);
            return Err(bad(found, "chunks that divide the shard".into()));
        }
        let product =
            |sides: &[u64]| sides.iter().try_fold(1_u64, |product, &side| product.checked_mul(side));
        let bytes = product(inner).and_then(|voxels| voxels.checked_mul(self.stored.bytes() as u64));
        if bytes.is_none_or(|bytes| bytes > MAX_PIECE_BYTES as u64) {
            return Err(bad(
                format!("chunks of {inner:?} voxels"),
                format!("at most {MAX_PIECE_BYTES} bytes a chunk"),
            ));
        }
        let per_shard = self.chunk.iter().zip(inner).map(|(whole, part)| whole / part).collect::<Vec<_>>();
        // The product of the sides bounds every later product of a shard's numbers.
        if product(&self.chunk).is_none()
            || product(&per_shard).is_none_or(|count| count > MAX_CHUNKS_PER_SHARD)
        {
            let found = format!("shards of {:?} with chunks of {inner:?}", self.chunk);
            return Err(bad(found, format!("at most {MAX_CHUNKS_PER_SHARD} chunks a shard")));
        }
        let grid = self
            .shape
            .iter()
            .zip(inner)
            .map(|(&side, &chunk)| (side as u64).div_ceil(chunk))
            .collect::<Vec<_>>();
        let small = product(inner).is_some_and(|voxels| voxels < SMALL_CHUNK);
        if small && product(&grid).is_none_or(|count| count > MAX_SMALL_CHUNKS) {
            let found = format!("an array of shape {:?} in chunks of {inner:?}", self.shape);
            return Err(bad(found, format!("at most {MAX_SMALL_CHUNKS} chunks of so few voxels")));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::VoxelType;

    /// An array of bytes of Zarr 3, as it comes.
    pub(in crate::formats::zarr) fn meta(shape: &[usize], chunk: &[u64]) -> ArrayMeta {
        ArrayMeta {
            file: "zarr.json".into(),
            shape: shape.to_vec(),
            chunk: chunk.to_vec(),
            shard: None,
            stored: Stored::As(VoxelType::U8),
            big_endian: false,
            order: None,
            packing: Vec::new(),
            fill: vec![0],
            keys: Keys { prefix: true, separator: '/' },
        }
    }

    #[test]
    fn sizes_that_no_microscope_delivers_are_refused() {
        for (shape, chunk) in [
            (vec![usize::MAX, 4, 4], vec![1, 4, 4]),
            (vec![4, 4, 4], vec![u64::MAX, u64::MAX, 2]),
            (vec![4, 4, 4], vec![1 << 20, 1 << 20, 1]),
            (vec![4, 4, 4], vec![0, 4, 4]),
            (vec![4, 4, 4], vec![4, 4]),
            (vec![0, 4, 4], vec![1, 4, 4]),
            (vec![4], vec![4]),
            (vec![1 << 20, 1 << 18, 1 << 18], vec![1, 1, 1]),
        ] {
            assert!(meta(&shape, &chunk).check().is_err(), "{shape:?} {chunk:?}");
        }
        assert!(meta(&[9, 1000, 1000], &[1, 64, 64]).check().is_ok());
    }

    #[test]
    fn shards_are_whole_numbers_of_chunks() {
        let shards = |chunk: u64| {
            let shard = Shard { chunk: vec![chunk; 3], index_at_start: false, index_has_checksum: true };
            ArrayMeta { shard: Some(shard), ..meta(&[64, 64, 64], &[32, 32, 32]) }.check()
        };
        assert!(shards(8).is_ok());
        assert!(shards(7).is_err());
    }

    #[test]
    fn chunks_are_named_as_both_versions_do() {
        let path = |prefix, separator| Keys { prefix, separator }.path(Path::new("a"), &[0, 1, 2]);
        assert_eq!(path(true, '/'), Path::new("a/c/0/1/2"));
        assert_eq!(path(false, '.'), Path::new("a/0.1.2"));
    }
}
