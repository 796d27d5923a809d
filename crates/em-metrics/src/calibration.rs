//! Whether probabilities mean what they say: of all voxels with 0.8, eight in ten should be foreground.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use ndarray::{ArrayView, Dimension};
use serde::{Deserialize, Serialize};

use crate::confusion::check_shapes;
use crate::{Error, Result};

/// The number of reliability bins (Guo et al. 2017, ICML).
pub const BINS: usize = 15;

/// What is counted of the voxels whose probability falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Voxels in the bin.
    pub voxels: u64,
    /// Voxels in the bin that are foreground.
    pub foreground: u64,
    /// Sum of their probabilities.
    pub probability_sum: f64,
}

impl ReliabilityBin {
    /// Computes the mean probability, `None` for an empty bin.
    pub fn probability(&self) -> Option<f64> {
        (self.voxels > 0).then(|| self.probability_sum / self.voxels as f64)
    }

    /// Computes the share of the voxels that are foreground, `None` for an empty bin.
    pub fn foreground_share(&self) -> Option<f64> {
        (self.voxels > 0).then(|| self.foreground as f64 / self.voxels as f64)
    }
}

/// Probabilities of the foreground against a label, in [`BINS`] bins of equal width.
///
/// Counts of sections are pooled by adding them.
///
/// ```
/// use em_metrics::Calibration;
/// use ndarray::array;
///
/// let probabilities = array![0.9_f32, 0.9, 0.9, 0.1];
/// let label = array![true, true, false, false];
/// let calibration = Calibration::of(probabilities.view(), label.view())?;
/// // Three voxels say 0.9 and two are foreground; one says 0.1 and is not.
/// let expected = (3.0 * (0.9 - 2.0 / 3.0) + 1.0 * 0.1) / 4.0;
/// assert!((calibration.expected_error().unwrap() - expected).abs() < 1e-6);
/// # Ok::<(), em_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The bins, from probability 0 up; a probability on an edge is in the upper bin, 1 in the last.
    pub bins: [ReliabilityBin; BINS],
    /// Sum of the squares of probability less label.
    pub squared_error_sum: f64,
}

impl Calibration {
    /// Counts probabilities and labels of one shape and any number of axes.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], and [`Error::InvalidProbability`] for a value that is not within 0 and 1.
    pub fn of<D: Dimension>(
        probabilities: ArrayView<'_, f32, D>,
        label: ArrayView<'_, bool, D>,
    ) -> Result<Self> {
        check_shapes(&probabilities, &label)?;
        let mut counts = Self::default();
        for (&probability, &inside) in probabilities.iter().zip(&label) {
            let p = f64::from(probability);
            if !(0.0..=1.0).contains(&p) {
                return Err(invalid(&probabilities));
            }
            // Not negative and at most BINS.
            let bin = &mut counts.bins[((p * BINS as f64) as usize).min(BINS - 1)];
            bin.voxels += 1;
            bin.foreground += u64::from(inside);
            bin.probability_sum += p;
            let error = p - f64::from(u8::from(inside));
            counts.squared_error_sum += error * error;
        }
        Ok(counts)
    }

    /// Returns the number of voxels.
    pub fn voxels(&self) -> u64 {
        self.bins.iter().map(|bin| bin.voxels).sum()
    }

    /// Computes the expected calibration error: the mean over voxels of the difference between their bin's
    /// mean probability and its share of foreground (Naeini et al. 2015, AAAI).
    ///
    /// `None` where there is no voxel.
    pub fn expected_error(&self) -> Option<f64> {
        let error = |bin: &ReliabilityBin| (bin.probability_sum - bin.foreground as f64).abs();
        let voxels = self.voxels();
        (voxels > 0).then(|| self.bins.iter().map(error).sum::<f64>() / voxels as f64)
    }

    /// Computes the Brier score, the mean square of probability less label (Brier 1950, *Mon. Weather Rev.* 78).
    ///
    /// `None` where there is no voxel.
    pub fn brier(&self) -> Option<f64> {
        let voxels = self.voxels();
        (voxels > 0).then(|| self.squared_error_sum / voxels as f64)
    }
}

/// Names the first value that is no probability.
fn invalid<D: Dimension>(probabilities: &ArrayView<'_, f32, D>) -> Error {
    let shape = probabilities.shape();
    let bad = probabilities.iter().enumerate().find(|(_, p)| !(0.0..=1.0).contains(*p));
    let (mut place, value) = bad.map_or((0, f64::NAN), |(place, &p)| (place, f64::from(p)));
    let mut index = vec![0; shape.len()];
    for (index, &len) in index.iter_mut().zip(shape).rev() {
        *index = place % len;
        place /= len;
    }
    Error::InvalidProbability { index, value }
}

impl Add for Calibration {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Calibration {
    fn add_assign(&mut self, other: Self) {
        for (bin, other) in self.bins.iter_mut().zip(other.bins) {
            bin.voxels += other.voxels;
            bin.foreground += other.foreground;
            bin.probability_sum += other.probability_sum;
        }
        self.squared_error_sum += other.squared_error_sum;
    }
}

impl Sum for Calibration {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}
