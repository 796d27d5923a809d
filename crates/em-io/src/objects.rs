//! Small files at paths and behind addresses, for programs that keep notes beside the volumes they write.

use std::path::Path;

use crate::error::{Error, Result};
use crate::storage;

/// Returns the bytes of an object, `None` where there is none.
///
/// # Errors
///
/// [`Error::Io`] where it cannot be told, or what is there is no file; [`Error::Remote`].
pub fn length(path: &Path) -> Result<Option<u64>> {
    Ok(storage::stat(path).map_err(Error::io("read", path))?.map(|stat| stat.bytes))
}

/// Reads an object of at most `limit` bytes, `None` where there is none. Of an address, what was read in the last
/// seconds may be given again.
///
/// # Errors
///
/// [`Error::Io`] and [`Error::Remote`], also beyond the limit.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    storage::read(path, limit).map_err(Error::io("read", path))
}

/// Reads `len` bytes of an object from `start` on; `None` where it has not so many.
///
/// # Errors
///
/// [`Error::Io`] and [`Error::Remote`].
pub fn read_range(path: &Path, start: u64, len: usize) -> Result<Option<Vec<u8>>> {
    match storage::read_range(path, start, len) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Writes an object that appears whole or not at all, with the folders it lies in.
///
/// # Errors
///
/// [`Error::Io`] and [`Error::Remote`]: a web server takes nothing.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    storage::write(path, bytes)
}

/// Writes an object where none is, and tells whether it did: of several programs at the same time, one does.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("notes/request.json");
/// assert!(em_io::objects::write_first(&path, b"first")?);
/// assert!(!em_io::objects::write_first(&path, b"second")?);
/// assert_eq!(em_io::objects::read(&path, 100)?, Some(b"first".to_vec()));
/// em_io::objects::remove_all(&folder.path().join("notes"))?;
/// assert_eq!(em_io::objects::length(&path)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of [`write`](fn@write).
pub fn write_first(path: &Path, bytes: &[u8]) -> Result<bool> {
    storage::write_first(path, bytes)
}

/// Removes an object; nothing to remove is fine.
///
/// # Errors
///
/// [`Error::Io`] and [`Error::Remote`].
pub fn remove(path: &Path) -> Result<()> {
    storage::remove(path).map_err(Error::io("remove", path))
}

/// Removes all that is below a path; nothing to remove is fine.
///
/// # Errors
///
/// [`Error::Io`] and [`Error::Remote`].
pub fn remove_all(path: &Path) -> Result<()> {
    storage::remove_all(path).map_err(Error::io("remove", path))
}
