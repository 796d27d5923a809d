//! Folders for temporary files that go with the process or, where it was killed, with the next one.

use std::fs::{self, Metadata};
use std::path::Path;

use tempfile::TempDir;

use crate::FileLock;
use crate::error::{Error, Result};

/// How the names of the folders begin.
const PREFIX: &str = "em-scratch-";
/// What is held in a folder that is in use.
const LOCK: &str = "lock";
/// How often a folder is made before something else than other processes must be in the way.
const ATTEMPTS: usize = 20;

/// A folder among the temporary files of the machine, closed to other users; dropped, it is gone.
///
/// One that a killed process has left is removed by the next that is made.
///
/// ```
/// let scratch = em_io::ScratchFolder::new()?;
/// let path = scratch.path().join("weights");
/// std::fs::write(&path, "0 1 2")?;
/// drop(scratch);
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ScratchFolder {
    // Fields are dropped in this order: the lock goes before the folder that it is in.
    _lock: FileLock,
    folder: TempDir,
}

impl ScratchFolder {
    /// Makes a folder, and removes those of processes that are no more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is no place for temporary files.
    pub fn new() -> Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    fn new_in(place: &Path) -> Result<Self> {
        let mut attempt = 1;
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place);
            let folder = folder.map_err(Error::io("create a folder in", place))?;
            match FileLock::hold(&folder.path().join(LOCK), folder.path()) {
                Ok(lock) => {
                    remove_left(place, folder.path());
                    return Ok(Self { _lock: lock, folder });
                }
                // Between the file of the lock and the lock itself, another process took it for one that was left.
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders that nobody holds. What cannot be removed is of no use to anybody, and stays.
fn remove_left(place: &Path, own: &Path) {
    let (Ok(entries), Ok(ours)) = (fs::read_dir(place), fs::symlink_metadata(own)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        // Within a folder of another user, the lock might lead to a file of ours.
        let is_ours =
            fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir() && is_of_one_user(&found, &ours));
        let lock = path.join(LOCK);
        if !named || !is_ours || path == own || !lock.is_file() {
            continue;
        }
        if let Ok(_held) = FileLock::hold(&lock, &path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(unix)]
fn is_of_one_user(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.uid() == other.uid()
}

/// Elsewhere each user has a folder of temporary files of his own.
#[cfg(not(unix))]
fn is_of_one_user(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_with_the_next_one_and_no_more() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["em-scratch-dead", "em-scratch-young", "theirs"] {
            fs::create_dir(at(name)).unwrap();
        }
        for name in ["em-scratch-dead/lock", "em-scratch-dead/volume", "theirs/lock"] {
            fs::write(at(name), "process 1\n").unwrap();
        }
        let living = ScratchFolder::new_in(place.path()).unwrap();
        fs::write(living.path().join("volume"), "voxels").unwrap();
        let next = ScratchFolder::new_in(place.path()).unwrap();
        assert!(!at("em-scratch-dead").exists());
        assert!(living.path().join("volume").exists() && next.path().exists());
        // Whoever has made a folder and not yet its lock is about to.
        assert!(at("em-scratch-young").exists() && at("theirs/lock").exists());
        drop((living, next));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn many_at_the_same_time_do_not_remove_each_other() {
        let place = tempfile::tempdir().unwrap();
        let make = || {
            for _ in 0..300 {
                let scratch = ScratchFolder::new_in(place.path()).unwrap();
                fs::write(scratch.path().join("volume"), "voxels").unwrap();
                assert!(scratch.path().join("volume").exists());
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_looks_like_a_folder_of_ours_is_not_followed() {
        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("lock"), "mine").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), place.path().join("em-scratch-link")).unwrap();
        drop(ScratchFolder::new_in(place.path()).unwrap());
        assert_eq!(fs::read_to_string(elsewhere.path().join("lock")).unwrap(), "mine");
    }
}
