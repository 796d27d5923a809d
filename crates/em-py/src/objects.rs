//! Connected components, the cleaning of masks, and objects that are measured.

use std::sync::Arc;

use em_objects::{Components, Connectivity, Extent, FindConfig, Foreground, Object, Physical, Postprocess};
use ndarray::{Array2, Array3};
use numpy::{IntoPyArray, Ix1, Ix2, Ix3, PyReadonlyArray3};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;

use crate::array::{NewArray, mask3};
use crate::error::Raised;
use crate::volume::Volume;
use crate::work;

/// Objects of a volume, found and kept in a temporary file.
#[pyclass(frozen, module = "em_cli._native")]
pub struct Objects {
    inner: Arc<em_objects::Objects>,
}

/// The name of a column and its values.
type Column<'py> = (&'static str, Bound<'py, PyAny>);

#[pymethods]
impl Objects {
    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        self.inner.shape().into()
    }

    #[getter]
    fn voxel_size_nm(&self) -> Option<(f64, f64, f64)> {
        self.inner.voxel_size_nm().map(Into::into)
    }

    #[getter]
    fn count(&self) -> usize {
        self.inner.count()
    }

    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> NewArray<'py, u32, Ix1> {
        self.inner.names().to_vec().into_pyarray(py)
    }

    /// Counts the voxels of each object.
    fn sizes<'py>(&self, py: Python<'py>) -> PyResult<NewArray<'py, u64, Ix1>> {
        Ok(work::run(py, |_| self.inner.sizes())?.raised()?.into_pyarray(py))
    }

    /// Paints the objects of some sections.
    fn paint<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<NewArray<'py, u32, Ix3>> {
        let depth = self.inner.shape()[0];
        if start > end || end > depth {
            let text = format!("sections {start} to {end} of objects in {depth} sections");
            return Err(PyIndexError::new_err(text));
        }
        Ok(work::run(py, |_| self.inner.paint(start..end))?.raised()?.into_pyarray(py))
    }

    /// Measures all objects: the columns of a table.
    #[pyo3(signature = (probabilities=None))]
    fn measure<'py>(
        &self,
        py: Python<'py>,
        probabilities: Option<PyRef<'_, Volume>>,
    ) -> PyResult<Vec<Column<'py>>> {
        let probabilities = probabilities.map(|volume| Arc::clone(&volume.inner));
        let measured = work::run(py, |stop| {
            em_objects::measure(&self.inner, probabilities.as_deref(), |_| stop.answer())
        })?;
        Ok(columns(py, &measured.raised()?))
    }

    /// Splits objects at their necks; returns how many fell into parts and how many were too large.
    fn split(&self, py: Python<'_>, neck_nm: f64) -> PyResult<(Self, usize, usize)> {
        let folder = std::env::temp_dir();
        let parts = work::run(py, |stop| self.inner.split(neck_nm, &folder, |_| stop.answer()))?;
        let (inner, counts) = parts.raised()?;
        Ok((Self { inner: Arc::new(inner) }, counts.split, counts.too_large))
    }

    /// Finds the nearest object of others for each, 0 where there is none, with its distance.
    fn nearest<'py>(
        &self,
        py: Python<'py>,
        others: PyRef<'_, Self>,
        within_nm: f64,
    ) -> PyResult<(NewArray<'py, u32, Ix1>, NewArray<'py, f64, Ix1>)> {
        if self.inner.voxel_size_nm().is_none() {
            return Err(PyValueError::new_err(
                "the voxel size of the objects is unknown, expected one for distances in nm",
            ));
        }
        if within_nm.is_nan() || within_nm < 0.0 {
            return Err(PyValueError::new_err(format!("a distance of {within_nm} nm, expected 0 or more")));
        }
        let others = Arc::clone(&others.inner);
        let found =
            work::run(py, |stop| em_objects::nearest(&self.inner, &others, within_nm, |_| stop.answer()))?;
        let found = found.raised()?;
        let ids: Vec<u32> = found.iter().map(|nearest| nearest.map_or(0, |nearest| nearest.id)).collect();
        let distances = numbers(&found, |nearest| nearest.map(|nearest| nearest.distance_nm));
        Ok((ids.into_pyarray(py), distances.into_pyarray(py)))
    }
}

