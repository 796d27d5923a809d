//! Opens a volume: it picks the reader by the path and by the file's first bytes.

use super::values::invert;
use super::{folder, hdf5, image_file, mrc, nifti, tiff, zarr, zarr_paths};
use crate::error::{Error, Result};
use crate::{OpenOptions, Part, Volume, limits};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a volume without reading its voxels.
///
/// The path is a multipage TIFF (also OME-TIFF), an MRC or NIfTI file, a PNG or JPEG (one section),
/// or a folder with one image per section. Files are told apart by their first bytes, not by their names. In a folder the images
/// are taken in natural order (`s9.png` before `s10.png`); other files are skipped with a note.
/// A folder with Zarr metadata is OME-Zarr: an image, of which the full level is read, a label in
/// it (`volume.zarr/labels/mitochondria`), or a bare array, which has no voxel size.
/// With the feature `hdf5`, an HDF5 file is the only dataset in it, or the one whose path follows
/// that of the file: `volume.h5/volumes/raw`.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Io`], [`Error::UnknownFormat`], [`Error::NotBuiltIn`] and
/// [`Error::EmptyFolder`] for the path; [`Error::Truncated`], [`Error::Damaged`], [`Error::Unsupported`], [`Error::NotAStack`],
/// [`Error::SizeMismatch`], [`Error::TypeMismatch`], [`Error::TooLarge`] and
/// [`Error::TooManySections`] for what it holds, and [`Error::Metadata`] for Zarr. Damage inside a page shows only when it is read.
pub fn open(path: impl AsRef<Path>) -> Result<Volume> {
    open_with(path.as_ref(), OpenOptions::default())
}

/// Opens a volume, and of several stacks in a file the one that was picked.
pub(crate) fn open_with(path: &Path, options: OpenOptions) -> Result<Volume> {
    if path.is_dir() {
        if zarr_paths::is_zarr(path) {
            check_parts(path, options, &[])?;
            return inverted_if_asked(zarr::open(path)?, options);
        }
        return folder::open(path, options);
    }
    if let Some((file, dataset)) = hdf5::split(path) {
        check_parts(path, options, &[])?;
        return inverted_if_asked(hdf5::open(&file, Some(&dataset))?, options);
    }
    open_file(path, options)
}

/// Opens a single file.
pub(super) fn open_file(path: &Path, options: OpenOptions) -> Result<Volume> {
    let signature = signature(path)?;
    check_parts(path, options, signature.parts())?;
    let volume = match signature {
        // It may turn values by itself, and is told whether to.
        Signature::Tiff => return tiff::open(path, options),
        Signature::Image(kind) => image_file::open(path, kind),
        Signature::Mrc => mrc::open(path),
        Signature::Nifti => nifti::open(path),
        Signature::CompressedNifti => nifti::open_compressed(path),
        Signature::Hdf5 => hdf5::open(path, None),
    };
    inverted_if_asked(volume?, options)
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
    Nifti,
    CompressedNifti,
    Hdf5,
}

impl Signature {
    /// The parts of which a file of this kind may hold several.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Tiff => &[Part::Channel, Part::Time],
            _ => &[],
        }
    }
}

/// The first bytes that tell the kind of a file: NIfTI has its letters at the end of a header.
const SIGNATURE_BYTES: u64 = 348;

/// Reads the kind of a file, or tells what it looks like instead.
fn signature(path: &Path) -> Result<Signature> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_found(path),
        _ => Error::io("open", path)(error),
    })?;
    // A pipe would be waited on for ever.
    if !metadata.is_file() {
        return Err(Error::UnknownFormat { path: path.to_path_buf(), found: "no regular file" });
    }
    let mut first = Vec::new();
    File::open(path)
        .map_err(Error::io("open", path))?
        .take(SIGNATURE_BYTES)
        .read_to_end(&mut first)
        .map_err(Error::io("read", path))?;
    match first.as_slice() {
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Signature::Tiff),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Signature::Image(ImageKind::Png)),
        [0xff, 0xd8, 0xff, ..] => Ok(Signature::Image(ImageKind::Jpeg)),
        first if first.starts_with(&hdf5::MAGIC) => Ok(Signature::Hdf5),
        // Their letters are further on, where other formats may have anything.
        first if nifti::is_nifti(first) => Ok(Signature::Nifti),
        first if mrc::is_mrc(first) => Ok(Signature::Mrc),
        [0x1f, 0x8b, ..] if nifti::is_compressed(path) => Ok(Signature::CompressedNifti),
        other => Err(Error::UnknownFormat { path: path.to_path_buf(), found: look_of(other) }),
    }
}

fn look_of(first: &[u8]) -> &'static str {
    match first {
        [] => "empty",
        [b'P', b'K', ..] => "a ZIP archive",
        [0x1f, 0x8b, ..] => "a gzip archive",
        [b'B', b'M', ..] => "a Windows bitmap",
        [b'G', b'I', b'F', b'8', ..] => "a GIF image",
        bytes if bytes.iter().all(u8::is_ascii) && !bytes.contains(&0) => "text",
        _ => "of an unknown kind",
    }
}

/// Says that a path is missing, and looks for a neighbour that was perhaps meant.
fn not_found(path: &Path) -> Error {
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
