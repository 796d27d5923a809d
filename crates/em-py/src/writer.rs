//! Volumes that are written some sections at a time.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use em_io::{Content, OmeZarrVersion, TiffCompression, VolumeSpec, VolumeWriter, WriteOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::array::{AnyArray, voxel_type};
use crate::error::Raised;
use crate::work;

/// A volume that is being written; it appears when `finish` returns.
#[pyclass(frozen, module = "em_cli._native")]
pub struct Writer {
    /// `None` once it is finished or given up.
    inner: Mutex<Option<VolumeWriter>>,
}

#[pymethods]
impl Writer {
    #[new]
    #[pyo3(signature = (path, shape, dtype, voxel_size_nm=None, labels=None, chunk=None, levels=None, zarr_version=None, compressed=true))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of a Python constructor")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        shape: [usize; 3],
        dtype: &str,
        voxel_size_nm: Option<[f64; 3]>,
        labels: Option<bool>,
        chunk: Option<[usize; 3]>,
        levels: Option<usize>,
        zarr_version: Option<&str>,
        compressed: bool,
    ) -> PyResult<Self> {
        let spec = VolumeSpec { shape, voxel_type: voxel_type(dtype)?, voxel_size_nm };
        let mut options = WriteOptions::default();
        options.content = labels.map(|labels| if labels { Content::Label } else { Content::Intensity });
        options.chunk = chunk.unwrap_or(options.chunk);
        options.levels = levels;
        options.version = match zarr_version {
            None | Some("0.5") => OmeZarrVersion::V0_5,
            Some("0.4") => OmeZarrVersion::V0_4,
            Some(other) => {
                let text = format!("OME-Zarr {other}, expected \"0.4\" or \"0.5\"");
                return Err(PyValueError::new_err(text));
            }
        };
        if !compressed {
            options.tiff_compression = TiffCompression::None;
        }
        let writer = work::run(py, |_| VolumeWriter::with_options(path, spec, options))?.raised()?;
        Ok(Self { inner: Mutex::new(Some(writer)) })
    }

    /// Writes the next sections.
    fn write(&self, py: Python<'_>, sections: AnyArray<'_>) -> PyResult<()> {
        let voxels = sections.to_voxels();
        work::run(py, |_| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.as_mut().map(|writer| writer.write(&voxels))
        })?
        .ok_or_else(closed)?
        .raised()
    }

    /// Gives the volume its name.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        work::run(py, |_| {
            let writer = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
            writer.map(VolumeWriter::finish)
        })?
        .ok_or_else(closed)?
        .raised()
    }

    /// Leaves nothing of the volume behind.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        work::run(py, |_| drop(self.inner.lock().unwrap_or_else(PoisonError::into_inner).take()))
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("the volume is finished or given up, expected one that is being written")
}
