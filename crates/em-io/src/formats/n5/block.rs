//! The bytes of one block: its header, and the voxels behind it.

use super::dataset::Dataset;
use crate::error::Result;
use crate::formats::grid::{Chunk, Reason, damaged, unreadable};
use crate::formats::unpack::{packed_limit, unpack};
use crate::sample::Endian;
use crate::storage;
use std::path::{Path, PathBuf};

/// The modes of a block: as large as its header says, or with a number of elements of its own.
const DEFAULT: u16 = 0;
const VARLENGTH: u16 = 1;

/// The bytes of a header beside the sides of the block: the mode, their number, and that of elements.
const HEADER_BYTES: u64 = 2 + 2 + 4;

impl Dataset {
    /// Reads the volume's part of the block at a place in the grid, a number per axis; `None` where there is no
    /// such block.
    pub(super) fn block(&self, place: &[usize]) -> Result<Option<Chunk>> {
        let path = self.path(place);
        // The metadata were held against the most bytes of a chunk.
        let most = (self.block.iter().product::<usize>() * self.stored.bytes()) as u64;
        let limit = packed_limit(most) + HEADER_BYTES + 4 * self.block.len() as u64;
        let bytes = storage::read(&path, limit).map_err(|error| unreadable(&path, error))?;
        let chunk = bytes.map(|bytes| self.decoded(&bytes, place)).transpose();
        chunk.map_err(|reason| damaged(&path, reason))
    }

    /// Returns the file of a block: a folder per axis, x first.
    fn path(&self, place: &[usize]) -> PathBuf {
        let names = place.iter().rev().map(usize::to_string);
        names.fold(self.folder.clone(), |path, name| path.join(Path::new(&name)))
    }

    fn decoded(&self, bytes: &[u8], place: &[usize]) -> Result<Chunk, Reason> {
        let (sides, packed) = self.header(bytes)?;
        let voxels: usize = sides.iter().product();
        let expected = voxels * self.stored.bytes();
        let unpacked = match self.compression {
            None => packed.to_vec(),
            Some(compression) => unpack(compression, packed, expected as u64)?,
        };
        if unpacked.len() != expected {
            return Err(format!("{} bytes, expected {expected} for {sides:?} voxels", unpacked.len()).into());
        }
        // The place along axes that are none of space is within the block, as the volume is within the dataset.
        let mut strides = vec![1; sides.len()];
        for axis in (1..sides.len()).rev() {
            strides[axis - 1] = strides[axis] * sides[axis];
        }
        let at = self.axes.place();
        let others = (0..sides.len()).filter(|axis| !self.axes.is_of_space(*axis));
        let mut first = 0;
        for axis in others {
            let within = at[axis] - place[axis] * self.block[axis];
            if within >= sides[axis] {
                return Err(format!(
                    "a block of {sides:?} voxels, which lacks the place {within} of axis {axis}"
                )
                .into());
            }
            first += within * strides[axis];
        }
        let (shape, strides) = (self.axes.of_space(&sides), self.axes.of_space(&strides));
        Chunk::strided(unpacked, (self.stored, Endian::Big), shape, strides, first)
    }

    /// Reads how many voxels a block has along each axis, x last, and returns the bytes behind the header.
    fn header<'a>(&self, bytes: &'a [u8]) -> Result<(Vec<usize>, &'a [u8]), Reason> {
        let early = "the block ends within its header";
        let mut rest = bytes;
        let mut take = |len: usize| {
            let (taken, left) = rest.split_at_checked(len).ok_or(early)?;
            rest = left;
            // At most four bytes.
            Ok::<_, &str>(taken.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)))
        };
        let (mode, axes) = (take(2)?, take(2)? as usize);
        let is_counted = mode == u32::from(VARLENGTH);
        if mode != u32::from(DEFAULT) && !is_counted {
            return Err(
                format!("a block of mode {mode}, expected one of voxels ({DEFAULT} or {VARLENGTH})").into()
            );
        }
        if axes != self.block.len() {
            return Err(format!("a block of {axes} axes, expected {}", self.block.len()).into());
        }
        let mut sides =
            (0..axes).map(|_| take(4).map(|side| side as usize)).collect::<Result<Vec<_>, _>>()?;
        sides.reverse();
        if sides.iter().zip(&self.block).any(|(side, most)| !(1..=*most).contains(side)) {
            return Err(format!("a block of {sides:?} voxels, expected at most {:?}", self.block).into());
        }
        // They are within a block, whose bytes were held against the most that a chunk may have.
        let voxels: usize = sides.iter().product();
        if is_counted {
            let count = take(4)? as usize;
            if count != voxels {
                return Err(format!("a block of {count} elements, expected one a voxel, {voxels}").into());
            }
        }
        Ok((sides, rest))
    }
}
