//! The directories of a TIFF file and the values of their tags. It knows nothing of pixels.
//!
//! The layout is that of TIFF 6.0, section 2, and of BigTIFF, whose numbers have 64 bits.
//! No value is believed to be longer than the file, so that a tag takes no more memory than that.

use crate::error::{Error, Result};
use crate::sample::{Endian, Voxel};
use crate::storage::{Object, Reader};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The numbers of the tags that are read: TIFF 6.0, its technical notes, and those of SGI.
pub(super) mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const IMAGE_WIDTH: u16 = 256;
    pub const IMAGE_LENGTH: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const IMAGE_DESCRIPTION: u16 = 270;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR_CONFIGURATION: u16 = 284;
    pub const T4_OPTIONS: u16 = 292;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const SOFTWARE: u16 = 305;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const CHROMA_SUBSAMPLING: u16 = 530;
    pub const IMAGE_DEPTH: u16 = 32997;
}

/// A TIFF file that is open, with what its header says.
pub(super) struct Tiff {
    pub path: PathBuf,
    pub bytes: u64,
    pub endian: Endian,
    /// Whether offsets have 64 bits (BigTIFF).
    big: bool,
    /// Where the first directory is.
    pub first: u64,
    file: BufReader<Reader>,
    /// The place in the file, which seeking by steps keeps the buffer for.
    position: u64,
}

/// The tags of one page.
pub(super) struct Directory {
    /// The page, counted from 0, for errors.
    pub page: usize,
    /// Where the directory of the next page is.
    pub next: Option<u64>,
    entries: Vec<Entry>,
}

/// A tag: its number, the type and number of its values, and these or the place where they are.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    value: [u8; 8],
}

impl Tiff {
    /// Opens a file, as it was when it was opened first, and reads its header.
    pub(super) fn open(path: &Path, object: &Object) -> Result<Self> {
        let bytes = object.bytes();
        let file = BufReader::new(object.reader().map_err(Error::io("open", path))?);
        let path = path.to_path_buf();
        let mut tiff = Self { path, bytes, endian: Endian::Little, big: false, first: 0, file, position: 0 };
        let header = tiff.read(0, 0, 8)?;
        tiff.endian = if header[0] == b'M' { Endian::Big } else { Endian::Little };
        tiff.big = tiff.number_in(&header[2..4]) == 43;
        tiff.first = if tiff.big {
            let header = tiff.read(0, 0, 16)?;
            tiff.number_in(&header[8..16])
        } else {
            tiff.number_in(&header[4..8])
        };
        Ok(tiff)
    }

    /// Reads the directory at `offset`, which is that of a page.
    pub(super) fn directory(&mut self, page: usize, offset: u64) -> Result<Directory> {
        let (count_bytes, entry_bytes, word) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.read(page, offset, count_bytes)?;
        let count = self.number_in(&count);
        let start = offset.saturating_add(count_bytes);
        let table = self.read(page, start, count.saturating_mul(entry_bytes))?;
        let entries = table.chunks_exact(entry_bytes as usize).map(|entry| {
            let mut value = [0; 8];
            let (head, tail) = entry.split_at(entry.len() - word);
            value[..word].copy_from_slice(tail);
            Entry {
                tag: self.number_in(&head[..2]) as u16,
                kind: self.number_in(&head[2..4]) as u16,
                count: self.number_in(&head[4..]),
                value,
            }
        });
        let entries = entries.collect();
        // Some writers leave out the offset behind the last directory of a file.
        let next = self.read(page, start.saturating_add(table.len() as u64), word as u64);
        let next = next.map_or(0, |next| self.number_in(&next));
        Ok(Directory { page, next: (next != 0).then_some(next), entries })
    }

