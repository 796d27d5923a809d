//! Bounds that every file is held to before a buffer is made for it.
//!
//! They are far above what a microscope delivers, so that only a damaged or hostile file meets
//! them. They do not bound what a caller asks for: a block that does not fit into memory is an
//! error of its own ([`crate::Error::OutOfMemory`]).

use crate::error::{Error, Result};
use std::path::Path;

/// The longest side of a section, in voxels (a stitched wafer has up to about 200,000).
pub const MAX_SIDE: usize = 1 << 18;

/// The largest number of sections in a volume.
pub const MAX_SECTIONS: usize = 1 << 20;

/// The most memory one decoded piece of a section (a strip, a tile, a PNG) may take, in bytes.
pub const MAX_PIECE_BYTES: usize = 1 << 31;

/// The most chunks of a volume whose chunks are smaller than [`SMALL_CHUNK`] voxels: reading such
/// a volume asks the disk for each of them, which takes hours for nothing but fill values.
pub(crate) const MAX_SMALL_CHUNKS: u64 = 1 << 20;

/// The fewest voxels of a chunk that is worth a file.
pub(crate) const SMALL_CHUNK: u64 = 4096;

/// The most bytes of pixels that one byte of a file may stand for.
///
/// Deflate reaches 1032 (zlib's technical notes) and LZW about 1400; a file that claims more than
/// this for one section is damaged, and is refused before memory is taken for it.
pub const MAX_EXPANSION: u64 = 4096;

/// The smallest and the largest voxel size that is written or believed, in nm.
pub const VOXEL_SIZE_NM: std::ops::RangeInclusive<f64> = 1e-3..=1e9;

/// Checks the size of one section, `[y, x]` in voxels, against the file that it is said to be in.
pub(crate) fn check_section(
    path: &Path,
    page: usize,
    size: [usize; 2],
    bits_per_pixel: usize,
    file_bytes: u64,
) -> Result<()> {
    let [height, width] = size;
    let too_large = |limit: String| Error::TooLarge { path: path.to_path_buf(), page, size, limit };
    if height.max(width) > MAX_SIDE {
        return Err(too_large(format!("{MAX_SIDE} voxels a side")));
    }
    // Both sides are at most 2^18, and a pixel has at most a few hundred bits: no overflow.
    let bytes = (height * width * bits_per_pixel).div_ceil(8) as u64;
    if bytes / MAX_EXPANSION > file_bytes {
        return Err(too_large(format!("what a file of {file_bytes} bytes can hold")));
    }
    Ok(())
}

/// Checks the number of sections of a volume.
pub(crate) fn check_sections(path: &Path, sections: usize) -> Result<()> {
    if sections > MAX_SECTIONS {
        return Err(Error::TooManySections { path: path.to_path_buf(), found: sections });
    }
    Ok(())
}

/// Makes a buffer of `len` zeros, or an error where memory does not suffice.
pub(crate) fn zeroed<T: Clone + Default>(len: usize) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| Error::OutOfMemory {
        path: None,
        bytes: (len as u64).saturating_mul(size_of::<T>() as u64),
    })?;
    buffer.resize(len, T::default());
    Ok(buffer)
}
