//! Opens a dataset or its smaller levels, and reads blocks of them.

use super::dataset::Dataset;
use super::group::{self, Node};
use super::{ATTRIBUTES, size};
use crate::error::{Error, Result};
use crate::formats::grid::read_chunks;
use crate::formats::json::metadata;
use crate::formats::source::{Source, VolumeInfo};
use crate::sample::{Voxel, match_voxel_type};
use crate::{OpenOptions, Roi, Volume, Voxels};
use ndarray::Array3;
use std::path::Path;

/// Opens a dataset, the full level of one, or the only one of these in a group. No block is read.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    match group::node(path)? {
        Node::Dataset(_) => dataset(path, path, options),
        Node::Levels(levels) => dataset(path, &levels[0], options),
        Node::Group => {
            let names = group::volumes(path)?;
            match names.as_slice() {
                [only] => open(&path.join(only), options),
                [] => {
                    Err(metadata(path, "no N5 dataset", format!("a file `{ATTRIBUTES}` with `dimensions`")))
                }
                _ => Err(Error::SeveralVolumes { path: path.to_path_buf(), names }),
            }
        }
    }
}

/// Opens the smaller levels, largest first; none where there are none.
pub(crate) fn open_levels(path: &Path, options: OpenOptions) -> Result<Vec<Volume>> {
    match group::node(path)? {
        Node::Dataset(_) => Ok(Vec::new()),
        Node::Levels(levels) => levels.iter().skip(1).map(|level| dataset(path, level, options)).collect(),
        Node::Group => match group::volumes(path)?.as_slice() {
            [only] => open_levels(&path.join(only), options),
            _ => Ok(Vec::new()),
        },
    }
}

fn dataset(path: &Path, folder: &Path, options: OpenOptions) -> Result<Volume> {
    let attributes = group::attributes(folder)?;
    let mut dataset = Dataset::new(path, folder, &attributes, options)?;
    let mut described =
        VolumeInfo::new("N5", dataset.axes.shape(), dataset.stored.voxel_type()).with_path(path);
    described.notes.append(&mut dataset.notes);
    if let Some(size) = size::of(&dataset, &attributes)? {
        described.voxel_size_nm = Some(size.nm);
        described.notes.extend(size.note);
    }
    Ok(Volume::new(described, N5 { dataset }))
}

#[derive(Debug)]
struct N5 {
    dataset: Dataset,
}

impl Source for N5 {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.dataset.stored.voxel_type(), T => self.read_as::<T>(roi).map(Voxels::from))
    }

    fn piece(&self) -> [usize; 3] {
        self.dataset.axes.of_space(&self.dataset.block)
    }
}

impl N5 {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        let cell = self.piece();
        read_chunks(&self.dataset.folder, roi, cell, |place, start, part| {
            let place = self.dataset.axes.place_in_grid(place, &self.dataset.block);
            // A block that is missing is background.
            if let Some(block) = self.dataset.block(&place)? {
                block.put(start, part);
            }
            Ok(())
        })
    }
}
