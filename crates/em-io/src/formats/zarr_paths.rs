//! Which paths are Zarr: by the metadata in a folder, or by their names. It reads no metadata.

use crate::storage;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The metadata of version 3, for groups and arrays.
pub(super) const ZARR_JSON: &str = "zarr.json";

/// The metadata of an array in version 2.
pub(super) const ZARRAY: &str = ".zarray";

/// The marker of a group in version 2.
pub(super) const ZGROUP: &str = ".zgroup";

/// The attributes of a group or an array in version 2.
pub(super) const ZATTRS: &str = ".zattrs";

/// The group of an image that its labels are in.
pub(super) const LABELS: &str = "labels";

/// Tells whether a folder is meant as Zarr: by the metadata in it, or by its name.
pub(super) fn is_zarr(folder: &Path) -> bool {
    is_image(folder) || metadata_of(folder).is_some()
}

/// Returns the file with the metadata in a folder, `None` where there is none.
pub(crate) fn metadata_of(folder: &Path) -> Option<PathBuf> {
    let files = [ZARR_JSON, ZARRAY, ZGROUP, ZATTRS].map(|name| folder.join(name));
    files.into_iter().find(|file| storage::is_file(file))
}

/// Tells whether a path is one that is written as OME-Zarr: `*.zarr`, or `*.zarr/labels/*`.
pub(crate) fn is_destination(path: &Path) -> bool {
    is_image(path) || image_of_label(path).is_some()
}

/// Returns the image that a label belongs to, by its path.
pub(super) fn image_of_label(path: &Path) -> Option<&Path> {
    let labels = path.parent().filter(|labels| labels.file_name() == Some(OsStr::new(LABELS)))?;
    labels.parent().filter(|image| is_image(image))
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zarr"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_their_labels_are_known_by_their_names() {
        assert!(is_destination(Path::new("a/b.ZARR")) && is_destination(Path::new("b.zarr/labels/mito")));
        for other in ["b.tif", "b.zarr/0", "b/labels/mito", "labels/mito"] {
            assert!(!is_destination(Path::new(other)), "{other}");
        }
    }
}
