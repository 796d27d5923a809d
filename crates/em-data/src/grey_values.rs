//! What grey values are like as a whole: their mean, spread and range, and the voxels without a value.

use em_io::{Voxel, Voxels, match_voxels};
use ndarray::{Array3, ArrayViewMut2};
use serde::{Deserialize, Serialize};

/// Means that differ by more than this share of the spread are another brightness.
const OTHER_MEAN: f64 = 0.5;

/// Spreads of which one is so many times the other are another contrast.
const OTHER_SPREAD: f64 = 1.5;

/// Mean, spread and range of grey values, gathered block by block.
///
/// ```
/// use em_data::GreyValues;
/// use em_io::Voxels;
/// use ndarray::array;
///
/// let mut grey = GreyValues::of(&Voxels::from(array![[[1.0_f32, f32::NAN, 3.0]]]));
/// grey.merge(&GreyValues::of(&Voxels::from(array![[[5_u8]]])));
/// assert_eq!((grey.mean, grey.numbers, grey.missing), (3.0, 3, 1));
/// assert!((grey.std() - (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GreyValues {
    /// Voxels that are numbers; all that follows is of them.
    pub numbers: u64,
    /// Voxels that are NaN or infinite.
    pub missing: u64,
    /// Mean; 0 without numbers.
    pub mean: f64,
    /// Sum of the squared distances from the mean.
    pub squares: f64,
    /// Smallest value; 0 without numbers.
    pub low: f64,
    /// Largest value; 0 without numbers.
    pub high: f64,
}

impl GreyValues {
    /// Measures a block.
    pub fn of(voxels: &Voxels) -> Self {
        let (low, high) = match_voxels!(voxels, array => {
            let finite = array.iter().map(|v| v.to_f64()).filter(|value| value.is_finite());
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        });
        if low > high {
            let missing = voxels.shape().iter().product::<usize>() as u64;
            return Self { missing, ..Self::default() };
        }
        let (mut numbers, mut missing, mut sum, mut squares) = (0_u64, 0_u64, 0.0, 0.0);
        match_voxels!(voxels, array => for &v in array {
            let value = v.to_f64();
            if value.is_finite() {
                // Distances from one value keep the digits that large values would cost the squares.
                let distance = value - low;
                numbers += 1;
                sum += distance;
                squares += distance * distance;
            } else {
                missing += 1;
            }
        });
        let mean = sum / numbers as f64;
        let squares = (squares - mean * sum).max(0.0);
        Self { numbers, missing, mean: low + mean, squares, low, high }
    }

    /// Adds what was measured elsewhere.
    ///
    /// T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
    /// computing sample variances" (1979).
    pub fn merge(&mut self, other: &Self) {
        let missing = self.missing + other.missing;
        if self.numbers == 0 || other.numbers == 0 {
            let known = if self.numbers == 0 { *other } else { *self };
            *self = Self { missing, ..known };
            return;
        }
        let numbers = self.numbers + other.numbers;
        let (distance, share) = (other.mean - self.mean, other.numbers as f64 / numbers as f64);
        *self = Self {
            numbers,
            missing,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * share * self.numbers as f64,
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        };
    }

    /// Population standard deviation; 0 without numbers.
    pub fn std(&self) -> f64 {
        (self.squares / self.numbers.max(1) as f64).sqrt()
    }

    /// The same voxels, each multiplied with a positive number.
    pub fn times(self, factor: f64) -> Self {
        Self {
            mean: self.mean * factor,
            squares: self.squares * factor * factor,
            low: self.low * factor,
            high: self.high * factor,
            ..self
        }
    }

    /// Tells whether other voxels are clearly brighter or darker than these, or have clearly more or
    /// less contrast.
    pub fn is_unlike(&self, other: &Self) -> bool {
        let (std, other_std) = (self.std(), other.std());
        let is_other_mean = (self.mean - other.mean).abs() > OTHER_MEAN * std;
        is_other_mean || other_std.max(std) > OTHER_SPREAD * other_std.min(std)
    }
}

