//! Measures on probabilities, before any threshold: the soft forms of Jaccard and Dice.
//!
//! They serve to follow a loss and to compare with other tools.
//! For the score of a mask use [`ConfusionCounts`](crate::ConfusionCounts), which needs no smoothing constant.
//!
//! Every function takes probabilities *p* (not logits) and a label *y* of the same shape, both from 0 to 1.
//! Their elements may be `f32` or `f64`, and a label may be `bool` or `u8` (0 and 1) as well.
//! All sums are in `f64`, and values up to [`RANGE_TOLERANCE`] outside 0 to 1 are clamped to it.

use ndarray::{ArrayView, Axis, Dimension, Zip};

use crate::confusion::check_shapes;
use crate::{Error, Result};

/// How far outside 0 to 1 a value may lie: blending tiles in `f32` rounds, while a logit lies much further.
pub const RANGE_TOLERANCE: f64 = 1e-4;

/// The probability above which a voxel is foreground for [`binary_accuracy`].
pub const THRESHOLD: f64 = 0.5;

/// Chooses what the Dice coefficient divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiceDenominator {
    /// Σp + Σy, as in Drozdzal et al. 2016, *The importance of skip connections in biomedical image segmentation*.
    Plain,
    /// Σp² + Σy², as in Milletari et al. 2016, *V-Net*, section 3.
    Squared,
}

/// Computes the smoothed soft Jaccard index, (Σ|p·y| + s) / (Σ|p| + Σ|y| − Σ|p·y| + s), over all voxels.
///
/// The form is that of `jaccard_distance` in keras-contrib (which sums over the last axis alone).
/// s = `smoothing`, 1 in the notebook.
/// With s above 0, two empty arrays give 1.
///
/// # Errors
///
/// Those of [`soft_dice`].
///
/// ```
/// use em_metrics::soft::soft_jaccard;
/// use ndarray::array;
///
/// let jaccard = soft_jaccard(array![0.5, 0.5].view(), array![1.0, 0.0].view(), 1.0)?;
/// assert_eq!(jaccard, (0.5 + 1.0) / (1.0 + 1.0 - 0.5 + 1.0));
/// # Ok::<(), em_metrics::Error>(())
/// ```
pub fn soft_jaccard<P, L, D>(
    probabilities: ArrayView<'_, P, D>,
    label: ArrayView<'_, L, D>,
    smoothing: f64,
) -> Result<f64>
where
    P: Copy + Into<f64>,
    L: Copy + Into<f64>,
    D: Dimension,
{
    check(&probabilities, &label)?;
    check_constant("smoothing", smoothing)?;
    let sums = Sums::of(&probabilities, &label);
    let union = sums.probability + sums.label - sums.overlap;
    divide(sums.overlap + smoothing, union + smoothing, "smoothing")
}

/// Computes the soft Dice coefficient, 2Σ(p·y) / (Σp + Σy + ε) or 2Σ(p·y) / (Σp² + Σy² + ε), over all voxels.
///
/// `denominator` chooses between the two, and ε = `epsilon`; 0 is allowed.
/// With ε above 0, two empty arrays give 0.
///
/// # Errors
///
/// - [`Error::ShapeMismatch`] where the shapes differ.
/// - [`Error::InvalidProbability`] or [`Error::InvalidLabel`] for a value that is not finite or not from 0 to 1.
/// - [`Error::InvalidConstant`] where the constant is negative or not finite.
/// - [`Error::ZeroDenominator`] where both arrays are empty and the constant is 0.
///
/// ```
/// use em_metrics::soft::{DiceDenominator, soft_dice};
/// use ndarray::array;
///
/// let (p, y) = (array![0.5_f32, 0.5], array![true, false]);
/// assert_eq!(soft_dice(p.view(), y.view(), DiceDenominator::Plain, 0.0)?, 1.0 / 2.0);
/// assert_eq!(soft_dice(p.view(), y.view(), DiceDenominator::Squared, 0.0)?, 1.0 / 1.5);
/// # Ok::<(), em_metrics::Error>(())
/// ```
pub fn soft_dice<P, L, D>(
    probabilities: ArrayView<'_, P, D>,
    label: ArrayView<'_, L, D>,
    denominator: DiceDenominator,
    epsilon: f64,
) -> Result<f64>
where
    P: Copy + Into<f64>,
    L: Copy + Into<f64>,
    D: Dimension,
{
    check(&probabilities, &label)?;
    check_constant("epsilon", epsilon)?;
    Sums::of(&probabilities, &label).dice(denominator, epsilon)
}

