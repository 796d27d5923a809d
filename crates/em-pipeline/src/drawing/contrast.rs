//! Which grey values are drawn black and white.

use em_metrics::quantile;
use ndarray::{ArrayView2, s};

/// Share of the grey values, at each end, that are drawn black or white.
const CLIPPED: f64 = 0.005;

/// About as many values, of all pictures, as tell where most of them lie.
const ENOUGH: usize = 1 << 20;

/// The darkest and the brightest grey value that are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    low: f32,
    high: f32,
}

impl Contrast {
    /// Looks at the grey values of pictures `[y, x]` that are drawn alike, but for the few at both ends, and
    /// for what is no number.
    pub fn of(pictures: &[ArrayView2<'_, f32>]) -> Self {
        let all: usize = pictures.iter().map(|picture| picture.len()).sum();
        // A grid, since every n-th value along the rows of a picture may be one and the same column. Its step
        // is small and whole.
        let step = ((all as f64 / ENOUGH as f64).sqrt().ceil() as usize).max(1);
        let grid = pictures.iter().flat_map(|picture| picture.slice(s![..;step, ..;step]));
        let mut values: Vec<f64> =
            grid.filter(|value| value.is_finite()).map(|&value| f64::from(value)).collect();
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
    use ndarray::Array2;

    #[test]
    fn a_hot_pixel_does_not_darken_a_picture() {
        let mut values: Vec<f32> = (0..1000).map(|n| n as f32).collect();
        values.extend([1e9, f32::NAN]);
        let values = Array2::from_shape_vec((2, 501), values).unwrap();
        let contrast = Contrast::of(&[values.view()]);
        assert!((120..136).contains(&contrast.shade(500.0)), "{contrast:?}");
        assert_eq!([-1.0, 2000.0, f32::NAN].map(|value| contrast.shade(value)), [0, 255, 0]);
        let sevens = Array2::from_elem((1, 3), 7.0);
        assert_eq!(Contrast::of(&[sevens.view()]).shade(7.0), 0, "one value is no range");
    }

    #[test]
    fn a_black_column_does_not_stand_for_a_large_picture() {
        let picture =
            Array2::from_shape_fn(
                (4096, 4096),
                |(y, x)| if x == 0 { 0.0 } else { 100.0 + ((y + x) % 50) as f32 },
            );
        let contrast = Contrast::of(&[picture.view()]);
        let [dark, bright] = [101.0, 148.0].map(|value| contrast.shade(value));
        assert!(dark < 16 && bright > 239, "{contrast:?}");
    }
}