/// Finds the objects of a volume.
#[pyfunction]
#[pyo3(signature = (volume, foreground, value=None, connectivity=26, flat=false, fill_holes=false, min_voxels=1, voxel_size_nm=None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords of a Python function")]
pub fn find(
    py: Python<'_>,
    volume: PyRef<'_, Volume>,
    foreground: &str,
    value: Option<f64>,
    connectivity: u32,
    flat: bool,
    fill_holes: bool,
    min_voxels: u64,
    voxel_size_nm: Option<[f64; 3]>,
) -> PyResult<Objects> {
    let config = FindConfig {
        foreground: foreground_of(foreground, value)?,
        extent: extent(flat),
        fill_holes,
        connectivity: connectivity_of(connectivity)?,
    };
    voxel_size_nm.map(em_io::VoxelSize::new).transpose().raised()?;
    let volume = Arc::clone(&volume.inner);
    let folder = std::env::temp_dir();
    let found = work::run(py, |stop| {
        let mut objects = em_objects::Objects::find(&volume, config, &folder, |_| stop.answer())?;
        if min_voxels > 1 {
            let sizes = objects.sizes()?;
            objects.retain(|number| sizes[number as usize - 1] >= min_voxels);
        }
        if voxel_size_nm.is_some() {
            objects.set_voxel_size_nm(voxel_size_nm);
        }
        Ok(objects)
    })?;
    let found: em_objects::Result<em_objects::Objects> = found;
    Ok(Objects { inner: Arc::new(found.raised()?) })
}

/// Numbers the connected components of a mask.
#[pyfunction]
pub fn label<'py>(
    py: Python<'py>,
    mask: PyReadonlyArray3<'_, u8>,
    connectivity: u32,
    flat: bool,
) -> PyResult<NewArray<'py, u32, Ix3>> {
    let connectivity = connectivity_of(connectivity)?;
    let mask = checked(&mask)?;
    let labels = work::run(py, |_| Components::of(mask.view(), extent(flat), connectivity).labels())?;
    Ok(labels.into_pyarray(py))
}

/// Cleans a mask.
#[pyfunction]
pub fn clean<'py>(
    py: Python<'py>,
    mask: PyReadonlyArray3<'_, u8>,
    median_size: usize,
    minimum_voxels: u64,
    fill_holes: bool,
    flat: bool,
) -> PyResult<NewArray<'py, bool, Ix3>> {
    let steps = Postprocess { extent: extent(flat), median_size, minimum_voxels, fill_holes };
    let mask = checked(&mask)?;
    Ok(work::run(py, |_| steps.apply(mask))?.raised()?.into_pyarray(py))
}

/// Returns the vertices, in voxels, and the triangles of the surface of a mask.
#[pyfunction]
pub fn surface<'py>(
    py: Python<'py>,
    mask: PyReadonlyArray3<'_, u8>,
) -> PyResult<(NewArray<'py, f32, Ix2>, NewArray<'py, u32, Ix2>)> {
    let mask = checked(&mask)?;
    let mesh = work::run(py, |_| em_objects::surface(mask.view()))?;
    let (vertices, triangles) = (Array2::from(mesh.vertices), Array2::from(mesh.triangles));
    Ok((vertices.into_pyarray(py), triangles.into_pyarray(py)))
}

/// Copies a mask whose sections are small enough for runs of 32 bits.
fn checked(mask: &PyReadonlyArray3<'_, u8>) -> PyResult<Array3<bool>> {
    let (_, height, width) = mask.as_array().dim();
    if height.max(width) >= u32::MAX as usize || height.saturating_mul(width) >= u32::MAX as usize {
        let too_large: em_objects::Result<_> = Err(em_objects::Error::SectionTooLarge { width, height });
        return too_large.raised();
    }
    Ok(mask3(mask))
}

fn extent(flat: bool) -> Extent {
    if flat { Extent::Section } else { Extent::Volume }
}

fn connectivity_of(neighbours: u32) -> PyResult<Connectivity> {
    match neighbours {
        6 => Ok(Connectivity::Faces),
        18 => Ok(Connectivity::Edges),
        26 => Ok(Connectivity::Corners),
        other => Err(PyValueError::new_err(format!("connectivity {other}, expected 6, 18 or 26"))),
    }
}

