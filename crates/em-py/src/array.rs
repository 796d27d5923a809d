//! NumPy's arrays in and out.

use em_io::{VoxelType, Voxels, match_voxels};
use ndarray::{Array3, ArrayD};
use numpy::{IntoPyArray, PyArray, PyReadonlyArray3, PyReadonlyArrayDyn};
use pyo3::prelude::*;

/// Voxels `[z, y, x]` of one of the types that volumes have.
#[derive(FromPyObject)]
pub enum AnyArray<'py> {
    U8(PyReadonlyArray3<'py, u8>),
    I8(PyReadonlyArray3<'py, i8>),
    U16(PyReadonlyArray3<'py, u16>),
    I16(PyReadonlyArray3<'py, i16>),
    U32(PyReadonlyArray3<'py, u32>),
    I32(PyReadonlyArray3<'py, i32>),
    U64(PyReadonlyArray3<'py, u64>),
    I64(PyReadonlyArray3<'py, i64>),
    F32(PyReadonlyArray3<'py, f32>),
}

impl AnyArray<'_> {
    /// Copies the voxels.
    pub fn to_voxels(&self) -> Voxels {
        match self {
            Self::U8(array) => array.as_array().to_owned().into(),
            Self::I8(array) => array.as_array().to_owned().into(),
            Self::U16(array) => array.as_array().to_owned().into(),
            Self::I16(array) => array.as_array().to_owned().into(),
            Self::U32(array) => array.as_array().to_owned().into(),
            Self::I32(array) => array.as_array().to_owned().into(),
            Self::U64(array) => array.as_array().to_owned().into(),
            Self::I64(array) => array.as_array().to_owned().into(),
            Self::F32(array) => array.as_array().to_owned().into(),
        }
    }
}

/// A mask as bytes, of any number of axes. Bytes and not NumPy's `bool`, of which a view may hold any byte.
pub type MaskBytes<'py> = PyReadonlyArrayDyn<'py, u8>;

/// A new array of Python's.
pub type NewArray<'py, T, D> = Bound<'py, PyArray<T, D>>;

/// Copies a mask: every byte but 0 is foreground.
pub fn mask(bytes: &MaskBytes<'_>) -> ArrayD<bool> {
    bytes.as_array().mapv(|byte| byte != 0)
}

/// Copies a mask `[z, y, x]`.
pub fn mask3(bytes: &PyReadonlyArray3<'_, u8>) -> Array3<bool> {
    bytes.as_array().mapv(|byte| byte != 0)
}

/// Hands voxels to Python, without a copy.
pub fn to_python(py: Python<'_>, voxels: Voxels) -> Bound<'_, PyAny> {
    match_voxels!(voxels, array => array.into_pyarray(py).into_any())
}

/// Finds the type of one of NumPy's names.
pub fn voxel_type(dtype: &str) -> PyResult<VoxelType> {
    VoxelType::ALL.into_iter().find(|known| known.long_name() == dtype).ok_or_else(|| {
        let known = VoxelType::ALL.map(VoxelType::long_name).join(", ");
        pyo3::exceptions::PyTypeError::new_err(format!("voxels of type {dtype}, expected one of {known}"))
    })
}
