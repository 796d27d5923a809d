//! Scores at every threshold, from one pass over probabilities.

use em_metrics::ConfusionCounts;
use ndarray::{ArrayView3, Zip};

use super::charts::{Axis, Lines, Series};

/// Thresholds are hundredths, from 0.01 to 0.99.
const STEPS: usize = 100;

/// How many voxels lie between neighbouring thresholds, labelled and not.
#[derive(Clone, Debug)]
pub struct ThresholdCurve {
    foreground: [u64; STEPS],
    background: [u64; STEPS],
}

impl Default for ThresholdCurve {
    fn default() -> Self {
        Self { foreground: [0; STEPS], background: [0; STEPS] }
    }
}

impl ThresholdCurve {
    /// Counts the voxels of a block, all of one shape `[z, y, x]`; those that are ignored do not count.
    pub fn add(
        &mut self,
        probabilities: ArrayView3<'_, f32>,
        label: ArrayView3<'_, bool>,
        ignored: Option<ArrayView3<'_, bool>>,
    ) {
        let thresholds: [f32; STEPS - 1] = std::array::from_fn(threshold);
        let mut count = |probability: f32, inside: bool| {
            // The same comparison as that of a mask, on the same 32-bit numbers; a guess that is right
            // but for rounding saves most of the search.
            let guess = (probability.clamp(0.0, 1.0) * STEPS as f32) as usize;
            let (from, to) = (guess.saturating_sub(1).min(STEPS - 1), (guess + 1).min(STEPS - 1));
            let above = from + thresholds[from..to].partition_point(|&threshold| probability > threshold);
            let side = if inside { &mut self.foreground } else { &mut self.background };
            side[above] += 1;
        };
        match ignored {
            None => Zip::from(probabilities).and(label).for_each(|&p, &inside| count(p, inside)),
            Some(ignored) => {
                Zip::from(probabilities).and(label).and(ignored).for_each(|&p, &inside, &out| {
                    if !out {
                        count(p, inside);
                    }
                })
            }
        }
    }

    /// Returns each threshold with the counts of the mask above it, which is cleaned by nothing.
    pub fn counts(&self) -> impl Iterator<Item = (f32, ConfusionCounts)> + '_ {
        let total = |side: &[u64]| side.iter().sum::<u64>();
        (0..STEPS - 1).map(move |number| {
            let below = |side: &[u64; STEPS]| total(&side[..=number]);
            let above = |side: &[u64; STEPS]| total(&side[number + 1..]);
            let counts = ConfusionCounts {
                true_positives: above(&self.foreground),
                false_negatives: below(&self.foreground),
                false_positives: above(&self.background),
                true_negatives: below(&self.background),
            };
            (threshold(number), counts)
        })
    }

    /// Draws IoU, precision and recall over the threshold, with the one that the run takes.
    pub fn chart(&self, class: &str, chosen: f32) -> Lines {
        let line = |name: &str, score: fn(&ConfusionCounts) -> Option<f64>| Series {
            name: name.into(),
            points: self.counts().map(|(at, counts)| (rounded(at), score(&counts))).collect(),
        };
        Lines {
            title: format!("{class}: scores over the threshold"),
            note: "A voxel is predicted where its probability is above the threshold; before any cleaning"
                .into(),
            x: Axis::unit("threshold"),
            y: Axis::unit(""),
            series: vec![
                line("IoU", ConfusionCounts::iou),
                line("precision", ConfusionCounts::precision),
                line("recall", ConfusionCounts::recall),
            ],
            marks: vec![(rounded(chosen), format!("chosen: {chosen}"))],
            diagonal: false,
        }
    }
}

/// The threshold of a number from 0.
fn threshold(number: usize) -> f32 {
    (number + 1) as f32 / STEPS as f32
}

/// A threshold as it is written, without the digits that single precision makes up.
fn rounded(threshold: f32) -> f64 {
    (f64::from(threshold) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn each_threshold_counts_what_a_mask_above_it_counts() {
        let probabilities = Array3::from_shape_fn((2, 37, 41), |(z, y, x)| {
            // Many lie on a threshold, and the ends are there, too.
            ((z * 7 + y * 11 + x * 3) % 101) as f32 / 100.0
        });
        let label = Array3::from_shape_fn((2, 37, 41), |(z, y, x)| (z + y * x) % 3 == 0);
        let ignored = Array3::from_shape_fn((2, 37, 41), |(_, y, x)| y < 5 && x > 20);
        let mut curve = ThresholdCurve::default();
        curve.add(probabilities.view(), label.view(), Some(ignored.view()));
        assert_eq!(curve.counts().count(), 99);
        for (threshold, counts) in curve.counts() {
            let mut expected = ConfusionCounts::default();
            Zip::from(&probabilities).and(&label).and(&ignored).for_each(|&p, &inside, &out| {
                match (p > threshold, inside) {
                    _ if out => {}
                    (true, true) => expected.true_positives += 1,
                    (true, false) => expected.false_positives += 1,
                    (false, true) => expected.false_negatives += 1,
                    (false, false) => expected.true_negatives += 1,
                }
            });
            assert_eq!(counts, expected, "at {threshold}");
        }
    }
}
