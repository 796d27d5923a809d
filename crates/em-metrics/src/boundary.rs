//! Boundaries: the F1 score within a tolerance, and the distances between two surfaces.
//!
//! A mask of sections `[y, x]` has a contour, one of volumes `[z, y, x]` a surface; both are the voxels of
//! the mask that have a neighbour across a face outside of it.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use ndarray::{Array, ArrayView, Axis, Dimension, RemoveAxis, Slice, Zip};
use serde::{Deserialize, Serialize};

use crate::confusion::{check_shapes, ratio};
use crate::distance::{check_spacing, distance_transform};
use crate::{Error, Result};

/// What lies beyond the border of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// The border's voxels go on: an object that the image cuts has no boundary there (scikit-image).
    Continued,
    /// Background: an object that the image cuts ends there (SciPy's erosion, MedPy, MONAI).
    Background,
}

/// Returns the voxels of `mask` that have a neighbour across a face outside of it.
///
/// With [`Beyond::Continued`] it is scikit-image's `find_boundaries(mask, mode="inner")`, with
/// [`Beyond::Background`] SciPy's `mask ^ binary_erosion(mask)`.
pub fn boundary<D: Dimension>(mask: ArrayView<'_, bool, D>, beyond: Beyond) -> Array<bool, D> {
    let outside = beyond == Beyond::Continued;
    let mut inner = mask.to_owned();
    for axis in (0..mask.ndim()).map(Axis) {
        Zip::from(inner.lanes_mut(axis)).and(mask.lanes(axis)).par_for_each(|mut inner, mask| {
            let last = mask.len().saturating_sub(1);
            for (place, inner) in inner.iter_mut().enumerate() {
                let before = if place == 0 { outside } else { mask[place - 1] };
                let after = if place == last { outside } else { mask[place + 1] };
                *inner &= before & after;
            }
        });
    }
    inner.zip_mut_with(&mask, |inner, &inside| *inner = inside & !*inner);
    inner
}

/// Counts the boundary voxels of a prediction and a label, and those that are near the other's boundary.
///
/// Counts of sections are pooled by adding them, as with [`ConfusionCounts`](crate::ConfusionCounts).
///
/// ```
/// use em_metrics::BoundaryCounts;
/// use ndarray::array;
///
/// let label = array![[false, true, true, false, false]];
/// let prediction = array![[false, false, true, true, false]];
/// let counts = |tolerance| BoundaryCounts::of(prediction.view(), label.view(), &[50.0, 5.0], tolerance);
/// assert_eq!(counts(4.0)?.f1(), Some(0.5));
/// assert_eq!(counts(5.0)?.f1(), Some(1.0));
/// # Ok::<(), em_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryCounts {
    /// Boundary voxels of the prediction.
    pub predicted: u64,
    /// Those of them that lie within the tolerance of the label's boundary.
    pub predicted_near: u64,
    /// Boundary voxels of the label.
    pub labelled: u64,
    /// Those of them that lie within the tolerance of the prediction's boundary.
    pub labelled_near: u64,
}

/// A distance that differs from the tolerance by rounding alone is within it.
const ROUNDING: f64 = 1.0 + 1e-9;

impl BoundaryCounts {
    /// Counts the boundaries of two masks of one shape; `spacing` and `tolerance` have one unit, such as nm.
    ///
    /// Objects that the image cuts have no boundary there ([`Beyond::Continued`]).
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::Spacing`], and [`Error::InvalidConstant`] for a tolerance that is
    /// negative or no number.
    pub fn of<D: RemoveAxis>(
        prediction: ArrayView<'_, bool, D>,
        label: ArrayView<'_, bool, D>,
        spacing: &[f64],
        tolerance: f64,
    ) -> Result<Self> {
        check_shapes(&prediction, &label)?;
        check_spacing(spacing, label.ndim())?;
        if !(tolerance.is_finite() && tolerance >= 0.0) {
            return Err(Error::InvalidConstant { name: "tolerance", value: tolerance });
        }
        let mut boundaries = [prediction, label].map(|mask| boundary(mask, Beyond::Continued));
        let [predicted, labelled] = boundaries.each_ref().map(|b| count(b.iter().copied()));
        crop_to_foreground(&mut boundaries);
        let [prediction, label] = boundaries;
        let near = |from: &Array<bool, D>, to: &Array<bool, D>| -> Result<u64> {
            let distances = distance_transform(to.view(), spacing)?;
            Ok(count(from.iter().zip(&distances).map(|(&at, &d)| at && d <= tolerance * ROUNDING)))
        };
        let predicted_near = near(&prediction, &label)?;
        Ok(Self { predicted, predicted_near, labelled, labelled_near: near(&label, &prediction)? })
    }

    /// Computes the share of the predicted boundary that is near the label's.
    ///
    /// `None` where the prediction has no boundary.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.predicted_near, self.predicted)
    }

    /// Computes the share of the label's boundary that is near the predicted one.
    ///
    /// `None` where the label has no boundary.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.labelled_near, self.labelled)
    }

    /// Computes the boundary F1 score, 2 P R / (P + R) (Csurka et al. 2013, BMVC).
    ///
    /// It is 0 where one mask alone has a boundary, and `None` where neither has.
    pub fn f1(&self) -> Option<f64> {
        match (self.precision(), self.recall()) {
            (None, None) => None,
            (Some(p), Some(r)) if p + r > 0.0 => Some(2.0 * p * r / (p + r)),
            _ => Some(0.0),
        }
    }

    /// Computes the surface Dice, the share of all boundary voxels of both that are near the other's
    /// (Nikolov et al. 2021, *J. Med. Internet Res.* 23).
    ///
    /// `None` where neither mask has a boundary.
    pub fn surface_dice(&self) -> Option<f64> {
        ratio(self.predicted_near + self.labelled_near, self.predicted + self.labelled)
    }
}

impl Add for BoundaryCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for BoundaryCounts {
    fn add_assign(&mut self, other: Self) {
        self.predicted += other.predicted;
        self.predicted_near += other.predicted_near;
        self.labelled += other.labelled;
        self.labelled_near += other.labelled_near;
    }
}

impl Sum for BoundaryCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

fn count(voxels: impl Iterator<Item = bool>) -> u64 {
    voxels.map(u64::from).sum()
}

/// Cuts arrays of one shape to the box that holds the foreground of all; distances within do not change by it.
pub(crate) fn crop_to_foreground<D: RemoveAxis, const N: usize>(masks: &mut [Array<bool, D>; N]) {
    for axis in (0..masks[0].ndim()).map(Axis) {
        let occupied =
            |place: &usize| masks.iter().any(|mask| mask.index_axis(axis, *place).iter().any(|&v| v));
        let len = masks[0].len_of(axis);
        let Some(first) = (0..len).find(occupied) else { continue };
        let last = (first..len).rev().find(occupied).unwrap_or(first);
        for mask in masks.iter_mut() {
            mask.slice_axis_inplace(axis, Slice::from(first..=last));
        }
    }
}
