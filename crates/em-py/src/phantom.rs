//! Generated stacks with labels, for trials and tests.

use em_data::phantom::{Phantom, PhantomConfig};
use numpy::{IntoPyArray, ToPyArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Raised;
use crate::work;

/// More are no trial any more: they take 16 GB while they are made.
const MOST_VOXELS: usize = 1 << 30;

/// Grey values, masks by name, numbered cells, and the voxel size.
type Made<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>, Bound<'py, PyAny>, (f64, f64, f64));

/// Generates a phantom.
#[pyfunction]
#[pyo3(signature = (shape, seed, vary=false, voxel_size_nm=None))]
pub fn phantom<'py>(
    py: Python<'py>,
    shape: [usize; 3],
    seed: u64,
    vary: bool,
    voxel_size_nm: Option<[f64; 3]>,
) -> PyResult<Made<'py>> {
    let varied =
        if vary { PhantomConfig::varied(seed) } else { PhantomConfig { seed, ..Default::default() } };
    let voxel_size_nm = voxel_size_nm.unwrap_or(varied.voxel_size_nm);
    em_io::VoxelSize::new(voxel_size_nm).raised()?;
    let voxels = shape.iter().try_fold(1_usize, |voxels, &side| voxels.checked_mul(side));
    if voxels.is_none_or(|voxels| voxels > MOST_VOXELS) {
        let message = format!("a phantom of {shape:?} voxels, expected at most {MOST_VOXELS} of them");
        return Err(PyValueError::new_err(message));
    }
    let config = PhantomConfig { shape, voxel_size_nm, ..varied };
    let made = work::run(py, |_| em_data::phantom::phantom(&config))?;
    let masks = PyDict::new(py);
    for class in Phantom::CLASSES {
        let mask = made.mask(class).expect("each class has a mask");
        masks.set_item(class, mask.to_pyarray(py))?;
    }
    let (raw, cells) = (made.raw.into_pyarray(py).into_any(), made.cells.into_pyarray(py).into_any());
    Ok((raw, masks, cells, voxel_size_nm.into()))
}
