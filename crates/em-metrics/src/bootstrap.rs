//! Confidence intervals from resampled sections.
//!
//! Neighbouring voxels are nearly alike, sections less so: the section is what is drawn again. Even so,
//! neighbouring sections are no independent samples, so the intervals tell how a score varies between
//! the sections at hand, and are too narrow for the question how it would be in another animal.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, quantile};

/// How sections are resampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// How often as many sections as there are get drawn, with replacement.
    pub resamples: usize,
    /// The share of resamples that the interval covers, such as 0.95.
    pub confidence: f64,
}

impl Default for Bootstrap {
    /// 2000 resamples and 95 %.
    fn default() -> Self {
        Self { resamples: 2000, confidence: 0.95 }
    }
}

/// The ends of a confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Bootstrap {
    /// Computes the percentile interval of a score of `sections` sections (Efron 1979, *Ann. Statist.* 7).
    ///
    /// `score` gets the numbers of the sections that were drawn, some of them more than once, and pools
    /// their counts. Draws for which the score does not exist are left out. To compare two runs, let
    /// `score` be the difference of theirs on the same draw: a paired bootstrap.
    ///
    /// `None` for fewer than 2 sections, which show no spread, and where the score exists in no draw.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConstant`] where the confidence is not between 0 and 1, or there is no resample.
    ///
    /// ```
    /// use em_metrics::{Bootstrap, ConfusionCounts};
    /// use rand::SeedableRng;
    ///
    /// let section = |tp, fp| ConfusionCounts { true_positives: tp, false_positives: fp, ..Default::default() };
    /// let counts = [section(90, 10), section(80, 20), section(95, 5), section(70, 30)];
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let interval = Bootstrap::default().interval(counts.len(), &mut rng, |drawn| {
    ///     drawn.iter().map(|&section| counts[section]).sum::<ConfusionCounts>().iou()
    /// })?;
    /// let interval = interval.expect("the score exists");
    /// assert!(interval.low < 0.8375 && 0.8375 < interval.high);
    /// # Ok::<(), em_metrics::Error>(())
    /// ```
    pub fn interval(
        &self,
        sections: usize,
        rng: &mut impl Rng,
        score: impl Fn(&[usize]) -> Option<f64>,
    ) -> Result<Option<Interval>> {
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(Error::InvalidConstant { name: "confidence", value: self.confidence });
        }
        if self.resamples == 0 {
            return Err(Error::InvalidConstant { name: "resamples", value: 0.0 });
        }
        if sections < 2 {
            return Ok(None);
        }
        let mut drawn = vec![0; sections];
        let mut scores = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            drawn.fill_with(|| rng.random_range(0..sections));
            scores.extend(score(&drawn).filter(|score| !score.is_nan()));
        }
        scores.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        let ends = quantile(&scores, tail).zip(quantile(&scores, 1.0 - tail));
        Ok(ends.map(|(low, high)| Interval { low, high }))
    }
}
