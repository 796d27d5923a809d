//! Voxels in memory, in the types that EM volumes come in. It knows no file.

use crate::error::{Error, Result};
use crate::sample::{Voxel, is_kept, match_voxel_type, nearest};
use crate::{Roi, VoxelType};
use ndarray::{Array3, ArrayViewMut3, s};
use std::path::Path;

/// A block of voxels, `[z, y, x]`, in the type that its file stores.
///
/// Code that treats all types alike is written once, with [`match_voxels!`](crate::match_voxels).
///
/// ```
/// use em_io::{VoxelType, Voxels};
/// use ndarray::array;
///
/// let voxels = Voxels::from(array![[[3_u16, 700], [0, 41]]]);
/// assert_eq!(voxels.voxel_type(), VoxelType::U16);
/// assert_eq!(voxels.shape(), [1, 2, 2]);
/// assert_eq!(voxels.range(), (0.0, 700.0));
/// assert_eq!(voxels.to_f32()[[0, 1, 1]], 41.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Voxels {
    /// 8-bit unsigned voxels.
    U8(Array3<u8>),
    /// 8-bit signed voxels.
    I8(Array3<i8>),
    /// 16-bit unsigned voxels.
    U16(Array3<u16>),
    /// 16-bit signed voxels.
    I16(Array3<i16>),
    /// 32-bit unsigned voxels.
    U32(Array3<u32>),
    /// 32-bit signed voxels.
    I32(Array3<i32>),
    /// 64-bit unsigned voxels.
    U64(Array3<u64>),
    /// 64-bit signed voxels.
    I64(Array3<i64>),
    /// 32-bit float voxels.
    F32(Array3<f32>),
}

/// Runs the same expression on the array of [`Voxels`], whatever its type.
///
/// The expression is compiled once per type, so it is as fast as a match written by hand. What it
/// does with a value must hold for all types: [`Voxel::to_f64`](crate::Voxel::to_f64) does, and so
/// does [`Voxels::from`] for an array of the same type.
///
/// ```
/// use em_io::{Voxel, Voxels, match_voxels};
/// use ndarray::{array, s};
///
/// let voxels = Voxels::from(array![[[3_i16, -7], [0, 41]]]);
/// let sum: f64 = match_voxels!(&voxels, array => array.iter().map(|v| v.to_f64()).sum());
/// assert_eq!(sum, 37.0);
/// let column = match_voxels!(&voxels, a => Voxels::from(a.slice(s![.., .., ..1]).to_owned()));
/// assert_eq!(column, Voxels::from(array![[[3_i16], [0]]]));
/// ```
#[macro_export]
macro_rules! match_voxels {
    ($voxels:expr, $array:ident => $body:expr) => {
        match $voxels {
            $crate::Voxels::U8($array) => $body,
            $crate::Voxels::I8($array) => $body,
            $crate::Voxels::U16($array) => $body,
            $crate::Voxels::I16($array) => $body,
            $crate::Voxels::U32($array) => $body,
            $crate::Voxels::I32($array) => $body,
            $crate::Voxels::U64($array) => $body,
            $crate::Voxels::I64($array) => $body,
            $crate::Voxels::F32($array) => $body,
        }
    };
}

