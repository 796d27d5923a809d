//! Voxels in memory, in the three types that EM volumes come in. It knows no file.

use ndarray::{Array3, ArrayView3, s};
use std::fmt;

/// The type of a voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VoxelType {
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit IEEE 754 float.
    F32,
}

impl VoxelType {
    /// Returns the size of one voxel in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::F32 => 4,
        }
    }
}

impl fmt::Display for VoxelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "8-bit unsigned",
            Self::U16 => "16-bit unsigned",
            Self::F32 => "32-bit float",
        })
    }
}

/// A block of voxels, `[z, y, x]`, in the type that its file stores.
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
    /// 16-bit unsigned voxels.
    U16(Array3<u16>),
    /// 32-bit float voxels.
    F32(Array3<f32>),
}

impl Voxels {
    /// Returns the number of voxels along `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        let (z, y, x) = match self {
            Self::U8(array) => array.dim(),
            Self::U16(array) => array.dim(),
            Self::F32(array) => array.dim(),
        };
        [z, y, x]
    }

    /// Returns the type of the voxels.
    pub fn voxel_type(&self) -> VoxelType {
        match self {
            Self::U8(_) => VoxelType::U8,
            Self::U16(_) => VoxelType::U16,
            Self::F32(_) => VoxelType::F32,
        }
    }

    /// Converts to 32-bit floats, `[z, y, x]`. Values are kept: 255 becomes 255.0.
    pub fn to_f32(&self) -> Array3<f32> {
        match self {
            Self::U8(array) => array.mapv(f32::from),
            Self::U16(array) => array.mapv(f32::from),
            Self::F32(array) => array.clone(),
        }
    }

    /// Returns the smallest and the largest value.
    ///
    /// NaN is left out; where no value remains, both are 0.
    pub fn range(&self) -> (f32, f32) {
        let range = match self {
            Self::U8(array) => range_of(array.iter().map(|&v| f32::from(v))),
            Self::U16(array) => range_of(array.iter().map(|&v| f32::from(v))),
            Self::F32(array) => range_of(array.iter().copied()),
        };
        range.unwrap_or((0.0, 0.0))
    }
}

fn range_of(values: impl Iterator<Item = f32>) -> Option<(f32, f32)> {
    values.filter(|value| !value.is_nan()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

impl From<Array3<u8>> for Voxels {
    fn from(array: Array3<u8>) -> Self {
        Self::U8(array)
    }
}

impl From<Array3<u16>> for Voxels {
    fn from(array: Array3<u16>) -> Self {
        Self::U16(array)
    }
}

impl From<Array3<f32>> for Voxels {
    fn from(array: Array3<f32>) -> Self {
        Self::F32(array)
    }
}

/// A type that voxels are stored in: what the decoders are generic over.
pub(crate) trait Sample: Copy + Default + Send + Sync {
    /// Returns the grey value of a colour.
    ///
    /// Rec. 601 luma in 16-bit fixed point, the same integers as Pillow's conversion to `L`
    /// (`L24` in its `Convert.c`), so that both read the same grey.
    fn luma(red: Self, green: Self, blue: Self) -> Self;

    /// Takes the array out, where it is of this type.
    fn from_voxels(voxels: Voxels) -> Option<Array3<Self>>;
}

/// The weights of red, green and blue, times 2^16 (ITU-R BT.601: 0.299, 0.587, 0.114).
const LUMA: [u32; 3] = [19_595, 38_470, 7_471];

fn luma_fixed(red: u32, green: u32, blue: u32) -> u32 {
    // The weights add up to 2^16, so the sum stays below 2^32 for 16-bit values.
    (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue + (1 << 15)) >> 16
}

impl Sample for u8 {
    fn luma(red: u8, green: u8, blue: u8) -> u8 {
        // A weighted mean of bytes is a byte.
        luma_fixed(red.into(), green.into(), blue.into()) as u8
    }

    fn from_voxels(voxels: Voxels) -> Option<Array3<u8>> {
        match voxels {
            Voxels::U8(array) => Some(array),
            _ => None,
        }
    }
}

impl Sample for u16 {
    fn luma(red: u16, green: u16, blue: u16) -> u16 {
        // A weighted mean of 16-bit values is a 16-bit value.
        luma_fixed(red.into(), green.into(), blue.into()) as u16
    }

    fn from_voxels(voxels: Voxels) -> Option<Array3<u16>> {
        match voxels {
            Voxels::U16(array) => Some(array),
            _ => None,
        }
    }
}

impl Sample for f32 {
    fn luma(red: f32, green: f32, blue: f32) -> f32 {
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    fn from_voxels(voxels: Voxels) -> Option<Array3<f32>> {
        match voxels {
            Voxels::F32(array) => Some(array),
            _ => None,
        }
    }
}

/// Cuts a block out of an array that holds a whole volume.
pub(crate) fn cut<T: Clone>(volume: ArrayView3<'_, T>, roi: crate::Roi) -> Array3<T> {
    let ([z, y, x], [z1, y1, x1]) = (roi.start, roi.end());
    volume.slice(s![z..z1, y..y1, x..x1]).to_owned()
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
    }

    // Image.new("RGB", (1, 1), c).convert("L").getpixel((0, 0)) in Pillow 13.0
    #[test]
    fn luma_equals_pillow() {
        assert_eq!(u8::luma(255, 0, 0), 76);
        assert_eq!(u8::luma(0, 255, 0), 150);
        assert_eq!(u8::luma(0, 0, 255), 29);
        assert_eq!(u8::luma(12, 200, 77), 130);
        assert_eq!(u8::luma(255, 255, 255), 255);
        assert_eq!(u16::luma(65_535, 65_535, 65_535), 65_535);
    }
}
