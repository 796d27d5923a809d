//! Round numbers: for the ticks of an axis, the bins of a histogram and the length of a scale bar.

use crate::display;

/// The ticks of an axis: round values a step apart, and how they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticks {
    /// The values, which lie within the range.
    pub values: Vec<f64>,
    step: f64,
}

impl Ticks {
    /// Chooses at most `at_most` ticks, 2 or more, within a range, a step of 1, 2 or 5 times a power of ten apart.
    pub fn new([low, high]: [f64; 2], at_most: usize) -> Self {
        Self::with_steps_from([low, high], at_most, 0.0)
    }

    /// As [`new`](Self::new), on whole numbers.
    pub fn whole(range: [f64; 2], at_most: usize) -> Self {
        Self::with_steps_from(range, at_most, 1.0)
    }

    fn with_steps_from([low, high]: [f64; 2], at_most: usize, least: f64) -> Self {
        let mut step = round_up((high - low) / at_most.max(2) as f64).max(least);
        // With both ends there may be one more than there are steps.
        while count([low, high], step) > at_most.max(2) {
            step = round_up(step * 1.01);
        }
        let first = (low / step - SLACK).ceil();
        let number = |place: usize| first + place as f64;
        Self { values: (0..count([low, high], step)).map(|place| number(place) * step).collect(), step }
    }

    /// Writes a value with the digits that tell ticks apart.
    pub fn label(&self, value: f64) -> String {
        let (value, step) = (value + 0.0, self.step);
        if step >= 1e6 {
            return format!("{} M", display::four_digits(value / 1e6));
        }
        if step >= 1e4 {
            return format!("{} k", display::four_digits(value / 1e3));
        }
        // A step below 1 has as many digits as its power of ten; `as` takes a small whole number.
        let digits = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        format!("{value:.digits$}")
    }
}

/// How far off an end of the range a tick may be for its rounding, in steps.
const SLACK: f64 = 1e-9;

/// How many multiples of a step are in a range.
fn count([low, high]: [f64; 2], step: f64) -> usize {
    let number = (high / step + SLACK).floor() - (low / step - SLACK).ceil() + 1.0;
    // It is whole, and `as` makes what is below 0 none.
    number as usize
}

/// Returns the smallest of 1, 2 and 5 times a power of ten that is not below a value above 0; else 1.
pub fn round_up(value: f64) -> f64 {
    rounded(value, |round| round >= value * (1.0 - SLACK)).unwrap_or(1.0)
}

/// Returns the largest of 1, 2 and 5 times a power of ten that is not above a value above 0; else 1.
pub fn round_down(value: f64) -> f64 {
    let above = rounded(value, |round| round > value * (1.0 + SLACK)).unwrap_or(1.0);
    // The one before: 5 before 10, 2 before 5, 1 before 2.
    let leading = above / 10_f64.powf((above.log10() + SLACK).floor());
    if (4.0..6.0).contains(&leading) { above / 2.5 } else { above / 2.0 }
}

fn rounded(value: f64, is_it: impl Fn(f64) -> bool) -> Option<f64> {
    if !(value > 0.0 && value.is_finite()) {
        return None;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0, 20.0].map(|factor| factor * power).into_iter().find(|round| is_it(*round))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_whole_and_never_twice_whatever_their_number() {
        for last in 2..400 {
            let ticks = Ticks::whole([1.0, f64::from(last)], 8);
            let labels: Vec<String> = ticks.values.iter().map(|value| ticks.label(*value)).collect();
            let mut once = labels.clone();
            once.dedup();
            assert_eq!(labels, once);
            assert!(labels.iter().all(|label| label.parse::<u32>().is_ok()), "{labels:?}");
            assert!((2..=8).contains(&labels.len()) || last < 4, "{labels:?}");
        }
        assert_eq!(Ticks::whole([1.0, 4.0], 8).values, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Ticks::whole([1.0, 12.0], 8).values, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    }

    #[test]
    fn ticks_are_round_and_within_their_range() {
        let labels = |range, at_most| {
            let ticks = Ticks::new(range, at_most);
            ticks.values.iter().map(|value| ticks.label(*value)).collect::<Vec<_>>()
        };
        assert_eq!(labels([0.0, 1.0], 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels([0.0, 0.013], 4), ["0.000", "0.005", "0.010"]);
        assert_eq!(labels([-0.3, 0.3], 4), ["-0.2", "0.0", "0.2"]);
        assert_eq!(labels([120.0, 480.0], 5), ["200", "300", "400"]);
        assert_eq!(labels([0.0, 130_000.0], 4), ["0 k", "50 k", "100 k"]);
        assert_eq!(labels([0.0, 4.5e6], 3), ["0 M", "2 M", "4 M"]);
    }

    #[test]
    fn lengths_are_rounded_to_one_digit() {
        assert_eq!(
            [0.9, 1.0, 1.1, 2.4, 4.9, 5.0, 731.0].map(round_down),
            [0.5, 1.0, 1.0, 2.0, 2.0, 5.0, 500.0]
        );
        assert_eq!([0.9, 1.0, 1.1, 2.4, 5.1, 731.0].map(round_up), [1.0, 1.0, 2.0, 5.0, 10.0, 1000.0]);
        assert_eq!([0.0, -1.0, f64::NAN].map(round_up), [1.0; 3]);
    }
}