impl Voxels {
    /// Returns the number of voxels along `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        let (z, y, x) = match_voxels!(self, array => array.dim());
        [z, y, x]
    }

    /// Returns the type of the voxels.
    pub fn voxel_type(&self) -> VoxelType {
        match self {
            Self::U8(_) => VoxelType::U8,
            Self::I8(_) => VoxelType::I8,
            Self::U16(_) => VoxelType::U16,
            Self::I16(_) => VoxelType::I16,
            Self::U32(_) => VoxelType::U32,
            Self::I32(_) => VoxelType::I32,
            Self::U64(_) => VoxelType::U64,
            Self::I64(_) => VoxelType::I64,
            Self::F32(_) => VoxelType::F32,
        }
    }

    /// Converts to 32-bit floats, `[z, y, x]`. Values are kept: 255 becomes 255.0.
    ///
    /// 32- and 64-bit integers beyond 2^24 are rounded to the nearest float.
    pub fn to_f32(&self) -> Array3<f32> {
        match_voxels!(self, array => array.mapv(Voxel::to_f32))
    }

    /// Converts from 32-bit floats to `voxel_type`: rounded, and kept to the range of the type.
    ///
    /// ```
    /// use em_io::{VoxelType, Voxels};
    /// use ndarray::array;
    ///
    /// let floats = array![[[-3.0, 0.5, 300.0]]];
    /// assert_eq!(Voxels::from_f32(&floats, VoxelType::U8), Voxels::from(array![[[0_u8, 1, 255]]]));
    /// ```
    pub fn from_f32(array: &Array3<f32>, voxel_type: VoxelType) -> Self {
        match_voxel_type!(voxel_type, T => Self::from(array.mapv(|v| T::from_f64(v.into()))))
    }

    /// Converts each value by `f` to `voxel_type`: rounded, and kept to the range of the type.
    ///
    /// NaN becomes 0 in integers. `f` is given 64-bit floats, to which 64-bit integers beyond 2^53
    /// are rounded; [`Voxels::to_type`] changes the type alone, and is exact.
    ///
    /// ```
    /// use em_io::{VoxelType, Voxels};
    /// use ndarray::array;
    ///
    /// let voxels = Voxels::from(array![[[-7_i16, 12, 700]]]);
    /// assert_eq!(voxels.map(VoxelType::U8, |v| v), Voxels::from(array![[[0_u8, 12, 255]]]));
    /// assert_eq!(voxels.map(VoxelType::F32, |v| v / 2.0), Voxels::from(array![[[-3.5_f32, 6.0, 350.0]]]));
    /// ```
    pub fn map(&self, voxel_type: VoxelType, f: impl Fn(f64) -> f64) -> Self {
        match_voxels!(self, array => match_voxel_type!(voxel_type, T => {
            Self::from(array.mapv(|v| T::from_f64(f(v.to_f64()))))
        }))
    }

    /// Converts each value to the nearest one of `voxel_type`: rounded, and kept to its range.
    ///
    /// Integers are exact where the type holds them; NaN becomes 0 in integers.
    ///
    /// ```
    /// use em_io::{VoxelType, Voxels};
    /// use ndarray::array;
    ///
    /// let numbers = Voxels::from(array![[[9_007_199_254_740_993_u64, u64::MAX]]]);
    /// let signed = Voxels::from(array![[[9_007_199_254_740_993_i64, i64::MAX]]]);
    /// assert_eq!(numbers.to_type(VoxelType::I64), signed);
    /// assert!(!numbers.fit(VoxelType::I64) && signed.fit(VoxelType::U64));
    /// ```
    pub fn to_type(&self, voxel_type: VoxelType) -> Self {
        if self.voxel_type() == voxel_type {
            return self.clone();
        }
        match_voxels!(self, array => match_voxel_type!(voxel_type, T => {
            Self::from(array.mapv(nearest::<_, T>))
        }))
    }

    /// Tells whether `voxel_type` holds each value as it is, so that [`Voxels::to_type`] changes none.
    pub fn fit(&self, voxel_type: VoxelType) -> bool {
        voxel_type.holds_all_of(self.voxel_type())
            || match_voxels!(self, array => match_voxel_type!(voxel_type, T => {
                array.iter().all(|&v| is_kept::<_, T>(v))
            }))
    }

    /// Takes the array out, `[z, y, x]`, in a type that holds every value of the voxels' own.
    ///
    /// ```
    /// use em_io::Voxels;
    /// use ndarray::{Array3, array};
    ///
    /// let voxels = Voxels::from(array![[[3_u8, 255]]]);
    /// let wide: Array3<u16> = voxels.clone().into_array()?;
    /// assert_eq!(wide, array![[[3, 255]]]);
    /// let narrow = voxels.into_array::<i8>().unwrap_err();
    /// assert_eq!(narrow.to_string(), "the voxels are 8-bit unsigned, expected 8-bit signed or what fits into it");
    /// # Ok::<(), em_io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WrongVoxelType`] where the type does not hold all values of the voxels' type,
    /// whatever these voxels are.
    pub fn into_array<T: Voxel>(self) -> Result<Array3<T>> {
        check_type::<T>(self.voxel_type(), None)?;
        if self.voxel_type() != T::TYPE {
            return Ok(match_voxels!(self, array => array.mapv(nearest::<_, T>)));
        }
        Ok(T::from_voxels(self).expect("the type is the same"))
    }

    /// Copies a block.
    ///
    /// # Panics
    ///
    /// Panics where the block reaches out of the voxels; [`Roi::is_within`] tells.
    pub fn cut(&self, roi: Roi) -> Self {
        let ([z, y, x], [z1, y1, x1]) = (roi.start, roi.end());
        match_voxels!(self, array => Self::from(array.slice(s![z..z1, y..y1, x..x1]).to_owned()))
    }

    /// Returns voxels of 0.
    pub fn zeros(voxel_type: VoxelType, shape: [usize; 3]) -> Self {
        match_voxel_type!(voxel_type, T => Self::from(Array3::<T>::zeros(shape)))
    }

    /// Puts voxels of the same type to a place within these.
    ///
    /// ```
    /// use em_io::{Roi, VoxelType, Voxels};
    /// use ndarray::array;
    ///
    /// let mut voxels = Voxels::zeros(VoxelType::U8, [1, 2, 2]);
    /// voxels.put([0, 1, 0], &Voxels::from(array![[[5_u8, 7]]]));
    /// assert_eq!(voxels, Voxels::from(array![[[0_u8, 0], [5, 7]]]));
    /// ```
    ///
    /// # Panics
    ///
    /// Panics where they reach out of these voxels, or are of another type.
    pub fn put(&mut self, [z, y, x]: [usize; 3], part: &Self) {
        fn assign<T: Voxel>(mut place: ArrayViewMut3<'_, T>, part: &Voxels) {
            place.assign(&T::view(part).expect("both are of one type"));
        }
        let [depth, height, width] = part.shape();
        let place = s![z..z + depth, y..y + height, x..x + width];
        match_voxels!(self, whole => assign(whole.slice_mut(place), part));
    }

    /// Returns the smallest and the largest value.
    ///
    /// NaN is left out; where no value remains, both are 0. 64-bit integers beyond 2^53 are rounded.
    pub fn range(&self) -> (f64, f64) {
        let range = match_voxels!(self, array => range_of(array.iter().map(|v| v.to_f64())));
        range.unwrap_or((0.0, 0.0))
    }
}

