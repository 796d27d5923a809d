//! Voxels in memory, in the seven types that EM volumes come in. It knows no file.

use crate::Roi;
use crate::sample::{Sample, match_voxel_type};
use ndarray::{Array3, s};
use std::fmt;

/// The type of a voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VoxelType {
    /// 8-bit unsigned integer.
    U8,
    /// 8-bit signed integer.
    I8,
    /// 16-bit unsigned integer.
    U16,
    /// 16-bit signed integer.
    I16,
    /// 32-bit unsigned integer.
    U32,
    /// 32-bit signed integer.
    I32,
    /// 32-bit IEEE 754 float.
    F32,
}

impl VoxelType {
    /// Every type, for code and tests that go through them.
    pub const ALL: [Self; 7] = [Self::U8, Self::I8, Self::U16, Self::I16, Self::U32, Self::I32, Self::F32];

    /// Returns the size of one voxel in bytes.
    pub fn bytes(self) -> usize {
        match_voxel_type!(self, T => size_of::<T>())
    }

    /// Returns the smallest and the largest value that the type holds; 0 and 1 for floats.
    ///
    /// Floats have no range worth speaking of, and images of floats mostly lie in 0 to 1.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::U8 => (0.0, u8::MAX.into()),
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::U16 => (0.0, u16::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::U32 => (0.0, u32::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::F32 => (0.0, 1.0),
        }
    }

    /// Tells whether a voxel of this type keeps a value as it is; floats keep NaN.
    ///
    /// ```
    /// use em_io::VoxelType;
    ///
    /// assert!(VoxelType::U8.holds(255.0));
    /// assert!(!VoxelType::U8.holds(-1.0) && !VoxelType::U8.holds(0.5));
    /// assert!(!VoxelType::F32.holds(16_777_217.0));
    /// ```
    pub fn holds(self, value: f64) -> bool {
        let kept: f64 = match_voxel_type!(self, T => <T as Sample>::from_f64(value).into());
        kept == value || (self == Self::F32 && value.is_nan())
    }

    /// Tells whether a voxel of this type keeps every value of another type as it is.
    pub fn holds_all_of(self, other: Self) -> bool {
        let (low, high) = other.range();
        // An integer type between whose ends there is a value that is lost loses one of its ends.
        self == other || (other != Self::F32 && self.holds(low) && self.holds(high))
    }
}

impl fmt::Display for VoxelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "8-bit unsigned",
            Self::I8 => "8-bit signed",
            Self::U16 => "16-bit unsigned",
            Self::I16 => "16-bit signed",
            Self::U32 => "32-bit unsigned",
            Self::I32 => "32-bit signed",
            Self::F32 => "32-bit float",
        })
    }
}

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
    /// 32-bit float voxels.
    F32(Array3<f32>),
}

/// Runs the same expression on the array of [`Voxels`], whatever its type.
///
/// The expression is compiled once per type, so it is as fast as a match written by hand. What it
/// does with a value must hold for all seven types: `f64::from` does, and so does
/// [`Voxels::from`] for an array of the same type.
///
/// ```
/// use em_io::{Voxels, match_voxels};
/// use ndarray::{array, s};
///
/// let voxels = Voxels::from(array![[[3_i16, -7], [0, 41]]]);
/// let sum: f64 = match_voxels!(&voxels, array => array.iter().map(|&v| f64::from(v)).sum());
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
            Self::F32(_) => VoxelType::F32,
        }
    }

    /// Converts to 32-bit floats, `[z, y, x]`. Values are kept: 255 becomes 255.0.
    ///
    /// 32-bit integers beyond 2^24 are rounded to the nearest float.
    pub fn to_f32(&self) -> Array3<f32> {
        match self {
            Self::F32(array) => array.clone(),
            // Each integer is exact in 64 bits, so that it is rounded once.
            other => match_voxels!(other, array => array.mapv(|v| f64::from(v) as f32)),
        }
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
        match_voxel_type!(voxel_type, T => Self::from(array.mapv(|v| <T as Sample>::from_f64(v.into()))))
    }

    /// Converts each value by `f` to `voxel_type`: rounded, and kept to the range of the type.
    ///
    /// NaN becomes 0 in integers.
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
            Self::from(array.mapv(|v| <T as Sample>::from_f64(f(v.into()))))
        }))
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

    /// Returns the smallest and the largest value.
    ///
    /// NaN is left out; where no value remains, both are 0.
    pub fn range(&self) -> (f64, f64) {
        let range = match_voxels!(self, array => range_of(array.iter().map(|&v| f64::from(v))));
        range.unwrap_or((0.0, 0.0))
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
}
