//! The types that voxels are stored in: what readers, writers and callers are generic over.

use crate::{VoxelType, Voxels};
use ndarray::{Array3, ArrayView3};
use std::fmt;

/// A type that voxels come in: `u8` to `i64`, and `f32`.
///
/// Code that takes the voxels of a [`Voxels`] of any type calls these methods in
/// [`match_voxels!`](crate::match_voxels). It cannot be implemented for other types.
///
/// ```
/// use em_io::Voxel;
///
/// fn brightest<T: Voxel>(voxels: &[T]) -> f64 {
///     voxels.iter().map(|voxel| voxel.to_f64()).fold(f64::NEG_INFINITY, f64::max)
/// }
///
/// assert_eq!(brightest(&[3_u64, 41, 7]), 41.0);
/// assert_eq!(<u8 as Voxel>::from_f64(300.2), 255);
/// ```
pub trait Voxel: Sample + PartialOrd + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The type, as volumes name it.
    const TYPE: VoxelType;

    /// Converts to a 64-bit float, to which 64-bit integers beyond 2^53 are rounded.
    fn to_f64(self) -> f64;

    /// Converts to a 32-bit float, to which 32- and 64-bit integers beyond 2^24 are rounded, once.
    fn to_f32(self) -> f32;

    /// Returns the nearest value of this type; NaN becomes 0 in integers.
    fn from_f64(value: f64) -> Self;
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// The lowest byte comes first.
    Little,
    /// The highest byte comes first.
    Big,
}

impl Endian {
    /// The order of this machine.
    pub(crate) const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

/// What the readers and writers of this crate need of a voxel type; it seals [`Voxel`].
pub trait Sample: Copy + Default + bytemuck::Pod {
    /// The smallest and the largest integer, `None` for floats.
    const WHOLE_RANGE: Option<(i128, i128)>;

    /// Reads voxels that are stored one after another, as many as there are in both.
    fn decode(bytes: &[u8], endian: Endian, out: &mut [Self]);

    /// Puts the bytes of voxels, which are in the order of a file, into that of the machine.
    fn reorder(voxels: &mut [Self], endian: Endian);

    /// Replaces differences by values, each the sum of all up to it; integers wrap.
    fn add_up(voxels: &mut [Self]);

    /// Takes the array out, where it is of this type.
    fn from_voxels(voxels: Voxels) -> Option<Array3<Self>>;

    /// Looks at voxels of this type, `None` where they are of another.
    fn view(voxels: &Voxels) -> Option<ArrayView3<'_, Self>>;

    /// Wraps an array.
    fn into_voxels(array: Array3<Self>) -> Voxels;

    /// Returns the grey value of a colour: Rec. 601 luma.
    fn luma(red: Self, green: Self, blue: Self) -> Self;

    /// Returns the mean of some voxels, rounded to the nearest value; of none it is 0.
    fn mean_of(voxels: impl Iterator<Item = Self>) -> Self;

    /// Returns the integer that the voxel is, `None` for fractions and what is no number.
    fn to_whole(self) -> Option<i128>;

