//! Separable filters of planes.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::tile::mirrored_without_edge;

/// Kernels end where a Gaussian has fallen to 0.0003 of its height, as SciPy's do by default.
const CUT_SIGMAS: f32 = 4.0;

/// Sums that are kept in registers side by side.
const LANES: usize = 32;

/// Rows that one task filters at least.
const ROWS_PER_TASK: usize = 16;

/// An odd number of weights around a pixel.
pub(super) struct Kernel(Vec<f32>);

impl Kernel {
    /// The derivative of this order, 0 to 2, of a Gaussian of sum 1.
    pub fn gaussian(sigma: f32, order: u8) -> Self {
        // Cast to a whole number of pixels, as SciPy rounds it.
        let radius = (CUT_SIGMAS * sigma + 0.5) as i32;
        let variance = f64::from(sigma).powi(2);
        let places = (-radius..=radius).map(f64::from);
        let heights: Vec<f64> = places.clone().map(|t| (-0.5 * t * t / variance).exp()).collect();
        let sum: f64 = heights.iter().sum();
        let factor = |t: f64| match order {
            0 => 1.0,
            1 => t / variance,
            _ => (t * t / variance - 1.0) / variance,
        };
        // Weights are computed in double and used in single precision.
        Self(places.zip(&heights).map(|(t, height)| (factor(t) * height / sum) as f32).collect())
    }

    fn radius(&self) -> usize {
        self.0.len() / 2
    }
}

/// Pixels of a section, row by row.
pub(super) struct Plane {
    values: Vec<f32>,
    width: usize,
}

impl Plane {
    pub fn of(section: ArrayView2<'_, f32>) -> Self {
        Self { values: section.iter().copied().collect(), width: section.ncols() }
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Computes each pixel from those in the same place of other planes, which are of one shape.
    pub fn of_each<const N: usize>(planes: [&Self; N], value: impl Fn([f32; N]) -> f32 + Sync) -> Self {
        planes[0].filled(|y, out| {
            let rows = planes.map(|plane| plane.row(y));
            for (x, out) in out.iter_mut().enumerate() {
                *out = value(rows.map(|row| row[x]));
            }
        })
    }

    /// Filters each row, whose ends are mirrored.
    pub fn along_x(&self, kernel: &Kernel) -> Self {
        let places = mirrored_without_edge(self.width, kernel.radius(), kernel.radius());
        self.filled(|y, out| {
            let row = self.row(y);
            let padded: Vec<f32> = places.iter().map(|&x| row[x]).collect();
            weighted_sums(kernel, |tap| &padded[tap..], out);
        })
    }

    /// Filters each column, whose ends are mirrored.
    pub fn along_y(&self, kernel: &Kernel) -> Self {
        let height = self.values.len() / self.width;
        let places = mirrored_without_edge(height, kernel.radius(), kernel.radius());
        self.filled(|y, out| weighted_sums(kernel, |tap| self.row(places[y + tap]), out))
    }

    fn row(&self, y: usize) -> &[f32] {
        &self.values[y * self.width..][..self.width]
    }

    /// A plane of the same shape whose rows are filled in parallel, each by its number.
    fn filled(&self, fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let mut values = vec![0.0; self.values.len()];
        let rows = values.par_chunks_mut(self.width).enumerate().with_min_len(ROWS_PER_TASK);
        rows.for_each(|(y, row)| fill(y, row));
        Self { values, width: self.width }
    }
}

/// Sums, for each pixel of a row, what each tap of the kernel sees.
///
/// Each pixel is summed in the order of the taps, wherever it lies in the row: pixels of a crop have
/// the bytes of those of the whole section.
fn weighted_sums<'a>(kernel: &Kernel, seen: impl Fn(usize) -> &'a [f32], out: &mut [f32]) {
    for (number, out) in out.chunks_mut(LANES).enumerate() {
        let first = number * LANES;
        let mut sums = [0.0; LANES];
        for (tap, weight) in kernel.0.iter().enumerate() {
            let values = &seen(tap)[first..first + out.len()];
            match <&[f32; LANES]>::try_from(values) {
                // Of a length that the compiler knows.
                Ok(values) => add_weighted(&mut sums, values, *weight),
                Err(_) => add_weighted(&mut sums, values, *weight),
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}

#[inline]
fn add_weighted(sums: &mut [f32; LANES], values: &[f32], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value;
    }
}
