//! Finds the dataset that is the volume, and reads blocks of it.

use super::stored::{Raw, stored};
use crate::Volume;
use crate::error::{Error, Result};
use crate::formats::axes::Axes;
use crate::formats::source::{Source, VolumeInfo};
use crate::formats::stored::Stored;
use crate::formats::{DOUBLE_DIGITS, voxel_size};
use crate::sample::{Endian, Voxel, match_voxel_type};
use crate::{Roi, Voxels, limits};
use hdf5_reader::{Dataset, Hdf5File, OpenOptions, SliceInfo, SliceInfoElem};
use ndarray::Array3;
use std::path::{Path, PathBuf};

/// How deep groups within groups are searched for datasets, and how many are listed.
const DEPTH: usize = 8;
const MOST: usize = 64;

/// Opens a dataset; without a name the only one that is a volume.
pub(crate) fn open(path: &Path, dataset: Option<&str>) -> Result<Volume> {
    let file = open_file(path)?;
    let name = match dataset {
        Some(name) => name.to_owned(),
        None => only_volume(path, &file)?,
    };
    let shown = path.join(name.trim_start_matches('/'));
    let dataset = match file.dataset(&name) {
        Ok(dataset) => dataset,
        Err(_) if !volumes(path, &file)?.contains(&format!("/{}", name.trim_matches('/'))) => {
            return Err(not_a_stack(&shown, "no such dataset".into(), path, &file));
        }
        Err(error) => return Err(damaged(&shown)(error)),
    };
    let (stored, endian) = stored(dataset.dtype()).ok_or_else(|| Error::Unsupported {
        path: shown.clone(),
        page: 0,
        found: format!("stored as {:?}", dataset.dtype()).chars().take(80).collect(),
        expected: "8- to 64-bit integers, 16- to 64-bit float or booleans",
    })?;
    let lengths = lengths(&dataset);
    let axes = lengths
        .as_deref()
        .and_then(Axes::by_length)
        .ok_or_else(|| not_a_stack(&shown, format!("an array of {:?}", dataset.shape()), path, &file))?;
    check_size(&shown, axes.shape(), stored, &dataset)?;
    let mut notes: Vec<String> = axes.note().into_iter().collect();
    notes.extend(stored.note().map(str::to_owned));
    let info = VolumeInfo {
        path: Some(shown.clone()),
        shape: axes.shape(),
        voxel_type: stored.voxel_type(),
        voxel_size_nm: voxel_size_nm(&dataset),
        format: "HDF5",
        notes,
        orientation: None,
        section_names: None,
    };
    Ok(Volume::new(info, Hdf5 { path: path.to_path_buf(), shown, name, stored, endian, axes }))
}

/// Opens a file. What is in other files, by links or as external voxels, is not looked for.
fn open_file(path: &Path) -> Result<Hdf5File> {
    let options = OpenOptions::default().with_max_chunk_bytes(limits::MAX_PIECE_BYTES);
    let file = Hdf5File::open_with_options(path, options).map_err(damaged(path))?;
    let file_bytes = std::fs::metadata(path).map_err(Error::io("open", path))?.len();
    if file.superblock().eof_address > file_bytes {
        return Err(Error::Truncated { path: path.to_path_buf(), page: 0 });
    }
    Ok(file)
}

/// A dataset, whose file is opened for every block.
#[derive(Debug)]
struct Hdf5 {
    path: PathBuf,
    /// File and dataset, for errors.
    shown: PathBuf,
    name: String,
    stored: Stored,
    endian: Endian,
    axes: Axes,
}

impl Source for Hdf5 {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        match_voxel_type!(self.stored.voxel_type(), T => self.read_as::<T>(roi).map(Voxels::from))
    }
}

impl Hdf5 {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        let [depth, height, width] = roi.shape;
        let mut voxels = limits::zeroed::<T>(roi.voxels())?;
        if !voxels.is_empty() {
            match self.stored.bytes() {
                1 => self.fill::<1, T>(roi, &mut voxels),
                2 => self.fill::<2, T>(roi, &mut voxels),
                4 => self.fill::<4, T>(roi, &mut voxels),
                _ => self.fill::<8, T>(roi, &mut voxels),
            }?;
        }
        Ok(Array3::from_shape_vec((depth, height, width), voxels)
            .expect("the buffer was made for this shape"))
    }

    /// Reads the bytes of a block, and from them the voxels.
    fn fill<const N: usize, T: Voxel>(&self, roi: Roi, out: &mut [T]) -> Result<()> {
        let failed = damaged(&self.shown);
        let dataset = open_file(&self.path)?.dataset(&self.name);
        // The file may be another one by now.
        let dataset = dataset.ok().filter(|dataset| {
            stored(dataset.dtype()) == Some((self.stored, self.endian))
                && lengths(dataset).as_deref().and_then(Axes::by_length).as_ref() == Some(&self.axes)
        });
        let Some(dataset) = dataset else {
            return Err(Error::Damaged {
                path: self.shown.clone(),
                page: roi.start[0],
                source: "the dataset has changed since it was opened".into(),
            });
        };
        let slice = |range: std::ops::Range<usize>| SliceInfoElem::Slice {
            start: range.start as u64,
            end: range.end as u64,
            step: 1,
        };
        let selections = self.axes.ranges(roi).into_iter().map(slice).collect();
        let read = dataset.read_slice_parallel::<Raw<N>>(&SliceInfo { selections }).map_err(failed)?;
        let bytes: Vec<[u8; N]> = read.into_raw_vec_and_offset().0.into_iter().map(|raw| raw.0).collect();
        if bytes.len() != out.len() {
            return Err(Error::Truncated { path: self.shown.clone(), page: roi.start[0] });
        }
        self.stored.decode(bytes.as_flattened(), self.endian, out);
        Ok(())
    }
}

