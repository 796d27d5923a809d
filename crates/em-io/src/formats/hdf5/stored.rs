//! How HDF5 says that voxels are stored, and their bytes as the file has them.

use crate::VoxelType;
use crate::formats::stored::Stored;
use crate::sample::Endian;
use hdf5_reader::{ByteOrder, Datatype, H5Type};

/// Reads how voxels are stored. Booleans, which h5py stores as an enumeration, are 0 and 1.
pub(super) fn stored(datatype: &Datatype) -> Option<(Stored, Endian)> {
    let (stored, order) = match datatype {
        Datatype::FixedPoint { size, signed, byte_order } => {
            let voxel_type = match (size, signed) {
                (1, false) => VoxelType::U8,
                (1, true) => VoxelType::I8,
                (2, false) => VoxelType::U16,
                (2, true) => VoxelType::I16,
                (4, false) => VoxelType::U32,
                (4, true) => VoxelType::I32,
                (8, false) => VoxelType::U64,
                (8, true) => VoxelType::I64,
                _ => return None,
            };
            (Stored::As(voxel_type), byte_order)
        }
        Datatype::FloatingPoint { size: 2, byte_order } => (Stored::F16, byte_order),
        Datatype::FloatingPoint { size: 4, byte_order } => (Stored::As(VoxelType::F32), byte_order),
        Datatype::FloatingPoint { size: 8, byte_order } => (Stored::F64, byte_order),
        Datatype::Enum { base, members } => match **base {
            Datatype::FixedPoint { size: 1, ref byte_order, .. } if members.len() == 2 => {
                (Stored::As(VoxelType::U8), byte_order)
            }
            _ => return None,
        },
        _ => return None,
    };
    let endian = match order {
        ByteOrder::LittleEndian => Endian::Little,
        ByteOrder::BigEndian => Endian::Big,
    };
    Some((stored, endian))
}

/// The bytes of one number, in the order of the file.
#[derive(Clone, Copy)]
pub(super) struct Raw<const N: usize>(pub [u8; N]);

impl<const N: usize> H5Type for Raw<N> {
    fn hdf5_type() -> Datatype {
        Datatype::Opaque { size: N as u32, tag: String::new() }
    }

    fn from_bytes(bytes: &[u8], _: &Datatype) -> hdf5_reader::error::Result<Self> {
        let bytes = bytes.first_chunk();
        bytes.map(|bytes| Self(*bytes)).ok_or_else(|| {
            hdf5_reader::error::Error::InvalidData(format!("fewer than {N} bytes for a number"))
        })
    }

    fn element_size(_: &Datatype) -> usize {
        N
    }

    fn native_copy_compatible(datatype: &Datatype) -> bool {
        stored(datatype).is_some_and(|(stored, _)| stored.bytes() == N)
    }
}
