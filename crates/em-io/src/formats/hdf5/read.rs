//! Finds the dataset that is the volume, and reads blocks of it.
//!
//! The library has one lock for everything, so that blocks are read one after another.

use crate::Volume;
use crate::error::{Error, Result};
use crate::formats::axes::Axes;
use crate::formats::source::{Source, VolumeInfo};
use crate::formats::{DOUBLE_DIGITS, DOUBLE_NOTE, voxel_size};
use crate::sample::match_voxel_type;
use crate::{Roi, VoxelType, Voxels, limits};
use hdf5_metno::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5_metno::{Dataset, File, Group, Hyperslab, SliceOrIndex};
use ndarray::{Array3, ArrayD};
use std::path::{Path, PathBuf};

/// How deep groups within groups are searched for datasets, and how many are listed.
const DEPTH: usize = 8;
const MOST: usize = 64;

/// Opens a dataset; without a name the only one that is a volume.
pub(crate) fn open(path: &Path, dataset: Option<&str>) -> Result<Volume> {
    hdf5_metno::silence_errors(true);
    let file = File::open(path).map_err(damaged(path))?;
    let name = match dataset {
        Some(name) => name.to_owned(),
        None => only_volume(path, &file)?,
    };
    let shown = path.join(name.trim_start_matches('/'));
    let Ok(dataset) = file.dataset(&name) else {
        return Err(not_a_stack(&shown, "no such dataset".into(), &file));
    };
    check_own(path, &shown, &dataset)?;
    let (voxel_type, is_double) = voxel_type(&dataset).ok_or_else(|| Error::Unsupported {
        path: shown.clone(),
        page: 0,
        found: format!("stored as {:?}", dataset.dtype().and_then(|dtype| dtype.to_descriptor()).ok()),
        expected: "8- to 64-bit integers or 32- or 64-bit float",
    })?;
    let axes = Axes::by_length(&dataset.shape())
        .ok_or_else(|| not_a_stack(&shown, format!("an array of {:?}", dataset.shape()), &file))?;
    check_size(&shown, axes.shape(), voxel_type, &dataset)?;
    let mut notes: Vec<String> = axes.note().into_iter().collect();
    if is_double {
        notes.push(DOUBLE_NOTE.into());
    }
    let info = VolumeInfo {
        path: Some(shown.clone()),
        shape: axes.shape(),
        voxel_type,
        voxel_size_nm: voxel_size_nm(&dataset),
        format: "HDF5",
        notes,
        orientation: None,
    };
    Ok(Volume::new(info, Hdf5 { path: path.to_path_buf(), shown, name, voxel_type, axes }))
}

#[derive(Debug)]
struct Hdf5 {
    path: PathBuf,
    /// File and dataset, for errors.
    shown: PathBuf,
    name: String,
    voxel_type: VoxelType,
    axes: Axes,
}

impl Source for Hdf5 {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.voxel_type, T => self.read_as::<T>(roi).map(Voxels::from))
    }
}

impl Hdf5 {
    fn read_as<T: hdf5_metno::H5Type + Clone + Default>(&self, roi: Roi) -> Result<Array3<T>> {
        let [depth, height, width] = roi.shape;
        // The library takes the memory itself: whether there is enough is asked before.
        drop(limits::zeroed::<T>(roi.voxels())?);
        if roi.voxels() == 0 {
            return Ok(Array3::from_shape_simple_fn((depth, height, width), T::default));
        }
        let failed = || damaged(&self.shown);
        let file = File::open(&self.path).map_err(failed())?;
        let dataset = file.dataset(&self.name).map_err(failed())?;
        let place =
            Hyperslab::from(self.axes.ranges(roi).into_iter().map(SliceOrIndex::from).collect::<Vec<_>>());
        let read: ArrayD<T> = dataset.read_slice::<T, _, ndarray::IxDyn>(place).map_err(failed())?;
        let (voxels, _) = read.into_raw_vec_and_offset();
        Array3::from_shape_vec((depth, height, width), voxels)
            .map_err(|_| Error::Truncated { path: self.shown.clone(), page: roi.start[0] })
    }
}

/// Refuses datasets whose voxels are in other files.
fn check_own(path: &Path, shown: &Path, dataset: &Dataset) -> Result<()> {
    let is_here = || -> Option<bool> {
        let external = dataset.create_plist().ok()?.external();
        let same = Path::new(&dataset.filename()).canonicalize().ok()? == path.canonicalize().ok()?;
        Some(external.is_empty() && same)
    };
    if is_here() == Some(true) {
        return Ok(());
    }
    Err(Error::NotAStack {
        path: shown.to_path_buf(),
        found: "voxels that are in another file".into(),
        expected: "a dataset of this file".into(),
    })
}

