//! Which grey values are drawn black and white.

use em_metrics::quantile;

/// Share of the grey values, at each end, that are drawn black or white.
const CLIPPED: f64 = 0.005;

/// More values than this say no more about where most of them lie.
const ENOUGH: usize = 1 << 20;

/// The darkest and the brightest grey value that are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    low: f32,
    high: f32,
}

impl Contrast {
    /// Looks at grey values, but for the few at both ends, and for what is no number.
    pub fn of(grey: impl ExactSizeIterator<Item = f32>) -> Self {
        let every = grey.len().div_ceil(ENOUGH).max(1);
        let values = grey.step_by(every).filter(|value| value.is_finite());
        let mut values: Vec<f64> = values.map(f64::from).collect();
        values.sort_unstable_by(f64::total_cmp);
        let [low, high] = [(CLIPPED, 0.0), (1.0 - CLIPPED, 1.0)]
            .map(|(share, none)| quantile(&values, share).unwrap_or(none) as f32);
        Self { low, high: high.max(low + 1e-6) }
    }

    /// Returns a grey value as it is drawn; what is no number is black.
    pub fn shade(self, value: f32) -> u8 {
        // `as` makes no number 0.
        ((value - self.low) / (self.high - self.low) * 255.0).clamp(0.0, 255.0).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_pixel_does_not_darken_a_picture() {
        let mut values: Vec<f32> = (0..1000).map(|n| n as f32).collect();
        values.extend([1e9, f32::NAN]);
        let contrast = Contrast::of(values.into_iter());
        assert!((120..136).contains(&contrast.shade(500.0)), "{contrast:?}");
        assert_eq!([-1.0, 2000.0, f32::NAN].map(|value| contrast.shade(value)), [0, 255, 0]);
        assert_eq!(Contrast::of([7.0; 3].into_iter()).shade(7.0), 0, "one value is no range");
    }
}
