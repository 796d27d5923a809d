//! Where bytes lie: files of this machine, and objects behind an address such as `s3://bucket/a.zarr`.
//! It knows no format, and is the one home of how bytes are reached.
//!
//! A path tells where it leads (`address`); `local` and `remote` do the same for both. What is read
//! in parts is an [`Object`], which is refused where it is no longer what it was.

mod address;
#[cfg(feature = "remote")]
mod cache;
pub(crate) mod failure;
mod folder;
mod local;
mod object;
#[cfg(feature = "remote")]
mod remote;
#[cfg(not(feature = "remote"))]
mod without_remote;

pub(crate) use address::{Address, Location, is_address, locate};
pub(crate) use folder::{NewFolder, remove_unfinished, write as write_new};
pub(crate) use object::{Object, Reader};
#[cfg(feature = "remote")]
pub use remote::{RemoteOptions, set_remote_options};
#[cfg(not(feature = "remote"))]
use without_remote as remote;

use crate::error::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is known of an object before its bytes are read. It is another version where one of them differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The number of bytes.
    pub bytes: u64,
    /// When it was written, where that is known.
    pub modified: Option<SystemTime>,
    /// What a server calls this version, its ETag.
    pub tag: Option<String>,
}

impl Stat {
    /// Tells whether two are of one version, by what both of them know.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let differs = |a: Option<&String>, b: Option<&String>| a.zip(b).is_some_and(|(a, b)| a != b);
        let is_later = self.modified.zip(other.modified).is_some_and(|(a, b)| a != b);
        self.bytes == other.bytes && !differs(self.tag.as_ref(), other.tag.as_ref()) && !is_later
    }
}

/// Which bytes of an object are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Span {
    All,
    /// So many bytes from a place on.
    From(u64, u64),
    /// So many bytes at its end.
    Last(u64),
}

/// An object or a folder within a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    /// The folder with the name.
    pub path: PathBuf,
    pub is_folder: bool,
}

/// The most bytes of an object that is looked at as a whole to see whether it is there.
const METADATA_BYTES: u64 = 1 << 24;

/// Takes `file://` from the front of a path; an address of another scheme stays as it is.
///
/// # Errors
///
/// [`Error::Address`] where the address is none that is read or may have a secret in it.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf> {
    match locate(path).map_err(|failure| failure.error("open", path))? {
        Location::Local(path) => Ok(path.into_owned()),
        Location::Remote(_) => Ok(path.to_path_buf()),
    }
}

/// Tells what lies at a path, `None` where nothing does.
///
/// # Errors
///
/// Fails where it is no regular file: a pipe would be waited on for ever, and a folder has no bytes.
pub(crate) fn stat(path: &Path) -> io::Result<Option<Stat>> {
    match locate(path)? {
        Location::Local(path) => local::stat(&path),
        Location::Remote(address) => remote::stat(&address),
    }
}

/// Tells whether there is an object at a path; what cannot be told is taken for no.
pub(crate) fn is_file(path: &Path) -> bool {
    match locate(path) {
        Ok(Location::Local(path)) => path.is_file(),
        // Whoever asks will read it, so that it is kept.
        Ok(Location::Remote(_)) => read(path, METADATA_BYTES).is_ok_and(|found| found.is_some()),
        Err(_) => false,
    }
}

/// Reads an object of at most `limit` bytes, `None` where there is none.
///
/// # Errors
///
/// Those of [`stat`], and `FileTooLarge` beyond the limit.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    match locate(path)? {
        Location::Local(path) => local::get(&path, Span::All, limit),
        Location::Remote(address) => remote::get_small(&address, limit),
    }
    .map(|found| found.map(|(bytes, _)| bytes))
}

/// Reads a part of an object, of at most `limit` bytes, with what is known of the whole; `None` where
/// there is none.
///
/// # Errors
///
/// `UnexpectedEof` where the object has not so many bytes, `FileTooLarge` beyond the limit, and those of
/// the operating system or the server.
pub(crate) fn get(path: &Path, span: Span, limit: u64) -> io::Result<Option<(Vec<u8>, Stat)>> {
    match locate(path)? {
        Location::Local(path) => local::get(&path, span, limit),
        Location::Remote(address) => remote::get(&address, span, limit, None),
    }
}

/// Reads `len` bytes of an object from `start` on; the caller has held them against its length.
///
/// # Errors
///
/// `UnexpectedEof` where the object ends before, and those of the operating system or the server.
pub(crate) fn read_range(path: &Path, start: u64, len: usize) -> io::Result<Vec<u8>> {
    let found = get(path, Span::From(start, len as u64), len as u64)?;
    found.map(|(bytes, _)| bytes).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Lists a folder by name, nothing where there is none.
///
/// # Errors
///
/// Those of the operating system or the server; a web server lists nothing.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    match locate(folder)? {
        Location::Local(folder) => local::list(&folder),
        Location::Remote(address) => remote::list(&address).map(|entries| {
            let entry =
                |(name, is_folder): (String, bool)| Entry { path: folder.join(&name), name, is_folder };
            entries.into_iter().map(entry).collect()
        }),
    }
}

/// Returns the bytes of an object, or of all objects below it.
pub(crate) fn bytes(path: &Path) -> io::Result<u64> {
    match locate(path)? {
        Location::Local(path) => {
            local::stat(&path)?.map(|stat| stat.bytes).ok_or_else(|| io::ErrorKind::NotFound.into())
        }
        Location::Remote(address) => remote::bytes(&address),
    }
}

/// Tells whether what lies at a path can be listed.
pub(crate) fn can_list(path: &Path) -> bool {
    !matches!(locate(path), Ok(Location::Remote(address)) if address.scheme.is_web())
}

/// Writes an object that appears whole or not at all, with the folders it lies in.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Remote`]: a web server takes nothing.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    match locate(path).map_err(|failure| failure.error("write", path))? {
        Location::Local(path) => local::write(&path, bytes),
        Location::Remote(address) => remote::put(&address, bytes.to_vec()).map_err(Error::io("write", path)),
    }
}

/// Writes an object where none is, whole or not at all; tells whether it was written, or one was there.
///
/// # Errors
///
/// Those of [`write`].
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<bool> {
    match locate(path).map_err(|failure| failure.error("write", path))? {
        Location::Local(path) => crate::atomic::write_first(&path, bytes),
        Location::Remote(address) => {
            remote::put_first(&address, bytes.to_vec()).map_err(Error::io("write", path))
        }
    }
}

/// Removes all that is below a path; nothing to remove is fine.
///
/// # Errors
///
/// Those of the operating system or the server.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    match locate(path)? {
        Location::Local(path) => local::remove_all(&path),
        Location::Remote(address) => remote::remove_all(&address),
    }
}

/// Removes an object; nothing to remove is fine.
///
/// # Errors
///
/// Those of the operating system or the server.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match locate(path)? {
        Location::Local(path) => local::remove(&path),
        Location::Remote(address) => remote::remove(&address),
    }
}

/// Tells whether it failed because there is something else than a file: a folder, a pipe.
pub(crate) fn is_irregular(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
        && error.get_ref().is_some()
        && failure::Failure::of(error).is_none()
}

/// Runs what reads or writes in parallel: for an address on as many threads as there may be requests at a
/// time, because such threads wait and do not compute.
pub(crate) fn in_parallel<T: Send>(path: &Path, work: impl FnOnce() -> T + Send) -> T {
    if is_address(path) { remote::in_parallel(work) } else { work() }
}