    /// Returns the value of this type that is nearest to an integer.
    fn nearest_to_whole(whole: i128) -> Self;
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
            $crate::VoxelType::U64 => $crate::sample::with_type!($T = u64, $body),
            $crate::VoxelType::I64 => $crate::sample::with_type!($T = i64, $body),
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

/// The voxel of one type that is nearest to one of another. Integers are exact on the way.
pub(crate) fn nearest<S: Voxel, T: Voxel>(voxel: S) -> T {
    match voxel.to_whole() {
        Some(whole) => T::nearest_to_whole(whole),
        None => T::from_f64(voxel.to_f64()),
    }
}

/// Tells whether a type keeps a voxel of another as it is.
pub(crate) fn is_kept<S: Voxel, T: Voxel>(voxel: S) -> bool {
    match voxel.to_whole() {
        _ if S::TYPE == T::TYPE => true,
        Some(whole) => T::nearest_to_whole(whole).to_whole() == Some(whole),
        // Only floats have fractions, and there is one type of them.
        None => false,
    }
}

/// The weights of red, green and blue (ITU-R BT.601).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// The same weights times 2^16, the integers of Pillow's conversion to `L` (`L24` in its
/// `Convert.c`), so that both read the same grey.
const LUMA_FIXED: [u32; 3] = [19_595, 38_470, 7_471];

fn luma_fixed(red: u32, green: u32, blue: u32) -> u32 {
    // The weights add up to 2^16, so the sum stays below 2^32 for 16-bit values.
    (LUMA_FIXED[0] * red + LUMA_FIXED[1] * green + LUMA_FIXED[2] * blue + (1 << 15)) >> 16
}

fn luma_float<T: Voxel>(red: T, green: T, blue: T) -> T {
    let [red, green, blue] = [red, green, blue].map(Voxel::to_f64);
    T::from_f64(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)
}

/// A mean in 64-bit floats, which hold sums of the eight voxels that are averaged at most.
fn mean_in_floats<T: Voxel>(voxels: impl Iterator<Item = T>) -> T {
    let (sum, count) = voxels.fold((0.0, 0.0), |(sum, count), voxel| (sum + voxel.to_f64(), count + 1.0));
    T::from_f64(sum / f64::max(count, 1.0))
}

/// A mean that is exact beyond 2^53, too, rounded as [`f64::round`] does.
fn mean_in_integers<T: Voxel>(voxels: impl Iterator<Item = T>) -> T {
    let wholes = voxels.filter_map(Sample::to_whole);
    let (sum, count) = wholes.fold((0_i128, 0_i128), |(sum, count), whole| (sum + whole, count + 1));
    let count = count.max(1);
    let rounded = (2 * sum.abs() + count) / (2 * count) * sum.signum();
    T::nearest_to_whole(rounded)
}

/// What is alike for all types.
macro_rules! alike {
    ($type:ty, $variant:ident) => {
        fn decode(bytes: &[u8], endian: Endian, out: &mut [Self]) {
            let pairs = out.iter_mut().zip(bytes.as_chunks().0);
            match endian {
                Endian::Little => pairs.for_each(|(out, &value)| *out = Self::from_le_bytes(value)),
                Endian::Big => pairs.for_each(|(out, &value)| *out = Self::from_be_bytes(value)),
            }
        }

        fn reorder(voxels: &mut [Self], endian: Endian) {
            let reordered: fn(&Self) -> Self = match endian {
                Endian::Little if cfg!(target_endian = "big") => |v| Self::from_le_bytes(v.to_ne_bytes()),
                Endian::Big if cfg!(target_endian = "little") => |v| Self::from_be_bytes(v.to_ne_bytes()),
                _ => return,
            };
            voxels.iter_mut().for_each(|voxel| *voxel = reordered(voxel));
        }

        fn from_voxels(voxels: Voxels) -> Option<Array3<Self>> {
            match voxels {
                Voxels::$variant(array) => Some(array),
                _ => None,
            }
        }

        fn view(voxels: &Voxels) -> Option<ArrayView3<'_, Self>> {
            match voxels {
                Voxels::$variant(array) => Some(array.view()),
                _ => None,
            }
        }

        fn into_voxels(array: Array3<Self>) -> Voxels {
            Voxels::$variant(array)
        }
    };
}

macro_rules! integer {
    ($type:ty, $variant:ident, $luma:expr, $mean:ident) => {
        impl Voxel for $type {
            const TYPE: VoxelType = VoxelType::$variant;

            fn to_f64(self) -> f64 {
                self as f64
            }

            fn to_f32(self) -> f32 {
                self as f32
            }

            fn from_f64(value: f64) -> Self {
                // `as` saturates.
                value.round() as Self
            }
        }

        impl Sample for $type {
            // Every integer of 64 bits is one of 128 bits.
            const WHOLE_RANGE: Option<(i128, i128)> = Some((<$type>::MIN as i128, <$type>::MAX as i128));

            alike!($type, $variant);

            fn add_up(voxels: &mut [Self]) {
                voxels.iter_mut().fold(0, |sum: Self, voxel| {
                    *voxel = sum.wrapping_add(*voxel);
                    *voxel
                });
            }

            fn luma(red: Self, green: Self, blue: Self) -> Self {
                $luma(red, green, blue)
            }

            fn mean_of(voxels: impl Iterator<Item = Self>) -> Self {
                $mean(voxels)
            }

            fn to_whole(self) -> Option<i128> {
                Some(self as i128)
            }

            fn nearest_to_whole(whole: i128) -> Self {
                // Clamped to what the type holds.
                whole.clamp(Self::MIN as i128, Self::MAX as i128) as Self
            }
        }
    };
}

// A weighted mean of values of a type is a value of that type.
integer!(u8, U8, |r: u8, g: u8, b: u8| luma_fixed(r.into(), g.into(), b.into()) as u8, mean_in_floats);
integer!(u16, U16, |r: u16, g: u16, b: u16| luma_fixed(r.into(), g.into(), b.into()) as u16, mean_in_floats);
integer!(i8, I8, luma_float, mean_in_floats);
integer!(i16, I16, luma_float, mean_in_floats);
integer!(u32, U32, luma_float, mean_in_floats);
integer!(i32, I32, luma_float, mean_in_floats);
integer!(u64, U64, luma_float, mean_in_integers);
integer!(i64, I64, luma_float, mean_in_integers);

impl Voxel for f32 {
    const TYPE: VoxelType = VoxelType::F32;

