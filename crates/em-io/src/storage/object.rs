//! An object that is read in parts: it is refused where it is no longer the one that was opened.

use super::failure::Failure;
use super::{Location, Span, Stat, local, locate, remote};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The bytes of an object behind an address that are read at once, at least: a page of a TIFF file needs
/// one or two such blocks beside its pixels.
const BLOCK: u64 = 1 << 14;

/// The most bytes that are read at once: further blocks in a row are each twice as long, up to this.
const MOST: u64 = 1 << 23;

/// A file, or an object behind an address, as it was when it was opened.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    path: PathBuf,
    stat: Stat,
}

impl Object {
    /// Takes note of an object; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Those of [`super::stat`].
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        Ok(super::stat(path)?.map(|stat| Self { path: path.to_path_buf(), stat }))
    }

    /// Takes note of an object that has to be there.
    ///
    /// # Errors
    ///
    /// Those of [`super::stat`], and `NotFound`.
    pub(crate) fn existing(path: &Path) -> io::Result<Self> {
        Self::open(path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Reads a part of an object of which nothing is known, and takes note of it; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Those of [`super::get`].
    pub(crate) fn first(path: &Path, span: Span, limit: u64) -> io::Result<Option<(Vec<u8>, Self)>> {
        let found = super::get(path, span, limit)?;
        Ok(found.map(|(bytes, stat)| (bytes, Self { path: path.to_path_buf(), stat })))
    }

    /// Reads a further part of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`super::get`], and [`Failure::Changed`] within where it is no longer the same.
    pub(crate) fn get(&self, span: Span, limit: u64) -> io::Result<(Vec<u8>, Self)> {
        let found = match locate(&self.path)? {
            Location::Local(path) => local::get(&path, span, limit)?,
            Location::Remote(address) => remote::get(&address, span, limit, Some(&self.stat))?,
        };
        match found {
            Some((bytes, stat)) if self.stat.is_same_as(&stat) => Ok((bytes, self.clone())),
            _ => Err(Failure::Changed.into()),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.stat.bytes
    }

    /// Starts to read at the first byte.
    ///
    /// # Errors
    ///
    /// Fails where the file is gone, or is no longer the same.
    pub(crate) fn reader(&self) -> io::Result<Reader> {
        let bytes = match locate(&self.path)? {
            Location::Remote(_) => Bytes::Remote(Block::default()),
            Location::Local(path) => Bytes::Local(File::open(path)?),
        };
        let reader = Reader { object: self.clone(), place: 0, bytes };
        reader.check()?;
        Ok(reader)
    }

    /// Reads `len` bytes from `start` on with one request.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the object ends before, [`Failure::Changed`] within where it is no longer the same.
    pub(crate) fn read_range(&self, start: u64, len: u64) -> io::Result<Vec<u8>> {
        if start.checked_add(len).is_none_or(|end| end > self.stat.bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.get(Span::From(start, len), len).map(|(bytes, _)| bytes)
    }
}

/// Reads an object from any place on.
#[derive(Debug)]
pub(crate) struct Reader {
    object: Object,
    place: u64,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Local(File),
    Remote(Block),
}

/// The bytes of an object that were read last.
#[derive(Debug, Default)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
    /// Where the last block ends, and how long it was asked to be.
    end: u64,
    asked: u64,
}

impl Reader {
    /// Tells whether a part had better be read with one request, not in blocks.
    pub(crate) fn is_worth_a_request(&self, len: u64) -> bool {
        matches!(self.bytes, Bytes::Remote(_)) && len >= BLOCK
    }

    /// Reads `len` bytes from `start` on with one request, whatever was read before.
    ///
    /// # Errors
    ///
    /// Those of [`Object::read_range`].
    pub(crate) fn read_range(&self, start: u64, len: u64) -> io::Result<Vec<u8>> {
        self.object.read_range(start, len)
    }

    /// Says that from a place on so many bytes will be read, if not each of them: behind an address they are
    /// read at once, as far as one request goes.
    ///
    /// # Errors
    ///
    /// Those of [`Object::read_range`].
    pub(crate) fn expect(&mut self, start: u64, len: u64) -> io::Result<()> {
        match &mut self.bytes {
            Bytes::Remote(block) if len > 0 && !block.holds(start) => block.fill(&self.object, start, len),
            _ => Ok(()),
        }
    }

    /// Tells whether the file is still as it was; objects behind an address tell with each of their parts.
    ///
    /// # Errors
    ///
    /// Fails with [`Failure::Changed`] within.
    pub(crate) fn check(&self) -> io::Result<()> {
        match &self.bytes {
            Bytes::Local(file) if !self.object.stat.is_same_as(&local::of(&file.metadata()?)?) => {
                Err(Failure::Changed.into())
            }
            _ => Ok(()),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let block = match &mut self.bytes {
            Bytes::Local(file) => return file.read(out),
            Bytes::Remote(block) => block,
        };
        let left = self.object.stat.bytes.saturating_sub(self.place);
        let wanted = (out.len() as u64).min(left);
        if wanted == 0 {
            return Ok(0);
        }
        if !block.holds(self.place) {
            block.fill(&self.object, self.place, wanted)?;
        }
        // A block is in memory, so that its length is a usize.
        let from = (self.place - block.start) as usize;
        let count = out.len().min(block.bytes.len() - from);
        out[..count].copy_from_slice(&block.bytes[from..from + count]);
        self.place += count as u64;
        Ok(count)
    }
}

impl Block {
    fn holds(&self, place: u64) -> bool {
        (self.start..self.start + self.bytes.len() as u64).contains(&place)
    }

    /// Reads the block that a place is in, or more where more is wanted or where reading goes on.
    fn fill(&mut self, object: &Object, place: u64, wanted: u64) -> io::Result<()> {
        let goes_on = self.asked > 0 && place == self.end;
        let asked = if goes_on { 2 * self.asked } else { BLOCK }.max(wanted).min(MOST);
        // Blocks have fixed borders, so that two readers of neighbouring places share them.
        let start = if wanted < BLOCK { place - place % BLOCK } else { place };
        let end = start.saturating_add(asked).min(object.stat.bytes);
        self.bytes = object.read_range(start, end - start)?;
        (self.start, self.end, self.asked) = (start, end, asked);
        Ok(())
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if let Bytes::Local(file) = &mut self.bytes {
            return file.seek(to);
        }
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(step) => self.place.checked_add_signed(step),
            SeekFrom::End(step) => self.object.stat.bytes.checked_add_signed(step),
        };
        self.place = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.place)
    }
}
