//! A label volume that is changed in place: an OME-Zarr of bytes whose chunks are written one by one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2, s};

use super::array::Keys;
use super::layout;
use super::level::pack;
use super::shards::ChunkGrid;
use super::{OmeZarrVersion, WriteOptions};
use crate::atomic::{AtomicFolder, write_atomically, write_new};
use crate::error::{Error, Result};
use crate::formats::pyramid::levels;
use crate::{Roi, Volume, VoxelType};

/// A label volume of bytes in which single chunks are replaced, each whole or not at all.
///
/// It is an ordinary OME-Zarr 0.5 of one level, which any program reads while it is changed. A chunk is
/// one section deep; chunks of zeros are not stored, so that a volume of any size starts as nothing.
///
/// ```
/// use em_io::SparseLabels;
/// use ndarray::Array2;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("mitochondria.zarr");
/// let labels = SparseLabels::create(&path, [3, 700, 600], Some([50.0, 5.0, 5.0]))?;
/// labels.write([2, 1, 0], Array2::from_elem((188, 512), 2).view())?;
/// assert_eq!(labels.read([2, 1, 0])?.map(|chunk| chunk[[187, 511]]), Some(2));
/// assert_eq!(em_io::open(&path)?.read_all()?.to_f32()[[2, 699, 511]], 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SparseLabels {
    path: PathBuf,
    shape: [usize; 3],
}

impl SparseLabels {
    /// Edge of a chunk, in voxels.
    pub const CHUNK: usize = 512;

