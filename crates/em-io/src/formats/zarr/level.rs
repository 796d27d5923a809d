//! The levels of a pyramid, written in one pass over the sections.
//!
//! Each level holds as many sections as a chunk is deep, and hands what it gets, shrunk, to the
//! next one: memory is bounded by the size of a section and the depth of a chunk.

use super::array::Keys;
use super::layout::Level;
use super::{Content, OmeZarrVersion};
use crate::Voxel;
use crate::error::{Error, Result};
use crate::shrink::shrink;
use crate::storage;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
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

/// All levels of an image that is being written.
pub(super) struct Pyramid<T> {
    levels: Vec<LevelWriter<T>>,
    content: Content,
}

/// Writes a chunk into a folder that is not finished.
pub(super) fn write_new_chunk(path: &Path, bytes: &[u8]) -> Result<()> {
    storage::write_new(path, bytes.to_vec()).map_err(Error::io("write", path))
}

impl<T: Voxel> Pyramid<T> {
    /// Starts the levels, each an array in `folder` named by its number.
    pub(super) fn new(
        folder: &Path,
        version: OmeZarrVersion,
        levels: &[Level],
        chunk: [usize; 3],
        content: Content,
        write: WriteChunk,
    ) -> Self {
        let mut before = [1; 3];
        let levels = levels.iter().enumerate().map(|(index, level)| {
            let step = std::array::from_fn(|axis| level.factor[axis] / before[axis]);
            before = level.factor;
            LevelWriter {
                folder: folder.join(index.to_string()),
                version,
                shape: level.shape,
                chunk: clipped(chunk, level.shape),
                step,
                held: None,
                slab: Vec::new(),
                taken: 0,
                write,
                written: Mutex::new(Vec::new()),
            }
        });
        Self { levels: levels.collect(), content }
    }

    /// Begins in the middle of a volume, at a section where chunks of the first `levels` levels begin; the others
    /// are left out.
    pub(super) fn starting_at(mut self, section: usize, levels: usize) -> Self {
        self.levels.truncate(levels);
        let mut start = section;
        for level in &mut self.levels {
            start /= level.step[0];
            level.taken = start;
        }
        self
    }

    /// Takes the next section of the level `index`, which is there already, for those above it.
    pub(super) fn push_above(
        &mut self,
        index: usize,
        section: ArrayView2<'_, T>,
        is_last: bool,
    ) -> Result<()> {
        let Some(next) = self.levels.get_mut(index + 1) else { return Ok(()) };
        match next.shrink(section, is_last, self.content) {
            // The levels are a few, so this goes a few calls deep.
            Some(small) => self.push_to(index + 1, small.view()),
            None => Ok(()),
        }
    }

    /// Returns the chunks that were written, in no order.
    pub(super) fn into_written(self) -> Vec<WrittenChunk> {
        let of_level =
            |level: LevelWriter<T>| level.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.levels.into_iter().flat_map(of_level).collect()
    }

    /// Takes the next section of the full level.
    pub(super) fn push(&mut self, section: ArrayView2<'_, T>) -> Result<()> {
        self.push_to(0, section)
    }

    fn push_to(&mut self, index: usize, section: ArrayView2<'_, T>) -> Result<()> {
        let Some(level) = self.levels.get_mut(index) else { return Ok(()) };
        let is_last = level.take(section)?;
        self.push_above(index, section, is_last)
    }
}

/// Returns the chunk that is written: none is larger than its level.
pub(super) fn clipped(chunk: [usize; 3], shape: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|axis| chunk[axis].min(shape[axis]))
}

struct LevelWriter<T> {
    folder: PathBuf,
    version: OmeZarrVersion,
    shape: [usize; 3],
    chunk: [usize; 3],
    /// The voxels of the level before along one voxel of this one: 1 or 2.
    step: [usize; 3],
    /// The first of two sections of the level before.
    held: Option<Array2<T>>,
    /// The sections that wait for their chunks to be full.
    slab: Vec<T>,
    /// The sections that went before, in chunks or in the slab.
    taken: usize,
    write: WriteChunk,
    written: Mutex<Vec<WrittenChunk>>,
}

