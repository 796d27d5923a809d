//! Bytes in files of this machine.

use super::{Entry, Span, Stat};
use crate::atomic::write_atomically;
use crate::error::Result;
use crate::limits;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

pub(super) fn stat(path: &Path) -> io::Result<Option<Stat>> {
    match fs::metadata(path) {
        Ok(found) => of(&found).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says what is known of a file.
pub(super) fn of(found: &Metadata) -> io::Result<Stat> {
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no regular file"));
    }
    Ok(Stat { bytes: found.len(), modified: found.modified().ok(), tag: None })
}

pub(super) fn get(path: &Path, span: Span, limit: u64) -> io::Result<Option<(Vec<u8>, Stat)>> {
    // A pipe is found before it is opened, which would wait.
    if stat(path)?.is_none() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let stat = of(&file.metadata()?)?;
    let (start, len) = match span {
        Span::All => (0, stat.bytes),
        Span::From(start, len) => (start, len),
        Span::Last(len) => (stat.bytes.checked_sub(len).ok_or(io::ErrorKind::UnexpectedEof)?, len),
    };
    if start.checked_add(len).is_none_or(|end| end > stat.bytes) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if len > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{len} bytes, expected at most {limit}"),
        ));
    }
    let out_of_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
    let len = usize::try_from(len).map_err(|_| out_of_memory())?;
    let mut bytes = limits::zeroed::<u8>(len).map_err(|_| out_of_memory())?;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(Some((bytes, stat)))
}

pub(super) fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        found.push(Entry { name, is_folder: path.is_dir(), path });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| file.write_all(bytes))
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
