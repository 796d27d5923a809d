//! Fills `fuzz/corpus` with the golden files: `cargo run --release --bin seeds` in this folder.

use em_fuzz::{folder, tiff};
use flate2::read::MultiGzDecoder;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const TARGETS: [&str; 15] = [
    "tiff",
    "imagej",
    "ome_xml",
    "mrc",
    "npy",
    "nifti",
    "nifti_gz",
    "image",
    "folder",
    "zarr",
    "precomputed",
    "n5",
    "mask",
    "config",
    "hdf5",
];

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (fixtures, corpus) = (here.join("../fixtures/em-io"), here.join("corpus"));
    for target in TARGETS {
        fs::create_dir_all(corpus.join(target))?;
    }
    for path in files(&fixtures)?.into_iter().chain(files(&fixtures.join("crashes"))?) {
        for (target, bytes) in seeds(&path)? {
            fs::write(corpus.join(target).join(name_of(&path)), bytes)?;
        }
    }
    for (target, names) in
        [("zarr", folder::ZARR.as_slice()), ("precomputed", &folder::PRECOMPUTED), ("n5", &folder::N5)]
    {
        for path in files(&fixtures.join(target))? {
            fs::write(corpus.join(target).join(name_of(&path)), folder::pack(&path, names))?;
        }
    }
    for path in files(&fixtures.join("hdf5"))? {
        fs::copy(&path, corpus.join("hdf5").join(name_of(&path)))?;
    }
    for path in files(&here.join("../configs"))? {
        let overrides = "\n--set\ntrain.epochs=5\nmodel.filters=[8,16]\nloss.class_weights.a=2\n";
        let text = fs::read_to_string(&path)? + overrides;
        fs::write(corpus.join("config").join(name_of(&path)), text)?;
    }
    for (kind, ones) in [(0, 255), (0, 1), (1, 1), (2, 1), (3, 0)] {
        let label: Vec<u8> = (0..96).map(|at| if at % 4 == 0 { ones } else { 0 }).collect();
        fs::write(
            corpus.join("mask").join(format!("{kind}-{ones}")),
            [&[kind, 3], label.as_slice()].concat(),
        )?;
    }
    Ok(())
}

/// The inputs that a golden file makes, each with its target.
fn seeds(path: &Path) -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    let bytes = fs::read(path)?;
    let mut seeds = Vec::new();
    match path.extension().unwrap_or_default().to_string_lossy().as_ref() {
        "tif" | "tiff" => {
            for (target, start) in
                [("imagej", b"images=".as_slice()), ("ome_xml", b"<?xml"), ("ome_xml", b"<OME")]
            {
                let text = tiff::description_of(&bytes, start);
                seeds.extend(text.map(|text| (target, [&[2], text].concat())));
            }
            seeds.push(("folder", [folder::entry(4, &bytes), folder::entry(5, &bytes)].concat()));
            seeds.push(("tiff", bytes));
        }
        "mrc" | "mrcs" | "rec" | "st" | "map" => seeds.push(("mrc", bytes)),
        "npy" => seeds.push(("npy", bytes)),
        "nii" => seeds.extend([("nifti_gz", bytes.clone()), ("nifti", bytes)]),
        "gz" => {
            let mut unpacked = Vec::new();
            // A damaged one gives what it has.
            let _ = MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked);
            seeds.extend([("nifti_gz", unpacked), ("nifti", bytes)]);
        }
        "png" => {
            let sections = [0, 1, 10].map(|name| folder::entry(name, &bytes));
            seeds.extend([("folder", sections.concat()), ("image", bytes)]);
        }
        "jpg" => seeds.extend([("folder", folder::entry(7, &bytes)), ("image", bytes)]),
        _ => {}
    }
    Ok(seeds)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    // What is one input there is a folder.
    let is_of_folders = ["zarr", "precomputed", "n5"].iter().any(|name| folder.ends_with(name));
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().is_ok_and(|path| path.is_file() || is_of_folders))
        .collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
