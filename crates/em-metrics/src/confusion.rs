//! The four counts of a binary segmentation, and the scores that follow from them.
//!
//! Thresholding is the caller's business; so is choosing which voxels to compare.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use ndarray::{ArrayView, ArrayView1, Dimension};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Counts the voxels of a mask by what was predicted and what is true.
///
/// Counts of several sections or volumes are pooled by adding them, and a score is computed last.
/// The score of the sum weighs each voxel alike; a mean of scores would weigh each section alike.
///
/// A score is `None` where its denominator is 0: the question has no answer there.
/// Writing TP, FP, FN, TN for the fields, each method states its formula and when that happens.
///
/// ```
/// use em_metrics::ConfusionCounts;
/// use ndarray::array;
///
/// let prediction = array![true, true, false, false];
/// let label = array![true, false, false, false];
/// let counts = ConfusionCounts::of(prediction.view(), label.view())?;
///
/// assert_eq!(counts.iou(), Some(0.5));
/// assert_eq!(counts.recall(), Some(1.0));
/// assert_eq!(ConfusionCounts::default().iou(), None);
/// # Ok::<(), em_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionCounts {
    /// Voxels predicted as foreground that are foreground (TP).
    pub true_positives: u64,
    /// Voxels predicted as foreground that are background (FP).
    pub false_positives: u64,
    /// Voxels predicted as background that are foreground (FN).
    pub false_negatives: u64,
    /// Voxels predicted as background that are background (TN).
    pub true_negatives: u64,
}

impl ConfusionCounts {
    /// Counts the voxels of `prediction` against `label`, two masks of one shape and any number of axes.
    ///
    /// Masks with the same contiguous layout are counted at about the speed of memory; any other view works too.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the shapes differ.
    pub fn of<D: Dimension>(
        prediction: ArrayView<'_, bool, D>,
        label: ArrayView<'_, bool, D>,
    ) -> Result<Self> {
        check_shapes(&prediction, &label)?;
        if prediction.strides() == label.strides()
            && let (Some(prediction), Some(label)) =
                (prediction.as_slice_memory_order(), label.as_slice_memory_order())
        {
            return Ok(count_slices(prediction, label));
        }
        let rows = prediction.rows().into_iter().zip(label.rows());
        Ok(rows.map(|(prediction, label)| count_row(prediction, label)).sum())
    }

    /// Returns the number of voxels counted: TP + FP + FN + TN.
    pub fn total(&self) -> u64 {
        self.true_positives + self.false_positives + self.false_negatives + self.true_negatives
    }

    /// Computes intersection over union, TP / (TP + FP + FN) (Jaccard 1912, *New Phytologist* 11).
    ///
    /// It is the notebook's `sum(logical_and) / sum(logical_or)`.
    /// `None` where the class is in neither mask.
    pub fn iou(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.errors())
    }

    /// Computes the Dice coefficient, 2 TP / (2 TP + FP + FN) (Dice 1945, *Ecology* 26), also known as F1.
    ///
    /// `None` where the class is in neither mask.
    pub fn dice(&self) -> Option<f64> {
        ratio(2 * self.true_positives, 2 * self.true_positives + self.errors())
    }

    /// Computes the share of voxels that are right, (TP + TN) / (TP + FP + FN + TN).
    ///
    /// A mask of background alone scores high where the class is rare: prefer [`Self::iou`].
    /// `None` where no voxel was counted.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.true_positives + self.true_negatives, self.total())
    }

    /// Computes the share of the predicted voxels that are right, TP / (TP + FP).
    ///
    /// `None` where nothing was predicted.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Computes the share of the class that was found, TP / (TP + FN), also known as sensitivity.
    ///
    /// `None` where the label holds no foreground.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Computes the share of the background that was left alone, TN / (TN + FP).
    ///
    /// `None` where the label holds no background.
    pub fn specificity(&self) -> Option<f64> {
        ratio(self.true_negatives, self.true_negatives + self.false_positives)
    }

    /// Computes the mean of recall and specificity (Brodersen et al. 2010, ICPR).
    ///
    /// `None` where either is: the label is all foreground or all background.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        Some((self.recall()? + self.specificity()?) / 2.0)
    }

    fn errors(&self) -> u64 {
        self.false_positives + self.false_negatives
    }

    fn of_voxel(predicted: bool, labelled: bool) -> Self {
        Self {
            true_positives: (predicted & labelled).into(),
            false_positives: (predicted & !labelled).into(),
            false_negatives: (!predicted & labelled).into(),
            true_negatives: (!predicted & !labelled).into(),
        }
    }
}

impl Add for ConfusionCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for ConfusionCounts {
    fn add_assign(&mut self, other: Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.true_negatives += other.true_negatives;
    }
}

impl Sum for ConfusionCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

impl<'a> Sum<&'a Self> for ConfusionCounts {
    fn sum<I: Iterator<Item = &'a Self>>(counts: I) -> Self {
        counts.copied().sum()
    }
}

/// Refuses two arrays that do not cover the same voxels.
pub(crate) fn check_shapes<P, L, D: Dimension>(
    prediction: &ArrayView<'_, P, D>,
    label: &ArrayView<'_, L, D>,
) -> Result<()> {
    if prediction.shape() == label.shape() {
        return Ok(());
    }
    Err(Error::ShapeMismatch { prediction: prediction.shape().to_vec(), label: label.shape().to_vec() })
}

/// Counts one row, which a view into a larger mask often keeps contiguous.
fn count_row(prediction: ArrayView1<'_, bool>, label: ArrayView1<'_, bool>) -> ConfusionCounts {
    match (prediction.as_slice(), label.as_slice()) {
        (Some(prediction), Some(label)) => count_slices(prediction, label),
        _ => prediction.iter().zip(label).map(|(&p, &l)| ConfusionCounts::of_voxel(p, l)).sum(),
    }
}

/// The most voxels that a `u8` can count, less what does not fill a 32-byte register.
const BLOCK: usize = 224;

/// Counts two slices of one length.
///
/// Within a block the sums fit in a `u8`, so that the compiler adds one voxel per byte of a vector register.
fn count_slices(prediction: &[bool], label: &[bool]) -> ConfusionCounts {
    let (mut predicted, mut labelled, mut both) = (0, 0, 0);
    for (prediction, label) in prediction.chunks(BLOCK).zip(label.chunks(BLOCK)) {
        let (mut p_sum, mut l_sum, mut both_sum) = (0u8, 0u8, 0u8);
        for (&p, &l) in prediction.iter().zip(label) {
            p_sum += u8::from(p);
            l_sum += u8::from(l);
            both_sum += u8::from(p & l);
        }
        predicted += u64::from(p_sum);
        labelled += u64::from(l_sum);
        both += u64::from(both_sum);
    }
    ConfusionCounts {
        true_positives: both,
        false_positives: predicted - both,
        false_negatives: labelled - both,
        // Widening: a slice has at most 2^63 elements.
        true_negatives: prediction.len() as u64 + both - predicted - labelled,
    }
}

/// Divides two counts, which f64 holds exactly up to 2^53 voxels; `None` for a denominator of 0.
pub(crate) fn ratio(numerator: u64, denominator: u64) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}
