//! Distances between the surfaces of two masks: Hausdorff and mean distances.

use ndarray::{Array, ArrayView, RemoveAxis};

use crate::boundary::{Beyond, boundary, crop_to_foreground};
use crate::confusion::check_shapes;
use crate::distance::{check_spacing, distance_transform};
use crate::{Result, quantile_of_counts};

/// The distances from each surface voxel of one mask to the surface of the other, in the unit of the spacing.
///
/// Distances of several sections or volumes are pooled with [`pooled`](Self::pooled) before a percentile is taken.
/// Memory follows the number of different distances, not of voxels.
///
/// ```
/// use em_metrics::SurfaceDistances;
/// use ndarray::array;
///
/// let label = array![[true, true, false, false], [true, true, false, false]];
/// let prediction = array![[true, true, true, false], [true, true, false, false]];
/// let distances = SurfaceDistances::of(prediction.view(), label.view(), &[5.0, 5.0])?.expect("neither is empty");
/// assert_eq!(distances.hausdorff(), 5.0);
/// // From 5 voxels, one is 5 nm away; back from 4, none is.
/// assert_eq!(distances.mean(), 5.0 / 9.0);
/// # Ok::<(), em_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceDistances {
    /// From the prediction to the label: each distance and how often it occurs, rising. Never empty.
    to_label: Vec<(f64, u64)>,
    /// From the label to the prediction.
    to_prediction: Vec<(f64, u64)>,
}

impl SurfaceDistances {
    /// Measures the surfaces of two masks of one shape; `None` where either is empty.
    ///
    /// `spacing` is the voxel size along each axis. The surface is that of MedPy: voxels of the mask
    /// with a neighbour across a face, or the border of the array, beyond it ([`Beyond::Background`]).
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) and [`Error::Spacing`](crate::Error::Spacing).
    pub fn of<D: RemoveAxis>(
        prediction: ArrayView<'_, bool, D>,
        label: ArrayView<'_, bool, D>,
        spacing: &[f64],
    ) -> Result<Option<Self>> {
        check_shapes(&prediction, &label)?;
        check_spacing(spacing, label.ndim())?;
        let mut surfaces = [prediction, label].map(|mask| boundary(mask, Beyond::Background));
        if surfaces.iter().any(|surface| !surface.iter().any(|&v| v)) {
            return Ok(None);
        }
        crop_to_foreground(&mut surfaces);
        let [prediction, label] = surfaces;
        let to_label = distances(&prediction, &label, spacing)?;
        Ok(Some(Self { to_label, to_prediction: distances(&label, &prediction, spacing)? }))
    }

    /// Puts the distances of several sections together; `None` where there are none.
    pub fn pooled<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut all = Self { to_label: Vec::new(), to_prediction: Vec::new() };
        for part in parts {
            all.to_label.extend(&part.to_label);
            all.to_prediction.extend(&part.to_prediction);
        }
        all.to_label = merged(all.to_label);
        all.to_prediction = merged(all.to_prediction);
        (!all.to_label.is_empty()).then_some(all)
    }

    /// Computes the 95th percentile of the distances of both directions together (MedPy's `hd95`).
    ///
    /// It is the Hausdorff distance without the worst twentieth, which a single stray voxel decides.
    pub fn hausdorff95(&self) -> f64 {
        let both = merged([&self.to_label[..], &self.to_prediction[..]].concat());
        quantile_of_counts(&both, 0.95).expect("neither mask was empty")
    }

    /// Returns the largest of the distances, the Hausdorff distance (Huttenlocher et al. 1993, *IEEE TPAMI* 15).
    pub fn hausdorff(&self) -> f64 {
        let last = |distances: &[(f64, u64)]| distances.last().map_or(0.0, |&(distance, _)| distance);
        last(&self.to_label).max(last(&self.to_prediction))
    }

    /// Computes the average symmetric surface distance: the mean of the distances of both directions
    /// together (Heimann et al. 2009, *IEEE Trans. Med. Imaging* 28; MedPy's `assd`).
    pub fn mean(&self) -> f64 {
        let both = self.to_label.iter().chain(&self.to_prediction);
        let (sum, count) = both.fold((0.0, 0), |(sum, count), &(distance, times)| {
            (sum + distance * times as f64, count + times)
        });
        // Neither mask was empty, and f64 holds counts exactly up to 2^53.
        sum / count as f64
    }
}

/// The distances of the voxels of `from` to the nearest of `to`, counted.
fn distances<D: RemoveAxis>(
    from: &Array<bool, D>,
    to: &Array<bool, D>,
    spacing: &[f64],
) -> Result<Vec<(f64, u64)>> {
    let distances = distance_transform(to.view(), spacing)?;
    let mut found: Vec<f64> =
        from.iter().zip(&distances).filter(|&(&at, _)| at).map(|(_, &distance)| distance).collect();
    found.sort_unstable_by(f64::total_cmp);
    Ok(found.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64)).collect())
}

/// Sorts distances and adds up the counts of equal ones.
fn merged(mut distances: Vec<(f64, u64)>) -> Vec<(f64, u64)> {
    distances.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let equal = distances.chunk_by(|a, b| a.0 == b.0);
    equal.map(|equal| (equal[0].0, equal.iter().map(|&(_, times)| times).sum())).collect()
}
