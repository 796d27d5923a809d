//! Quantiles of sorted values, by linear interpolation between the two nearest: the default of NumPy's
//! `quantile`.

/// Returns the value at `share`, from 0 to 1, of the way through sorted values; `None` where there are none.
///
/// ```
/// use em_metrics::quantile;
///
/// let sorted = [1.0, 3.0, 4.0, 10.0];
/// assert_eq!(quantile(&sorted, 0.5), Some(3.5));
/// assert_eq!(quantile(&sorted, 1.0), Some(10.0));
/// assert_eq!(quantile(&[], 0.5), None);
/// ```
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    // A slice is shorter than 2^64, and `at` is asked for ranks within it.
    interpolated(sorted.len() as u64, share, |rank| sorted[rank as usize])
}

/// Returns the same as [`quantile`] of values that are listed once each, with how often they occur.
///
/// ```
/// use em_metrics::{quantile, quantile_of_counts};
///
/// let counts = [(1.0, 3), (2.0, 1), (7.0, 2)];
/// assert_eq!(quantile_of_counts(&counts, 0.7), quantile(&[1.0, 1.0, 1.0, 2.0, 7.0, 7.0], 0.7));
/// ```
pub fn quantile_of_counts(sorted: &[(f64, u64)], share: f64) -> Option<f64> {
    let total = sorted.iter().map(|&(_, times)| times).sum();
    interpolated(total, share, |rank| {
        let mut behind = 0;
        let found = sorted.iter().find(|&&(_, times)| {
            behind += times;
            behind > rank
        });
        found.expect("a rank below the total").0
    })
}

/// Interpolates between the values of two ranks, each from 0 to below `total`.
fn interpolated(total: u64, share: f64, at: impl Fn(u64) -> f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * total.checked_sub(1)? as f64;
    // Between 0 and the last rank.
    let (low, high) = (at(place.floor() as u64), at(place.ceil() as u64));
    // Equal values are themselves, the infinite ones too; -0.0 becomes 0.
    Some(if low == high { low + 0.0 } else { low + (high - low) * place.fract() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // python: [float(np.quantile([1., 3., 4., 10.], q)) for q in (0, .25, .4, .5, .75, .95, 1)]
    #[test]
    fn quantiles_are_those_of_numpy() {
        let of = |share| quantile(&[1.0, 3.0, 4.0, 10.0], share).unwrap();
        let expected =
            [(0.0, 1.0), (0.25, 2.5), (0.4, 3.2), (0.5, 3.5), (0.75, 5.5), (0.95, 9.1), (1.0, 10.0)];
        for (share, expected) in expected {
            assert!((of(share) - expected).abs() < 1e-12, "{share}: {}", of(share));
        }
        assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
    }

    #[test]
    fn nothing_has_no_quantile_and_shares_end_at_0_and_1() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile_of_counts(&[], 0.5), None);
        assert_eq!(quantile_of_counts(&[(3.0, 0)], 0.5), None);
        assert_eq!([quantile(&[1.0, 2.0], -1.0), quantile(&[1.0, 2.0], 2.0)], [Some(1.0), Some(2.0)]);
    }

    #[test]
    fn values_beyond_all_bounds_stay_at_their_ranks() {
        let infinity = f64::INFINITY;
        assert_eq!(quantile(&[1.0, infinity], 0.0), Some(1.0));
        assert_eq!(quantile(&[1.0, infinity, infinity], 0.75), Some(infinity));
    }

    proptest! {
        #[test]
        fn counts_are_values_that_are_repeated(
            mut steps in prop::collection::vec((-9_i32..9, 0_u64..4), 0..9), share in 0.0_f64..=1.0,
        ) {
            steps.sort_unstable();
            let counts: Vec<(f64, u64)> = steps.iter().map(|&(value, times)| (value.into(), times)).collect();
            let values: Vec<f64> =
                counts.iter().flat_map(|&(value, times)| std::iter::repeat_n(value, times as usize)).collect();
            prop_assert_eq!(quantile_of_counts(&counts, share), quantile(&values, share));
        }
    }
}
