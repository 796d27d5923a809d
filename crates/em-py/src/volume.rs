//! Volumes that are read block by block.

use std::path::PathBuf;
use std::sync::Arc;

use em_io::{OpenOptions, Roi};
use pyo3::prelude::*;

use crate::array::{AnyArray, to_python};
use crate::error::Raised;
use crate::work;

/// A volume, opened and not read.
#[pyclass(frozen, module = "em_cli._native")]
pub struct Volume {
    pub inner: Arc<em_io::Volume>,
}

impl Volume {
    fn new(volume: em_io::Volume) -> Self {
        Self { inner: Arc::new(volume) }
    }
}

#[pymethods]
impl Volume {
    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        self.inner.shape().into()
    }

    #[getter]
    fn dtype(&self) -> &'static str {
        self.inner.voxel_type().long_name()
    }

    #[getter]
    fn voxel_size_nm(&self) -> Option<(f64, f64, f64)> {
        self.inner.voxel_size_nm().map(Into::into)
    }

    #[getter]
    fn piece(&self) -> (usize, usize, usize) {
        self.inner.piece().into()
    }

    #[getter]
    fn format(&self) -> &str {
        self.inner.format()
    }

    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.inner.path().map(PathBuf::from)
    }

    #[getter]
    fn notes(&self) -> Vec<String> {
        self.inner.notes().to_vec()
    }

    #[getter]
    fn orientation(&self) -> Option<String> {
        self.inner.info().orientation.map(|axes| axes.iter().collect())
    }

    #[getter]
    fn section_names(&self) -> Option<Vec<String>> {
        self.inner.info().section_names.clone()
    }

    /// Reads a block.
    fn read<'py>(
        &self,
        py: Python<'py>,
        start: [usize; 3],
        shape: [usize; 3],
    ) -> PyResult<Bound<'py, PyAny>> {
        let voxels = work::run(py, |_| self.inner.read(Roi { start, shape }))?.raised()?;
        Ok(to_python(py, voxels))
    }
}

/// Opens a volume.
#[pyfunction]
#[pyo3(signature = (path, channel=None, time=None, volume=None, invert=None))]
pub fn open(
    py: Python<'_>,
    path: PathBuf,
    channel: Option<usize>,
    time: Option<usize>,
    volume: Option<usize>,
    invert: Option<bool>,
) -> PyResult<Volume> {
    let options = OpenOptions { channel, time, volume, invert };
    Ok(Volume::new(work::run(py, |_| options.open(path))?.raised()?))
}

/// Opens the smaller levels that a file holds of a volume.
#[pyfunction]
#[pyo3(signature = (path, channel=None, time=None, volume=None, invert=None))]
pub fn open_levels(
    py: Python<'_>,
    path: PathBuf,
    channel: Option<usize>,
    time: Option<usize>,
    volume: Option<usize>,
    invert: Option<bool>,
) -> PyResult<Vec<Volume>> {
    let options = OpenOptions { channel, time, volume, invert };
    let levels = work::run(py, |_| options.open_levels(path))?.raised()?;
    Ok(levels.into_iter().map(Volume::new).collect())
}

/// Makes a volume of a copy of an array.
#[pyfunction]
#[pyo3(signature = (array, voxel_size_nm=None))]
pub fn from_array(array: AnyArray<'_>, voxel_size_nm: Option<[f64; 3]>) -> PyResult<Volume> {
    voxel_size_nm.map(em_io::VoxelSize::new).transpose().raised()?;
    Ok(Volume::new(em_io::Volume::from_voxels(array.to_voxels(), voxel_size_nm)))
}
