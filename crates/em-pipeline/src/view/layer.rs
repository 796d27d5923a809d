//! A layer: how its voxels are shown, and chunks of them as they are served.

use std::path::PathBuf;
use std::sync::Arc;

use em_io::precomputed::compress_labels;
use em_io::{OpenOptions, Roi, Volume, Voxel, VoxelType, Voxels, match_voxels};
use ndarray::Array3;

use super::bricks::{Bricks, locked};
use super::kind::Kind;
use super::measuring::Measuring;
use super::pyramid::{Level, Pyramid};
use crate::Result;
use crate::annotate::pictures::Greys;

/// A layer that is shown.
#[derive(Debug)]
pub struct Layer {
    /// Its name in addresses: letters, digits, and `-_.`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// What is shown black and white; of labels, nothing.
    pub range: [f64; 2],
    /// The size of a voxel in nm, `[z, y, x]`; 1 where it is unknown.
    pub voxel_size_nm: [f64; 3],
    /// The table of its objects, where it has some.
    pub measuring: Option<Measuring>,
    pyramid: Pyramid,
}

/// The type of the voxels that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedType {
    /// 8-bit unsigned.
    Uint8,
    /// 16-bit unsigned.
    Uint16,
    /// 32-bit unsigned.
    Uint32,
    /// 64-bit unsigned.
    Uint64,
    /// 32-bit float.
    Float32,
}

impl ServedType {
    /// The name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float32 => "float32",
        }
    }

    /// The type of the voxels as volumes name it.
    pub fn voxel_type(self) -> VoxelType {
        match self {
            Self::Uint8 => VoxelType::U8,
            Self::Uint16 => VoxelType::U16,
            Self::Uint32 => VoxelType::U32,
            Self::Uint64 => VoxelType::U64,
            Self::Float32 => VoxelType::F32,
        }
    }
}

/// What a layer is made of.
pub(super) struct LayerFile {
    pub name: String,
    pub path: PathBuf,
    pub reading: OpenOptions,
    pub volume: Volume,
    pub kind: Kind,
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Those that tell how objects are split.
    pub probabilities: Option<PathBuf>,
}

impl Layer {
    /// Makes the layer of this number of an open file; its levels are planned, and not read.
    pub(super) fn new(number: usize, file: LayerFile, bricks: &Arc<Bricks>) -> Result<Self> {
        let LayerFile { name, path, reading, volume, kind, voxel_size_nm, probabilities } = file;
        let range = match kind {
            Kind::Image => Greys::of(&volume)?.range().map(f64::from),
            Kind::Probabilities => [0.0, volume.voxel_type().range().1],
            Kind::Objects | Kind::Mask => [0.0, 1.0],
        };
        let smaller = reading.open_levels(&path)?;
        let space = (volume.shape()[0], voxel_size_nm);
        let measuring = kind.is_label().then(|| Measuring::of(&name, &path, probabilities, kind, space));
        let size = voxel_size_nm.unwrap_or([1.0; 3]);
        let pyramid = Pyramid::new(number, kind.content(), volume, smaller, size, Arc::clone(bricks));
        Ok(Self { name, path, kind, range, voxel_size_nm: size, measuring, pyramid })
    }

    /// Returns the volume itself.
    pub fn volume(&self) -> &Volume {
        self.pyramid.full()
    }

    /// Returns the levels, the full one first.
    pub fn levels(&self) -> &[Level] {
        self.pyramid.levels()
    }

    /// Returns the type that voxels are served in.
    pub fn served_type(&self) -> ServedType {
        match (self.kind, self.volume().voxel_type()) {
            (Kind::Mask, _) => ServedType::Uint32,
            (Kind::Objects, VoxelType::U64 | VoxelType::I64) => ServedType::Uint64,
            (Kind::Objects, _) => ServedType::Uint32,
            (_, VoxelType::U8) => ServedType::Uint8,
            (_, VoxelType::U16) => ServedType::Uint16,
            _ => ServedType::Float32,
        }
    }

    /// Returns a chunk of a level as Neuroglancer reads it: labels packed, others as little-endian numbers, x
    /// first; `None` where the level has no such chunk.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn chunk(&self, level: usize, chunk: Roi) -> Result<Option<Vec<u8>>> {
        if !self.levels().get(level).is_some_and(|level| level.has(chunk)) {
            return Ok(None);
        }
        let voxels = self.read(level, chunk)?;
        Ok(Some(match (self.served_type(), voxels) {
            (ServedType::Uint32, voxels) if self.kind == Kind::Mask => {
                let is_set =
                    match_voxels!(&voxels, array => array.mapv(|value| u32::from(value.to_f64() != 0.0)));
                compress_labels(is_set.view())
            }
            (ServedType::Uint64, voxels) => compress_labels(numbers::<u64>(voxels)?.view()),
            (ServedType::Uint32, voxels) => compress_labels(numbers::<u32>(voxels)?.view()),
            (_, Voxels::U8(array)) => array.into_iter().collect(),
            (_, Voxels::U16(array)) => array.into_iter().flat_map(u16::to_le_bytes).collect(),
            (_, voxels) => voxels.to_f32().into_iter().flat_map(f32::to_le_bytes).collect(),
        }))
    }

    /// Reads a block of a level: of objects, as they are corrected.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub(super) fn read(&self, level: usize, block: Roi) -> Result<Voxels> {
        let voxels = self.pyramid.read(level, block)?;
        let Some(effective) = self.measuring.as_ref().map(|of| locked(&of.work.shown).effective.clone())
        else {
            return Ok(voxels);
        };
        if effective.count() == 0 {
            return Ok(voxels);
        }
        // What is corrected has numbers of 32 bits.
        let mut labels = numbers::<u32>(voxels)?;
        let (factor, shape) = (self.levels()[level].factor, self.volume().shape());
        let shown = |axis: usize, place: usize| {
            // The voxel in the middle of those that one of the level stands for.
            (((place as f64 + 0.5) * factor[axis]) as usize).min(shape[axis] - 1)
        };
        effective.apply_sampled(block, shown, &mut labels);
        Ok(labels.into())
    }

    /// Returns a number that rises when voxels change, so that nobody shows old ones.
    pub fn revision(&self) -> u64 {
        self.measuring.as_ref().map_or(0, |measuring| locked(&measuring.work.shown).revision)
    }

    /// Returns the value of a voxel, `None` where it is no number or lies outside.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn value(&self, voxel: [usize; 3]) -> Result<Option<serde_json::Number>> {
        let voxel = Roi { start: voxel, shape: [1; 3] };
        if !voxel.is_within(self.volume().shape()) {
            return Ok(None);
        }
        Ok(match self.read(0, voxel)? {
            Voxels::U64(array) => Some(array[[0; 3]].into()),
            Voxels::I64(array) => Some(array[[0; 3]].into()),
            Voxels::F32(array) => serde_json::Number::from_f64(array[[0; 3]].into()),
            // Every other type holds whole numbers of at most 32 bits.
            voxels => Some((match_voxels!(&voxels, array => array[[0; 3]].to_f64()) as i64).into()),
        })
    }
}

/// Numbers of objects in the type that they are served in; those below 0 are background.
fn numbers<T: Voxel>(voxels: Voxels) -> Result<Array3<T>> {
    Ok(voxels.to_type(T::TYPE).into_array()?)
}
