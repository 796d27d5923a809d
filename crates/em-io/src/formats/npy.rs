//! NumPy's arrays in files of their own: `.npy`. They are not written.
//!
//! The header is a line of Python behind a few bytes (numpy.org/neps/nep-0001-npy-format.html); it is
//! read by hand, since the crates that read it take any literal of Python, however deeply nested.

use super::axes::Axes;
use super::raw::{RawFile, RawVoxels, Stored};
use super::source::{Source, VolumeInfo};
use super::{damaged, foreign};
use crate::error::{Error, Result};
use crate::sample::{Endian, match_voxel_type};
use crate::storage::{Object, Reader};
use crate::{Roi, Volume, Voxel, Voxels};
use ndarray::Array3;
use std::io::Read;
use std::path::Path;

/// The first bytes of a file.
pub(crate) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The longest header that is read; those of arrays of numbers have about 100 bytes.
const HEADER_BYTES: u32 = 1 << 16;

/// What is read, for error messages.
const READABLE: &str = "8- to 64-bit integers, 16- to 64-bit float or bool";

/// Opens an array of z, y, x or y, x, of which further axes have length 1.
pub(crate) fn open(path: &Path) -> Result<Volume> {
    let file = Object::existing(path).map_err(Error::io("open", path))?;
    let mut reader = file.reader().map_err(Error::io("open", path))?;
    let (text, start) = header(&mut reader).map_err(|error| Error::decoding(path, 0, Box::new(error)))?;
    let header = Header::parse(path, &text)?;
    let axes = Axes::by_length(&header.shape).ok_or_else(|| not_a_stack(path, &header.shape))?;
    let shape = axes.shape();
    let mut notes: Vec<String> = axes.note().into_iter().collect();
    notes.extend(header.stored.note().map(str::to_owned));
    let raw = |shape| RawVoxels {
        path: path.to_path_buf(),
        start,
        shape,
        stored: header.stored,
        endian: header.endian,
        rescale: None,
    };
    // Both hold the same bytes, and the limits are those of the volume.
    raw(shape).check(Some(file.bytes()))?;
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        notes,
        ..VolumeInfo::new("NumPy", shape, header.stored.voxel_type())
    };
    Ok(match header.is_fortran {
        false => Volume::new(info, RawFile { voxels: raw(shape), file }),
        true => Volume::new(info, Reversed(RawFile { voxels: raw(reversed(shape)), file })),
    })
}

/// Returns the text of the header, and where the voxels begin.
fn header(file: &mut Reader) -> std::io::Result<(String, u64)> {
    let mut first = [0; 8];
    file.read_exact(&mut first)?;
    let mut length = [0; 4];
    // Version 1 has two bytes for it.
    let bytes = if first[6] == 1 { 2 } else { 4 };
    file.read_exact(&mut length[..bytes])?;
    let length = u32::from_le_bytes(length);
    if length > HEADER_BYTES {
        let reason = format!("a header of {length} bytes, expected at most {HEADER_BYTES}");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, reason));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text)?;
    Ok((String::from_utf8_lossy(&text).into_owned(), 8 + bytes as u64 + u64::from(length)))
}

/// What a header says, in our words.
#[derive(Debug, PartialEq)]
struct Header {
    stored: Stored,
    endian: Endian,
    /// Whether the first axis is the one along which voxels follow each other.
    is_fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads a line such as `{'descr': '<u2', 'fortran_order': False, 'shape': (3, 4, 5), }`.
    fn parse(path: &Path, text: &str) -> Result<Self> {
        let bad = |what: &str| damaged(path, format!("the header has no {what}"));
        let descr = value_of(text, "descr").ok_or_else(|| bad("`descr`"))?;
        // Without quotes it is a list: a structure of several numbers.
        let name = quoted(descr).unwrap_or("a structure");
        if name.ends_with('O') {
            return Err(foreign::NUMPY_OBJECTS.error(path));
        }
        let (stored, endian) = Stored::of_numpy(name).ok_or_else(|| Error::Unsupported {
            path: path.to_path_buf(),
            page: 0,
            found: format!(
                "stored as `{}`",
                name.chars().take(40).filter(|c| !c.is_control()).collect::<String>()
            ),
            expected: READABLE,
        })?;
        let order = value_of(text, "fortran_order").ok_or_else(|| bad("`fortran_order`"))?;
        let is_fortran = match order {
            order if order.starts_with("True") => true,
            order if order.starts_with("False") => false,
            _ => return Err(bad("`fortran_order`")),
        };
        let shape = value_of(text, "shape").and_then(tuple).ok_or_else(|| bad("`shape`"))?;
        Ok(Self { stored, endian, is_fortran, shape })
    }
}

/// Returns what follows a key of a dictionary.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.split_once('\'').map(|(inside, _)| inside)
}

/// Reads `(3, 4, 5)`; long integers of Python 2 end in `L`.
fn tuple(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let sides = inside.split(',').map(|side| side.trim().trim_end_matches('L'));
    sides.filter(|side| !side.is_empty()).map(|side| side.parse().ok()).collect()
}

fn not_a_stack(path: &Path, shape: &[usize]) -> Error {
    Error::NotAStack {
        path: path.to_path_buf(),
        found: format!("an array of {shape:?}"),
        expected: "two or three axes (z, y, x), and further ones of length 1".into(),
    }
}

fn reversed([z, y, x]: [usize; 3]) -> [usize; 3] {
    [x, y, z]
}

/// Voxels of an array whose first axis is the fastest, by a source that takes it for the last.
#[derive(Debug)]
struct Reversed(RawFile);

impl Source for Reversed {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        let turned = Roi { start: reversed(roi.start), shape: reversed(roi.shape) };
        let voxels = self.0.read(turned)?;
        match_voxel_type!(voxels.voxel_type(), T => turn::<T>(voxels).map(Voxels::from))
    }
}

fn turn<T: Voxel>(voxels: Voxels) -> Result<Array3<T>> {
    Ok(voxels.into_array::<T>()?.reversed_axes().as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VoxelType;

    fn parse(text: &str) -> Option<Header> {
        Header::parse(Path::new("a.npy"), text).ok()
    }

    #[test]
    fn headers_of_every_version_of_numpy_are_read() {
        let expected = |shape: &[usize], is_fortran| {
            Some(Header {
                stored: Stored::As(VoxelType::U16),
                endian: Endian::Little,
                is_fortran,
                shape: shape.to_vec(),
            })
        };
        let read = parse("{'descr': '<u2', 'fortran_order': False, 'shape': (3, 4, 5), }     \n");
        assert_eq!(read, expected(&[3, 4, 5], false));
        let read = parse("{'shape': (3L, 4L), 'fortran_order': True, 'descr': '<u2'}\n");
        assert_eq!(read, expected(&[3, 4], true));
        assert_eq!(parse("{'descr': '<u2', 'fortran_order': False, 'shape': ()}"), expected(&[], false));
    }

    #[test]
    fn headers_that_say_nothing_or_too_much_are_refused() {
        for text in [
            "",
            "{}",
            "{'descr': '<u2', 'fortran_order': False}",
            "{'descr': '<u2', 'fortran_order': Maybe, 'shape': (3, 4)}",
            "{'descr': '<u2', 'fortran_order': False, 'shape': (3, -4)}",
            "{'descr': '<u2', 'fortran_order': False, 'shape': (3, 99999999999999999999)}",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (3, 4)}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
