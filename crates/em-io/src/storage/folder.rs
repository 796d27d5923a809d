//! A folder of objects that appears whole: on this machine under a temporary name, behind an address
//! without the metadata by which it would be opened.

use crate::atomic::{AtomicFolder, write_new};
use crate::error::{Error, Result};
use crate::storage::{self, Address, Location, locate, remote};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The object that tells that a folder behind an address is not finished.
const MARKER: &str = ".em-io.part";

/// What the marker says to whoever finds it.
const MARKER_TEXT: &[u8] = b"This folder is being written, or was not finished: it holds no volume yet.\n";

/// More bytes than a marker has.
const MARKER_BYTES: u64 = 4096;

/// A folder that is being written; dropped, it is gone with all that is in it.
#[derive(Debug)]
pub(crate) enum NewFolder {
    Local(AtomicFolder),
    Remote(RemoteFolder),
}

impl NewFolder {
    /// Starts a folder. The path must be free, or an empty folder.
    ///
    /// # Errors
    ///
    /// [`Error::FolderNotEmpty`], [`Error::Io`] and [`Error::Remote`].
    pub(crate) fn create(path: &Path) -> Result<Self> {
        match locate(path).map_err(|failure| failure.error("write", path))? {
            Location::Local(path) => AtomicFolder::create(&path).map(Self::Local),
            Location::Remote(address) => RemoteFolder::create(path, address).map(Self::Remote),
        }
    }

    /// Returns where its objects are written until it is finished; see [`write`].
    pub(crate) fn root(&self) -> &Path {
        match self {
            Self::Local(folder) => folder.temporary(),
            Self::Remote(folder) => &folder.path,
        }
    }

    /// Writes all that is left, objects in the root by their names, and gives the folder its name.
    ///
    /// # Errors
    ///
    /// Those of [`NewFolder::create`]; nothing is left behind then.
    pub(crate) fn finish(self, last: &[(&str, Vec<u8>)]) -> Result<()> {
        match self {
            Self::Local(folder) => {
                last.iter().try_for_each(|(name, bytes)| folder.write(name, bytes))?;
                folder.commit()
            }
            Self::Remote(folder) => folder.finish(last),
        }
    }
}

/// Writes an object within the root of a folder that is not finished.
///
/// # Errors
///
/// Those of the operating system or the server; a file that is there is not replaced.
pub(crate) fn write(path: &Path, bytes: Vec<u8>) -> io::Result<()> {
    match locate(path)? {
        Location::Local(path) => write_new(&path, &bytes),
        Location::Remote(address) => remote::put(&address, bytes),
    }
}

/// Removes what a killed write left behind an address; nothing to remove is fine.
pub(crate) fn remove_unfinished(path: &Path) -> Result<()> {
    let Ok(Location::Remote(address)) = locate(path) else { return Ok(()) };
    let marker = path.join(MARKER);
    // A web server is not written to.
    if address.scheme.is_web() || storage::stat(&marker).map_err(Error::io("read", path))?.is_none() {
        return Ok(());
    }
    remote::remove_all(&address).map_err(Error::io("remove", path))
}

/// A folder behind an address. What is there of it holds no metadata in its root, so that it is no image.
#[derive(Debug)]
pub(crate) struct RemoteFolder {
    path: PathBuf,
    address: Address,
    /// The text of its marker, which is this writer's alone.
    marker: Vec<u8>,
    is_finished: bool,
}

impl RemoteFolder {
    fn create(path: &Path, address: Address) -> Result<Self> {
        let failed = |error| Error::io("write", path)(error);
        if address.scheme.is_web() {
            return Err(failed(remote::not_written(&address)));
        }
        if !remote::list(&address).map_err(failed)?.is_empty() {
            return Err(Error::FolderNotEmpty { path: path.to_path_buf() });
        }
        // What cannot be written is better found now than after the work.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let marker = [MARKER_TEXT, format!("{} {now}\n", std::process::id()).as_bytes()].concat();
        storage::write(&path.join(MARKER), &marker)?;
        Ok(Self { path: path.to_path_buf(), address, marker, is_finished: false })
    }

    /// Tells whether what is there is still of this writer: another one may have taken it for a killed one's.
    fn is_ours(&self) -> Result<bool> {
        let file = self.path.join(MARKER);
        let found = storage::read(&file, MARKER_BYTES).map_err(Error::io("read", &file))?;
        Ok(found.as_ref() == Some(&self.marker))
    }

    fn finish(mut self, last: &[(&str, Vec<u8>)]) -> Result<()> {
        if !self.is_ours()? {
            return Err(Error::Changed { path: self.path.clone() });
        }
        // Somebody else may have written to the same place meanwhile.
        for (name, _) in last {
            let file = self.path.join(name);
            if storage::stat(&file).map_err(Error::io("read", &file))?.is_some() {
                self.is_finished = true;
                return Err(Error::FolderNotEmpty { path: self.path.clone() });
            }
        }
        last.iter().try_for_each(|(name, bytes)| storage::write(&self.path.join(name), bytes))?;
        self.is_finished = true;
        let marker = self.path.join(MARKER);
        storage::remove(&marker).map_err(Error::io("remove", &marker))
    }
}

impl Drop for RemoteFolder {
    fn drop(&mut self) {
        if !self.is_finished && self.is_ours().unwrap_or(false) {
            // There is nobody to tell; what stays has the marker, and is no image.
            let _ = remote::remove_all(&self.address);
        }
    }
}
