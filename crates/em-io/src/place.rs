//! Paths that may be addresses, for programs that do more with them than to open and to write volumes.
//!
//! An address such as `s3://bucket/volume.zarr` travels as a path, to which names are joined as to that of any
//! folder. What the standard library does with paths asks this machine, and knows nothing of it.

use crate::error::{Error, Result};
use crate::formats::sink::cannot_write;
use crate::formats::{n5, precomputed, zarr_paths};
use crate::storage;
use std::path::{Path, PathBuf};

/// Tells whether a path leads to a server, and not to this machine.
///
/// ```
/// use em_io::place::is_address;
/// assert!(is_address("s3://bucket/volume.zarr".as_ref()) && is_address("https://host/stack.tif".as_ref()));
/// assert!(!is_address("file:///data/stack.tif".as_ref()) && !is_address("stack.tif".as_ref()));
/// ```
pub fn is_address(path: &Path) -> bool {
    storage::is_address(path) && !matches!(storage::locate(path), Ok(storage::Location::Local(_)))
}

/// Takes `file://` from the front of a path; an address of a server stays as it is.
///
/// # Errors
///
/// [`Error::Address`] where the address is none that is read, or may have a secret in it.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    storage::resolve(path)
}

/// Returns a path that holds in any working folder; an address does.
///
/// # Errors
///
/// Those of [`resolve`], and [`Error::Io`] where there is no working folder.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let path = resolve(path)?;
    if is_address(&path) { Ok(path) } else { std::path::absolute(&path).map_err(Error::io("find", &path)) }
}

/// Returns what two paths to the same file have in common: links are followed, addresses are themselves. `None`
/// where there is no such file.
pub fn identity(path: &Path) -> Option<PathBuf> {
    let path = resolve(path).ok()?;
    if is_address(&path) { Some(path) } else { path.canonicalize().ok() }
}

/// Returns the path of something that only this machine can hold.
///
/// # Errors
///
/// [`Error::CannotWrite`] for the address of a server, and those of [`resolve`].
pub fn local(path: &Path) -> Result<PathBuf> {
    let path = resolve(path)?;
    if is_address(&path) {
        let expected =
            "a path of this machine: behind an address, only OME-Zarr and precomputed volumes are written";
        return Err(cannot_write(&path, "files".into(), expected));
    }
    Ok(path)
}

/// Returns the folder of this machine in which files that belong to a path are made: its own, or for an address
/// the working folder.
pub fn folder_for(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !is_address(path) => folder,
        _ => Path::new("."),
    }
}

/// Returns where a file of this machine lies that belongs to a path: beside it, or for an address in the working
/// folder.
///
/// ```
/// use em_io::place::beside;
/// assert_eq!(beside("a/b.tif".as_ref(), "b.csv"), std::path::Path::new("a/b.csv"));
/// assert_eq!(beside("s3://a/b.zarr".as_ref(), "b.csv"), std::path::Path::new("./b.csv"));
/// ```
pub fn beside(path: &Path, name: impl AsRef<Path>) -> PathBuf {
    if is_address(path) { folder_for(path).join(name) } else { path.with_file_name(name.as_ref()) }
}

/// Tells whether something is at a path: a file, a folder, an object, or objects whose names begin so.
///
/// # Errors
///
/// [`Error::Remote`] where a server does not tell.
pub fn exists(path: &Path) -> Result<bool> {
    let path = resolve(path)?;
    if !is_address(&path) {
        return Ok(path.symlink_metadata().is_ok());
    }
    let found = match storage::can_list(&path) {
        true if !storage::list(&path).map_err(Error::io("read", &path))?.is_empty() => return Ok(true),
        _ => storage::stat(&path).map_err(Error::io("read", &path))?,
    };
    Ok(found.is_some() || metadata_of(&path).is_some())
}

/// Returns the bytes of an object behind an address, or of all objects below it.
///
/// # Errors
///
/// [`Error::Remote`] where a server does not tell: a web server does for single files alone.
pub fn bytes(address: &Path) -> Result<u64> {
    storage::bytes(address).map_err(Error::io("read", address))
}

/// Returns what tells a version of an object behind an address from another one: its length, its date and the
/// name that its server has for it. Of a volume in chunks it is that of its metadata; a folder of sections has none.
///
/// # Errors
///
/// [`Error::Remote`].
pub fn version(address: &Path) -> Result<String> {
    let object = metadata_of(address).unwrap_or_else(|| address.to_path_buf());
    let Some(stat) = storage::stat(&object).map_err(Error::io("read", &object))? else {
        return Ok("none".into());
    };
    let tag = stat.tag.unwrap_or_else(|| "none".into());
    Ok(format!("{} bytes, date {:?}, version {tag}", stat.bytes, stat.modified))
}

/// Returns the object with the metadata of a volume in chunks, `None` where there is none.
fn metadata_of(address: &Path) -> Option<PathBuf> {
    let others = [precomputed::INFO, n5::ATTRIBUTES].map(|name| address.join(name));
    zarr_paths::metadata_of(address).or_else(|| others.into_iter().find(|file| storage::is_file(file)))
}
