//! The exact Euclidean distance transform, with a spacing per axis.
//!
//! Squared distances are minimised one axis after the other: along a line, the distance to the nearest
//! voxel is the lower envelope of parabolas, one per voxel (Felzenszwalb and Huttenlocher 2012,
//! *Theory of Computing* 8). The work is linear in the number of voxels, whatever the mask.

use ndarray::{Array, ArrayView, ArrayViewMut1, Axis, Dimension, Zip};

use crate::{Error, Result};

/// Computes each voxel's distance to the nearest true voxel of `mask`, in the unit of `spacing`.
///
/// `spacing` is the distance between neighbours along each axis of `mask`, in order: for `[z, y, x]` the
/// voxel size. Distances go from centre to centre; they are 0 in the mask, and infinite where the mask is empty.
/// It is SciPy's `distance_transform_edt(~mask, sampling=spacing)`.
///
/// Memory: 8 bytes per voxel. The lines of an axis are shared by all cores.
///
/// # Errors
///
/// [`Error::Spacing`] where `spacing` has not one positive, finite number for each axis.
///
/// ```
/// use em_metrics::distance::distance_transform;
/// use ndarray::array;
///
/// let mask = array![[true, false, false], [false, false, false]];
/// let distances = distance_transform(mask.view(), &[4.0, 3.0])?;
/// assert_eq!(distances, array![[0.0, 3.0, 6.0], [4.0, 5.0, 52.0_f64.sqrt()]]);
/// # Ok::<(), em_metrics::Error>(())
/// ```
pub fn distance_transform<D: Dimension>(
    mask: ArrayView<'_, bool, D>,
    spacing: &[f64],
) -> Result<Array<f64, D>> {
    check_spacing(spacing, mask.ndim())?;
    let mut squares = mask.mapv(|inside| if inside { 0.0 } else { f64::INFINITY });
    for (axis, &step) in spacing.iter().enumerate() {
        Zip::from(squares.lanes_mut(Axis(axis))).par_for_each(|lane| minimise_line(lane, step));
    }
    squares.par_mapv_inplace(f64::sqrt);
    Ok(squares)
}

/// Refuses a spacing that has not one positive, finite number for each of `axes`.
pub(crate) fn check_spacing(spacing: &[f64], axes: usize) -> Result<()> {
    if spacing.len() == axes && spacing.iter().all(|step| step.is_finite() && *step > 0.0) {
        return Ok(());
    }
    Err(Error::Spacing { found: spacing.to_vec(), axes })
}

/// Replaces each value `f(p)` of a line by the minimum over `q` of `f(q) + (step (p - q))²`.
fn minimise_line(mut line: ArrayViewMut1<'_, f64>, step: f64) {
    // The parabolas of the lower envelope, from left to right: where each stands, how high, and from where on it is the lowest.
    let mut envelope: Vec<(f64, f64, f64)> = Vec::with_capacity(line.len());
    for (place, &height) in line.iter().enumerate() {
        if height == f64::INFINITY {
            continue;
        }
        // A line has fewer voxels than 2^53.
        let place = place as f64 * step;
        let mut from = f64::NEG_INFINITY;
        while let Some(&(last_place, last_height, last_from)) = envelope.last() {
            from = (height + place * place - last_height - last_place * last_place)
                / (2.0 * (place - last_place));
            if from > last_from {
                break;
            }
            envelope.pop();
            from = f64::NEG_INFINITY;
        }
        envelope.push((place, height, from));
    }
    let Some(mut last) = envelope.len().checked_sub(1) else { return };
    // From right to left, so that each parabola starts where its stretch ends.
    for (place, value) in line.iter_mut().enumerate().rev() {
        let place = place as f64 * step;
        while envelope[last].2 > place {
            last -= 1;
        }
        let (of, height, _) = envelope[last];
        *value = (place - of) * (place - of) + height;
    }
}
