//! Formats that are not built in: an error names the feature that they need.

#![cfg_attr(
    all(feature = "hdf5-write", feature = "images", feature = "zarr"),
    expect(dead_code, unused_imports, reason = "every format is built in")
)]

use super::sink::Sink;
use crate::error::{Error, Result};
use crate::{VolumeSpec, WriteOptions};
use std::path::Path;

fn absent<T>(path: &Path, format: &'static str, feature: &'static str) -> Result<T> {
    Err(Error::NotBuiltIn { path: path.to_path_buf(), format, feature })
}

#[cfg(not(feature = "hdf5-write"))]
pub(crate) mod hdf5 {
    use super::*;

    #[cfg(not(feature = "hdf5"))]
    pub(crate) fn open(path: &Path, _: Option<&str>) -> Result<crate::Volume> {
        absent(path, "HDF5", "hdf5")
    }

    pub(crate) fn create(path: &Path, _: VolumeSpec, _: WriteOptions) -> Result<Box<dyn Sink>> {
        absent(path, "HDF5", "hdf5-write")
    }
}

#[cfg(not(feature = "images"))]
pub(crate) mod image_file {
    use super::*;
    use crate::formats::open::ImageKind;

    pub(crate) fn open(path: &Path, kind: ImageKind) -> Result<crate::Volume> {
        absent(path, kind.name(), "images")
    }
}

#[cfg(not(feature = "images"))]
pub(crate) mod png {
    use super::*;

    pub(crate) fn create_file(path: &Path, _: VolumeSpec) -> Result<Box<dyn Sink>> {
        absent(path, "PNG", "images")
    }

    pub(crate) fn create_folder(path: &Path, _: VolumeSpec) -> Result<Box<dyn Sink>> {
        absent(path, "a folder of PNG", "images")
    }
}

#[cfg(not(feature = "zarr"))]
pub(crate) mod zarr {
    use super::*;
    use crate::OpenOptions;

    pub(crate) fn open(path: &Path, _: OpenOptions) -> Result<crate::Volume> {
        absent(path, "OME-Zarr", "zarr")
    }

    pub(crate) fn open_levels(path: &Path, _: OpenOptions) -> Result<Vec<crate::Volume>> {
        absent(path, "OME-Zarr", "zarr")
    }

    pub(crate) fn create(path: &Path, _: VolumeSpec, _: WriteOptions) -> Result<Box<dyn Sink>> {
        absent(path, "OME-Zarr", "zarr")
    }
}
