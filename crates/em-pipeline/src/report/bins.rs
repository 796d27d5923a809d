//! Bins of histograms that suit what is counted in them.

use em_metrics::quantile;

/// More bins than about this many are noise.
const MOST_BINS: f64 = 30.0;

/// Returns the edges of bins of equal width for finite values, at round numbers.
///
/// The width is that of Freedman and Diaconis 1981, 2 IQR / n^(1/3), so that few values have few bins; where
/// half of the values are alike, it is that of Sturges 1926. Without values there are no bins.
pub fn edges(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let count = sorted.len() as f64;
    let quartile = |share| quantile(&sorted, share).unwrap_or(low);
    let mut width = 2.0 * (quartile(0.75) - quartile(0.25)) / count.cbrt();
    if width <= 0.0 {
        width = (high - low) / (count.log2().ceil() + 1.0);
    }
    // Values that are all alike still need a bin of some width.
    let alone = if low == 0.0 { 1.0 } else { low.abs() / 10.0 };
    let width = round(if high > low { width.max((high - low) / MOST_BINS) } else { alone });
    let first = (low / width).floor();
    // Whole, and at most about forty.
    let bins = ((high / width).floor() - first) as usize + 1;
    (0..=bins).map(|bin| (first + bin as f64) * width).collect()
}

/// The nearest of 1, 2, 2.5 and 5 times a power of ten, by their ratio.
fn round(width: f64) -> f64 {
    let power = 10_f64.powf(width.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let ratio = |step: &f64| (step / width).ln().abs();
    steps.into_iter().min_by(|a, b| ratio(a).total_cmp(&ratio(b))).unwrap_or(width)
}

/// Counts how many values are within each bin; the last one holds its upper edge, too.
pub fn counts(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len().saturating_sub(1)];
    for value in values.iter().filter(|value| value.is_finite()) {
        let above = edges.partition_point(|edge| edge <= value);
        if let Some(last) = counts.len().checked_sub(1) {
            counts[above.saturating_sub(1).min(last)] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_have_few_bins_at_round_numbers() {
        let values = [310.0, 342.0, 355.0, 361.0, 398.0, 420.0, 505.0];
        assert_eq!(edges(&values), [300.0, 350.0, 400.0, 450.0, 500.0, 550.0]);
        assert_eq!(counts(&values, &edges(&values)), [2, 3, 1, 0, 1]);
        assert_eq!(edges(&[]), [0.0; 0]);
        assert_eq!(edges(&[f64::NAN]), [0.0; 0]);
        assert_eq!((edges(&[5.0, 5.0]), edges(&[0.0])), (vec![5.0, 5.5], vec![0.0, 1.0]));
        assert_eq!(counts(&[5.0, 5.0], &edges(&[5.0, 5.0])), [2]);
    }

    proptest! {
        #[test]
        fn each_value_is_in_one_bin(values in prop::collection::vec(-1e6..1e6_f64, 1..300)) {
            let edges = edges(&values);
            // Rounded widths are narrower by a root of two at most.
            prop_assert!(edges.len() <= 45, "{} edges", edges.len());
            prop_assert_eq!(counts(&values, &edges).iter().sum::<u64>(), values.len() as u64);
            for value in values {
                let rounding = 1e-9 * value.abs();
                prop_assert!(edges[0] <= value + rounding && value <= edges.last().unwrap() + rounding);
            }
        }
    }
}
