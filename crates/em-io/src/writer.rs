//! Writes a volume section by section, in the format that the path asks for.
//!
//! It checks what it is given; the formats themselves are in `formats`.

use crate::error::{Error, Result};
use crate::formats::sink::{Sink, cannot_write};
use crate::formats::{hdf5, mrc, png, precomputed, tiff, zarr, zarr_paths};
use crate::limits::{MAX_SECTIONS, MAX_SIDE};
use crate::storage;
use crate::{Content, Mask, VoxelSize, VoxelType, Voxels, WriteOptions};
use ndarray::Axis;
use std::path::{Path, PathBuf};

/// The endings of paths that are written, for error messages.
const WRITABLE: &str = "a path that ends in .tif, .tiff, .ome.tif, .mrc, .zarr, .precomputed or .png, or no ending for a folder of PNG";

/// What a volume to be written is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VolumeSpec {
    /// The number of voxels along `[z, y, x]`.
    pub shape: [usize; 3],
    /// The type of a voxel.
    pub voxel_type: VoxelType,
    /// The size of a voxel along `[z, y, x]` in nm, where it is known. PNG does not keep it.
    pub voxel_size_nm: Option<[f64; 3]>,
}

impl VolumeSpec {
    /// The uncompressed size of the voxels.
    pub(crate) fn bytes(&self) -> u64 {
        let sides = self.shape.iter().map(|&side| side as u64);
        sides.fold(self.voxel_type.bytes() as u64, u64::saturating_mul)
    }
}

/// A volume that is being written, in order of z, in pieces of any number of sections.
///
/// It appears under its name when [`VolumeWriter::finish`] returns, whole and on the disk. A
/// writer that is dropped before leaves nothing behind.
///
/// ```
/// use em_io::{VolumeSpec, VolumeWriter, VoxelType, Voxels};
/// use ndarray::Array3;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("probabilities.tif");
/// let spec = VolumeSpec {
///     shape: [3, 8, 8],
///     voxel_type: VoxelType::F32,
///     voxel_size_nm: Some([5.0, 5.0, 5.0]),
/// };
/// let mut writer = VolumeWriter::create(&path, spec)?;
/// writer.write(&Voxels::from(Array3::<f32>::zeros((2, 8, 8))))?;
/// writer.write(&Voxels::from(Array3::<f32>::ones((1, 8, 8))))?;
/// assert!(!path.exists());
/// writer.finish()?;
/// assert_eq!(em_io::open(&path)?.shape(), [3, 8, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VolumeWriter {
    path: PathBuf,
    spec: VolumeSpec,
    /// The number of sections written so far.
    written: usize,
    sink: Box<dyn Sink>,
}

impl VolumeWriter {
    /// Starts a volume; missing parent folders are made.
    ///
    /// The path decides on the format: `.tif` or `.tiff` is a multipage TIFF, deflate-compressed,
    /// with ImageJ's metadata (and 64-bit offsets, BigTIFF, where it may pass 4 GB); `.ome.tif` or
    /// `.ome.tiff` is the same with OME-XML; `.mrc`, `.rec`, `.map` or `.st` is MRC, in which 8-bit
    /// unsigned voxels become 16-bit ones; `.h5` or `.hdf5` is HDF5 (with the feature `hdf5`), its
    /// dataset `volume`; `.zarr` is OME-Zarr, for which
    /// [`VolumeWriter::with_options`] has more to choose; `.precomputed` is a folder for Neuroglancer with a
    /// pyramid: an image, or a segmentation of 32- or 64-bit numbers where the options say that voxels are
    /// labels; `.png` is one section; a path without an
    /// extension is a folder of PNG files, named after the folder: `mask/mask0000.png`. A file of
    /// that name is replaced, a folder only if it is empty.
    ///
    /// A path such as `volume.zarr/labels/mitochondria` is a label within the image `volume.zarr`,
    /// which must be there and of the same shape. It takes the image's version, voxel size and
    /// number of levels, and is entered into the list of labels last.
    ///
    /// # Errors
    ///
    /// [`Error::CannotWrite`] where the format is unknown or cannot hold such voxels,
    /// [`Error::NotBuiltIn`] where it needs a feature of this crate,
    /// [`Error::VoxelSize`] where a size is no length, [`Error::FolderNotEmpty`], and
    /// [`Error::Io`] where the place is not writable.
    pub fn create(path: impl AsRef<Path>, spec: VolumeSpec) -> Result<Self> {
        Self::with_options(path, spec, WriteOptions::default())
    }

