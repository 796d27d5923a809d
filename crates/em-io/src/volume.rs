//! A volume on disk: what is known of it at once, and blocks of it on request.
//!
//! It picks the reader by the file's first bytes; the readers are in `formats`.

use crate::error::{Error, Result};
use crate::formats::{folder, hdf5, image_file, mrc, nifti, tiff, zarr};
use crate::{Roi, VoxelType, Voxels, limits};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// An EM volume, opened and read lazily, `[z, y, x]`.
///
/// It keeps no file open and can be shared between threads.
#[derive(Debug)]
pub struct Volume {
    info: Info,
    source: Box<dyn Source>,
}

/// Where voxels come from. There is one implementation per kind of file.
pub(crate) trait Source: Send + Sync + std::fmt::Debug {
    /// Reads a block that lies within the volume.
    fn read(&self, roi: Roi) -> Result<Voxels>;
}

/// What a reader tells when a volume is opened.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub path: Option<PathBuf>,
    pub shape: [usize; 3],
    pub voxel_type: VoxelType,
    pub voxel_size_nm: Option<[f64; 3]>,
    pub format: &'static str,
    pub notes: Vec<String>,
}

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
/// [`Error::NotFound`], [`Error::Io`], [`Error::UnknownFormat`] and [`Error::EmptyFolder`] for the
/// path; [`Error::Truncated`], [`Error::Damaged`], [`Error::Unsupported`], [`Error::NotAStack`],
/// [`Error::SizeMismatch`], [`Error::TypeMismatch`], [`Error::TooLarge`] and
/// [`Error::TooManySections`] for what it holds, and [`Error::Metadata`] for Zarr. Damage inside a page shows only when it is read.
pub fn open(path: impl AsRef<Path>) -> Result<Volume> {
    let path = path.as_ref();
    if path.is_dir() {
        if zarr::is_zarr(path) {
            return zarr::open(path);
        }
        return folder::open(path);
    }
    if let Some((file, dataset)) = hdf5::split(path) {
        return hdf5::open(&file, Some(&dataset));
    }
    open_file(path)
}

/// Opens a single file.
pub(crate) fn open_file(path: &Path) -> Result<Volume> {
    match signature(path)? {
        Signature::Tiff => tiff::open(path),
        Signature::Image(format) => image_file::open(path, format),
        Signature::Mrc => mrc::open(path),
        Signature::Nifti => nifti::open(path),
        Signature::CompressedNifti => nifti::open_compressed(path),
        Signature::Hdf5 => hdf5::open(path, None),
    }
}

impl Volume {
    /// Wraps voxels that are in memory already; `voxel_size_nm` is `[z, y, x]`.
    ///
    /// ```
    /// use em_io::{Roi, Volume, Voxels};
    /// use ndarray::Array3;
    ///
    /// let volume = Volume::from_voxels(Voxels::from(Array3::<u8>::zeros((3, 4, 5))), None);
    /// assert_eq!(volume.read(Roi { start: [1, 2, 3], shape: [2, 2, 2] })?.shape(), [2, 2, 2]);
    /// assert!(volume.read(Roi { start: [2, 2, 3], shape: [2, 2, 2] }).is_err());
    /// # Ok::<(), em_io::Error>(())
    /// ```
    pub fn from_voxels(voxels: Voxels, voxel_size_nm: Option<[f64; 3]>) -> Self {
        let info = Info {
            path: None,
            shape: voxels.shape(),
            voxel_type: voxels.voxel_type(),
            voxel_size_nm,
            format: "memory",
            notes: Vec::new(),
        };
        Self::new(info, InMemory(voxels))
    }

    pub(crate) fn new(info: Info, source: impl Source + 'static) -> Self {
        Self { info, source: Box::new(source) }
    }

    /// Returns the file or folder, `None` for a volume in memory.
    pub fn path(&self) -> Option<&Path> {
        self.info.path.as_deref()
    }

    /// Returns the number of voxels along `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.info.shape
    }

    /// Returns the type of a voxel.
    pub fn voxel_type(&self) -> VoxelType {
        self.info.voxel_type
    }

    /// Returns the size of a voxel along `[z, y, x]` in nm, `None` where the file does not tell.
    pub fn voxel_size_nm(&self) -> Option<[f64; 3]> {
        self.info.voxel_size_nm
    }

    /// Returns the name of the format, such as `TIFF`.
    pub fn format(&self) -> &str {
        self.info.format
    }

    /// Returns what a user should know: colour that is read as grey, files that were skipped.
    pub fn notes(&self) -> &[String] {
        &self.info.notes
    }

    /// Reads a block, decoding only the sections that it touches, in parallel.
    ///
    /// Memory: the block, and one decoded piece of a section per thread.
    ///
    /// # Errors
    ///
    /// [`Error::OutsideVolume`] where the block reaches out of the volume, [`Error::OutOfMemory`]
    /// where it does not fit, and [`Error::Io`], [`Error::Truncated`], [`Error::Damaged`] or
    /// [`Error::DamagedChunk`] where the file gives no voxels; of several bad pages the first is named.
    pub fn read(&self, roi: Roi) -> Result<Voxels> {
        self.check(roi)?;
        self.source.read(roi).map_err(|error| match error {
            // A buffer is made by who does not know what it is for.
            Error::OutOfMemory { bytes, .. } => Error::OutOfMemory { path: self.info.path.clone(), bytes },
            error => error,
        })
    }

    /// Checks that a block lies within the volume.
    pub(crate) fn check(&self, roi: Roi) -> Result<()> {
        if roi.is_within(self.shape()) {
            return Ok(());
        }
        Err(Error::OutsideVolume { start: roi.start, shape: roi.shape, volume: self.shape() })
    }

    /// Reads the whole volume.
    ///
    /// # Errors
    ///
    /// The same as [`Volume::read`].
    pub fn read_all(&self) -> Result<Voxels> {
        self.read(Roi::whole(self.shape()))
    }

    /// Reads section `z`, as a block of depth 1.
    ///
    /// # Errors
    ///
    /// The same as [`Volume::read`].
    pub fn read_section(&self, z: usize) -> Result<Voxels> {
        self.read(Roi::sections(self.shape(), z..z.saturating_add(1)))
    }
}

#[derive(Debug)]
struct InMemory(Voxels);

impl Source for InMemory {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        Ok(self.0.cut(roi))
    }
}

/// The kind of a file, from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    Tiff,
    Image(image::ImageFormat),
    Mrc,
    Nifti,
    CompressedNifti,
    Hdf5,
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
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
            Ok(Signature::Image(image::ImageFormat::Png))
        }
        [0xff, 0xd8, 0xff, ..] => Ok(Signature::Image(image::ImageFormat::Jpeg)),
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
