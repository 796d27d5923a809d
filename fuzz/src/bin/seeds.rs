//! Fills `fuzz/corpus` with the golden files: `cargo run --release --bin seeds` in this folder.

use em_fuzz::folder;
use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("../fixtures/em-io");
    let corpus = here.join("corpus");
    for target in ["tiff", "mrc", "nifti", "image", "zarr"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    for entry in fs::read_dir(&fixtures)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let target = match name.rsplit('.').next() {
            Some("tif" | "tiff") => "tiff",
            Some("mrc" | "rec" | "st" | "map") => "mrc",
            Some("nii" | "gz") => "nifti",
            Some("png" | "jpg") => "image",
            _ => continue,
        };
        fs::copy(&path, corpus.join(target).join(name))?;
    }
    for entry in fs::read_dir(fixtures.join("zarr"))? {
        let path = entry?.path();
        let packed = folder::pack(&path);
        fs::write(corpus.join("zarr").join(path.file_name().unwrap_or_default()), packed)?;
    }
    Ok(())
}
