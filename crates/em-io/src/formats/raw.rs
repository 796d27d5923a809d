//! Voxels that lie in a file one after another, uncompressed: MRC, NIfTI, NumPy, large ImageJ stacks.
//!
//! It knows where they begin and how they are stored; the headers are read by the formats.

use super::read_sections;
pub(crate) use super::stored::Stored;
use crate::error::{Error, Result};
use crate::formats::source::Source;
use crate::sample::{Endian, Voxel, match_voxel_type};
use crate::storage::{self, Object, Reader};
use crate::{Roi, VoxelType, Voxels, limits};
use ndarray::Array3;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// About as many bytes are read at a time, by each thread.
const PIECE_BYTES: usize = 1 << 20;

/// Rows are read with what lies between them, where that is at most so many times as much as is asked for.
const MOST_OF_A_ROW: usize = 8;

/// Turns a stored value into the one that is meant: `slope * stored + intercept`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rescale {
    pub slope: f64,
    pub intercept: f64,
}

/// A volume of uncompressed voxels, x fastest, then y, then z.
#[derive(Clone, Debug)]
pub(crate) struct RawVoxels {
    /// The file, as errors name it.
    pub path: PathBuf,
    /// Where the first voxel begins.
    pub start: u64,
    pub shape: [usize; 3],
    pub stored: Stored,
    pub endian: Endian,
    pub rescale: Option<Rescale>,
}

impl RawVoxels {
    /// Returns the type that the voxels are read as.
    pub(crate) fn voxel_type(&self) -> VoxelType {
        self.rescale.map_or(self.stored.voxel_type(), |_| VoxelType::F32)
    }

    /// Checks that the shape is one that we read, and that `file_bytes` bytes hold all of it.
    ///
    /// Files that were compressed have no length to hold it against: `None`.
    pub(crate) fn check(&self, file_bytes: Option<u64>) -> Result<()> {
        let [depth, height, width] = self.shape;
        let bytes = self.stored.bytes();
        limits::check_sections(&self.path, depth)?;
        limits::check_section(&self.path, 0, [height, width], 8 * bytes, file_bytes.unwrap_or(u64::MAX))?;
        if depth * height * width == 0 {
            let found = format!("{width} columns, {height} rows and {depth} sections");
            return Err(Error::NotAStack {
                path: self.path.clone(),
                found,
                expected: "at least 1 of each".into(),
            });
        }
        // The limits keep a section below 2^39 bytes, and a volume below 2^59.
        match file_bytes.map(|bytes| self.section_at(bytes)) {
            Some(page) if page < depth => Err(Error::Truncated { path: self.path.clone(), page }),
            _ => Ok(()),
        }
    }

    /// Returns where the last voxel ends, of a shape that was checked.
    pub(crate) fn end(&self) -> u64 {
        self.start
            .saturating_add(self.shape.iter().fold(self.stored.bytes() as u64, |n, &side| n * side as u64))
    }

    /// Returns the section that a place in the file belongs to, of a shape that was checked.
    pub(crate) fn section_at(&self, place: u64) -> usize {
        let [_, height, width] = self.shape;
        let section = place.saturating_sub(self.start) / (height * width * self.stored.bytes()) as u64;
        usize::try_from(section).unwrap_or(usize::MAX)
    }

