//! Where bytes lie: files of this machine. It knows no format, and is the one home of how bytes are reached.

use crate::atomic::write_atomically;
use crate::error::Result;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What is known of an object before its bytes are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The number of bytes.
    pub bytes: u64,
}

/// An object or a folder within a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    pub is_folder: bool,
}

/// Tells what lies at a path, `None` where nothing does.
///
/// # Errors
///
/// Fails where it is no regular file: a pipe would be waited on for ever, and a folder has no bytes.
pub(crate) fn stat(path: &Path) -> io::Result<Option<Stat>> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(Stat { bytes: found.len() })),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "no regular file")),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads an object of at most `limit` bytes, `None` where there is none.
///
/// # Errors
///
/// Those of [`stat`], and `FileTooLarge` beyond the limit.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if stat(path)?.is_none() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// Reads `len` bytes of an object from `start` on; the caller has held them against its length.
///
/// # Errors
///
/// `UnexpectedEof` where the object ends before, and those of the operating system.
pub(crate) fn read_range(path: &Path, start: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = crate::limits::zeroed::<u8>(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Lists a folder by name, nothing where there is none.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push(Entry { name, is_folder: entry.path().is_dir() });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Writes an object that appears whole or not at all, with the folders it lies in.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| file.write_all(bytes))
}

/// Removes an object; nothing to remove is fine.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Tells whether a path is an address, behind which everything that is asked for takes its time.
pub(crate) fn is_address(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains("://"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
