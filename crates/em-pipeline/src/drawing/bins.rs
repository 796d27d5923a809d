//! The bins of a histogram: few for few values, with round edges, and by powers of ten where values differ
//! by far.

use em_metrics::quantile;

use super::ticks::{round_down, round_up};

/// As many bins as can be told apart.
const MOST: usize = 40;

/// Values of which the largest is so many times the least are shown by powers of ten.
const FAR: f64 = 200.0;

/// Fewer values say little about how they are spread.
const FEW: usize = 8;

/// How many values lie between edges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bins {
    /// The edges in order, one more than there are bins; of their logarithms to base 10 where
    /// `by_powers` says so.
    pub edges: Vec<f64>,
    /// How many values are in each bin.
    pub counts: Vec<u32>,
    /// Whether the axis is one of powers of ten.
    pub by_powers: bool,
}

impl Bins {
    /// Sorts values into bins, of powers of ten where they differ by far; those that are not finite are left
    /// out.
    pub fn new(values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if finite.len() < FEW || low <= 0.0 || high / low < FAR {
            return Self::linear(values);
        }
        let powers: Vec<f64> = finite.iter().map(|value| value.log10()).collect();
        Self { by_powers: true, ..Self::linear(&powers) }
    }

    /// Sorts values into bins of equal width.
    pub fn linear(values: &[f64]) -> Self {
        let edges = edges(values);
        let counts = counts(values, &edges);
        Self { edges, counts, by_powers: false }
    }
}

/// Returns the edges of bins of equal width for finite values, at round numbers. Without values there are none.
pub fn edges(values: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Vec::new() };
    let are_whole = values.iter().all(|value| value.fract() == 0.0);
    let width = width(&values, if are_whole { 1.0 } else { 0.0 });
    // Whole numbers stand in the middle of bins that are as narrow as can be.
    let shift = if are_whole && width == 1.0 { 0.5 } else { 0.0 };
    let first = ((low + shift) / width).floor();
    // It is whole, and small.
    let count = (((high + shift) / width).ceil() - first).max(1.0) as usize;
    (0..=count).map(|edge| (first + edge as f64) * width - shift).collect()
}

/// Counts the finite values within each bin; the last one holds its upper edge, too.
pub fn counts(values: &[f64], edges: &[f64]) -> Vec<u32> {
    let mut counts = vec![0; edges.len().saturating_sub(1)];
    let Some(last) = counts.len().checked_sub(1) else { return counts };
    for value in values.iter().filter(|value| value.is_finite()) {
        counts[edges[1..].partition_point(|edge| edge <= value).min(last)] += 1;
    }
    counts
}

/// A round width: the narrower one of the rules of Sturges (1926) and of Freedman and Diaconis (1981), as
/// long as there are no more bins than values.
fn width(sorted: &[f64], least: f64) -> f64 {
    let (count, range) = (sorted.len(), sorted[sorted.len() - 1] - sorted[0]);
    let at = |share| quantile(sorted, share).unwrap_or_default();
    if range <= 0.0 {
        // Values that are all alike still need a bin.
        return round_up(sorted[0].abs() / 10.0).max(least);
    }
    let sturges = range / ((count as f64).log2().ceil() + 1.0);
    let freedman = 2.0 * (at(0.75) - at(0.25)) / (count as f64).cbrt();
    let width = if freedman > 0.0 { sturges.min(freedman) } else { sturges };
    // A round number near it, unless that makes too many.
    let near = round_down(1.5 * width);
    let most = count.min(MOST) as f64;
    let width = if range / near > most { round_up(width.max(range / most)) } else { near };
    width.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_objects_have_a_few_bins_and_many_have_many() {
        let seven = Bins::new(&[210.0, 250.0, 275.0, 290.0, 310.0, 330.0, 420.0]);
        assert_eq!(
            (seven.edges, seven.counts),
            (vec![200.0, 250.0, 300.0, 350.0, 400.0, 450.0], vec![1, 3, 2, 0, 1])
        );
        assert_eq!(counts(&[210.0, 450.0, f64::NAN], &edges(&[210.0, 420.0])).iter().sum::<u32>(), 2);
        let many: Vec<f64> = (0..5000).map(|n| f64::from(n % 1000) + 100.5).collect();
        assert_eq!(Bins::new(&many).counts, [250; 20]);
    }

    #[test]
    fn each_finite_value_is_in_one_bin() {
        let mut values: Vec<f64> = (0..=60).map(|n| f64::from(n) * 0.7).collect();
        values.extend([f64::NAN, f64::INFINITY]);
        for count in 1..=values.len() {
            let bins = Bins::new(&values[..count]);
            assert_eq!(bins.counts.iter().sum::<u32>() as usize, count.min(61));
            assert_eq!(bins.edges.len(), bins.counts.len() + 1);
            assert!(bins.counts.len() <= count + 1 && bins.counts.len() <= MOST + 1, "{bins:?}");
        }
        assert_eq!(Bins::new(&[]), Bins::default());
        assert_eq!(Bins::new(&[5.0, 5.0]).counts, [2]);
        assert_eq!(Bins::new(&[0.0]).counts, [1]);
    }

    #[test]
    fn whole_numbers_stand_in_the_middle_of_their_bins() {
        let bins = Bins::new(&[1.0, 1.0, 2.0, 3.0]);
        assert_eq!((bins.edges, bins.counts), (vec![0.5, 1.5, 2.5, 3.5], vec![2, 1, 1]));
    }

    #[test]
    fn values_that_differ_by_far_are_shown_by_powers_of_ten() {
        let values: Vec<f64> = (0..50).map(|n| 10_f64.powf(f64::from(n) / 10.0)).collect();
        let bins = Bins::new(&values);
        assert!(bins.by_powers && bins.edges[0] == 0.0, "{bins:?}");
        assert_eq!(bins.edges.last(), Some(&5.0));
        assert!(!Bins::new(&values[..20]).by_powers);
    }
}
