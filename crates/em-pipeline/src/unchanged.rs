//! Inputs that change while they are read, of which the result would be that of neither file.
//!
//! em-io refuses a file that is no longer what it was when it reads on; what changes behind the place that was read, or
//! among the many files of a folder, is found here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use em_io::Volume;

use crate::error::Result;

/// The files of a volume, as they were when it was opened; compared by sizes and times, not by voxels.
#[derive(Debug)]
pub struct Unchanged {
    path: PathBuf,
    seen: Seen,
}

/// What is looked at: the files of a volume, one or all in a folder, less the labels in an image.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub count: u64,
    pub bytes: u64,
    /// When the last one was written.
    pub newest: Option<SystemTime>,
}

impl Unchanged {
    /// Looks at the files of a volume; one in memory, or elsewhere than on a disk, has none.
    pub fn of(volume: &Volume) -> Self {
        let path = volume.path().unwrap_or(Path::new("")).to_owned();
        let seen = Seen::of(&path);
        Self { path, seen }
    }

    /// Looks again.
    ///
    /// # Errors
    ///
    /// Fails where a file has changed, is new or is gone.
    pub fn check(&self) -> Result<()> {
        if Seen::of(&self.path) == self.seen {
            return Ok(());
        }
        Err(em_io::Error::Changed { path: self.path.clone() }.into())
    }
}

impl Seen {
    pub fn of(path: &Path) -> Self {
        let mut seen = Self::default();
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            let Ok(found) = fs::metadata(&path) else { continue };
            if !found.is_dir() {
                seen.count += 1;
                seen.bytes += found.len();
                seen.newest = seen.newest.max(found.modified().ok());
                continue;
            }
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.filter(is_of_the_image).map(|entry| entry.path()));
        }
        seen
    }
}

/// Labels go into the image that they are of, and so does what is hidden until it is whole.
fn is_of_the_image(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name != "labels" && !name.to_string_lossy().starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::Voxels;
    use ndarray::Array3;

    #[test]
    fn a_changed_and_a_new_file_are_noticed_and_labels_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.zarr");
        em_io::write_volume(&path, &Voxels::from(Array3::<u8>::ones((2, 8, 8))), None).unwrap();
        let unchanged = Unchanged::of(&em_io::open(&path).unwrap());
        em_io::write_volume(path.join("labels/cells"), &Voxels::from(Array3::<u8>::ones((2, 8, 8))), None)
            .unwrap();
        unchanged.check().unwrap();
        fs::write(path.join("0/more"), "x").unwrap();
        let error = unchanged.check().unwrap_err().to_string();
        assert_eq!(error, format!("`{}` changed while it was read", path.display()));
        Unchanged::of(&em_io::open(&path).unwrap()).check().unwrap();
    }
}