/// Checks that `T` holds all values of the type of some voxels, which have a path or none.
pub(crate) fn check_type<T: Voxel>(found: VoxelType, path: Option<&Path>) -> Result<()> {
    if T::TYPE.holds_all_of(found) {
        return Ok(());
    }
    Err(Error::WrongVoxelType { path: path.map(Path::to_path_buf), found, expected: T::TYPE })
}

impl<T: Voxel> From<Array3<T>> for Voxels {
    fn from(array: Array3<T>) -> Self {
        T::into_voxels(array)
    }
}

impl<T: Voxel> TryFrom<Voxels> for Array3<T> {
    type Error = Error;

    /// Does the same as [`Voxels::into_array`].
    fn try_from(voxels: Voxels) -> Result<Self> {
        voxels.into_array()
    }
}

fn range_of(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| !value.is_nan()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn range_leaves_nan_out_and_is_zero_for_nothing() {
        assert_eq!(Voxels::from(array![[[f32::NAN, -2.0, 5.0]]]).range(), (-2.0, 5.0));
        assert_eq!(Voxels::from(array![[[f32::NAN]]]).range(), (0.0, 0.0));
        assert_eq!(Voxels::from(Array3::<u8>::zeros((0, 2, 2))).range(), (0.0, 0.0));
        assert_eq!(Voxels::from(array![[[u32::MAX, 1]]]).range(), (1.0, 4_294_967_295.0));
    }

    #[test]
    fn floats_become_every_type_and_stay_in_its_range() {
        let floats = array![[[-1e20_f32, 7.4, 1e20, f32::NAN]]];
        for voxel_type in VoxelType::ALL {
            let voxels = Voxels::from_f32(&floats, voxel_type);
            assert_eq!(voxels.voxel_type(), voxel_type);
            if voxel_type != VoxelType::F32 {
                assert_eq!(voxels.range(), voxel_type.range());
                assert_eq!(voxels.to_f32()[[0, 0, 1]], 7.0);
            }
        }
    }

    #[test]
    fn types_change_exactly_or_to_the_nearest_value() {
        let numbers = Voxels::from(array![[[(1_u64 << 53) + 1, u64::MAX, 7]]]);
        let signed = Voxels::from(array![[[(1_i64 << 53) + 1, i64::MAX, 7]]]);
        assert_eq!(numbers.to_type(VoxelType::I64), signed);
        assert_eq!(numbers.to_type(VoxelType::U8), Voxels::from(array![[[255_u8, 255, 7]]]));
        assert_eq!(numbers.to_type(VoxelType::U64), numbers);
        assert!(!numbers.fit(VoxelType::I64) && !signed.fit(VoxelType::F32) && signed.fit(VoxelType::U64));
        let floats = Voxels::from(array![[[-1.5_f32, 300.0, f32::NAN]]]);
        assert_eq!(floats.to_type(VoxelType::I16), Voxels::from(array![[[-2_i16, 300, 0]]]));
        assert!(!floats.fit(VoxelType::I16) && floats.fit(VoxelType::F32));
        assert!(Voxels::from(array![[[-1.0_f32, 300.0]]]).fit(VoxelType::I16));
    }

    #[test]
    fn arrays_are_taken_out_in_types_that_lose_nothing() {
        let voxels = Voxels::from(array![[[-5_i16, 700]]]);
        assert_eq!(Array3::<i16>::try_from(voxels.clone()).unwrap(), array![[[-5, 700]]]);
        assert_eq!(Array3::<i64>::try_from(voxels.clone()).unwrap(), array![[[-5, 700]]]);
        assert_eq!(Array3::<f32>::try_from(voxels.clone()).unwrap(), array![[[-5.0, 700.0]]]);
        let error = Array3::<u16>::try_from(voxels).unwrap_err();
        let (found, expected) = (VoxelType::I16, VoxelType::U16);
        assert!(
            matches!(error, Error::WrongVoxelType { path: None, found: f, expected: e } if (f, e) == (found, expected))
        );
    }
}