/// Computes the soft Dice loss, 1 − mean over batch and class of 2Σ(p·y) / (Σ(p² + y²) + ε).
///
/// The arrays are `[batch, class, ...spatial]`, and each Σ runs over the spatial axes of one sample and class.
/// ε = `epsilon`, 1e-6 in the source: Jordan 2018, *An overview of semantic image segmentation*, `soft_dice_loss`,
/// after Milletari et al. 2016.
/// A class that is absent from both arrays adds 0 to the mean, so it counts as a full loss.
///
/// # Errors
///
/// Those of [`soft_dice`], and
///
/// - [`Error::MissingAxes`] with fewer than three axes.
/// - [`Error::NoVoxels`] for arrays without an element.
///
/// ```
/// use em_metrics::soft::soft_dice_loss;
/// use ndarray::array;
///
/// // One sample of two classes, each a line of two voxels: Dice 1 and 0.
/// let p = array![[[1.0, 0.0], [1.0, 0.0]]];
/// let y = array![[[1.0, 0.0], [0.0, 1.0]]];
/// assert_eq!(soft_dice_loss(p.view(), y.view(), 0.0)?, 0.5);
/// # Ok::<(), em_metrics::Error>(())
/// ```
pub fn soft_dice_loss<P, L, D>(
    probabilities: ArrayView<'_, P, D>,
    label: ArrayView<'_, L, D>,
    epsilon: f64,
) -> Result<f64>
where
    P: Copy + Into<f64>,
    L: Copy + Into<f64>,
    D: Dimension,
{
    check(&probabilities, &label)?;
    check_constant("epsilon", epsilon)?;
    check_not_empty(&probabilities)?;
    let shape = probabilities.shape();
    let &[batches, classes, _, ..] = shape else {
        return Err(Error::MissingAxes { shape: shape.to_vec() });
    };
    let (probabilities, label) = (probabilities.into_dyn(), label.into_dyn());
    let mut total = 0.0;
    for (probabilities, label) in probabilities.outer_iter().zip(label.outer_iter()) {
        for class in 0..classes {
            let probabilities = probabilities.index_axis(Axis(0), class);
            let label = label.index_axis(Axis(0), class);
            total += Sums::of(&probabilities, &label).dice(DiceDenominator::Squared, epsilon)?;
        }
    }
    Ok(1.0 - total / (batches * classes) as f64)
}

/// Computes the share of voxels where (p > 0.5) = y, as `binary_accuracy` of Keras does.
///
/// The comparison with [`THRESHOLD`] is strict, and a label between 0 and 1 never matches.
///
/// # Errors
///
/// - [`Error::ShapeMismatch`] where the shapes differ.
/// - [`Error::InvalidProbability`] or [`Error::InvalidLabel`] for a value that is not finite or not from 0 to 1.
/// - [`Error::NoVoxels`] for arrays without an element.
///
/// ```
/// use em_metrics::soft::binary_accuracy;
/// use ndarray::array;
///
/// let accuracy = binary_accuracy(array![0.9, 0.5, 0.2, 0.6].view(), array![1.0, 0.0, 0.0, 0.0].view())?;
/// assert_eq!(accuracy, 0.75);
/// # Ok::<(), em_metrics::Error>(())
/// ```
pub fn binary_accuracy<P, L, D>(probabilities: ArrayView<'_, P, D>, label: ArrayView<'_, L, D>) -> Result<f64>
where
    P: Copy + Into<f64>,
    L: Copy + Into<f64>,
    D: Dimension,
{
    check(&probabilities, &label)?;
    check_not_empty(&probabilities)?;
    let right = Zip::from(&probabilities).and(&label).fold(0_usize, |right, &p, &y| {
        let predicted = f64::from(unit(p) > THRESHOLD);
        right + usize::from(predicted == unit(y))
    });
    Ok(right as f64 / probabilities.len() as f64)
}

