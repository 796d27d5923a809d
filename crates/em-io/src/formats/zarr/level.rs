//! The chunks of an image that is being written: their bytes, packed, in objects of one chunk or of many.

use super::array::Keys;
use super::shards::{ChunkGrid, OpenShards};
use super::{OmeZarrVersion, WriteOptions};
use crate::Voxel;
use crate::error::{Error, Result};
use crate::formats::pyramid::{ChunkSink, Level};
use crate::storage;
use ndarray::{ArrayView3, Axis};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zarrs::array::codec::{BloscCompressionLevel, BloscCompressor, BloscShuffleMode, blosc_compress_bytes};

/// The level of Zstandard alone: noise of a microscope gains nothing from a higher one.
const ZSTD_LEVEL: i32 = 1;

/// The level of Zstandard in blosc; it is the one in the metadata.
const BLOSC_LEVEL: u8 = 3;

/// How the bytes of an object get to their file.
pub(super) type WriteObject = fn(&Path, Vec<u8>) -> Result<()>;

/// The file of an object, with the length and the CRC-32C of its bytes.
pub(super) type WrittenObject = (PathBuf, u64, u32);

/// Writes an object into a folder that is not finished.
pub(super) fn write_new_object(path: &Path, bytes: Vec<u8>) -> Result<()> {
    storage::write_new(path, bytes).map_err(Error::io("write", path))
}

/// The arrays of an image, each a folder named by the number of its level.
pub(super) struct Arrays {
    folder: PathBuf,
    version: OmeZarrVersion,
    write: WriteObject,
    written: Mutex<Vec<WrittenObject>>,
    /// The folder of each level, and how it is cut.
    levels: Vec<(PathBuf, ChunkGrid)>,
    shards: OpenShards,
}

impl Arrays {
    pub(super) fn new(folder: &Path, options: WriteOptions, levels: &[Level], write: WriteObject) -> Self {
        let levels = levels.iter().enumerate();
        let levels = levels
            .map(|(index, level)| (folder.join(index.to_string()), ChunkGrid::new(options, level.shape)));
        Self {
            folder: folder.to_path_buf(),
            version: options.version,
            write,
            written: Mutex::new(Vec::new()),
            levels: levels.collect(),
            shards: OpenShards::default(),
        }
    }

    /// Returns the objects that were written, in no order.
    pub(super) fn into_written(self) -> Vec<WrittenObject> {
        self.written.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Voxel> ChunkSink<T> for Arrays {
    fn write(&self, level: usize, place: [usize; 3], voxels: ArrayView3<'_, T>) -> Result<()> {
        let (folder, grid) = &self.levels[level];
        let bytes = chunk_bytes(voxels, grid.chunk)?;
        let keys = Keys { prefix: self.version == OmeZarrVersion::V0_5, separator: '/' };
        let path = keys.path(folder, &grid.object_of(place).map(|number| number as u64));
        // A chunk of fill values is not stored: most of a mask is background.
        let packed = match bytes.iter().all(|&byte| byte == 0) {
            true => None,
            false => Some(pack(self.version, size_of::<T>(), &bytes).map_err(Error::io("write", &path))?),
        };
        let object = if grid.has_shards() { self.shards.take((level, grid), place, packed)? } else { packed };
        let Some(object) = object else { return Ok(()) };
        let (bytes, checksum) = (object.len() as u64, crc32c::crc32c(&object));
        (self.write)(&path, object)?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push((path, bytes, checksum));
        Ok(())
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Returns the bytes of a chunk, with zeros where it reaches out of the level.
fn chunk_bytes<T: Voxel>(voxels: ArrayView3<'_, T>, chunk: [usize; 3]) -> Result<Vec<u8>> {
    let size = size_of::<T>();
    let len = chunk.iter().product::<usize>() * size;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { path: None, bytes: len as u64 })?;
    for (z, section) in voxels.axis_iter(Axis(0)).enumerate() {
        for (y, line) in section.rows().into_iter().enumerate() {
            bytes.resize((z * chunk[1] + y) * chunk[2] * size, 0);
            line.iter().for_each(|voxel| bytes.extend_from_slice(bytemuck::bytes_of(voxel)));
        }
    }
    bytes.resize(len, 0);
    Ok(bytes)
}

/// Compresses a chunk as the metadata in `layout` says.
pub(super) fn pack(version: OmeZarrVersion, voxel_bytes: usize, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match version {
        OmeZarrVersion::V0_5 => zstd::bulk::compress(bytes, ZSTD_LEVEL),
        OmeZarrVersion::V0_4 => {
            let level = BloscCompressionLevel::try_from(BLOSC_LEVEL)
                .map_err(|level| io::Error::other(format!("no blosc level {level}")))?;
            let (shuffle, compressor) = (BloscShuffleMode::Shuffle, BloscCompressor::Zstd);
            blosc_compress_bytes(bytes, level, shuffle, voxel_bytes, compressor, 0, 1)
                .map_err(io::Error::other)
        }
    }
}
