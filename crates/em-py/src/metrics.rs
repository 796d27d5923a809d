//! Scores of masks, objects and probabilities, of arrays with any number of axes.

use em_metrics::soft::{self, DiceDenominator};
use numpy::{IntoPyArray, PyArrayDyn, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::array::{MaskBytes, mask};
use crate::counts::{BoundaryCounts, Calibration, ConfusionCounts, InstanceCounts, SurfaceDistances};
use crate::error::Raised;
use crate::work;

/// Counts the voxels of a prediction against a label.
#[pyfunction]
pub fn confusion(
    py: Python<'_>,
    prediction: MaskBytes<'_>,
    label: MaskBytes<'_>,
) -> PyResult<ConfusionCounts> {
    let (prediction, label) = (mask(&prediction), mask(&label));
    let counts = work::run(py, |_| em_metrics::ConfusionCounts::of(prediction.view(), label.view()))?;
    Ok(counts.raised()?.into())
}

/// Counts the boundary voxels of two masks, and those near the other's boundary.
#[pyfunction]
pub fn boundary(
    py: Python<'_>,
    prediction: MaskBytes<'_>,
    label: MaskBytes<'_>,
    spacing: Vec<f64>,
    tolerance: f64,
) -> PyResult<BoundaryCounts> {
    let (prediction, label) = (mask(&prediction), mask(&label));
    let count = || em_metrics::BoundaryCounts::of(prediction.view(), label.view(), &spacing, tolerance);
    Ok(work::run(py, |_| count())?.raised()?.into())
}

/// Measures the distances between the surfaces of two masks; `None` where either is empty.
#[pyfunction]
pub fn surface_distances(
    py: Python<'_>,
    prediction: MaskBytes<'_>,
    label: MaskBytes<'_>,
    spacing: Vec<f64>,
) -> PyResult<Option<SurfaceDistances>> {
    let (prediction, label) = (mask(&prediction), mask(&label));
    let measure = || em_metrics::SurfaceDistances::of(prediction.view(), label.view(), &spacing);
    let distances = work::run(py, |_| measure())?.raised()?;
    Ok(distances.map(|inner| SurfaceDistances { inner }))
}

/// Matches the objects of two label arrays at some thresholds of IoU.
#[pyfunction]
pub fn instances(
    py: Python<'_>,
    prediction: PyReadonlyArrayDyn<'_, u32>,
    label: PyReadonlyArrayDyn<'_, u32>,
    thresholds: Vec<f64>,
) -> PyResult<Vec<InstanceCounts>> {
    let (prediction, label) = (prediction.as_array().to_owned(), label.as_array().to_owned());
    let counts = work::run(py, |_| {
        let overlaps = em_metrics::Overlaps::of(prediction.view(), label.view())?;
        thresholds
            .iter()
            .map(|&threshold| overlaps.matched(threshold))
            .collect::<em_metrics::Result<Vec<_>>>()
    })?;
    Ok(counts.raised()?.into_iter().map(Into::into).collect())
}

/// Counts probabilities and labels in bins.
#[pyfunction]
pub fn calibration(
    py: Python<'_>,
    probabilities: PyReadonlyArrayDyn<'_, f32>,
    label: MaskBytes<'_>,
) -> PyResult<Calibration> {
    let (probabilities, label) = (probabilities.as_array().to_owned(), mask(&label));
    let counts = work::run(py, |_| em_metrics::Calibration::of(probabilities.view(), label.view()))?;
    Ok(counts.raised()?.into())
}

/// Computes each voxel's distance to the nearest foreground.
#[pyfunction]
pub fn distance_transform<'py>(
    py: Python<'py>,
    foreground: MaskBytes<'_>,
    spacing: Vec<f64>,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let foreground = mask(&foreground);
    let transform = || em_metrics::distance::distance_transform(foreground.view(), &spacing);
    Ok(work::run(py, |_| transform())?.raised()?.into_pyarray(py))
}

/// Computes the soft Dice coefficient of probabilities; with squares in its denominator, or without.
#[pyfunction]
pub fn soft_dice(
    py: Python<'_>,
    probabilities: PyReadonlyArrayDyn<'_, f32>,
    label: PyReadonlyArrayDyn<'_, f32>,
    squared: bool,
    epsilon: f64,
) -> PyResult<f64> {
    let denominator = if squared { DiceDenominator::Squared } else { DiceDenominator::Plain };
    let (probabilities, label) = (probabilities.as_array().to_owned(), label.as_array().to_owned());
    let dice = || soft::soft_dice(probabilities.view(), label.view(), denominator, epsilon);
    work::run(py, |_| dice())?.raised()
}

/// Computes the soft Jaccard index of probabilities.
#[pyfunction]
pub fn soft_jaccard(
    py: Python<'_>,
    probabilities: PyReadonlyArrayDyn<'_, f32>,
    label: PyReadonlyArrayDyn<'_, f32>,
    smoothing: f64,
) -> PyResult<f64> {
    let (probabilities, label) = (probabilities.as_array().to_owned(), label.as_array().to_owned());
    let jaccard = || soft::soft_jaccard(probabilities.view(), label.view(), smoothing);
    work::run(py, |_| jaccard())?.raised()
}
