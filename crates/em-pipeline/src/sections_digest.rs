//! What tells a volume from another one of its size, without reading it all.

use em_io::{Roi, Volume, hex, match_voxels};
use sha2::{Digest, Sha256};

use crate::error::Result;

/// Returns the SHA-256 of the first, the middle and the last section.
///
/// # Errors
///
/// Fails if they cannot be read.
pub fn sections_digest(volume: &Volume) -> Result<String> {
    let [depth, ..] = volume.shape();
    let mut digest = Sha256::new();
    for z in [0, depth / 2, depth - 1] {
        let section = volume.read(Roi::sections(volume.shape(), z..z + 1))?;
        match_voxels!(&section, array => array.iter().for_each(|v| digest.update(v.to_le_bytes())));
    }
    Ok(hex(&digest.finalize()))
}
