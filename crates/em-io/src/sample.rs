//! The types that voxels are stored in: what the readers are generic over.

use crate::{VoxelType, Voxels};
use ndarray::Array3;

/// A type that voxels are stored in.
pub(crate) trait Sample: Copy + Default + Send + Sync + Into<f64> {
    /// The type, as volumes name it.
    const TYPE: VoxelType;

    /// Returns the grey value of a colour: Rec. 601 luma.
    fn luma(red: Self, green: Self, blue: Self) -> Self;

    /// Returns the nearest value of this type; NaN becomes 0 in integers.
    fn from_f64(value: f64) -> Self;

    /// Takes the array out, where it is of this type.
    fn from_voxels(voxels: Voxels) -> Option<Array3<Self>>;
}

/// Runs the same expression for the type that a [`crate::VoxelType`] stands for.
macro_rules! match_voxel_type {
    ($voxel_type:expr, $T:ident => $body:expr) => {
        match $voxel_type {
            $crate::VoxelType::U8 => $crate::sample::with_type!($T = u8, $body),
            $crate::VoxelType::I8 => $crate::sample::with_type!($T = i8, $body),
            $crate::VoxelType::U16 => $crate::sample::with_type!($T = u16, $body),
            $crate::VoxelType::I16 => $crate::sample::with_type!($T = i16, $body),
            $crate::VoxelType::U32 => $crate::sample::with_type!($T = u32, $body),
            $crate::VoxelType::I32 => $crate::sample::with_type!($T = i32, $body),
            $crate::VoxelType::F32 => $crate::sample::with_type!($T = f32, $body),
        }
    };
}
pub(crate) use match_voxel_type;

macro_rules! with_type {
    ($T:ident = $type:ty, $body:expr) => {{
        type $T = $type;
        $body
    }};
}
pub(crate) use with_type;

/// The weights of red, green and blue (ITU-R BT.601).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// The same weights times 2^16, the integers of Pillow's conversion to `L` (`L24` in its
/// `Convert.c`), so that both read the same grey.
const LUMA_FIXED: [u32; 3] = [19_595, 38_470, 7_471];

fn luma_fixed(red: u32, green: u32, blue: u32) -> u32 {
    // The weights add up to 2^16, so the sum stays below 2^32 for 16-bit values.
    (LUMA_FIXED[0] * red + LUMA_FIXED[1] * green + LUMA_FIXED[2] * blue + (1 << 15)) >> 16
}

fn luma_float<T: Sample>(red: T, green: T, blue: T) -> T {
    let [red, green, blue]: [f64; 3] = [red, green, blue].map(Into::into);
    T::from_f64(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)
}

macro_rules! sample {
    ($type:ty, $variant:ident, $luma:expr, $from_f64:expr) => {
        impl Sample for $type {
            const TYPE: VoxelType = VoxelType::$variant;

            fn luma(red: Self, green: Self, blue: Self) -> Self {
                $luma(red, green, blue)
            }

            fn from_f64(value: f64) -> Self {
                $from_f64(value)
            }

            fn from_voxels(voxels: Voxels) -> Option<Array3<Self>> {
                match voxels {
                    Voxels::$variant(array) => Some(array),
                    _ => None,
                }
            }
        }

        impl From<Array3<$type>> for Voxels {
            fn from(array: Array3<$type>) -> Self {
                Self::$variant(array)
            }
        }
    };
}

// A weighted mean of values of a type is a value of that type, and `as` saturates.
sample!(u8, U8, |r: u8, g: u8, b: u8| luma_fixed(r.into(), g.into(), b.into()) as u8, |v: f64| v.round()
    as u8);
sample!(
    u16,
    U16,
    |r: u16, g: u16, b: u16| luma_fixed(r.into(), g.into(), b.into()) as u16,
    |v: f64| v.round() as u16
);
sample!(i8, I8, luma_float, |v: f64| v.round() as i8);
sample!(i16, I16, luma_float, |v: f64| v.round() as i16);
sample!(u32, U32, luma_float, |v: f64| v.round() as u32);
sample!(i32, I32, luma_float, |v: f64| v.round() as i32);
sample!(f32, F32, luma_float, |v: f64| v as f32);

#[cfg(test)]
mod tests {
    use super::*;

    // Image.new("RGB", (1, 1), c).convert("L").getpixel((0, 0)) in Pillow 13.0
    #[test]
    fn luma_equals_pillow() {
        assert_eq!(u8::luma(255, 0, 0), 76);
        assert_eq!(u8::luma(0, 255, 0), 150);
        assert_eq!(u8::luma(0, 0, 255), 29);
        assert_eq!(u8::luma(12, 200, 77), 130);
        assert_eq!(u8::luma(255, 255, 255), 255);
        assert_eq!(u16::luma(65_535, 65_535, 65_535), 65_535);
        assert_eq!(i16::luma(-5, -5, -5), -5);
        assert_eq!(u32::luma(u32::MAX, u32::MAX, u32::MAX), u32::MAX);
    }
}