    /// Makes a volume of zeros, `[z, y, x]`, at a path that is free.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be written.
    pub fn create(path: &Path, shape: [usize; 3], voxel_size_nm: Option<[f64; 3]>) -> Result<Self> {
        let labels = Self { path: path.to_owned(), shape };
        let folder = AtomicFolder::create(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let version = OmeZarrVersion::V0_5;
        let levels = levels(shape, voxel_size_nm, WriteOptions::default().chunk, Some(1));
        let image = layout::image(version, &name, &levels, voxel_size_nm, false);
        let array = layout::array(version, shape, labels.grid(), VoxelType::U8);
        let files = image.into_iter().map(|file| ("", file)).chain([("0", array)]);
        for (within, (file, json)) in files {
            let file = folder.temporary().join(within).join(file);
            write_new(&file, format!("{json:#}\n").as_bytes()).map_err(Error::io("write", &file))?;
        }
        folder.commit()?;
        Ok(labels)
    }

    /// Opens a volume that [`create`](Self::create) made, which nobody else may be writing to: what a kill
    /// left of a chunk is removed.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or if it is of another shape.
    pub fn open(path: &Path, shape: [usize; 3]) -> Result<Self> {
        let found = super::open(path, crate::OpenOptions::default())?.shape();
        if found != shape {
            let expected = format!("{shape:?}, as the stack has");
            return Err(super::metadata(path, format!("labels of {found:?} voxels"), expected));
        }
        let labels = Self { path: path.to_owned(), shape };
        labels.rows()?.iter().try_for_each(|(_, _, folder)| crate::remove_unfinished(folder))?;
        Ok(labels)
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the voxels `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Opens it to be read as any volume.
    ///
    /// # Errors
    ///
    /// Those of [`crate::open()`].
    pub fn volume(&self) -> Result<Volume> {
        crate::open(&self.path)
    }

    /// Returns the part of the volume that a chunk `[z, row, column]` covers.
    pub fn roi(&self, [z, row, column]: [usize; 3]) -> Roi {
        let [_, height, width] = self.shape;
        let (y, x) = (row * Self::CHUNK, column * Self::CHUNK);
        let side = |from: usize, of: usize| of.saturating_sub(from).min(Self::CHUNK);
        Roi { start: [z, y, x], shape: [1, side(y, height), side(x, width)] }
    }

    /// Reads a chunk `[z, row, column]`: its voxels within the volume, `[y, x]`; `None` where all are 0.
    ///
    /// # Errors
    ///
    /// Fails if the chunk is damaged or cannot be read.
    pub fn read(&self, chunk: [usize; 3]) -> Result<Option<Array2<u8>>> {
        let path = self.file(chunk);
        let packed = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            packed => packed.map_err(Error::io("read", &path))?,
        };
        let [_, height, width] = self.grid().chunk;
        let unpacked = zstd::bulk::decompress(&packed, height * width).map_err(Error::io("unpack", &path))?;
        let damaged = || super::metadata(&path, "fewer voxels", format!("{height} x {width}"));
        let whole = Array2::from_shape_vec((height, width), unpacked).map_err(|_| damaged())?;
        let [_, height, width] = self.roi(chunk).shape;
        Ok(Some(whole.slice_move(s![..height, ..width])))
    }

    /// Replaces the voxels `[y, x]` of a chunk `[z, row, column]` that lie within the volume.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written; the chunk is then as before.
    ///
    /// # Panics
    ///
    /// Panics if the voxels are not as many as the chunk has within the volume.
    pub fn write(&self, chunk: [usize; 3], voxels: ArrayView2<'_, u8>) -> Result<()> {
        let path = self.file(chunk);
        let [_, height, width] = self.roi(chunk).shape;
        assert_eq!(voxels.dim(), (height, width), "a chunk has the voxels of its place");
        if voxels.iter().all(|&voxel| voxel == 0) {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(Error::io("remove", &path)(error))
                }
                _ => Ok(()),
            };
        }
        let [_, rows, columns] = self.grid().chunk;
        let mut whole = Array2::zeros((rows, columns));
        whole.slice_mut(s![..height, ..width]).assign(&voxels);
        let packed = pack(OmeZarrVersion::V0_5, 1, whole.as_slice().unwrap_or_default())
            .map_err(Error::io("pack", &path))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create folder", folder))?;
        }
        write_atomically(&path, |file| file.write_all(&packed))
    }

    /// Lists the chunks `[z, row, column]` that are stored, in order.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read.
    pub fn stored(&self) -> Result<Vec<[usize; 3]>> {
        let mut found = Vec::new();
        for (z, row, folder) in self.rows()? {
            found.extend(numbered(&folder)?.into_iter().map(|(column, _)| [z, row, column]));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The folders of chunks that there are: section, row and path.
    fn rows(&self) -> Result<Vec<(usize, usize, PathBuf)>> {
        let mut rows = Vec::new();
        for (z, section) in numbered(&self.path.join("0").join("c"))? {
            // A file is in the way of chunks, which is told when they are written.
            if section.is_dir() {
                rows.extend(numbered(&section)?.into_iter().map(|(row, folder)| (z, row, folder)));
            }
        }
        rows.retain(|(_, _, folder)| folder.is_dir());
        Ok(rows)
    }

    fn grid(&self) -> ChunkGrid {
        ChunkGrid::new(WriteOptions::default().with_chunk([1, Self::CHUNK, Self::CHUNK]), self.shape)
    }

    fn file(&self, chunk: [usize; 3]) -> PathBuf {
        let keys = Keys { prefix: true, separator: '/' };
        keys.path(&self.path.join("0"), &chunk.map(|number| number as u64))
    }
}

/// The entries of a folder whose names are numbers.
fn numbered(folder: &Path) -> Result<Vec<(usize, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read folder", folder))?,
    };
    let number = |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()));
    Ok(entries.filter_map(|entry| number(entry.ok()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_chunks_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        let labels = SparseLabels::create(&path, [4, 600, 1100], None).unwrap();
        assert_eq!(labels.roi([0, 1, 2]), Roi { start: [0, 512, 1024], shape: [1, 88, 76] });
        let corner = Array2::from_shape_fn((88, 76), |(y, x)| ((y * x) % 3) as u8);
        labels.write([3, 1, 2], corner.view()).unwrap();
        labels.write([0, 0, 0], Array2::ones((512, 512)).view()).unwrap();
        assert_eq!(labels.stored().unwrap(), [[0, 0, 0], [3, 1, 2]]);
        assert_eq!(labels.read([3, 1, 2]).unwrap(), Some(corner.clone()));
        assert_eq!(labels.read([3, 1, 1]).unwrap(), None);

        let again = SparseLabels::open(&path, [4, 600, 1100]).unwrap();
        let whole = again.volume().unwrap().read_all().unwrap().to_f32();
        let is = whole.slice(s![3, 512.., 1024..]).mapv(|value| value as u8);
        assert_eq!(is, corner);
        assert_eq!(whole.sum(), 512.0 * 512.0 + corner.iter().map(|&value| f32::from(value)).sum::<f32>());

        let torn = path.join("0/c/3/1/.2.a1B2c3.part");
        fs::write(&torn, b"half").unwrap();
        SparseLabels::open(&path, [4, 600, 1100]).unwrap();
        assert!(!torn.exists(), "what a kill left is removed");

        labels.write([0, 0, 0], Array2::zeros((512, 512)).view()).unwrap();
        assert_eq!(labels.stored().unwrap(), [[3, 1, 2]]);
        assert!(SparseLabels::open(&path, [4, 600, 1101]).is_err());
    }

    #[test]
    fn a_damaged_chunk_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let labels = SparseLabels::create(&folder.path().join("a.zarr"), [1, 20, 30], None).unwrap();
        labels.write([0, 0, 0], Array2::ones((20, 30)).view()).unwrap();
        let file = labels.file([0, 0, 0]);
        let packed = fs::read(&file).unwrap();
        for damaged in [&packed[..packed.len() - 1], &zstd::bulk::compress(&[1; 20], 1).unwrap()] {
            fs::write(&file, damaged).unwrap();
            assert!(labels.read([0, 0, 0]).is_err());
        }
    }
}
