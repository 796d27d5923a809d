//! One writer at a time: a lock of the operating system on a file of its own, which the death of the process releases.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Holds a lock file for this process until it is dropped, or the process ends.
///
/// On file systems that know no locks nobody is kept out.
///
/// ```
/// use em_io::{Error, FileLock};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("mask.tif");
/// let held = FileLock::beside(&path)?;
/// assert!(matches!(FileLock::beside(&path), Err(Error::InUse { .. })));
/// drop(held);
/// FileLock::beside(&path)?;
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "a lock leaves no file behind");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    /// The operating system's lock lives as long as this.
    _file: File,
}

/// What happens where another one holds the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Refuse,
    Wait,
}

impl FileLock {
    /// Keeps other writers from a file or folder, by a hidden file beside it: `.mask.tif.lock`.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] where another lock, of this process or another one, is held on it, and
    /// [`Error::Io`] where nothing can be written beside it.
    pub fn beside(path: &Path) -> Result<Self> {
        Self::take(&beside(path), path, Taken::Refuse)
    }

    /// Waits until no other writer is at a file or folder; for what is written in no time.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where nothing can be written beside it.
    pub fn wait_beside(path: &Path) -> Result<Self> {
        Self::take(&beside(path), path, Taken::Wait)
    }

    /// Keeps others from `what`, by a file of the name `lock`, whose folder is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`], with the path of `what`, where another lock, of this process or another one, is held,
    /// and [`Error::Io`] where the file cannot be written.
    pub fn hold(lock: &Path, what: &Path) -> Result<Self> {
        Self::take(lock, what, Taken::Refuse)
    }

    fn take(lock: &Path, what: &Path, taken: Taken) -> Result<Self> {
        let folder = lock.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(Error::io("create folder", folder))?;
        }
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = options.open(lock).map_err(Error::io("create", what))?;
            let held = match taken {
                Taken::Refuse => file.try_lock(),
                Taken::Wait => file.lock().map_err(TryLockError::Error),
            };
            match held {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::InUse { path: what.to_owned(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", what)(error)),
            }
            // Who held the lock before may have removed the file in between: a lock on a file
            // without a name keeps no one out.
            if !is_still_there(&file, lock) {
                continue;
            }
            // A full disk keeps no name, but it is held all the same.
            let _ = write_holder(&mut file);
            return Ok(Self { path: lock.to_owned(), _file: file });
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // The name goes while the lock is held; what stays behind after a kill locks no one out.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The name of the lock of a file or folder.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let [held, named] = [file.metadata(), std::fs::metadata(path)].map(|found| found.map(identity).ok());
    held.is_some() && held == named
}

/// Windows removes no name of a file that somebody has open.
#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}

/// Tells other processes who holds the lock.
fn write_holder(file: &mut File) -> io::Result<()> {
    // Linux only; elsewhere the process alone is named.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let on = if host.trim().is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    file.set_len(0)?;
    file.write_all(format!("process {}{on}\n", std::process::id()).as_bytes())?;
    file.flush()
}

/// Returns who holds the lock, as it wrote it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match text.lines().next() {
        Some(line) if read.is_ok() && !line.is_empty() => line.to_owned(),
        _ => "another process".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_and_told_who_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/mask.zarr");
        let held = FileLock::beside(&path).unwrap();
        assert!(folder.path().join("new/.mask.zarr.lock").is_file());
        let error = FileLock::beside(&path).unwrap_err().to_string();
        let expected = format!("`{}` is in use by process {}", path.display(), std::process::id());
        assert!(error.starts_with(&expected), "{error}");
        // Another output of the same folder is free.
        FileLock::beside(&path.with_file_name("other.zarr")).unwrap();
        drop(held);
        FileLock::beside(&path).unwrap();
    }

    #[test]
    fn who_waits_is_next_and_never_beside_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let (path, count) = (folder.path().join("scores.json"), folder.path().join("count"));
        std::fs::write(&count, "0").unwrap();
        let add = || {
            for _ in 0..50 {
                let _held = FileLock::wait_beside(&path).unwrap();
                let number: usize = std::fs::read_to_string(&count).unwrap().parse().unwrap();
                std::fs::write(&count, (number + 1).to_string()).unwrap();
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(add))));
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "200");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a lock leaves no file behind");
    }

    #[test]
    fn what_a_killed_process_left_keeps_no_one_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.tif");
        std::fs::write(folder.path().join(".mask.tif.lock"), "process 1 on elsewhere\n").unwrap();
        FileLock::beside(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
