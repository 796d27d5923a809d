//! The chunks of an image that is being written: their bytes, packed, in files.

use super::OmeZarrVersion;
use super::array::Keys;
use crate::Voxel;
use crate::error::{Error, Result};
use crate::formats::pyramid::{ChunkSink, Level, clipped};
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

/// How the bytes of a chunk get to their file.
pub(super) type WriteChunk = fn(&Path, &[u8]) -> Result<()>;

/// The file of a chunk, with the length and the CRC-32C of its bytes.
pub(super) type WrittenChunk = (PathBuf, u64, u32);

/// Writes a chunk into a folder that is not finished.
pub(super) fn write_new_chunk(path: &Path, bytes: &[u8]) -> Result<()> {
    storage::write_new(path, bytes.to_vec()).map_err(Error::io("write", path))
}

/// The arrays of an image, each a folder named by the number of its level.
pub(super) struct Arrays {
    folder: PathBuf,
    version: OmeZarrVersion,
    write: WriteChunk,
    written: Mutex<Vec<WrittenChunk>>,
    /// The folder of each level, and the shape of its chunks.
    levels: Vec<(PathBuf, [usize; 3])>,
}

impl Arrays {
    pub(super) fn new(
        folder: &Path,
        version: OmeZarrVersion,
        levels: &[Level],
        chunk: [usize; 3],
        write: WriteChunk,
    ) -> Self {
        let levels = levels.iter().enumerate();
        let levels =
            levels.map(|(index, level)| (folder.join(index.to_string()), clipped(chunk, level.shape)));
        let (folder, written) = (folder.to_path_buf(), Mutex::new(Vec::new()));
        Self { folder, version, write, written, levels: levels.collect() }
    }

    /// Returns the chunks that were written, in no order.
    pub(super) fn into_written(self) -> Vec<WrittenChunk> {
        self.written.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Voxel> ChunkSink<T> for Arrays {
    fn write(&self, level: usize, place: [usize; 3], voxels: ArrayView3<'_, T>) -> Result<()> {
        let (folder, chunk) = &self.levels[level];
        let bytes = chunk_bytes(voxels, *chunk)?;
        // A chunk of fill values is not stored: most of a mask is background.
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let keys = Keys { prefix: self.version == OmeZarrVersion::V0_5, separator: '/' };
        let path = keys.path(folder, &place.map(|number| number as u64));
        let packed = pack(self.version, size_of::<T>(), &bytes).map_err(Error::io("write", &path))?;
        (self.write)(&path, &packed)?;
        let written = (path, packed.len() as u64, crc32c::crc32c(&packed));
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(written);
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
