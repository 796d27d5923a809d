//! An OME-Zarr that several programs write at the same time, each some of its sections.
//!
//! ```text
//! sections  0        32        64        90        cuts lie between objects (chunks, or shards of them) of the full
//! level 0   ├── 0 ───┼── 1 ────┼── 2 ────┤         level, and of as many smaller ones as divide: parts write these
//! level 1   ├── 0 ───┼── 1 ────┼── 2 ────┤
//! level 2   ├────────── finish ──────────┤         the others are made of the smallest of these, at the end
//! ```
//!
//! No two parts write one file, each file appears whole, and the metadata, without which nothing can be opened, is
//! written last.

use super::layout;
use super::level::Arrays;
use super::read::open_unlisted;
use super::shards::{ChunkGrid, check_shard};
use super::write::pretty;
use super::{Content, WriteOptions};
use crate::error::{Error, Result};
use crate::formats::pyramid::{self, Level, Pyramid, check_options};
use crate::formats::sink::cannot_write;
use crate::formats::zarr_paths;
use crate::sample::{Voxel, match_voxel_type};
use crate::writer::check_spec;
use crate::{Roi, VolumeSpec, Voxels, storage};
use ndarray::Axis;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An OME-Zarr image that is written in parts of whole sections, in any order, by any number of programs.
///
/// What comes out is the same, byte by byte, as from a [`VolumeWriter`](crate::VolumeWriter).
///
/// ```
/// use em_io::{SharedZarr, VolumeSpec, VoxelType, Voxels, WriteOptions};
/// use ndarray::Array3;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("mask.zarr");
/// let spec = VolumeSpec { shape: [40, 30, 30], voxel_type: VoxelType::U8, voxel_size_nm: None };
/// let shared = SharedZarr::new(&path, spec, WriteOptions::default(), &[0, 16, 40])?;
/// for index in [1, 0] {
///     let mut part = shared.part(index)?;
///     part.write(&Voxels::from(Array3::<u8>::ones((part.sections().len(), 30, 30))))?;
///     part.finish()?;
/// }
/// assert!(em_io::open(&path).is_err(), "it is not finished");
/// shared.finish()?;
/// assert_eq!(em_io::open(&path)?.read_all()?.to_f32().sum(), 36_000.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedZarr {
    path: PathBuf,
    spec: VolumeSpec,
    options: WriteOptions,
    content: Content,
    levels: Vec<Level>,
    /// The first section of each part, and the end of the last.
    cuts: Vec<usize>,
    /// How many levels the parts write.
    in_parts: usize,
}

/// A file that a part has written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredObject {
    /// Its path within the image, such as `0/c/1/0/2`.
    pub name: String,
    /// The number of its bytes.
    pub bytes: u64,
    /// The CRC-32C (Castagnoli) of its bytes.
    pub crc32c: u32,
}

impl SharedZarr {
    /// Plans an image; nothing is written, and nothing asked of the disk.
    ///
    /// `cuts` are the first sections of the parts, from 0 on, and the depth of the volume. They rise, but parts may
    /// be empty; they lie at multiples of [`SharedZarr::unit`].
    ///
    /// # Errors
    ///
    /// Those of [`VolumeWriter::with_options`](crate::VolumeWriter::with_options) for the path, the
    /// specification and the options; and [`Error::CannotWrite`] for cuts that are none, and for labels within an image.
    pub fn new(path: &Path, spec: VolumeSpec, options: WriteOptions, cuts: &[usize]) -> Result<Self> {
        check_spec(path, spec)?;
        check_options(path, spec, options)?;
        check_shard(path, spec, options)?;
        let refused = |what: String, expected: &str| Err(cannot_write(path, what, expected));
        if !zarr_paths::is_destination(path) {
            return refused("parts".into(), "a path that ends in .zarr");
        }
        if zarr_paths::image_of_label(path).is_some() {
            return refused("parts of a label within an image".into(), "an image of its own");
        }
        let (unit, depth) = (Self::unit(spec.shape, options), spec.shape[0]);
        let is_between = |cut: &usize| *cut == depth || cut.is_multiple_of(unit);
        let ends = [cuts.first(), cuts.last()] == [Some(&0), Some(&depth)];
        if !ends || !cuts.is_sorted() || !cuts.iter().all(is_between) {
            let expected = format!("multiples of {unit} from 0 on, and {depth}");
            return Err(cannot_write(path, format!("parts that begin at the sections {cuts:?}"), expected));
        }
        let levels = pyramid::levels(spec.shape, spec.voxel_size_nm, options.chunk, options.levels);
        let fits = |level: &&Level| {
            let deep = level.factor[0] * Self::unit(level.shape, options);
            cuts.iter().all(|&cut| cut == depth || cut.is_multiple_of(deep))
        };
        let in_parts = levels.iter().take_while(fits).count();
        let content = options.content.unwrap_or(Content::Intensity);
        Ok(Self { path: path.to_path_buf(), spec, options, content, levels, cuts: cuts.to_vec(), in_parts })
    }

    /// Returns the sections that parts of a volume of `shape`, `[z, y, x]`, are cut in multiples of: as many as a
    /// chunk is deep, or a shard, so that no two parts write one object.
    pub fn unit(shape: [usize; 3], options: WriteOptions) -> usize {
        ChunkGrid::new(options, shape).object()[0]
    }

    /// Returns where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts the parts.
    pub fn parts(&self) -> usize {
        self.cuts.len() - 1
    }