/// The sums that the soft measures are made of.
#[derive(Default)]
struct Sums {
    overlap: f64,
    probability: f64,
    label: f64,
    probability_squared: f64,
    label_squared: f64,
}

impl Sums {
    fn of<P, L, D>(probabilities: &ArrayView<'_, P, D>, label: &ArrayView<'_, L, D>) -> Self
    where
        P: Copy + Into<f64>,
        L: Copy + Into<f64>,
        D: Dimension,
    {
        Zip::from(probabilities).and(label).fold(Self::default(), |sums, &p, &y| {
            let (p, y) = (unit(p), unit(y));
            Self {
                overlap: sums.overlap + p * y,
                probability: sums.probability + p,
                label: sums.label + y,
                probability_squared: sums.probability_squared + p * p,
                label_squared: sums.label_squared + y * y,
            }
        })
    }

    fn dice(&self, denominator: DiceDenominator, epsilon: f64) -> Result<f64> {
        let denominator = match denominator {
            DiceDenominator::Plain => self.probability + self.label,
            DiceDenominator::Squared => self.probability_squared + self.label_squared,
        };
        divide(2.0 * self.overlap, denominator + epsilon, "epsilon")
    }
}

/// Clamps away the rounding that [`check`] lets pass.
fn unit<T: Into<f64>>(value: T) -> f64 {
    value.into().clamp(0.0, 1.0)
}

fn divide(numerator: f64, denominator: f64, name: &'static str) -> Result<f64> {
    if denominator == 0.0 {
        return Err(Error::ZeroDenominator { name });
    }
    Ok(numerator / denominator)
}

fn check<P, L, D>(probabilities: &ArrayView<'_, P, D>, label: &ArrayView<'_, L, D>) -> Result<()>
where
    P: Copy + Into<f64>,
    L: Copy + Into<f64>,
    D: Dimension,
{
    check_shapes(probabilities, label)?;
    if let Some((index, value)) = first_outside_range(probabilities) {
        return Err(Error::InvalidProbability { index, value });
    }
    if let Some((index, value)) = first_outside_range(label) {
        return Err(Error::InvalidLabel { index, value });
    }
    Ok(())
}

fn check_not_empty<P, D: Dimension>(array: &ArrayView<'_, P, D>) -> Result<()> {
    if array.is_empty() {
        return Err(Error::NoVoxels { shape: array.shape().to_vec() });
    }
    Ok(())
}

fn check_constant(name: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::InvalidConstant { name, value })
}

/// Finds the first value that is NaN, infinite, or further than [`RANGE_TOLERANCE`] outside 0 to 1.
fn first_outside_range<T, D>(array: &ArrayView<'_, T, D>) -> Option<(Vec<usize>, f64)>
where
    T: Copy + Into<f64>,
    D: Dimension,
{
    let range = -RANGE_TOLERANCE..=1.0 + RANGE_TOLERANCE;
    let outside = |&value: &T| !range.contains(&value.into());
    // The position is worth its cost only once a bad value is known to exist.
    if !array.iter().any(outside) {
        return None;
    }
    let array = array.view().into_dyn();
    let mut voxels = array.indexed_iter();
    let (index, &value) = voxels.find(|(_, value)| outside(value))?;
    Some((index.slice().to_vec(), value.into()))
}