fn foreground_of(name: &str, value: Option<f64>) -> PyResult<Foreground> {
    let missing = || PyValueError::new_err(format!("foreground `{name}` without a value"));
    match name {
        "mask" => Ok(Foreground::Mask),
        "nonzero" => Ok(Foreground::NonZero),
        "instances" => Ok(Foreground::Instances),
        "value" => Ok(Foreground::Value(value.ok_or_else(missing)?)),
        // Thresholds of probabilities need no more digits than a 32-bit float has.
        "above" => Ok(Foreground::Above(value.ok_or_else(missing)? as f32)),
        other => Err(PyValueError::new_err(format!("foreground `{other}`"))),
    }
}

/// The table of `objects.csv`, without class and neighbours; a measure that does not exist is NaN.
fn columns<'py>(py: Python<'py>, objects: &[Object]) -> Vec<Column<'py>> {
    let mut table = Table { py, objects, columns: Vec::new() };
    table.whole("id", |o| i64::from(o.id));
    // A volume of 2^63 voxels fits nowhere.
    table.whole("voxels", |o| o.voxels as i64);
    table.physical("volume_um3", |p| Some(p.volume_um3));
    table.numbers(["centroid_z", "centroid_y", "centroid_x"], |o, axis| Some(o.centroid[axis]));
    table.physicals(["centroid_z_nm", "centroid_y_nm", "centroid_x_nm"], |p, axis| p.centroid_nm[axis]);
    for (axis, name) in ["start_z", "start_y", "start_x"].into_iter().enumerate() {
        table.whole(name, |o| o.start[axis] as i64);
    }
    for (axis, name) in ["end_z", "end_y", "end_x"].into_iter().enumerate() {
        table.whole(name, |o| o.end[axis] as i64);
    }
    table.physicals(["start_z_nm", "start_y_nm", "start_x_nm"], |p, axis| p.start_nm[axis]);
    table.physicals(["end_z_nm", "end_y_nm", "end_x_nm"], |p, axis| p.end_nm[axis]);
    table.physical("surface_um2", |p| Some(p.surface_um2));
    table.physical("equivalent_diameter_nm", |p| Some(p.equivalent_diameter_nm));
    table.physicals(["axis_1_nm", "axis_2_nm", "axis_3_nm"], |p, axis| p.axes_nm[axis]);
    table.physicals(["axis_1_z", "axis_1_y", "axis_1_x"], |p, axis| p.directions[0][axis]);
    table.physical("elongation", |p| p.elongation);
    table.physical("flatness", |p| p.flatness);
    table.physical("sphericity", |p| p.sphericity);
    let touches: Vec<bool> = objects.iter().map(|object| object.touches_border).collect();
    table.columns.push(("touches_border", touches.into_pyarray(py).into_any()));
    table.number("mean_probability", |o| o.mean_probability);
    table.number("section_change", |o| o.section_change);
    // No volume has 2^63 faces.
    table.whole("contact_faces", |o| o.contact_faces as i64);
    table.columns
}

/// Columns that are put together.
struct Table<'a, 'py> {
    py: Python<'py>,
    objects: &'a [Object],
    columns: Vec<Column<'py>>,
}

impl Table<'_, '_> {
    fn whole(&mut self, name: &'static str, of: impl Fn(&Object) -> i64) {
        let values: Vec<i64> = self.objects.iter().map(of).collect();
        self.columns.push((name, values.into_pyarray(self.py).into_any()));
    }

    fn number(&mut self, name: &'static str, of: impl Fn(&Object) -> Option<f64>) {
        self.columns.push((name, numbers(self.objects, of).into_pyarray(self.py).into_any()));
    }

    fn numbers(&mut self, names: [&'static str; 3], of: impl Fn(&Object, usize) -> Option<f64>) {
        for (axis, name) in names.into_iter().enumerate() {
            self.number(name, |object| of(object, axis));
        }
    }

    fn physical(&mut self, name: &'static str, of: impl Fn(&Physical) -> Option<f64>) {
        self.number(name, |object| object.physical.as_ref().and_then(&of));
    }

    fn physicals(&mut self, names: [&'static str; 3], of: impl Fn(&Physical, usize) -> f64) {
        for (axis, name) in names.into_iter().enumerate() {
            self.physical(name, |physical| Some(of(physical, axis)));
        }
    }
}

/// Numbers, NaN for those that do not exist.
fn numbers<T>(of: &[T], number: impl Fn(&T) -> Option<f64>) -> Vec<f64> {
    of.iter().map(|one| number(one).unwrap_or(f64::NAN)).collect()
}
