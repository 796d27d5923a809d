//! One file for each class, where one path is given for several.

use std::path::{Path, PathBuf};

/// `out.tif` and `synapses` to `out_synapses.tif`, and `out.ome.tif` to `out_synapses.ome.tif`.
pub fn class_path(path: &Path, class: &str) -> PathBuf {
    let (stem, ending) = stem_and_ending(path);
    path.with_file_name(format!("{stem}_{class}{ending}"))
}

/// The name of a file without its ending: `out` of `out.ome.tif`.
pub fn stem(path: &Path) -> String {
    stem_and_ending(path).0
}

fn stem_and_ending(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    let ending = [".ome.tif", ".ome.tiff", ".ome.zarr"].into_iter().find(|ending| lower.ends_with(ending));
    let ending = ending.map_or_else(|| path.extension().map_or(0, |extension| extension.len() + 1), str::len);
    let (stem, ending) = name.split_at(name.len() - ending);
    (stem.to_owned(), ending.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_stands_before_the_ending() {
        let named = |path: &str| class_path(Path::new(path), "mito").to_string_lossy().into_owned();
        assert_eq!(named("a/out.tif"), "a/out_mito.tif");
        assert_eq!(named("out.OME.TIF"), "out_mito.OME.TIF");
        assert_eq!(named("out.ome.zarr"), "out_mito.ome.zarr");
        assert_eq!(named("folder"), "folder_mito");
        assert_eq!(named("v.zarr/labels/mask"), "v.zarr/labels/mask_mito");
    }
}
