//! Opens a volume or its smaller levels, and reads blocks of them.

use super::info::{Info, Level};
use super::{FORMAT, info};
use crate::error::Result;
use crate::formats::grid::read_chunks;
use crate::formats::source::{Source, VolumeInfo};
use crate::sample::{Voxel, match_voxel_type};
use crate::{OpenOptions, Part, Roi, Volume, Voxels};
use ndarray::Array3;
use std::path::Path;

/// Opens the full level. No chunk is read.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    level(path, &Info::read(path)?, 0, options)
}

/// Opens the smaller levels, largest first.
pub(crate) fn open_levels(path: &Path, options: OpenOptions) -> Result<Vec<Volume>> {
    let info = Info::read(path)?;
    (1..info.levels()).map(|number| level(path, &info, number, options)).collect()
}

fn level(path: &Path, info: &Info, number: usize, options: OpenOptions) -> Result<Volume> {
    let count = info.channels();
    let channel = options.pick(path, Part::Channel, count, || format!("{count} channels"))?;
    let level = info.level(path, number)?;
    let mut described = VolumeInfo::new(FORMAT, level.shape, level.stored.voxel_type()).with_path(path);
    described.voxel_size_nm = level.voxel_size_nm;
    if level.offset != [0; 3] {
        described
            .notes
            .push(format!("its first voxel is {:?} [z, y, x] of the space it lies in", level.offset));
    }
    if level.encoding == info::Encoding::Jpeg {
        described.notes.push("packed as JPEG, which keeps values nearly".into());
    }
    Ok(Volume::new(described, Precomputed { level, channel }))
}

#[derive(Debug)]
struct Precomputed {
    level: Level,
    channel: usize,
}

impl Source for Precomputed {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.level.stored.voxel_type(), T => self.read_as::<T>(roi).map(Voxels::from))
    }

    fn piece(&self) -> [usize; 3] {
        self.level.chunk
    }
}

impl Precomputed {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        read_chunks(&self.level.folder, roi, self.level.chunk, |place, start, part| {
            // A chunk that is missing is background.
            if let Some(chunk) = self.level.chunk(place, self.channel)? {
                chunk.put(start, part);
            }
            Ok(())
        })
    }
}
