//! Opens a volume: it picks the reader by the path and by the file's first bytes.

use super::values::invert;
use super::{
    folder, foreign, gzip, hdf5, image_file, mrc, n5, nifti, npy, precomputed, tiff, zarr, zarr_paths,
};
use crate::error::{Error, Result};
use crate::storage::{self, Object, is_irregular};
use crate::{OpenOptions, Part, Volume, limits};
use std::io::ErrorKind;
use std::path::Path;

/// Opens a volume without reading its voxels.
///
/// The path is a multipage TIFF (also OME-TIFF), an MRC, NIfTI or NumPy file, a PNG or JPEG (one section),
/// or a folder with one image per section. Files are told apart by their first bytes, not by their names. In a folder the images
/// are taken in natural order (`s9.png` before `s10.png`); other files are skipped with a note.
/// A folder with Zarr metadata is OME-Zarr: an image, of which the full level is read, a label in
/// it (`volume.zarr/labels/mitochondria`), a bare array, which has no voxel size, or the only one of
/// these in a group.
/// A folder with levels in a file `info` is a precomputed volume of Neuroglancer. One with `attributes.json`, or
/// within `*.n5`, is N5: a dataset, the full level of a group of levels, or the only one of these in a group.
/// With the feature `remote`, the path may be an address, `https://`, `s3://` or `gs://`, of any of these but HDF5;
/// [`crate::place`] has more about them.
/// With the feature `hdf5`, an HDF5 file is the only dataset in it, or the one whose path follows
/// that of the file: `volume.h5/volumes/raw`.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Address`], [`Error::Remote`], [`Error::Io`], [`Error::UnknownFormat`], [`Error::NotBuiltIn`]
/// and [`Error::EmptyFolder`] for the path; [`Error::SeveralParts`] and [`Error::SeveralVolumes`] where
/// one has to be picked; [`Error::Truncated`], [`Error::Damaged`], [`Error::Unsupported`], [`Error::NotAStack`],
/// [`Error::SizeMismatch`], [`Error::TypeMismatch`], [`Error::TooLarge`] and
/// [`Error::TooManySections`] for what it holds, and [`Error::Metadata`] for what lies in chunks. Damage inside a page shows only when it is read, and a
/// file that changes meanwhile is [`Error::Changed`].
pub fn open(path: impl AsRef<Path>) -> Result<Volume> {
    open_with(path.as_ref(), OpenOptions::default())
}

/// Opens a volume, and of several stacks in a file the one that was picked.
pub(crate) fn open_with(path: &Path, options: OpenOptions) -> Result<Volume> {
    let path = &storage::resolve(path)?;
    if is_folder(path)? {
        if zarr_paths::is_zarr(path) {
            check_parts(path, options, &[Part::Channel, Part::Time])?;
            return inverted_if_asked(zarr::open(path, options)?, options);
        }
        if precomputed::is_precomputed(path) {
            check_parts(path, options, &[Part::Channel])?;
            return inverted_if_asked(precomputed::open(path, options)?, options);
        }
        if n5::is_n5(path) {
            check_parts(path, options, &[Part::Channel, Part::Time])?;
            return inverted_if_asked(n5::open(path, options)?, options);
        }
        if let Some(foreign) = foreign::of_folder(path) {
            return Err(foreign.error(path));
        }
        return folder::open(path, options);
    }
    if let Some((file, dataset)) = hdf5::split(path) {
        check_parts(path, options, &[])?;
        return inverted_if_asked(hdf5::open(&file, Some(&dataset))?, options);
    }
    open_file(path, options)
}

/// Opens the smaller levels that a file holds of a volume, largest first.
pub(crate) fn open_levels(path: &Path, options: OpenOptions) -> Result<Vec<Volume>> {
    let path = &storage::resolve(path)?;
    let levels = match path {
        path if !is_folder(path)? => Vec::new(),
        path if zarr_paths::is_zarr(path) => zarr::open_levels(path, options)?,
        path if precomputed::is_precomputed(path) => precomputed::open_levels(path, options)?,
        path if n5::is_n5(path) => n5::open_levels(path, options)?,
        _ => Vec::new(),
    };
    levels.into_iter().map(|level| inverted_if_asked(level, options)).collect()
}

/// The endings of files, which are not asked for behind an address whether they are folders.
const FILES: [&str; 14] =
    ["tif", "tiff", "mrc", "rec", "map", "st", "nii", "gz", "npy", "png", "jpg", "jpeg", "h5", "hdf5"];

