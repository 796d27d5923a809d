//! The native half of the Python package `em_cli`: the crates without libtorch, on NumPy's arrays.
//!
//! What users see is in `python/em_cli`, which brings arrays into the few forms that are taken here: three axes (of
//! masks that are scored, any number), in memory order, masks as bytes. Arrays are copied, since Python's threads
//! may change them while the work goes on without the interpreter.

mod array;
mod counts;
mod error;
mod metrics;
mod objects;
mod phantom;
mod volume;
mod work;
mod writer;

use pyo3::prelude::*;

/// The native half of `em_cli`.
#[pymodule]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::IntoPyDict;

    #[pymodule_export]
    use super::counts::{BoundaryCounts, Calibration, ConfusionCounts, InstanceCounts, SurfaceDistances};
    #[pymodule_export]
    use super::metrics::{
        boundary, calibration, confusion, distance_transform, instances, soft_dice, soft_jaccard,
        surface_distances,
    };
    #[pymodule_export]
    use super::objects::{Objects, clean, find, label, surface};
    #[pymodule_export]
    use super::phantom::phantom;
    #[pymodule_export]
    use super::volume::{Volume, from_array, open, open_levels};
    #[pymodule_export]
    use super::work::{after_fork, set_threads, threads};
    #[pymodule_export]
    use super::writer::Writer;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("VOXEL_TYPES", em_io::VoxelType::ALL.map(em_io::VoxelType::long_name).to_vec())?;
        let py = module.py();
        let forget = [("after_in_child", module.getattr("after_fork")?)].into_py_dict(py)?;
        py.import("os")?.call_method("register_at_fork", (), Some(&forget))?;
        Ok(())
    }
}