    /// Reads a block from `file`, which is the one at `path` or its uncompressed copy.
    pub(crate) fn read_from(&self, file: &Object, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.voxel_type(), T => self.read_as::<T>(file, roi).map(Voxels::from))
    }

    fn read_as<T: Voxel>(&self, file: &Object, roi: Roi) -> Result<Array3<T>> {
        let section = |z, out: &mut [T]| {
            let mut file = file.reader().map_err(Error::io("open", &self.path))?;
            self.read_section(&mut file, z, roi, out)
        };
        storage::in_parallel(&self.path, || read_sections(roi, section))
    }

    /// Reads the block's part of one section.
    pub(crate) fn read_section<T: Voxel>(
        &self,
        file: &mut Reader,
        z: usize,
        roi: Roi,
        out: &mut [T],
    ) -> Result<()> {
        let ([_, top, left], [_, rows, columns]) = (roi.start, roi.shape);
        let [_, height, width] = self.shape;
        let bytes = self.stored.bytes();
        // Rows of full width follow each other in the file.
        let run = if columns == width { rows * columns } else { columns };
        // Voxels that are kept as they are go to their place at once.
        let as_stored = self.rescale.is_none() && self.stored == Stored::As(T::TYPE);
        let mut buffer = limits::zeroed::<u8>(if as_stored { 0 } else { PIECE_BYTES.min(run * bytes) })?;
        for (index, out) in out.chunks_mut(run.max(1)).enumerate() {
            let voxel = ((z * height + top + index) * width + left) as u64;
            let place = self.start + voxel * bytes as u64;
            if width <= MOST_OF_A_ROW * columns {
                let rest = ((rows - index - 1) * width + columns) * bytes;
                file.expect(place, rest as u64).map_err(Error::io("read", &self.path))?;
            }
            file.seek(SeekFrom::Start(place)).map_err(Error::io("read", &self.path))?;
            let failed = |error: std::io::Error| match error.kind() {
                ErrorKind::UnexpectedEof => Error::Truncated { path: self.path.clone(), page: z },
                _ => Error::io("read", &self.path)(error),
            };
            if as_stored {
                file.read_exact(bytemuck::cast_slice_mut(out)).map_err(failed)?;
                T::reorder(out, self.endian);
                continue;
            }
            for out in out.chunks_mut(PIECE_BYTES / bytes) {
                let piece = &mut buffer[..out.len() * bytes];
                file.read_exact(piece).map_err(failed)?;
                self.decode(piece, out);
            }
        }
        // What was read while the file changed may be of both.
        file.check().map_err(Error::io("read", &self.path))
    }

    fn decode<T: Voxel>(&self, bytes: &[u8], out: &mut [T]) {
        match self.rescale {
            None => self.stored.decode(bytes, self.endian, out),
            Some(rescale) => self.stored.decode_with(bytes, self.endian, out, |v| rescale.apply(v)),
        }
    }
}

/// Voxels with the file that they lie in, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct RawFile {
    pub voxels: RawVoxels,
    pub file: Object,
}

impl Source for RawFile {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        self.voxels.read_from(&self.file, roi)
    }
}

impl Rescale {
    fn apply(self, stored: f64) -> f64 {
        stored * self.slope + self.intercept
    }
}

/// The fields of a binary header. What lies behind its end is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub bytes: &'a [u8],
    pub endian: Endian,
}

impl Fields<'_> {
    pub(crate) fn i16(&self, at: usize) -> i16 {
        self.number(at)
    }

    pub(crate) fn i32(&self, at: usize) -> i32 {
        self.number(at)
    }

    pub(crate) fn f32(&self, at: usize) -> f32 {
        self.number(at)
    }

    pub(crate) fn i64(&self, at: usize) -> i64 {
        self.number(at)
    }

    pub(crate) fn f64(&self, at: usize) -> f64 {
        f64::from_bits(self.number(at))
    }

    fn number<T: Voxel>(&self, at: usize) -> T {
        let mut value = [T::default()];
        T::decode(self.bytes.get(at..).unwrap_or_default(), self.endian, &mut value);
        value[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_behind_the_end_is_zero() {
        let fields = Fields { bytes: &[1, 0, 0, 0, 7], endian: Endian::Little };
        assert_eq!([fields.i32(0), fields.i32(4), fields.i32(99)], [1, 0, 0]);
    }

    #[test]
    fn a_shape_that_the_file_cannot_hold_is_refused() {
        let raw = |shape| RawVoxels {
            path: "a.mrc".into(),
            start: 100,
            shape,
            stored: Stored::As(VoxelType::U16),
            endian: Endian::Little,
            rescale: None,
        };
        assert!(raw([3, 4, 5]).check(Some(100 + 120)).is_ok());
        let cut = raw([3, 4, 5]).check(Some(100 + 119)).unwrap_err();
        assert!(matches!(cut, Error::Truncated { page: 2, .. }), "{cut}");
        assert!(matches!(raw([3, 0, 5]).check(Some(999)), Err(Error::NotAStack { .. })));
        assert!(matches!(raw([3, 1 << 20, 5]).check(Some(999)), Err(Error::TooLarge { .. })));
        assert!(matches!(raw([usize::MAX, 4, 5]).check(None), Err(Error::TooManySections { .. })));
    }
}
