//! Features of samples in up to 256 bins each, between which trees are split.

use ndarray::ArrayView2;
use rayon::prelude::*;

/// Bins of a feature: as many as a byte tells apart.
pub(super) const BINS: usize = 256;

/// The bins of all samples.
pub(super) struct Binned {
    columns: Vec<Column>,
}

/// One feature.
struct Column {
    /// Ascending; a value up to `thresholds[n]` and above the one before lies in bin `n`.
    thresholds: Vec<f32>,
    /// The bin of each sample.
    bins: Vec<u8>,
}

impl Binned {
    /// Lays the features `[sample, feature]` into bins: one for each value where there are few, and
    /// else bins of as many different values each. What is no number lies in the last.
    pub fn of(features: ArrayView2<'_, f32>) -> Self {
        let column = |number| {
            let values = features.column(number).to_vec();
            let thresholds = thresholds(&values);
            let bins = values.iter().map(|value| bin(&thresholds, *value)).collect();
            Column { thresholds, bins }
        };
        Self { columns: (0..features.ncols()).into_par_iter().map(column).collect() }
    }

    pub fn features(&self) -> usize {
        self.columns.len()
    }

    /// The bin of each sample.
    pub fn bins(&self, feature: usize) -> &[u8] {
        &self.columns[feature].bins
    }

    /// The largest value of a bin that is not the last.
    pub fn threshold(&self, feature: usize, bin: u8) -> f32 {
        self.columns[feature].thresholds[usize::from(bin)]
    }
}

fn thresholds(values: &[f32]) -> Vec<f32> {
    let mut distinct: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    distinct.sort_unstable_by(f32::total_cmp);
    distinct.dedup();
    let bins = distinct.len().min(BINS);
    (1..bins)
        .map(|number| {
            let place = number * distinct.len() / bins;
            // Half of each, as their sum may be too large.
            distinct[place - 1] / 2.0 + distinct[place] / 2.0
        })
        .collect()
}

fn bin(thresholds: &[f32], value: f32) -> u8 {
    // What is no number is not up to any threshold, here as in a tree.
    let is_below = |threshold: &f32| value <= *threshold;
    // At most 255 thresholds.
    thresholds.partition_point(|threshold| !is_below(threshold)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn binned(values: Vec<f32>) -> Binned {
        Binned::of(Array2::from_shape_vec((values.len(), 1), values).unwrap().view())
    }

    #[test]
    fn few_values_have_a_bin_each() {
        let binned = binned(vec![3.0, 1.0, 7.0, 1.0, f32::NAN, -0.0, 0.0]);
        assert_eq!(binned.bins(0), [2, 1, 3, 1, 3, 0, 0]);
        assert_eq!([0, 1, 2].map(|bin| binned.threshold(0, bin)), [0.5, 2.0, 5.0]);
    }

    #[test]
    fn many_values_fill_all_bins_alike() {
        let binned = binned((0..2560).rev().map(|value| value as f32).collect());
        let mut counts = [0; BINS];
        binned.bins(0).iter().for_each(|bin| counts[usize::from(*bin)] += 1);
        assert_eq!(counts, [10; BINS]);
    }

    #[test]
    fn one_value_has_one_bin() {
        assert_eq!(binned(vec![4.0; 3]).bins(0), [0, 0, 0]);
        assert_eq!(binned(vec![f32::MAX, f32::MIN]).threshold(0, 0), 0.0);
    }
}