    /// Reads `len` bytes at `start`; an error names `page`.
    pub(super) fn read(&mut self, page: usize, start: u64, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(page, start, len, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads as [`Tiff::read`] does, into a buffer whose memory is used again.
    pub(super) fn read_into(&mut self, page: usize, start: u64, len: u64, bytes: &mut Vec<u8>) -> Result<()> {
        if start.checked_add(len).is_none_or(|end| end > self.bytes) {
            return Err(Error::Truncated { path: self.path.clone(), page });
        }
        if self.file.get_ref().is_worth_a_request(len) {
            *bytes = self.file.get_ref().read_range(start, len).map_err(Error::io("read", &self.path))?;
            return Ok(());
        }
        // Both are within the file, whose length the system keeps below 2^63.
        let step = start as i64 - self.position as i64;
        self.file.seek_relative(step).map_err(Error::io("read", &self.path))?;
        bytes.clear();
        let read = self.file.by_ref().take(len).read_to_end(bytes).map_err(Error::io("read", &self.path))?;
        self.position = start + read as u64;
        if (read as u64) < len {
            return Err(Error::Truncated { path: self.path.clone(), page });
        }
        Ok(())
    }

    /// Returns the file, to be read at any place.
    pub(super) fn into_file(self) -> Result<Reader> {
        let mut file = self.file.into_inner();
        file.seek(SeekFrom::Start(0)).map_err(Error::io("read", &self.path))?;
        Ok(file)
    }

    /// Checks that the file did not change meanwhile.
    pub(super) fn check(&self) -> Result<()> {
        self.file.get_ref().check().map_err(Error::io("read", &self.path))
    }

    /// Returns the bytes of a tag's values, at most `most` of them.
    pub(super) fn bytes(&mut self, directory: &Directory, tag: u16, most: u64) -> Result<Option<Vec<u8>>> {
        let Some(entry) = directory.entry(tag) else {
            return Ok(None);
        };
        let len = entry.count.saturating_mul(width_of(entry.kind) as u64);
        let in_place = if self.big { 8 } else { 4 };
        if len <= in_place {
            return Ok(Some(entry.value[..len.min(most) as usize].to_vec()));
        }
        let start = self.number_in(&entry.value[..in_place as usize]);
        if start.checked_add(len).is_none_or(|end| end > self.bytes) {
            return Err(Error::Truncated { path: self.path.clone(), page: directory.page });
        }
        self.read(directory.page, start, len.min(most)).map(Some)
    }

    /// Returns the values of a tag that are whole numbers, `None` where there is no such tag.
    pub(super) fn numbers(&mut self, directory: &Directory, tag: u16) -> Result<Option<Vec<u64>>> {
        let Some(entry) = directory.entry(tag) else {
            return Ok(None);
        };
        if !is_whole(entry.kind) {
            let reason = format!("its tag {tag} is of type {}, expected whole numbers", entry.kind);
            return Err(self.damaged(directory.page, reason));
        }
        let Some(bytes) = self.bytes(directory, tag, u64::MAX)? else {
            return Ok(None);
        };
        Ok(Some(bytes.chunks_exact(width_of(entry.kind)).map(|value| self.number_in(value)).collect()))
    }

    /// Returns the first value of a tag, `None` where there is no such tag or it is empty.
    pub(super) fn number(&mut self, directory: &Directory, tag: u16) -> Result<Option<u64>> {
        Ok(self.numbers(directory, tag)?.and_then(|numbers| numbers.first().copied()))
    }

    /// Returns the first value of a tag of fractions.
    pub(super) fn fraction(&mut self, directory: &Directory, tag: u16) -> Option<f64> {
        /// The type RATIONAL.
        const RATIONAL: u16 = 5;
        directory.entry(tag).filter(|entry| entry.kind == RATIONAL)?;
        let bytes = self.bytes(directory, tag, 8).ok()??;
        let (over, under) = (bytes.get(..4)?, bytes.get(4..8)?);
        Some(self.number_in(over) as f64 / self.number_in(under) as f64)
    }

    /// Returns a tag's text, as UTF-8 or, from old programs, Latin-1.
    pub(super) fn text(&mut self, directory: &Directory, tag: u16, most: u64) -> Option<String> {
        let bytes = self.bytes(directory, tag, most).ok()??;
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|&byte| char::from(byte)).collect());
        Some(text.trim_end_matches('\0').to_owned())
    }

    /// An error about a page whose tags or data make no sense.
    pub(super) fn damaged(&self, page: usize, reason: String) -> Error {
        Error::Damaged { path: self.path.clone(), page, source: reason.into() }
    }

    /// Reads a number of 1, 2, 4 or 8 bytes.
    fn number_in(&self, bytes: &[u8]) -> u64 {
        fn one<T: Voxel>(bytes: &[u8], endian: Endian) -> T {
            let mut number = [T::default()];
            T::decode(bytes, endian, &mut number);
            number[0]
        }
        match bytes.len() {
            1 => one::<u8>(bytes, self.endian).into(),
            2 => one::<u16>(bytes, self.endian).into(),
            4 => one::<u32>(bytes, self.endian).into(),
            _ => one(bytes, self.endian),
        }
    }
}

impl Directory {
    fn entry(&self, tag: u16) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }

    /// Tells whether the page has a tag.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }
}

/// The bytes of one value of a type; what is unknown is taken for bytes.
fn width_of(kind: u16) -> usize {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

/// Tells whether values are whole numbers, which programs write with and without a sign. No tag that
/// is read as a number has negative values: such a one is larger than all that is believed.
fn is_whole(kind: u16) -> bool {
    matches!(kind, 1 | 3 | 4 | 6 | 8 | 9 | 13 | 16..=18)
}