/// The lengths of all axes, `None` where one is beyond this machine.
fn lengths(dataset: &Dataset) -> Option<Vec<usize>> {
    dataset.shape().iter().map(|&side| usize::try_from(side).ok()).collect()
}

fn check_size(shown: &Path, shape: [usize; 3], stored: Stored, dataset: &Dataset) -> Result<()> {
    limits::check_sections(shown, shape[0])?;
    // Chunks that were never written take no place, so that the file's length says nothing.
    limits::check_section(shown, 0, [shape[1], shape[2]], 8 * stored.bytes(), u64::MAX)?;
    let chunk = dataset.chunks().unwrap_or_default();
    let chunk_bytes = chunk.iter().fold(stored.bytes(), |bytes, &side| bytes.saturating_mul(side as usize));
    if chunk_bytes > limits::MAX_PIECE_BYTES || shape.contains(&0) {
        return Err(Error::NotAStack {
            path: shown.to_path_buf(),
            found: format!("{shape:?} voxels in chunks of {chunk:?}"),
            expected: format!("at least one voxel, chunks of at most {} bytes", limits::MAX_PIECE_BYTES),
        });
    }
    Ok(())
}

/// The voxel size of the attributes that are in use: `element_size_um` (BigDataViewer, PlantSeg) and
/// `resolution` in nm (CREMI), both z, y, x.
fn voxel_size_nm(dataset: &Dataset) -> Option<[f64; 3]> {
    let attribute = |name: &str, nm: f64| {
        let attribute = dataset.attribute(name).ok()?;
        let values = attribute
            .read_1d::<f64>()
            .or_else(|_| Ok(attribute.read_1d::<f32>()?.into_iter().map(f64::from).collect()))
            .or_else(|_: hdf5_reader::error::Error| {
                Ok::<_, hdf5_reader::error::Error>(
                    attribute.read_1d::<i64>()?.into_iter().map(|v| v as f64).collect(),
                )
            })
            .or_else(|_| attribute.read_1d::<i32>().map(|all| all.into_iter().map(f64::from).collect()));
        let size = <[f64; 3]>::try_from(values.ok()?).ok()?;
        voxel_size(size.map(|size| size * nm), DOUBLE_DIGITS)
    };
    attribute("element_size_um", 1000.0).or_else(|| attribute("resolution", 1.0))
}

/// The name of the one dataset with two axes or more.
fn only_volume(path: &Path, file: &Hdf5File) -> Result<String> {
    let names = volumes(path, file)?;
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(not_a_stack(path, "no dataset of two axes or more".into(), path, file)),
        _ => Err(Error::SeveralVolumes { path: path.to_path_buf(), names }),
    }
}

/// All datasets with two axes or more, by their names.
fn volumes(path: &Path, file: &Hdf5File) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut groups = vec![(String::new(), 0)];
    while let Some((within, depth)) = groups.pop() {
        let group = if within.is_empty() { file.root_group() } else { file.group(&within) };
        let group = group.map_err(damaged(path))?;
        let (inner, datasets) = group.member_names().map_err(damaged(path))?;
        for name in datasets.into_iter().take(MOST) {
            // What cannot be opened is none of the volumes, and says why where it is named.
            if group.dataset(&name).is_ok_and(|dataset| dataset.ndim() >= 2) {
                names.push(format!("{within}/{name}"));
            }
        }
        if depth < DEPTH && names.len() < MOST {
            groups.extend(inner.into_iter().take(MOST).map(|name| (format!("{within}/{name}"), depth + 1)));
        }
    }
    names.sort();
    names.truncate(MOST);
    Ok(names)
}

fn not_a_stack(shown: &Path, found: String, path: &Path, file: &Hdf5File) -> Error {
    match volumes(path, file) {
        Ok(names) => {
            let names = names.join(", ");
            let expected = format!("the path of one dataset of z, y, x behind that of the file, of: {names}");
            Error::NotAStack { path: shown.to_path_buf(), found, expected }
        }
        Err(error) => error,
    }
}

fn damaged(path: &Path) -> impl FnOnce(hdf5_reader::error::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |error| Error::decoding(&path, 0, error.to_string().into())
}