impl<T: Voxel> LevelWriter<T> {
    /// Takes a section, and tells whether it was the last one.
    fn take(&mut self, section: ArrayView2<'_, T>) -> Result<bool> {
        let [depth, height, width] = self.shape;
        if self.slab.capacity() == 0 {
            let len = self.chunk[0].saturating_mul(height).saturating_mul(width);
            let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
            self.slab.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { path: None, bytes })?;
        }
        self.slab.extend(section.iter());
        self.taken += 1;
        let is_last = self.taken == depth;
        if is_last || self.taken.is_multiple_of(self.chunk[0]) {
            self.flush()?;
        }
        Ok(is_last)
    }

    /// Makes a section of this level, when there are enough of the level before.
    fn shrink(&mut self, section: ArrayView2<'_, T>, is_last: bool, content: Content) -> Option<Array2<T>> {
        let step = [self.step[1], self.step[2]];
        match self.held.take() {
            Some(first) => Some(shrink(&[first.view(), section], step, content)),
            None if self.step[0] == 1 || is_last => Some(shrink(&[section], step, content)),
            None => {
                self.held = Some(section.to_owned());
                None
            }
        }
    }

    /// Writes the chunks of the sections that wait.
    fn flush(&mut self) -> Result<()> {
        let [_, height, width] = self.shape;
        let z = (self.taken - 1) / self.chunk[0];
        let across = width.div_ceil(self.chunk[2]);
        let count = height.div_ceil(self.chunk[1]) * across;
        let failure = storage::in_parallel(&self.folder, || {
            let chunks = (0..count).into_par_iter();
            chunks
                .map(|index| self.write_chunk([z, index / across, index % across]))
                .find_map_first(Result::err)
        });
        self.slab.clear();
        failure.map_or(Ok(()), Err)
    }

    fn write_chunk(&self, position: [usize; 3]) -> Result<()> {
        let bytes = self.chunk_bytes(position)?;
        // A chunk of fill values is not stored: most of a mask is background.
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let keys = Keys { prefix: self.version == OmeZarrVersion::V0_5, separator: '/' };
        let path = keys.path(&self.folder, &position.map(|number| number as u64));
        let packed = pack(self.version, size_of::<T>(), &bytes).map_err(Error::io("write", &path))?;
        (self.write)(&path, &packed)?;
        let written = (path, packed.len() as u64, crc32c::crc32c(&packed));
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(written);
        Ok(())
    }

    /// Returns the bytes of a chunk, with zeros where it reaches out of the level.
    fn chunk_bytes(&self, [_, row, column]: [usize; 3]) -> Result<Vec<u8>> {
        let ([_, height, width], chunk) = (self.shape, self.chunk);
        let size = size_of::<T>();
        let len = chunk.iter().product::<usize>() * size;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { path: None, bytes: len as u64 })?;
        let (y0, x0) = (row * chunk[1], column * chunk[2]);
        let x1 = width.min(x0 + chunk[2]);
        for (z, section) in self.slab.chunks_exact(height * width).enumerate() {
            for (y, line) in section.chunks_exact(width).skip(y0).take(chunk[1]).enumerate() {
                bytes.resize((z * chunk[1] + y) * chunk[2] * size, 0);
                line[x0..x1].iter().for_each(|voxel| bytes.extend_from_slice(bytemuck::bytes_of(voxel)));
            }
        }
        bytes.resize(len, 0);
        Ok(bytes)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn grey_values_are_averaged_and_numbers_are_kept() {
        let section = array![[1_u8, 2, 7], [3, 5, 8], [10, 0, 9]];
        let sections = [section.view()];
        assert_eq!(shrink(&sections, [2, 2], Content::Intensity), array![[3, 8], [5, 9]]);
        assert_eq!(shrink(&sections, [2, 2], Content::Label), array![[5, 8], [10, 9]]);
        assert_eq!(shrink(&sections, [1, 1], Content::Intensity), section);
    }

    #[test]
    fn two_sections_become_one() {
        let sections = [array![[1.0_f32, 2.0]], array![[3.0, 6.0]]];
        let sections = [sections[0].view(), sections[1].view()];
        assert_eq!(shrink(&sections, [2, 2], Content::Intensity), array![[3.0]]);
        assert_eq!(shrink(&sections, [1, 1], Content::Intensity), array![[2.0, 4.0]]);
    }
}
