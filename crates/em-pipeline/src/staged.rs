//! Results that appear together, in place of those that an earlier run of the command left.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Context, Result};

/// Files that are made in a temporary folder within the one that they are for.
#[derive(Debug)]
pub struct Staged {
    folder: PathBuf,
    place: TempDir,
}

impl Staged {
    /// Begins with no file; the folder is made where it is missing.
    pub fn new(folder: &Path) -> Result<Self> {
        let folder = &em_io::place::local(folder)?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create folder `{}`", folder.display()))?;
        let place = tempfile::Builder::new()
            .prefix(".results.")
            .suffix(".part")
            .tempdir_in(folder)
            .with_context(|| format!("cannot write into `{}`", folder.display()))?;
        Ok(Self { folder: folder.into(), place })
    }

    /// Returns the temporary folder, on the disk that the results go to.
    pub fn folder(&self) -> &Path {
        self.place.path()
    }

    /// Returns where a file is written that will be called so within the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.place.path().join(name)
    }

    /// Removes the files of earlier results, and gives the new ones their names.
    pub fn commit(self, earlier: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        for path in earlier {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if path.exists() {
                removed.with_context(|| format!("cannot replace `{}`", path.display()))?;
            }
        }
        move_files(self.place.path(), &self.folder)
    }
}

/// Moves all files of a folder, and of the folders within, to another one of the same disk.
fn move_files(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot write into `{}`", to.display());
    fs::create_dir_all(to).with_context(failed)?;
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            move_files(&path, &target)?;
        } else {
            fs::rename(&path, &target).with_context(|| format!("cannot write `{}`", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_changes_before_all_is_there_and_then_nothing_old_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("panels")).unwrap();
        for name in ["old.csv", "page.html", "panels/a.png", "panels/notes.txt"] {
            fs::write(at(name), "old").unwrap();
        }
        let staged = Staged::new(folder.path()).unwrap();
        fs::create_dir(staged.path("panels")).unwrap();
        for name in ["page.html", "panels/b.png"] {
            fs::write(staged.path(name), "new").unwrap();
        }
        assert_eq!(fs::read_to_string(at("page.html")).unwrap(), "old");
        let earlier = ["old.csv", "page.html", "panels/a.png", "never.there"].map(at);
        staged.commit(earlier).unwrap();
        assert_eq!(fs::read_to_string(at("page.html")).unwrap(), "new");
        let is_there =
            ["old.csv", "panels/a.png", "panels/b.png", "panels/notes.txt"].map(|n| at(n).exists());
        assert_eq!(is_there, [false, false, true, true]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the temporary folder is gone");
        drop(Staged::new(folder.path()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "what is not complete leaves nothing");
    }
}
