//! MRC, the format of electron tomography: `.mrc`, `.rec`, `.map`, `.st`, also packed with gzip.
//!
//! The header is that of MRC2014 (Cheng et al., J. Struct. Biol. 192, 2015), with what IMOD writes
//! into it (`mrc_format.txt` of IMOD). It is 1024 bytes at fixed places, read and written by hand.

mod nibbles;
mod read;
mod write;

pub(crate) use read::{open, open_compressed};
pub(crate) use write::create;

/// The length of the header; an extended header of any length may follow.
const HEADER_BYTES: usize = 1024;

/// Where the letters `MAP` are, by which the format is known.
const MAGIC: (usize, &[u8; 3]) = (208, b"MAP");

/// Tells whether a file that starts with these bytes is MRC.
pub(crate) fn is_mrc(bytes: &[u8]) -> bool {
    bytes.get(MAGIC.0..MAGIC.0 + MAGIC.1.len()) == Some(MAGIC.1.as_slice())
}

/// Where each field of the header begins.
mod at {
    /// Columns, rows, sections: 3 integers.
    pub const SHAPE: usize = 0;
    /// The type of a voxel.
    pub const MODE: usize = 12;
    /// Voxels of the cell along x, y, z: 3 integers.
    pub const GRID: usize = 28;
    /// Size of the cell along x, y, z in ångström: 3 floats.
    pub const CELL: usize = 40;
    /// Angles of the cell in degrees: 3 floats.
    pub const ANGLES: usize = 52;
    /// Which of x (1), y (2), z (3) the columns, rows and sections are: 3 integers.
    pub const AXES: usize = 64;
    /// Smallest, largest and mean value: 3 floats.
    pub const RANGE: usize = 76;
    /// 0 for a stack of images, 1 for a volume, 401 for a row of volumes.
    pub const SPACE_GROUP: usize = 88;
    /// Length of the extended header.
    pub const EXTENDED_BYTES: usize = 92;
    /// Version of the format.
    pub const VERSION: usize = 108;
    /// Tells that `IMOD_FLAGS` holds.
    pub const IMOD_STAMP: usize = 152;
    /// Bit 0: bytes are signed; bit 4: two voxels are in a byte of mode 0.
    pub const IMOD_FLAGS: usize = 156;
    /// The byte order.
    pub const MACHINE: usize = 212;
    /// Standard deviation.
    pub const DEVIATION: usize = 216;
    /// The number of labels, and the first of them.
    pub const LABELS: usize = 220;
}

/// `IMOD` as a number.
const IMOD_STAMP: i32 = 1_146_047_817;

/// The MRC2014 format's version number, of the revision that has mode 12.
const VERSION: i32 = 20_141;