    fn to_f64(self) -> f64 {
        self.into()
    }

    fn to_f32(self) -> f32 {
        self
    }

    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

/// Floats from here on are not all 128-bit integers.
const WHOLE_FLOATS_END: f32 = (1_u128 << 127) as f32;

impl Sample for f32 {
    const WHOLE_RANGE: Option<(i128, i128)> = None;

    alike!(f32, F32);

    fn add_up(voxels: &mut [Self]) {
        voxels.iter_mut().fold(0.0, |sum, voxel| {
            *voxel += sum;
            *voxel
        });
    }

    fn luma(red: Self, green: Self, blue: Self) -> Self {
        luma_float(red, green, blue)
    }

    fn mean_of(voxels: impl Iterator<Item = Self>) -> Self {
        mean_in_floats(voxels)
    }

    fn to_whole(self) -> Option<i128> {
        (self.fract() == 0.0 && self.abs() < WHOLE_FLOATS_END).then_some(self as i128)
    }

    fn nearest_to_whole(whole: i128) -> Self {
        whole as f32
    }
}

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

    #[test]
    fn both_byte_orders_are_decoded() {
        let mut out = [0_i16; 2];
        i16::decode(&[0xff, 0xfe, 1, 0, 9], Endian::Big, &mut out);
        assert_eq!(out, [-2, 256]);
        i16::decode(&[0xfe, 0xff, 1, 0, 9], Endian::Little, &mut out);
        assert_eq!(out, [-2, 1]);
    }

    // np.float32(2**60 + 2**36 + 1) is 2**60 + 2**37; by way of np.float64 it is 2**60.
    #[test]
    fn large_integers_are_rounded_to_floats_once() {
        let large = (1_u64 << 60) + (1 << 36) + 1;
        assert_eq!(large.to_f32(), ((1_u64 << 60) + (1 << 37)) as f32);
        assert_eq!((large as i64).to_f32(), large.to_f32());
    }

    #[test]
    fn means_of_large_integers_are_exact_and_halves_go_away_from_zero() {
        let last = u64::MAX;
        assert_eq!(u64::mean_of([last, last - 2, last - 1].into_iter()), last - 1);
        assert_eq!(i64::mean_of([i64::MIN, i64::MIN].into_iter()), i64::MIN);
        assert_eq!([u64::mean_of([2, 3].into_iter()), u64::mean_of([1, 2, 2].into_iter())], [3, 2]);
        assert_eq!([i64::mean_of([-2, -3].into_iter()), i64::mean_of([-2, 3].into_iter())], [-3, 1]);
        assert_eq!([i8::mean_of([-2, -3].into_iter()), i8::mean_of([-2, 3].into_iter())], [-3, 1]);
        assert_eq!(u64::mean_of([].into_iter()), 0);
    }

    #[test]
    fn what_a_type_does_not_keep_is_told() {
        let odd = (1_u64 << 53) + 1;
        assert!(is_kept::<u64, i64>(odd) && !is_kept::<u64, f32>(odd) && !is_kept::<u64, i64>(u64::MAX));
        assert!(is_kept::<f32, u64>(16_777_216.0) && !is_kept::<f32, u8>(0.5) && !is_kept::<f32, i64>(1e30));
        assert!(is_kept::<f32, f32>(f32::NAN) && !is_kept::<f32, i8>(f32::NAN));
        assert_eq!([nearest::<u64, i64>(odd), nearest::<u64, i64>(u64::MAX)], [odd as i64, i64::MAX]);
        assert_eq!([nearest::<f32, u8>(0.5), nearest(-7.0_f32), nearest(f32::INFINITY)], [1, 0, 255]);
    }
}
