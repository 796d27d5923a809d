//! Reads and writes electron-microscopy (EM) volumes and masks.
//!
//! A [`Volume`] is opened without reading a voxel; [`Volume::read`] then brings any block of it
//! into memory, decoding only the sections that the block touches, on all cores.
//! What is written appears whole or not at all: see [`VolumeWriter`] and [`write_atomically`].
//!
//! Axes are always `[z, y, x]`, sections and pages are counted from 0, and sizes are in voxels
//! unless a name ends in `_nm`.
//!
//! | format | read | write |
//! |---|---|---|
//! | multipage TIFF, BigTIFF | 8- to 64-bit integers, 16- to 64-bit float, strips and tiles | `.tif`: deflate, with ImageJ metadata |
//! | ImageJ, Fiji | voxel size; stacks above 4 GB with one directory | as `.tif` |
//! | OME-TIFF | one file, or a folder of files of one page; a channel and time; voxel size | `.ome.tif`: up to 32-bit integers, 32-bit float |
//! | MRC | modes 0, 1, 2, 6, 12, 101, gzip; one volume of a row; voxel size | `.mrc`, `.rec`, `.map`, `.st`: modes 1, 2, 6 |
//! | NIfTI-1, NIfTI-2 | `.nii`, `.nii.gz`; one time point; voxel size; orientation; scaled values | no |
//! | NumPy | `.npy`; 2 or 3 axes, or more of length 1; bool, 16- to 64-bit float | no |
//! | PNG, JPEG, with the feature `images` | one section | PNG, 8/16-bit unsigned |
//! | folder of PNG, JPEG or one-page TIFF files | natural order of the names | PNG, 8/16-bit unsigned |
//! | HDF5, with the features `hdf5` and `hdf5-write` | one dataset; 2 or 3 axes, or more of length 1; voxel size | `.h5`: dataset `volume`, deflated chunks |
//! | Neuroglancer precomputed | full level; a channel; raw, compressed segmentation, JPEG, PNG; gzip, shards; voxel size | `.precomputed`: with a pyramid; an image (raw) or a segmentation (labels) |
//! | N5 | a dataset by its path, full level; a channel and time; gzip, zlib, lz4, zstd, and with the feature `zarr` blosc; voxel size of BigDataViewer, Paintera, COSEM | no |
//! | OME-Zarr 0.1 to 0.5, with the feature `zarr` | full level; any order of axes; one channel and time point; arrays of a group by name; blosc, zstd, gzip, shards | `.zarr`: with a pyramid; labels |
//! | any of these but HDF5 behind an address, with the feature `remote` | `https://`, `s3://`, `gs://`; a folder of images of a bucket | OME-Zarr and precomputed, to `s3://` and `gs://` |
//!
//! The features `images`, `remote` and `zarr` are on by default. [`Volume::blocks`] and [`read_compute_write`]
//! walk volumes larger than memory, [`Volume::from_source`] brings in other sources.
//!
//! ```
//! use em_io::{Roi, Voxels};
//! use ndarray::Array3;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("stack.tif");
//! let voxels = Voxels::from(Array3::from_shape_fn((4, 16, 24), |(z, y, x)| (z + y + x) as u8));
//! em_io::write_volume(&path, &voxels, Some([50.0, 4.6, 4.6]))?;
//!
//! let volume = em_io::open(&path)?;
//! assert_eq!(volume.shape(), [4, 16, 24]);
//! assert_eq!(volume.voxel_size_nm(), Some([50.0, 4.6, 4.6]));
//! let two_sections = volume.read(Roi::sections(volume.shape(), 1..3))?;
//! assert_eq!(two_sections.shape(), [2, 16, 24]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod blocks;
mod error;
mod formats;
mod hex;
mod hint;
pub mod limits;
mod lock;
mod mask;
mod mask_values;
pub mod objects;
mod open_options;
pub mod place;
mod read_compute_write;
mod roi;
mod sample;
mod scratch;
mod shrink;
mod storage;
mod volume;
mod voxel_size;
mod voxel_type;
mod voxels;
mod write_options;
mod writer;

pub use atomic::{remove_unfinished, remove_unfinished_of, write_atomically};
pub use blocks::Blocks;
pub use error::{Error, Result};
pub use formats::open;
pub use formats::precomputed;
pub use formats::source::{Source, VolumeInfo};
#[cfg(feature = "zarr")]
pub use formats::zarr::{SharedZarr, SparseLabels, StoredObject, ZarrPart};
pub use hex::hex;
pub use lock::FileLock;
pub use mask::Mask;
pub use mask_values::MaskValues;
pub use ndarray;
pub use open_options::{OpenOptions, Part};
pub use read_compute_write::read_compute_write;
pub use roi::Roi;
pub use sample::Voxel;
pub use scratch::ScratchFolder;
pub use shrink::shrink;
#[cfg(feature = "remote")]
pub use storage::{RemoteOptions, set_remote_options};
pub use volume::Volume;
pub use voxel_size::VoxelSize;
pub use voxel_type::{UnknownVoxelType, VoxelType};
pub use voxels::Voxels;
pub use write_options::{Content, OmeZarrVersion, TiffCompression, WriteOptions};
pub use writer::{VolumeSpec, VolumeWriter, write_mask, write_volume};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
