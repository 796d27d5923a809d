//! How a number is stored in a file, and which voxel it becomes. It knows no format.

use super::DOUBLE_NOTE;
use crate::VoxelType;
use crate::sample::{Endian, Sample, Voxel, match_voxel_type};
use half::f16;

/// How one voxel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// In a type that is kept.
    As(VoxelType),
    /// As a byte that is 128 less than what is meant, when both are read as signed and unsigned.
    ShiftedByte,
    /// As a 16-bit float; every one of them is a 32-bit float, too.
    F16,
    /// As a 64-bit float, which is rounded to 32 bits.
    F64,
}

impl Stored {
    /// Returns the bytes of one voxel in the file.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::As(voxel_type) => voxel_type.bytes(),
            Self::ShiftedByte => 1,
            Self::F16 => 2,
            Self::F64 => 8,
        }
    }

    /// Returns the type that the voxel is read as.
    pub(crate) fn voxel_type(self) -> VoxelType {
        match self {
            Self::As(voxel_type) => voxel_type,
            Self::ShiftedByte => VoxelType::U8,
            Self::F16 | Self::F64 => VoxelType::F32,
        }
    }

    /// Says what becomes of the values, where they are not kept as they are.
    pub(crate) fn note(self) -> Option<&'static str> {
        match self {
            Self::As(_) => None,
            Self::ShiftedByte => Some("bytes are signed in the file: 128 added, as IMOD shows them"),
            Self::F16 => Some("16-bit float widened to 32-bit float"),
            Self::F64 => Some(DOUBLE_NOTE),
        }
    }

    /// Reads NumPy's name of a type, such as `<u2`, which Zarr 2 has, too. Booleans are 0 and 1.
    pub(crate) fn of_numpy(name: &str) -> Option<(Self, Endian)> {
        let order = name.chars().next().filter(|order| "|<>=".contains(*order))?;
        // The byte order is one byte long.
        let stored = match &name[1..] {
            "b1" => Self::As(VoxelType::U8),
            "f2" => Self::F16,
            "f8" => Self::F64,
            code => Self::As(VoxelType::ALL.into_iter().find(|&of| numpy_code(of) == code)?),
        };
        let endian = match order {
            '>' => Endian::Big,
            '<' => Endian::Little,
            '=' => Endian::NATIVE,
            // It says that there is no order, which is so for one byte.
            _ if stored.bytes() == 1 => Endian::NATIVE,
            _ => return None,
        };
        Some((stored, endian))
    }

    /// Reads voxels of the type that this is read as, which lie one after another.
    pub(crate) fn decode<T: Voxel>(self, bytes: &[u8], endian: Endian, out: &mut [T]) {
        match self {
            Self::As(_) => T::decode(bytes, endian, out),
            _ => self.decode_with(bytes, endian, out, |value| value),
        }
    }

    /// Reads voxels, each by way of a 64-bit float that `meant` turns into the value that is meant.
    pub(crate) fn decode_with<T: Voxel>(
        self,
        bytes: &[u8],
        endian: Endian,
        out: &mut [T],
        meant: impl Fn(f64) -> f64,
    ) {
        match self {
            Self::As(of) => {
                match_voxel_type!(of, S => each::<S, T>(bytes, endian, out, |v| meant(v.to_f64())))
            }
            Self::ShiftedByte => each::<u8, T>(bytes, endian, out, |byte| meant(f64::from(byte ^ 0x80))),
            Self::F16 => each::<u16, T>(bytes, endian, out, |bits| meant(f16::from_bits(bits).to_f64())),
            Self::F64 => each::<u64, T>(bytes, endian, out, |bits| meant(f64::from_bits(bits))),
        }
    }
}

fn each<S: Sample, T: Voxel>(bytes: &[u8], endian: Endian, out: &mut [T], value: impl Fn(S) -> f64) {
    let mut stored = vec![S::default(); out.len()];
    S::decode(bytes, endian, &mut stored);
    for (out, stored) in out.iter_mut().zip(stored) {
        *out = T::from_f64(value(stored));
    }
}

/// Reads how voxels are stored, by their [`VoxelType::long_name`]. Booleans are 0 and 1.
pub(crate) fn of_name(name: &str) -> Option<Stored> {
    match name {
        "bool" => Some(Stored::As(VoxelType::U8)),
        "float16" => Some(Stored::F16),
        "float64" => Some(Stored::F64),
        _ => VoxelType::ALL.into_iter().find(|&of| of.long_name() == name).map(Stored::As),
    }
}

/// Returns what NumPy and Zarr 2 call a type, after the byte order.
pub(crate) fn numpy_code(voxel_type: VoxelType) -> &'static str {
    match voxel_type {
        VoxelType::U8 => "u1",
        VoxelType::I8 => "i1",
        VoxelType::U16 => "u2",
        VoxelType::I16 => "i2",
        VoxelType::U32 => "u4",
        VoxelType::I32 => "i4",
        VoxelType::U64 => "u8",
        VoxelType::I64 => "i8",
        VoxelType::F32 => "f4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numpy_are_read_with_their_byte_order() {
        let little = |stored| Some((stored, Endian::Little));
        assert_eq!(Stored::of_numpy("<u2"), little(Stored::As(VoxelType::U16)));
        assert_eq!(Stored::of_numpy("<f2"), little(Stored::F16));
        assert_eq!(Stored::of_numpy(">f8"), Some((Stored::F64, Endian::Big)));
        assert_eq!(Stored::of_numpy("|b1").map(|(stored, _)| stored), Some(Stored::As(VoxelType::U8)));
        for other in ["|u2", "<c8", "|O", "<U5", "u1", "", "<f16", "é"] {
            assert_eq!(Stored::of_numpy(other), None, "{other}");
        }
    }

    // np.array([1.5, -2, 65504, np.inf, 6e-8], ">f2").tobytes().hex() is "3e00c0007bff7c000001";
    // np.float32(np.float16(6e-8)) is 5.9604645e-08.
    #[test]
    fn half_floats_are_widened_exactly() {
        let bytes = [0x3e, 0, 0xc0, 0, 0x7b, 0xff, 0x7c, 0, 0, 1];
        let mut out = [0.0_f32; 5];
        Stored::F16.decode(&bytes, Endian::Big, &mut out);
        assert_eq!(out, [1.5, -2.0, 65504.0, f32::INFINITY, 5.960_464_5e-8]);
    }

    #[test]
    fn shifted_bytes_are_those_that_imod_shows() {
        let mut out = [0_u8; 4];
        Stored::ShiftedByte.decode(&[0x80, 0x81, 0, 0x7f], Endian::Little, &mut out);
        assert_eq!(out, [0, 1, 128, 255]);
    }
}
