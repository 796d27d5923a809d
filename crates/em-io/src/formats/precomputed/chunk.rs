//! The bytes of one chunk: finding and decoding them.

use super::info::{Encoding, Level};
use super::{chunk_name, segmentation};
use crate::error::Result;
use crate::formats::grid::{Chunk, Reason, damaged, unreadable};
use crate::formats::gzip::MAGIC;
use crate::formats::jpeg::{self, Colours};
use crate::formats::json::metadata;
use crate::formats::unpack::{gunzip, packed_limit};
use crate::limits::MAX_EXPANSION;
use crate::sample::Endian;
use crate::storage;
use std::path::{Path, PathBuf};

/// The endings of packed chunks that are not read: what would be missing else would be background.
const OTHER_PACKINGS: [(&str, &str); 4] =
    [("br", "brotli"), ("zstd", "Zstandard"), ("xz", "xz"), ("bz2", "bzip2")];

impl Level {
    /// Returns the number of voxels of the chunk at a place in the grid, both `[z, y, x]`.
    pub(super) fn shape_of(&self, place: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| {
            let start = place[axis] * self.chunk[axis];
            self.chunk[axis].min(self.shape[axis].saturating_sub(start))
        })
    }

    /// Reads one channel of the chunk at a place in the grid; `None` where there is no such chunk.
    pub(super) fn chunk(&self, place: [usize; 3], channel: usize) -> Result<Option<Chunk>> {
        let shape = self.shape_of(place);
        let found = match &self.sharding {
            Some(sharding) => sharding.read(&self.folder, place, self.most_bytes(shape))?,
            None => self.file(place, shape)?,
        };
        let Some((path, bytes)) = found else { return Ok(None) };
        self.decoded(bytes, shape, channel).map(Some).map_err(|reason| damaged(&path, reason))
    }

    /// Returns the bytes of a chunk's voxels, with all channels.
    fn raw_bytes(&self, shape: [usize; 3]) -> u64 {
        // The metadata were held against the most bytes of a chunk.
        (shape.iter().product::<usize>() * self.channels * self.stored.bytes()) as u64
    }

    /// Returns the most bytes of an encoded chunk.
    fn most_bytes(&self, shape: [usize; 3]) -> u64 {
        match self.encoding {
            Encoding::Raw => self.raw_bytes(shape),
            Encoding::Segmentation(block) => segmentation::most_bytes(shape, block, self.stored.bytes())
                .saturating_mul(self.channels as u64),
            // A picture of noise may be larger than its pixels.
            Encoding::Jpeg | Encoding::Png => packed_limit(2 * self.raw_bytes(shape)),
        }
    }

    /// Reads the file of a chunk.
    fn file(&self, place: [usize; 3], shape: [usize; 3]) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let start: [i64; 3] = std::array::from_fn(|axis| {
            // Both are bounded by the limits.
            self.offset[axis] + (place[axis] * self.chunk[axis]) as i64
        });
        let name = chunk_name(start, shape);
        let path = self.folder.join(&name);
        let most = self.most_bytes(shape);
        let read =
            |path: &Path| storage::read(path, packed_limit(most)).map_err(|error| unreadable(path, error));
        if let Some(bytes) = read(&path)? {
            // What a bucket serves as packed is packed in a copy of it, too.
            let is_packed = bytes.starts_with(&MAGIC) && !self.is_raw(&bytes, shape);
            let bytes =
                if is_packed { gunzip(&bytes, most).map_err(|error| damaged(&path, error))? } else { bytes };
            return Ok(Some((path, bytes)));
        }
        let packed = self.folder.join(format!("{name}.gz"));
        if let Some(bytes) = read(&packed)? {
            let bytes = gunzip(&bytes, most).map_err(|error| damaged(&packed, error))?;
            return Ok(Some((packed, bytes)));
        }
        // They are what CloudVolume writes on a disk; a server is not asked for each of them.
        for (ending, packing) in OTHER_PACKINGS.into_iter().filter(|_| !storage::is_address(&path)) {
            let other = self.folder.join(format!("{name}.{ending}"));
            if storage::stat(&other).map_err(|error| unreadable(&other, error))?.is_some() {
                return Err(metadata(&other, format!("a chunk packed with {packing}"), "gzip, or none"));
            }
        }
        Ok(None)
    }

    /// Tells whether so many bytes are voxels as they are.
    fn is_raw(&self, bytes: &[u8], shape: [usize; 3]) -> bool {
        self.encoding == Encoding::Raw && bytes.len() as u64 == self.raw_bytes(shape)
    }

    fn decoded(&self, bytes: Vec<u8>, shape: [usize; 3], channel: usize) -> Result<Chunk, Reason> {
        let stored = self.stored;
        let voxels = shape.iter().product::<usize>();
        let planes = |bytes, endian, first| Chunk::contiguous(bytes, (stored, endian), shape, first);
        match self.encoding {
            Encoding::Raw => {
                let expected = self.raw_bytes(shape);
                if bytes.len() as u64 != expected {
                    return Err(format!("{} bytes, expected {expected}", bytes.len()).into());
                }
                planes(bytes, Endian::Little, channel * voxels)
            }
            Encoding::Segmentation(block) => {
                let labels =
                    segmentation::decoded(&bytes, (channel, self.channels), shape, block, stored.bytes())?;
                planes(labels, Endian::NATIVE, 0)
            }
            Encoding::Jpeg => {
                let picture = jpeg::open(&bytes, Colours::Rgb)?;
                self.check_expansion(&bytes, shape)?;
                self.check_picture(picture.size, picture.components, voxels)?;
                self.of_pixels(picture.decode()?, shape, channel)
            }
            Encoding::Png => {
                self.check_expansion(&bytes, shape)?;
                let (size, channels, samples) = super::png::decoded(&bytes, voxels, stored.bytes())?;
                self.check_picture(size, channels, voxels)?;
                self.of_pixels(samples, shape, channel)
            }
        }
    }

    /// Refuses a picture of too few bytes before memory is taken for its pixels.
    fn check_expansion(&self, bytes: &[u8], shape: [usize; 3]) -> Result<(), Reason> {
        if self.raw_bytes(shape) / MAX_EXPANSION > bytes.len() as u64 {
            return Err(format!("{} bytes are too few for a picture of {shape:?} voxels", bytes.len()).into());
        }
        Ok(())
    }

    /// Holds a picture against its chunk: sections follow each other in it, in rows of any length.
    fn check_picture(
        &self,
        [height, width]: [usize; 2],
        channels: usize,
        voxels: usize,
    ) -> Result<(), Reason> {
        if height.checked_mul(width) != Some(voxels) || channels != self.channels {
            let expected = self.channels;
            return Err(format!(
                "a picture of {width}x{height} pixels with {channels} channels, expected {voxels} pixels with {expected}"
            )
            .into());
        }
        Ok(())
    }

    /// Takes one channel of samples that are stored pixel after pixel, the highest byte first.
    fn of_pixels(&self, samples: Vec<u8>, shape: [usize; 3], channel: usize) -> Result<Chunk, Reason> {
        let strides = [shape[1] * shape[2] * self.channels, shape[2] * self.channels, self.channels];
        Chunk::strided(samples, (self.stored, Endian::Big), shape, strides, channel)
    }
}