    /// Starts a volume as [`VolumeWriter::create`] does, with a choice of how it is stored.
    ///
    /// # Errors
    ///
    /// Those of [`VolumeWriter::create`]; also [`Error::CannotWrite`] where the options are not
    /// possible.
    pub fn with_options(path: impl AsRef<Path>, spec: VolumeSpec, options: WriteOptions) -> Result<Self> {
        let path = &storage::resolve(path.as_ref())?;
        check_spec(path, spec)?;
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let sink = match extension.as_str() {
            _ if zarr_paths::is_destination(path) => zarr::create(path, spec, options)?,
            "precomputed" => precomputed::create(path, spec, options)?,
            _ if storage::is_address(path) => {
                let expected = "an address that ends in .zarr or .precomputed";
                return Err(cannot_write(path, "this format".into(), expected));
            }
            "tif" | "tiff" => tiff::create(path, spec, tiff_flavour(path), options.tiff_compression)?,
            "mrc" | "rec" | "map" | "st" => mrc::create(path, spec)?,
            "h5" | "hdf5" => hdf5::create(path, spec, options)?,
            "png" => png::create_file(path, spec)?,
            "" => png::create_folder(path, spec)?,
            other => {
                return Err(cannot_write(path, format!("format `.{other}`"), WRITABLE));
            }
        };
        Ok(Self { path: path.to_path_buf(), spec, written: 0, sink })
    }

    /// Writes the next sections, `[z, y, x]` with full y and x, compressing them in parallel.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedSections`] where their size, type or number does not fit, and
    /// [`Error::Io`] where the disk refuses them.
    pub fn write(&mut self, sections: &Voxels) -> Result<()> {
        let [_, height, width] = self.spec.shape;
        let [depth, found_height, found_width] = sections.shape();
        if [found_height, found_width] != [height, width] {
            let found = format!("sections of {found_width}x{found_height}");
            return Err(self.unexpected(found, format!("{width}x{height} (width x height)")));
        }
        if sections.voxel_type() != self.spec.voxel_type {
            let found = format!("{} sections", sections.voxel_type());
            return Err(self.unexpected(found, self.spec.voxel_type.to_string()));
        }
        if depth > self.spec.shape[0] - self.written {
            return Err(self.unexpected_count(self.written.saturating_add(depth)));
        }
        self.sink.write(sections)?;
        self.written += depth;
        Ok(())
    }

    /// Gives the volume its name, when all sections are written.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedSections`] where sections are missing, and [`Error::Io`] where the disk
    /// refuses. In both cases nothing is left behind.
    pub fn finish(self) -> Result<()> {
        if self.written != self.spec.shape[0] {
            return Err(self.unexpected_count(self.written));
        }
        self.sink.finish()
    }

    fn unexpected_count(&self, found: usize) -> Error {
        self.unexpected(format!("{found} sections"), self.spec.shape[0].to_string())
    }

    fn unexpected(&self, found: String, expected: String) -> Error {
        Error::UnexpectedSections { path: self.path.clone(), found, expected }
    }
}

/// Writes a volume that is in memory; see [`VolumeWriter::create`] for the formats.
///
/// `voxel_size_nm` is `[z, y, x]`.
///
/// # Errors
///
/// The same as those of [`VolumeWriter`].
pub fn write_volume(path: impl AsRef<Path>, voxels: &Voxels, voxel_size_nm: Option<[f64; 3]>) -> Result<()> {
    let spec = VolumeSpec { shape: voxels.shape(), voxel_type: voxels.voxel_type(), voxel_size_nm };
    let mut writer = VolumeWriter::create(path, spec)?;
    writer.write(voxels)?;
    writer.finish()
}

/// The sections of a mask that are turned into bytes at a time.
const MASK_SECTIONS: usize = 32;

/// Writes a mask as 8-bit voxels, 0 for background and 255 for foreground; a `.precomputed` folder is a
/// segmentation of 32-bit ones.
///
/// # Errors
///
/// The same as those of [`VolumeWriter`].
pub fn write_mask(path: impl AsRef<Path>, mask: &Mask) -> Result<()> {
    let spec =
        VolumeSpec { shape: mask.shape(), voxel_type: VoxelType::U8, voxel_size_nm: mask.voxel_size_nm() };
    let options = WriteOptions::default().with_content(Content::Label);
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    for sections in mask.view().axis_chunks_iter(Axis(0), MASK_SECTIONS) {
        writer.write(&sections.mapv(|inside| if inside { u8::MAX } else { 0 }).into())?;
    }
    writer.finish()
}

/// OME's metadata for a path that ends in `.ome.tif`, ImageJ's for others.
fn tiff_flavour(path: &Path) -> tiff::Flavour {
    let inner = path.file_stem().map(Path::new).and_then(Path::extension);
    match inner {
        Some(inner) if inner.eq_ignore_ascii_case("ome") => tiff::Flavour::Ome,
        _ => tiff::Flavour::ImageJ,
    }
}

pub(crate) fn check_spec(path: &Path, spec: VolumeSpec) -> Result<()> {
    let largest = [MAX_SECTIONS, MAX_SIDE, MAX_SIDE];
    if !spec.shape.iter().zip(largest).all(|(&side, largest)| (1..=largest).contains(&side)) {
        let what = format!("a volume of {:?} voxels [z, y, x]", spec.shape);
        return Err(cannot_write(path, what, format!("at least [1, 1, 1] and at most {largest:?}")));
    }
    spec.voxel_size_nm.map(VoxelSize::new).transpose()?;
    Ok(())
}
