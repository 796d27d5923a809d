//! The types that voxels come in: their names, sizes and ranges. It knows no voxels.

use crate::sample::{Sample, match_voxel_type};
use std::fmt;
use std::str::FromStr;

/// The type of a voxel.
///
/// ```
/// use em_io::VoxelType;
///
/// let voxel_type: VoxelType = "u16".parse()?;
/// assert_eq!(voxel_type, VoxelType::U16);
/// assert_eq!((voxel_type.name(), voxel_type.to_string().as_str()), ("u16", "16-bit unsigned"));
/// # Ok::<(), em_io::UnknownVoxelType>(())
/// ```
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
    /// 64-bit unsigned integer, in which connectomics numbers its objects.
    U64,
    /// 64-bit signed integer.
    I64,
    /// 32-bit IEEE 754 float.
    F32,
}

impl VoxelType {
    /// Every type, for code and tests that go through them.
    pub const ALL: [Self; 9] =
        [Self::U8, Self::I8, Self::U16, Self::I16, Self::U32, Self::I32, Self::U64, Self::I64, Self::F32];

    /// Returns what NumPy, Zarr 3, N5 and Neuroglancer call a type, such as `uint16`.
    pub fn long_name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
        }
    }

    /// Returns the short name, such as `u16`, which [`str::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F32 => "f32",
        }
    }

    /// Returns the size of one voxel in bytes.
    pub fn bytes(self) -> usize {
        match_voxel_type!(self, T => size_of::<T>())
    }

    /// Returns the smallest and the largest value that the type holds; 0 and 1 for floats.
    ///
    /// Floats have no range worth speaking of, and images of floats mostly lie in 0 to 1.
    /// The largest values of 64-bit integers are rounded up to the next 64-bit float.
    pub fn range(self) -> (f64, f64) {
        match_voxel_type!(self, T => match T::WHOLE_RANGE {
            Some((low, high)) => (low as f64, high as f64),
            None => (0.0, 1.0),
        })
    }

    /// Tells whether a voxel of this type keeps a value as it is; floats keep NaN.
    ///
    /// ```
    /// use em_io::VoxelType;
    ///
    /// assert!(VoxelType::U8.holds(255.0));
    /// assert!(!VoxelType::U8.holds(-1.0) && !VoxelType::U8.holds(0.5));
    /// assert!(!VoxelType::F32.holds(16_777_217.0));
    /// assert!(!VoxelType::U64.holds(18_446_744_073_709_551_616.0));
    /// ```
    pub fn holds(self, value: f64) -> bool {
        match_voxel_type!(self, T => match T::WHOLE_RANGE {
            // The cast saturates, and what it saturates to is beyond every type.
            Some((low, high)) => value.fract() == 0.0 && (low..=high).contains(&(value as i128)),
            None => value.is_nan() || f64::from(value as f32) == value,
        })
    }

    /// Tells whether a voxel of this type keeps every value of another type as it is.
    pub fn holds_all_of(self, other: Self) -> bool {
        // An integer type between whose ends there is a value that is lost loses one of its ends.
        let ends = match_voxel_type!(other, T => T::WHOLE_RANGE);
        self == other
            || ends.is_some_and(|(low, high)| {
                match_voxel_type!(self, T => {
                    [low, high].into_iter().all(|end| T::nearest_to_whole(end).to_whole() == Some(end))
                })
            })
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
            Self::U64 => "64-bit unsigned",
            Self::I64 => "64-bit signed",
            Self::F32 => "32-bit float",
        })
    }
}

impl FromStr for VoxelType {
    type Err = UnknownVoxelType;

    fn from_str(name: &str) -> Result<Self, UnknownVoxelType> {
        let named = Self::ALL.into_iter().find(|voxel_type| voxel_type.name() == name);
        named.ok_or_else(|| UnknownVoxelType { found: name.to_owned() })
    }
}

/// A text that names no [`VoxelType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("voxel type `{found}`, expected one of {}", VoxelType::ALL.map(VoxelType::name).join(", "))]
pub struct UnknownVoxelType {
    /// The text.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_others_are_refused_with_the_list() {
        for voxel_type in VoxelType::ALL {
            assert_eq!(voxel_type.name().parse(), Ok(voxel_type));
        }
        let error = "double".parse::<VoxelType>().unwrap_err();
        let expected = "voxel type `double`, expected one of u8, i8, u16, i16, u32, i32, u64, i64, f32";
        assert_eq!(error.to_string(), expected);
        assert!("U8".parse::<VoxelType>().is_err() && "".parse::<VoxelType>().is_err());
    }

    #[test]
    fn a_type_holds_another_where_it_keeps_both_ends() {
        use VoxelType::{F32, I16, I32, I64, U8, U16, U32, U64};
        let held = |by: VoxelType| VoxelType::ALL.into_iter().filter(move |&other| by.holds_all_of(other));
        assert_eq!(held(U8).collect::<Vec<_>>(), [U8]);
        assert_eq!(held(I32).collect::<Vec<_>>(), [U8, VoxelType::I8, U16, I16, I32]);
        assert_eq!(held(U64).collect::<Vec<_>>(), [U8, U16, U32, U64]);
        assert_eq!(held(I64).collect::<Vec<_>>(), [U8, VoxelType::I8, U16, I16, U32, I32, I64]);
        assert_eq!(held(F32).collect::<Vec<_>>(), [U8, VoxelType::I8, U16, I16, F32]);
    }

    #[test]
    fn values_beyond_the_ends_of_a_type_are_not_held() {
        for voxel_type in [VoxelType::U64, VoxelType::I64] {
            // 2^64 and 2^63, to which the largest integers are rounded in 64-bit floats.
            let (low, rounded) = voxel_type.range();
            assert!(voxel_type.holds(low) && !voxel_type.holds(rounded) && !voxel_type.holds(low - 4096.0));
            assert!(!voxel_type.holds(f64::NAN) && !voxel_type.holds(f64::INFINITY));
        }
        assert!(VoxelType::F32.holds(f64::NAN) && VoxelType::F32.holds(-0.5) && !VoxelType::F32.holds(0.1));
        assert!(VoxelType::I8.holds(-128.0) && !VoxelType::I8.holds(128.0));
    }
}
