//! Scores of objects: predicted ones are matched with labelled ones by their overlap.
//!
//! It takes label arrays, 0 in the background and a number per object; finding the objects of a mask is
//! the business of others.

mod assignment;

use std::collections::HashMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use ndarray::{ArrayView, Dimension};
use serde::{Deserialize, Serialize};

use crate::confusion::{check_shapes, ratio};
use crate::{Error, Result};

/// Which objects of a prediction overlap which of a label, and by how much.
///
/// ```
/// use em_metrics::Overlaps;
/// use ndarray::array;
///
/// let label = array![1, 1, 1, 1, 0, 0, 2, 2];
/// let prediction = array![7, 7, 7, 0, 0, 9, 9, 0];
/// let counts = Overlaps::of(prediction.view(), label.view())?.matched(0.5)?;
/// // Object 7 covers three quarters of 1; 9 and 2 share one voxel of three.
/// assert_eq!((counts.true_positives, counts.false_positives, counts.false_negatives), (1, 1, 1));
/// assert_eq!(counts.average_precision(), Some(1.0 / 3.0));
/// # Ok::<(), em_metrics::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlaps {
    predicted: usize,
    labelled: usize,
    /// Numbers of two objects, from 0, with the intersection over union; sorted.
    pairs: Vec<(usize, usize, f64)>,
}

impl Overlaps {
    /// Counts the overlaps of two label arrays of one shape and any number of axes; 0 is background.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the shapes differ.
    pub fn of<D: Dimension>(prediction: ArrayView<'_, u32, D>, label: ArrayView<'_, u32, D>) -> Result<Self> {
        check_shapes(&prediction, &label)?;
        let mut shared: HashMap<(u32, u32), u64> = HashMap::new();
        // Neighbours along a row mostly belong to the same two objects, and are counted together.
        let (mut last, mut run) = ((0, 0), 0);
        for (&p, &l) in prediction.iter().zip(&label) {
            if (p, l) != last {
                *shared.entry(last).or_default() += run;
                (last, run) = ((p, l), 0);
            }
            run += 1;
        }
        *shared.entry(last).or_default() += run;
        shared.retain(|_, voxels| *voxels > 0);

        let mut sizes = [HashMap::new(), HashMap::new()];
        for (&(p, l), &voxels) in &shared {
            for (sizes, object) in sizes.iter_mut().zip([p, l]) {
                if object > 0 {
                    *sizes.entry(object).or_insert(0) += voxels;
                }
            }
        }
        let numbers = sizes.each_ref().map(numbered);
        let both = shared.iter().filter(|((p, l), _)| *p > 0 && *l > 0);
        let mut pairs: Vec<_> = both
            .map(|((p, l), &voxels)| {
                let union = sizes[0][p] + sizes[1][l] - voxels;
                // f64 holds counts exactly up to 2^53.
                (numbers[0][p], numbers[1][l], voxels as f64 / union as f64)
            })
            .collect();
        pairs.sort_unstable_by_key(|&(p, l, _)| (p, l));
        Ok(Self { predicted: sizes[0].len(), labelled: sizes[1].len(), pairs })
    }

    /// Matches objects one to one whose IoU is at least `threshold`: as many as can be, and of those
    /// choices the one with the largest sum of IoU.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConstant`] where the threshold is not above 0 and at most 1.
    pub fn matched(&self, threshold: f64) -> Result<InstanceCounts> {
        if !(threshold > 0.0 && threshold <= 1.0) {
            return Err(Error::InvalidConstant { name: "threshold", value: threshold });
        }
        let pairs: Vec<_> = self.pairs.iter().copied().filter(|&(_, _, iou)| iou >= threshold).collect();
        let matched = assignment::best(&pairs);
        let true_positives = matched.len() as u64;
        Ok(InstanceCounts {
            true_positives,
            false_positives: self.predicted as u64 - true_positives,
            false_negatives: self.labelled as u64 - true_positives,
            iou_sum: matched.iter().sum(),
        })
    }
}

/// Numbers objects from 0 in the order of their labels.
fn numbered(sizes: &HashMap<u32, u64>) -> HashMap<u32, usize> {
    let mut labels: Vec<u32> = sizes.keys().copied().collect();
    labels.sort_unstable();
    labels.into_iter().enumerate().map(|(number, label)| (label, number)).collect()
}

/// Objects by whether they found a partner; counts of several volumes, or sections, add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceCounts {
    /// Pairs of a predicted and a labelled object (TP).
    pub true_positives: u64,
    /// Predicted objects without a partner (FP).
    pub false_positives: u64,
    /// Labelled objects without a partner (FN).
    pub false_negatives: u64,
    /// Sum of the IoU of the pairs.
    pub iou_sum: f64,
}

impl InstanceCounts {
    /// Computes TP / (TP + FP + FN), the average precision at one threshold
    /// (2018 Data Science Bowl: Caicedo et al. 2019, *Nature Methods* 16).
    ///
    /// `None` where there is no object at all.
    pub fn average_precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)
    }

    /// Computes the share of the predicted objects that are right, TP / (TP + FP).
    ///
    /// `None` where nothing was predicted.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Computes the share of the labelled objects that were found, TP / (TP + FN).
    ///
    /// `None` where there is no labelled object.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Computes 2 TP / (2 TP + FP + FN).
    ///
    /// `None` where there is no object at all.
    pub fn f1(&self) -> Option<f64> {
        let found = 2 * self.true_positives;
        ratio(found, found + self.false_positives + self.false_negatives)
    }

    /// Computes the mean IoU of the pairs, `None` where there is none.
    pub fn mean_matched_iou(&self) -> Option<f64> {
        (self.true_positives > 0).then(|| self.iou_sum / self.true_positives as f64)
    }

    /// Computes the panoptic quality, the sum of the pairs' IoU over TP + (FP + FN) / 2
    /// (Kirillov et al. 2019, CVPR); `None` where there is no object at all.
    pub fn panoptic_quality(&self) -> Option<f64> {
        let unmatched = self.false_positives + self.false_negatives;
        let objects = 2 * self.true_positives + unmatched;
        (objects > 0).then(|| 2.0 * self.iou_sum / objects as f64)
    }
}

impl Add for InstanceCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for InstanceCounts {
    fn add_assign(&mut self, other: Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.iou_sum += other.iou_sum;
    }
}

impl Sum for InstanceCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}
