//! Formats that are not built in are named with the feature that they need. With all features there
//! is nothing to see here: run it with `--no-default-features`.

#![cfg(not(all(feature = "images", feature = "remote", feature = "zarr", feature = "hdf5-write")))]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]
#![allow(dead_code, unused_imports, reason = "each choice of features uses a part of it")]

mod common;

use common::{of, u8_at};
use em_io::Error;
use std::path::Path;
use tempfile::tempdir;

#[track_caller]
fn check(error: &Error, path: &Path, format: &str, feature: &str) {
    let expected =
        format!("`{}` is {format}, and em-io was built without the feature `{feature}`", path.display());
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some_and(|hint| hint.contains(feature)));
}

/// Opens what is read with the feature, and writes what is written with it.
#[track_caller]
fn check_both(read: &Path, write: &str, format: &str, feature: &str) {
    check(&em_io::open(read).unwrap_err(), read, format, feature);
    let folder = tempdir().unwrap();
    let path = folder.path().join(write);
    check(&em_io::write_volume(&path, &of([1, 4, 5], u8_at), None).unwrap_err(), &path, format, feature);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(not(feature = "images"))]
#[test]
fn images_need_a_feature() {
    check_both(&common::fixture("grey.png"), "a.png", "PNG", "images");
    let jpeg = common::fixture("grey.jpg");
    check(&em_io::open(&jpeg).unwrap_err(), &jpeg, "JPEG", "images");
    let folder = tempdir().unwrap();
    let path = folder.path().join("sections");
    let error = em_io::write_volume(&path, &of([2, 4, 5], u8_at), None).unwrap_err();
    check(&error, &path, "a folder of PNG", "images");
    // Folders of TIFF do without it.
    std::fs::create_dir(&path).unwrap();
    em_io::write_volume(path.join("0.tif"), &of([1, 4, 5], u8_at), None).unwrap();
    assert_eq!(em_io::open(&path).unwrap().shape(), [1, 4, 5]);
}

#[cfg(not(feature = "zarr"))]
#[test]
fn zarr_needs_a_feature() {
    check_both(&common::fixture("zarr/v05.zarr"), "a.zarr", "OME-Zarr", "zarr");
    check_both(&common::fixture("zarr/v3-raw"), "a.zarr/labels/mito", "OME-Zarr", "zarr");
}

#[cfg(not(feature = "hdf5"))]
#[test]
fn hdf5_needs_a_feature() {
    let file = common::fixture("hdf5/chunked.h5");
    check(&em_io::open(&file).unwrap_err(), &file, "HDF5", "hdf5");
    check(&em_io::open(file.join("raw")).unwrap_err(), &file, "HDF5", "hdf5");
}

#[cfg(not(feature = "hdf5-write"))]
#[test]
fn writing_hdf5_needs_another_feature() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let error = em_io::write_volume(&path, &of([1, 4, 5], u8_at), None).unwrap_err();
    check(&error, &path, "HDF5", "hdf5-write");
    assert!(!path.exists());
}

#[cfg(not(feature = "remote"))]
#[test]
fn addresses_need_a_feature() {
    for address in ["s3://bucket/a.zarr", "https://host/a.tif", "gs://bucket/a"] {
        let error = em_io::open(address).unwrap_err();
        // The name of the folder tells that it is Zarr, and then its metadata are asked for.
        assert!(
            matches!(error, Error::NotBuiltIn { format: "an address", feature: "remote", .. }),
            "{error}"
        );
        assert!(error.to_string().contains(address), "{error}");
    }
    let error = em_io::write_volume("s3://bucket/a.zarr", &of([1, 4, 5], u8_at), None).unwrap_err();
    assert!(matches!(error, Error::NotBuiltIn { feature: "remote" | "zarr", .. }), "{error}");
}