/// Returns the voxels that are NaN or infinite, `[z, y, x]`, where there are any.
pub fn without_value(raw: &Voxels) -> Option<Array3<bool>> {
    let Voxels::F32(raw) = raw else { return None };
    raw.iter().any(|value| !value.is_finite()).then(|| raw.mapv(|value| !value.is_finite()))
}

/// Gives the voxels of a section `[y, x]` that are NaN or infinite a value between the others: their
/// mean, or `otherwise` where there are no others.
///
/// A network would carry one such voxel over all that it sees.
pub fn fill_missing(mut section: ArrayViewMut2<'_, f32>, otherwise: f64) {
    if section.iter().all(|value| value.is_finite()) {
        return;
    }
    let finite = section.iter().filter(|value| value.is_finite());
    let (sum, count) = finite.fold((0.0, 0_usize), |(sum, n), &value| (sum + f64::from(value), n + 1));
    let mean = if count == 0 { otherwise } else { sum / count as f64 };
    // A 32-bit float is what the voxels are.
    section.mapv_inplace(|value| if value.is_finite() { value } else { mean as f32 });
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use ndarray::array;

    // python: a = np.fromfunction(lambda z,y,x: z*100+y*7+x*3, (2,4,5)); a.mean(), a.std()
    #[test]
    fn parts_that_are_merged_equal_the_whole_and_numpy() {
        let ramp = Array3::from_shape_fn((2, 4, 5), |(z, y, x)| (z * 100 + y * 7 + x * 3) as u16);
        let whole = GreyValues::of(&Voxels::from(ramp.clone()));
        let mut merged = GreyValues::default();
        for section in ramp.outer_iter() {
            merged.merge(&GreyValues::of(&Voxels::from(section.to_owned().insert_axis(ndarray::Axis(0)))));
        }
        for grey in [whole, merged] {
            assert_abs_diff_eq!(grey.mean, 66.5, epsilon = 1e-9);
            assert_abs_diff_eq!(grey.std(), 50.786_317_054_891_86, epsilon = 1e-9);
            assert_eq!((grey.low, grey.high, grey.numbers, grey.missing), (0.0, 133.0, 40, 0));
        }
        let doubled = whole.times(2.0);
        assert_abs_diff_eq!(doubled.std(), 2.0 * whole.std(), epsilon = 1e-9);
        assert_eq!((doubled.mean, doubled.low, doubled.high), (133.0, 0.0, 266.0));
    }

    #[test]
    fn voxels_without_a_value_are_counted_and_in_no_mean() {
        let nothing = GreyValues::of(&Voxels::from(array![[[f32::NAN, f32::INFINITY]]]));
        assert_eq!((nothing.numbers, nothing.missing, nothing.mean, nothing.std()), (0, 2, 0.0, 0.0));
        let mut grey = GreyValues::of(&Voxels::from(array![[[-4.0_f32, f32::NEG_INFINITY, -2.0]]]));
        grey.merge(&nothing);
        assert_eq!((grey.numbers, grey.missing, grey.mean, grey.low, grey.high), (2, 3, -3.0, -4.0, -2.0));
    }

    #[test]
    fn brightness_and_contrast_are_told_apart() {
        let grey = |mean: f64, std: f64| GreyValues {
            numbers: 10,
            mean,
            squares: 10.0 * std * std,
            ..GreyValues::default()
        };
        let usual = grey(100.0, 20.0);
        for (mean, std, unlike) in [
            (109.0, 20.0, false),
            (111.0, 20.0, true),
            (89.0, 20.0, true),
            (100.0, 29.0, false),
            (100.0, 31.0, true),
            (100.0, 13.0, true),
        ] {
            assert_eq!(usual.is_unlike(&grey(mean, std)), unlike, "{mean}, {std}");
        }
    }

    #[test]
    fn gaps_get_the_mean_of_their_section() {
        let mut section = array![[1.0_f32, f32::NAN], [5.0, f32::INFINITY]];
        fill_missing(section.view_mut(), 7.0);
        assert_eq!(section, array![[1.0, 3.0], [5.0, 3.0]]);
        let mut empty = array![[f32::NAN]];
        fill_missing(empty.view_mut(), 7.0);
        assert_eq!(empty, array![[7.0]]);
    }
}
