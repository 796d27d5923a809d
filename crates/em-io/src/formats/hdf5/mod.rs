//! HDF5: `volume.h5`, or `volume.h5/path/to/dataset`.
//!
//! It is read with the crate `hdf5-reader`, with the cargo feature `hdf5`, and written with the
//! system's library libhdf5, which is written in C and only linked with the feature `hdf5-write`.

#[cfg(feature = "hdf5")]
mod read;
#[cfg(feature = "hdf5")]
mod stored;
#[cfg(feature = "hdf5-write")]
mod write;

#[cfg(not(feature = "hdf5-write"))]
pub(crate) use super::absent::hdf5::create;
#[cfg(not(feature = "hdf5"))]
pub(crate) use super::absent::hdf5::open;
#[cfg(feature = "hdf5")]
pub(crate) use read::open;
#[cfg(feature = "hdf5-write")]
pub(crate) use write::create;

use std::path::{Path, PathBuf};

/// The first bytes of a file.
pub(crate) const MAGIC: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Where else the first bytes may be, behind a block that is the user's (HDF5 file format, superblock).
const BEHIND_BLOCKS: [usize; 3] = [512, 1024, 2048];

/// Tells whether a file begins with a block of the user's, by the bytes up to the third place.
pub(crate) fn is_behind_a_block(first: &[u8]) -> bool {
    BEHIND_BLOCKS.iter().any(|&at| first.get(at..).is_some_and(|rest| rest.starts_with(&MAGIC)))
}

/// The endings by which a file is known in the middle of a path.
const ENDINGS: [&str; 3] = ["h5", "hdf5", "hdf"];

/// Splits `volume.h5/path/to/dataset` into file and dataset, where the file is there.
pub(crate) fn split(path: &Path) -> Option<(PathBuf, String)> {
    let file = path.ancestors().skip(1).find(|ancestor| has_ending(ancestor) && ancestor.is_file())?;
    let dataset = path.strip_prefix(file).ok()?.to_str()?;
    Some((file.to_path_buf(), dataset.replace('\\', "/")))
}

/// Tells whether a path is named like a file of this format.
pub(crate) fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|found| ENDINGS.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dataset_is_what_follows_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.h5");
        std::fs::write(&file, "").unwrap();
        assert_eq!(split(&file.join("volumes/raw")), Some((file.clone(), "volumes/raw".into())));
        assert_eq!(split(&file), None);
        assert_eq!(split(&folder.path().join("b.h5/raw")), None);
    }
}