    /// Starts a part, which replaces what was written of it before.
    ///
    /// # Errors
    ///
    /// [`Error::OutsideVolume`] where there is no such part.
    pub fn part(&self, index: usize) -> Result<ZarrPart> {
        let Some(&[start, end]) = self.cuts.get(index..).and_then(|cuts| cuts.first_chunk()) else {
            let [depth, height, width] = self.spec.shape;
            let (start, shape) = ([depth, 0, 0], [1, height, width]);
            return Err(Error::OutsideVolume { start, shape, volume: self.spec.shape });
        };
        let spec = self.spec;
        let pyramid = match_voxel_type!(spec.voxel_type, T => {
            let pyramid: Box<dyn Levels> =
                Box::new(self.pyramid::<T>().starting_at(start, self.in_parts));
            pyramid
        });
        Ok(ZarrPart { path: self.path.clone(), spec, sections: start..end, next: start, pyramid })
    }

    /// Makes the smaller levels that parts could not, and the metadata: the image can then be opened.
    ///
    /// # Errors
    ///
    /// Those of reading the smallest level that the parts have written, and [`Error::Io`] where something cannot be
    /// written.
    pub fn finish(&self) -> Result<()> {
        match_voxel_type!(self.spec.voxel_type, T => self.write_smaller_levels::<T>())?;
        for index in 0..self.levels.len() {
            let (name, json) = self.array(index);
            storage::write(&self.path.join(index.to_string()).join(name), &pretty(&json))?;
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let (version, size) = (self.options.version, self.spec.voxel_size_nm);
        for (name, json) in layout::image(version, &stem, &self.levels, size, false) {
            storage::write(&self.path.join(name), &pretty(&json))?;
        }
        Ok(())
    }

    fn write_smaller_levels<T: Voxel>(&self) -> Result<()> {
        // The full level is always written in parts.
        let last = self.in_parts - 1;
        if self.in_parts == self.levels.len() {
            return Ok(());
        }
        let mut pyramid = self.pyramid::<T>();
        let level = open_unlisted(&self.path.join(last.to_string()), self.array(last))?;
        let (shape, chunk) = (level.shape(), ChunkGrid::new(self.options, level.shape()).chunk);
        for block in level.blocks(crate::Blocks::of_sections(Roi::whole(shape), chunk[0])) {
            let (place, voxels) = block?;
            let sections = T::view(&voxels).expect("the level is of the type that was written");
            for (z, section) in (place.start[0]..).zip(sections.axis_iter(Axis(0))) {
                pyramid.push_above(last, section, z + 1 == shape[0])?;
            }
        }
        Ok(())
    }

    fn pyramid<T: Voxel>(&self) -> Pyramid<T, Arrays> {
        let arrays =
            Arrays::new(&self.path, self.options, &self.levels, |path, bytes| storage::write(path, &bytes));
        Pyramid::new(&self.levels, self.options.chunk, self.content, arrays)
    }

    fn array(&self, level: usize) -> layout::JsonFile {
        let shape = self.levels[level].shape;
        layout::array(self.options.version, shape, ChunkGrid::new(self.options, shape), self.spec.voxel_type)
    }
}

/// A part of a [`SharedZarr`] that is being written, in order of z.
pub struct ZarrPart {
    path: PathBuf,
    spec: VolumeSpec,
    sections: Range<usize>,
    next: usize,
    pyramid: Box<dyn Levels>,
}

impl std::fmt::Debug for ZarrPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZarrPart").field("path", &self.path).field("sections", &self.sections).finish()
    }
}

impl ZarrPart {
    /// Returns the sections of the volume that belong to it.
    pub fn sections(&self) -> Range<usize> {
        self.sections.clone()
    }

    /// Writes the next sections, `[z, y, x]` with full y and x.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedSections`] where their size, type or number does not fit, and [`Error::Io`].
    pub fn write(&mut self, sections: &Voxels) -> Result<()> {
        let ([_, height, width], [depth, ..]) = (self.spec.shape, sections.shape());
        let fits =
            sections.shape() == [depth, height, width] && sections.voxel_type() == self.spec.voxel_type;
        if !fits || depth > self.sections.end - self.next {
            let found = format!("{:?} voxels, {}", sections.shape(), sections.voxel_type());
            let left = self.sections.end - self.next;
            let expected = format!("at most {left} sections of {height} x {width}, {}", self.spec.voxel_type);
            return Err(Error::UnexpectedSections { path: self.path.clone(), found, expected });
        }
        self.pyramid.push(sections)?;
        self.next += depth;
        Ok(())
    }

    /// Ends the part, and returns its files, by name. Chunks of zeros have none.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedSections`] where sections are missing.
    pub fn finish(self) -> Result<Vec<StoredObject>> {
        if self.next != self.sections.end {
            let found = format!("{} sections", self.next - self.sections.start);
            let expected = self.sections.len().to_string();
            return Err(Error::UnexpectedSections { path: self.path, found, expected });
        }
        let mut objects = self.pyramid.finish(&self.path);
        objects.sort_unstable();
        Ok(objects)
    }
}

/// A pyramid of any voxel type.
trait Levels: Send {
    fn push(&mut self, sections: &Voxels) -> Result<()>;
    fn finish(self: Box<Self>, image: &Path) -> Vec<StoredObject>;
}

impl<T: Voxel> Levels for Pyramid<T, Arrays> {
    fn push(&mut self, sections: &Voxels) -> Result<()> {
        let sections = T::view(sections).expect("the part has checked the type");
        Pyramid::push(self, sections)
    }

    fn finish(self: Box<Self>, image: &Path) -> Vec<StoredObject> {
        let name = |path: PathBuf| {
            let within = path.strip_prefix(image).unwrap_or(&path);
            within.to_string_lossy().replace('\\', "/")
        };
        let written = self.into_sink().into_written().into_iter();
        written.map(|(path, bytes, crc32c)| StoredObject { name: name(path), bytes, crc32c }).collect()
    }
}

#[cfg(test)]
mod tests;
