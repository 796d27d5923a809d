//! Files and folders that appear whole or not at all.
//!
//! The bytes go to a temporary neighbour, which is flushed to the disk and then renamed. It knows
//! no image format.

use crate::error::{Error, Result};
use crate::{place, storage};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, TempDir};

/// How the names of unfinished files end.
const UNFINISHED: &str = ".part";

/// Writes a file that appears whole or not at all, replacing one that is there.
///
/// `f` writes into a temporary file beside `path`, which takes its name only when it is complete
/// and on the disk. Missing parent folders are made.
///
/// # Errors
///
/// [`Error::Io`] with the path, also when `f` fails; nothing is left behind, and an older file of
/// that name is untouched.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("runs/first/history.csv");
/// em_io::write_atomically(&path, |file| writeln!(file, "epoch,loss"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "epoch,loss\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomically(
    path: &Path,
    f: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<()> {
    let file = AtomicFile::create(path)?;
    let mut buffered = BufWriter::new(file.as_file());
    f(&mut buffered).and_then(|()| buffered.flush()).map_err(Error::io("write", path))?;
    drop(buffered);
    file.commit()
}

/// Writes a file where none is, whole or not at all; tells whether it was written, or one was there.
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<bool> {
    let AtomicFile { mut temporary, .. } = AtomicFile::create(path)?;
    let failed = Error::io("write", path);
    if let Err(error) = temporary.write_all(bytes).and_then(|()| temporary.as_file().sync_all()) {
        return Err(failed(error));
    }
    match temporary.persist_noclobber(path) {
        Ok(_) => sync_folder(parent(path)).map(|()| true).map_err(failed),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}

/// Removes what killed writes left in a folder, which nobody may be writing to; a missing folder
/// is fine.
///
/// # Errors
///
/// [`Error::Io`] where the folder cannot be read or a file cannot be removed.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join(".history.csv.x7Qa2f.part"), "epoch,")?;
/// em_io::remove_unfinished(folder.path())?;
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    remove_parts(folder, ".")
}

/// Removes what a killed write of one file or folder left beside it, or behind its address, which nobody may be writing
/// to; nothing to remove is fine.
///
/// # Errors
///
/// [`Error::Io`] where the folder cannot be read or something cannot be removed.
pub fn remove_unfinished_of(path: &Path) -> Result<()> {
    let path = &storage::resolve(path)?;
    #[cfg(feature = "zarr")]
    if storage::is_address(path) {
        return storage::remove_unfinished(path);
    }
    remove_parts(parent(path), &prefix(path))
}

fn remove_parts(folder: &Path, prefix: &str) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("read folder", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read folder", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(UNFINISHED) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Writes and flushes a new file of a folder that has its final name only later.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(parent(path))?;
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// A file under a temporary name; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let path = &place::local(path)?;
        let temporary = temporary(path, 0o666, |builder, folder| builder.tempfile_in(folder))?;
        Ok(Self { temporary, path: path.to_path_buf() })
    }

    pub(crate) fn as_file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Returns the temporary name, for libraries that open files themselves.
    #[cfg(feature = "hdf5-write")]
    pub(crate) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Gives the file its name.
    pub(crate) fn commit(self) -> Result<()> {
        let Self { temporary, path } = self;
        temporary.as_file().sync_all().map_err(Error::io("write", &path))?;
        temporary.persist(&path).map_err(|error| Error::io("write", &path)(error.error))?;
        sync_folder(parent(&path)).map_err(Error::io("write", &path))
    }
}

/// A folder under a temporary name; dropped, it is gone with all that is in it.
#[derive(Debug)]
pub(crate) struct AtomicFolder {
    temporary: TempDir,
    path: PathBuf,
}

impl AtomicFolder {
    /// Starts a folder. The path must be free, or an empty folder.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        check_free(path)?;
        let temporary = temporary(path, 0o777, |builder, folder| builder.tempdir_in(folder))?;
        Ok(Self { temporary, path: path.to_path_buf() })
    }

    /// Writes and flushes one file of the folder.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_new(&self.temporary.path().join(name), bytes).map_err(Error::io("write", &self.path.join(name)))
    }

    /// Returns the folder under its temporary name, for writers with folders within.
    pub(crate) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Gives the folder its name.
    pub(crate) fn commit(self) -> Result<()> {
        let Self { temporary, path } = self;
        check_free(&path)?;
        sync_folder(temporary.path()).map_err(Error::io("write", &path))?;
        // Windows does not rename onto an existing folder, not even an empty one.
        if path.exists() {
            fs::remove_dir(&path).map_err(Error::io("replace", &path))?;
        }
        fs::rename(temporary.path(), &path).map_err(Error::io("write", &path))?;
        // It has its final name now: there is nothing left to clean up.
        let _ = temporary.keep();
        sync_folder(parent(&path)).map_err(Error::io("write", &path))
    }
}

/// Refuses a path that is taken, so that no folder with somebody's files is ever replaced.
fn check_free(path: &Path) -> Result<()> {
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::FolderNotEmpty { path: path.to_path_buf() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("create folder", path)(error)),
    }
}

/// Makes a temporary neighbour, hidden and named so that a folder listing shows what it was for.
///
/// `mode` is what a new file or folder is given on Unix, less the umask, as anywhere else: without
/// it, temporary files are closed to everybody but their owner.
fn temporary<T>(
    path: &Path,
    mode: u32,
    make: impl FnOnce(&Builder<'_, '_>, &Path) -> io::Result<T>,
) -> Result<T> {
    let folder = parent(path);
    fs::create_dir_all(folder).map_err(Error::io("create folder", folder))?;
    let prefix = prefix(path);
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED);
    set_mode(&mut builder, mode);
    make(&builder, folder).map_err(Error::io("create", path))
}

/// How the temporary names of a path begin.
fn prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

#[cfg(unix)]
fn set_mode(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn set_mode(_: &mut Builder<'_, '_>, _: u32) {}

/// Makes the new name itself survive a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Returns the folder of a path, `.` for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.json");
        fs::write(&path, "old").unwrap();
        let error = write_atomically(&path, |file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert!(matches!(error, Error::Io { action: "write", .. }));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.json");
        for text in ["old", "new"] {
            write_atomically(&path, |file| file.write_all(text.as_bytes())).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_new_file_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/request.json");
        assert!(write_first(&path, b"first").unwrap());
        assert!(!write_first(&path, b"second").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, atomic) = (folder.path().join("plain"), folder.path().join("atomic"));
        fs::write(&plain, "x").unwrap();
        write_atomically(&atomic, |file| file.write_all(b"x")).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }

    #[test]
    fn what_a_killed_write_left_is_removed_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at(".a.tif.x1.part"), "half").unwrap();
        fs::create_dir(at(".a.zarr.x2.part")).unwrap();
        fs::write(at(".a.zarr.x2.part/zarr.json"), "{}").unwrap();
        fs::write(at("a.tif"), "whole").unwrap();
        remove_unfinished_of(&at("a.zarr")).unwrap();
        assert!(!at(".a.zarr.x2.part").exists() && at(".a.tif.x1.part").exists());
        remove_unfinished_of(&at("a.tif")).unwrap();
        assert!(!at(".a.tif.x1.part").exists() && at("a.tif").exists());
    }

    #[test]
    fn a_folder_with_files_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
        let error = AtomicFolder::create(folder.path()).unwrap_err();
        assert!(matches!(error, Error::FolderNotEmpty { .. }));
    }

    #[test]
    fn a_dropped_folder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = AtomicFolder::create(&folder.path().join("sections")).unwrap();
        unfinished.write("a.png", b"x").unwrap();
        drop(unfinished);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