fn check_size(shown: &Path, shape: [usize; 3], voxel_type: VoxelType, dataset: &Dataset) -> Result<()> {
    limits::check_sections(shown, shape[0])?;
    // Chunks that were never written take no place, so that the file's length says nothing.
    limits::check_section(shown, 0, [shape[1], shape[2]], 8 * voxel_type.bytes(), u64::MAX)?;
    let chunk = dataset.chunk().unwrap_or_default();
    let chunk_bytes = chunk.iter().fold(voxel_type.bytes(), |bytes, &side| bytes.saturating_mul(side));
    if chunk_bytes > limits::MAX_PIECE_BYTES || shape.contains(&0) {
        return Err(Error::NotAStack {
            path: shown.to_path_buf(),
            found: format!("{shape:?} voxels in chunks of {chunk:?}"),
            expected: format!("at least one voxel, chunks of at most {} bytes", limits::MAX_PIECE_BYTES),
        });
    }
    Ok(())
}

/// The type that voxels are read as, and whether they are stored as 64-bit floats.
fn voxel_type(dataset: &Dataset) -> Option<(VoxelType, bool)> {
    let voxel_type = match dataset.dtype().and_then(|dtype| dtype.to_descriptor()).ok()? {
        TypeDescriptor::Unsigned(IntSize::U1) => VoxelType::U8,
        TypeDescriptor::Unsigned(IntSize::U2) => VoxelType::U16,
        TypeDescriptor::Unsigned(IntSize::U4) => VoxelType::U32,
        TypeDescriptor::Unsigned(IntSize::U8) => VoxelType::U64,
        TypeDescriptor::Integer(IntSize::U1) => VoxelType::I8,
        TypeDescriptor::Integer(IntSize::U2) => VoxelType::I16,
        TypeDescriptor::Integer(IntSize::U4) => VoxelType::I32,
        TypeDescriptor::Integer(IntSize::U8) => VoxelType::I64,
        TypeDescriptor::Float(FloatSize::U4) => VoxelType::F32,
        TypeDescriptor::Float(FloatSize::U8) => return Some((VoxelType::F32, true)),
        _ => return None,
    };
    Some((voxel_type, false))
}

/// The voxel size of the attributes that are in use: `element_size_um` (BigDataViewer, PlantSeg) and
/// `resolution` in nm (CREMI), both z, y, x.
fn voxel_size_nm(dataset: &Dataset) -> Option<[f64; 3]> {
    let attribute = |name: &str, nm: f64| {
        let values = dataset.attr(name).ok()?.read_1d::<f64>().ok()?.to_vec();
        let size = <[f64; 3]>::try_from(values).ok()?;
        voxel_size(size.map(|size| size * nm), DOUBLE_DIGITS)
    };
    attribute("element_size_um", 1000.0).or_else(|| attribute("resolution", 1.0))
}

/// The name of the one dataset with two axes or more.
fn only_volume(path: &Path, file: &File) -> Result<String> {
    match volumes(file).as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(not_a_stack(path, "no dataset of two axes or more".into(), file)),
        _ => Err(Error::SeveralVolumes { path: path.to_path_buf(), names: volumes(file) }),
    }
}

/// All datasets with two axes or more, by their names.
fn volumes(file: &File) -> Vec<String> {
    let mut names = Vec::new();
    let mut groups: Vec<(Group, usize)> = file.as_group().ok().map(|root| (root, 0)).into_iter().collect();
    while let Some((group, depth)) = groups.pop() {
        let datasets = group.datasets().unwrap_or_default();
        names.extend(datasets.iter().filter(|dataset| dataset.ndim() >= 2).map(|dataset| dataset.name()));
        if depth < DEPTH && names.len() < MOST {
            groups.extend(group.groups().unwrap_or_default().into_iter().map(|group| (group, depth + 1)));
        }
    }
    names.sort();
    names.truncate(MOST);
    names
}

fn not_a_stack(path: &Path, found: String, file: &File) -> Error {
    let names = volumes(file).join(", ");
    let expected = format!("the path of one dataset of z, y, x behind that of the file, of: {names}");
    Error::NotAStack { path: path.to_path_buf(), found, expected }
}

fn damaged(path: &Path) -> impl FnOnce(hdf5_metno::Error) -> Error {
    let path = path.to_path_buf();
    // The library's text has a line for each function that it went through; the first tells.
    move |error| {
        let text = error.to_string();
        let reason = text.lines().next().unwrap_or_default().to_owned();
        Error::Damaged { path, page: 0, source: reason.into() }
    }
}