/// Tells whether a path is a folder. Behind an address there are none, but names that go on.
fn is_folder(path: &Path) -> Result<bool> {
    if !storage::is_address(path) {
        return Ok(path.is_dir());
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if FILES.contains(&extension.as_str()) {
        return Ok(false);
    }
    let is_known = zarr_paths::is_zarr(path) || precomputed::is_precomputed(path) || n5::is_n5(path);
    if is_known || foreign::of_folder(path).is_some() {
        return Ok(true);
    }
    if storage::stat(path).map_err(Error::io("open", path))?.is_some() {
        return Ok(false);
    }
    let is_folder =
        storage::can_list(path) && !storage::list(path).map_err(Error::io("open", path))?.is_empty();
    if is_folder { Ok(true) } else { Err(Error::NotFound { path: path.to_path_buf(), similar: None }) }
}

/// Opens a single file.
pub(super) fn open_file(path: &Path, options: OpenOptions) -> Result<Volume> {
    let signature = signature(path)?;
    check_parts(path, options, signature.parts())?;
    let volume = match signature {
        // It may turn values by itself, and is told whether to.
        Signature::Tiff => return tiff::open(path, options),
        Signature::Image(kind) => image_file::open(path, kind),
        Signature::Mrc => mrc::open(path, options),
        Signature::CompressedMrc => mrc::open_compressed(path, options),
        Signature::Nifti => nifti::open(path, options),
        Signature::CompressedNifti => nifti::open_compressed(path, options),
        Signature::Npy => npy::open(path),
        Signature::Hdf5 if storage::is_address(path) => Err(not_by_address(path)),
        Signature::Hdf5 => hdf5::open(path, None),
    };
    inverted_if_asked(volume?, options)
}

/// HDF5 is read by a library that opens files by itself.
fn not_by_address(path: &Path) -> Error {
    Error::Remote {
        action: "open",
        path: path.to_path_buf(),
        kind: ErrorKind::Unsupported,
        reason: "HDF5 is not read behind an address".into(),
        hint: Some("download it, or convert it to OME-Zarr where it lies".into()),
    }
}

/// Refuses all but the first of the parts of which the format has one, those that are not among `several`.
fn check_parts(path: &Path, options: OpenOptions, several: &[Part]) -> Result<()> {
    let single = Part::ALL.into_iter().filter(|part| !several.contains(part));
    single.into_iter().try_for_each(|part| options.pick(path, part, 1, String::new).map(drop))
}

fn inverted_if_asked(volume: Volume, options: OpenOptions) -> Result<Volume> {
    if options.invert == Some(true) { invert(volume, "values turned, as asked for") } else { Ok(volume) }
}

/// The two kinds of images that are one section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageKind {
    Png,
    Jpeg,
}

impl ImageKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
        }
    }
}

/// The kind of a file, from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    Tiff,
    Image(ImageKind),
    Mrc,
    CompressedMrc,
    Nifti,
    CompressedNifti,
    Npy,
    Hdf5,
}

impl Signature {
    /// The parts of which a file of this kind may hold several.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Tiff => &[Part::Channel, Part::Time],
            Self::Mrc | Self::CompressedMrc => &[Part::Volume],
            Self::Nifti | Self::CompressedNifti => &[Part::Time],
            Self::Image(_) | Self::Npy | Self::Hdf5 => &[],
        }
    }
}

/// The first bytes that tell the kind of a file: NIfTI has its letters at the end of a header, and
/// HDF5 may begin behind a block of the user's.
const SIGNATURE_BYTES: u64 = 2048 + 8;

/// Reads the kind of a file, or tells what it looks like instead.
fn signature(path: &Path) -> Result<Signature> {
    let object = match Object::open(path) {
        Ok(Some(object)) => object,
        Ok(None) => return Err(not_found(path)),
        // A pipe would be waited on for ever.
        Err(error) if is_irregular(&error) => return Err(foreign::IRREGULAR.error(path)),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let first = object.read_range(0, SIGNATURE_BYTES.min(object.bytes())).map_err(Error::io("read", path))?;
    match first.as_slice() {
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Signature::Tiff),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Signature::Image(ImageKind::Png)),
        [0xff, 0xd8, 0xff, ..] => Ok(Signature::Image(ImageKind::Jpeg)),
        first if first.starts_with(&hdf5::MAGIC) => Ok(Signature::Hdf5),
        first if first.starts_with(&npy::MAGIC) => Ok(Signature::Npy),
        first if first.starts_with(&gzip::MAGIC) => packed_signature(path, first),
        first => plain_signature(first).ok_or_else(|| foreign::of_file(first).error(path)),
    }
}

/// Looks for letters that are further on, where other formats may have anything.
fn plain_signature(first: &[u8]) -> Option<Signature> {
    match first {
        first if nifti::is_nifti(first) => Some(Signature::Nifti),
        first if mrc::is_mrc(first) => Some(Signature::Mrc),
        // The axes of MATLAB's are in another order.
        first if hdf5::is_behind_a_block(first) && !first.starts_with(b"MATLAB") => Some(Signature::Hdf5),
        _ => None,
    }
}

/// Looks into a gzip-compressed file.
fn packed_signature(path: &Path, first: &[u8]) -> Result<Signature> {
    match plain_signature(&gzip::look_inside(path, SIGNATURE_BYTES)) {
        Some(Signature::Nifti) => Ok(Signature::CompressedNifti),
        Some(Signature::Mrc) => Ok(Signature::CompressedMrc),
        _ => Err(foreign::of_file(first).error(path)),
    }
}

/// Says that a path is missing, and looks for a neighbour that was perhaps meant.
fn not_found(path: &Path) -> Error {
    if storage::is_address(path) {
        return Error::NotFound { path: path.to_path_buf(), similar: None };
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let similar = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .take(limits::MAX_SECTIONS)
        .flatten()
        .map(|entry| entry.file_name())
        .map(|neighbour| {
            let score = strsim::jaro_winkler(&name, &neighbour.to_string_lossy().to_lowercase());
            (score, neighbour)
        })
        .filter(|(score, _)| *score > 0.85)
        // By name where the scores are equal: a folder has no order of its own.
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
        .map(|(_, neighbour)| path.with_file_name(neighbour));
    Error::NotFound { path: path.to_path_buf(), similar }
}
