//! Writes an image or a segmentation with a pyramid of levels, whole or not at all.
//!
//! Chunks are plain files, so that any server of files shows the folder to Neuroglancer. All are written, those
//! of background too: CloudVolume takes a missing one for a mistake.

use super::segmentation_write::{Label, MOST_BLOCKS, compress_labels};
use super::{BLOCK, INFO, Scale, chunk_name, info};
use crate::error::{Error, Result};
use crate::formats::pyramid::{self, ChunkSink, Pyramid, check_options, clipped};
use crate::formats::sink::{Sink, cannot_write};
use crate::sample::{Endian, Voxel, match_voxel_type};
use crate::storage::{self, NewFolder};
use crate::{Content, VolumeSpec, VoxelType, Voxels, WriteOptions};
use ndarray::ArrayView3;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Starts an image, or a segmentation where the voxels are labels.
pub(crate) fn create(path: &Path, spec: VolumeSpec, options: WriteOptions) -> Result<Box<dyn Sink>> {
    check_options(path, spec, options)?;
    let content = options.content.unwrap_or(Content::Intensity);
    let written = written_type(path, spec.voxel_type, content)?;
    let chunk = clipped(options.chunk, spec.shape);
    let blocks = chunk.iter().fold(1_usize, |blocks, &side| blocks.saturating_mul(side.div_ceil(BLOCK)));
    if content == Content::Label && blocks > MOST_BLOCKS {
        let expected = format!("at most {MOST_BLOCKS} blocks of {BLOCK} x {BLOCK} x {BLOCK} labels a chunk");
        return Err(cannot_write(path, format!("chunks of {chunk:?} labels"), expected));
    }
    match_voxel_type!(spec.voxel_type, T => start::<T>(path, spec, options, (content, written)))
}

/// Returns the type that voxels are written in.
///
/// Labels are packed in tables of `uint32` or `uint64`, the types that the packing has. Masks and labels of
/// fewer bits become `uint32`: unpacked, they would be larger by far.
fn written_type(path: &Path, found: VoxelType, content: Content) -> Result<VoxelType> {
    match (content, found) {
        (Content::Label, VoxelType::F32) => {
            Err(cannot_write(path, format!("labels of {found} voxels"), "integers"))
        }
        (Content::Label, VoxelType::U64 | VoxelType::I64) => Ok(VoxelType::U64),
        (Content::Label, _) => Ok(VoxelType::U32),
        (Content::Intensity, VoxelType::I64) => {
            let expected = "integers of at most 32 bits, 64-bit unsigned ones, 32-bit float, or labels";
            Err(cannot_write(path, format!("an image of {found} voxels"), expected))
        }
        (Content::Intensity, _) => Ok(found),
    }
}

fn start<T: Voxel>(
    path: &Path,
    spec: VolumeSpec,
    options: WriteOptions,
    (content, written): (Content, VoxelType),
) -> Result<Box<dyn Sink>> {
    let VolumeSpec { shape, voxel_size_nm, .. } = spec;
    let levels = pyramid::levels(shape, voxel_size_nm, options.chunk, options.levels);
    // The format wants a size.
    let size = voxel_size_nm.unwrap_or([1.0; 3]);
    let scales: Vec<Scale> = levels
        .iter()
        .map(|level| Scale {
            shape: level.shape,
            // Factors are powers of two up to 2^20, which a float holds.
            voxel_size_nm: std::array::from_fn(|axis| size[axis] * level.factor[axis] as f64),
            chunk: clipped(options.chunk, level.shape),
        })
        .collect();
    let mut info = info(content, written, &scales);
    if voxel_size_nm.is_none() {
        info["voxel_size_is_unknown"] = true.into();
    }
    let folder = NewFolder::create(path)?;
    let chunks = Chunks {
        folder: folder.root().to_path_buf(),
        path: path.to_path_buf(),
        scales,
        written: (content, written),
    };
    let pyramid = Pyramid::<T, _>::new(&levels, options.chunk, content, chunks);
    Ok(Box::new(PrecomputedSink { folder, pyramid, info }))
}

struct PrecomputedSink<T> {
    folder: NewFolder,
    pyramid: Pyramid<T, Chunks>,
    info: Value,
}

impl<T: Voxel> Sink for PrecomputedSink<T> {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        self.pyramid.push(T::view(sections).expect("the writer has checked the type"))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        // It makes the folder a volume, and comes last.
        self.folder.finish(&[(INFO, format!("{:#}\n", self.info).into_bytes())])
    }
}

/// The files of chunks, a folder a level.
struct Chunks {
    /// The folder that is not finished.
    folder: PathBuf,
    /// Its name, for error messages.
    path: PathBuf,
    scales: Vec<Scale>,
    written: (Content, VoxelType),
}

impl<T: Voxel> ChunkSink<T> for Chunks {
    fn write(&self, level: usize, place: [usize; 3], voxels: ArrayView3<'_, T>) -> Result<()> {
        let (depth, height, width) = voxels.dim();
        // A place within a volume, whose sides are far below 2^63.
        let start = std::array::from_fn(|axis| (place[axis] * self.scales[level].chunk[axis]) as i64);
        let name = chunk_name(start, [depth, height, width]);
        let bytes = match self.written {
            (Content::Label, VoxelType::U64) => self.labels::<T, u64>(voxels)?,
            (Content::Label, _) => self.labels::<T, u32>(voxels)?,
            (Content::Intensity, _) => {
                let mut voxels: Vec<T> = voxels.iter().copied().collect();
                T::reorder(&mut voxels, Endian::Little);
                bytemuck::cast_slice(&voxels).to_vec()
            }
        };
        let file = self.folder.join(level.to_string()).join(name);
        storage::write_new(&file, bytes).map_err(Error::io("write", &file))
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Chunks {
    fn labels<T: Voxel, L: Label + TryFrom<i128> + Default>(
        &self,
        voxels: ArrayView3<'_, T>,
    ) -> Result<Vec<u8>> {
        let number = |voxel: T| voxel.to_whole().and_then(|whole| L::try_from(whole).ok());
        if let Some(wrong) = voxels.iter().find(|&&voxel| number(voxel).is_none()) {
            return Err(cannot_write(&self.path, format!("the label {wrong}"), "numbers of at least 0"));
        }
        Ok(compress_labels(voxels.mapv(|voxel| number(voxel).unwrap_or_default()).view()))
    }
}
