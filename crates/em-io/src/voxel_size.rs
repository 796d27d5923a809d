//! The size of a voxel: checked, compared and printed in one way.

use crate::error::{Error, Result};
use crate::limits::VOXEL_SIZE_NM;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Sizes that differ by less are the same: TIFF stores fractions, MRC 32-bit floats.
const SAME: f64 = 1e-5;

/// A network that was trained on voxels of one size finds its way among others up to so many times as
/// long, or as short.
const CLOSE: f64 = 1.2;

/// Sections thicker than so many pixels are wide are too unlike their neighbours to be stacked.
const ANISOTROPIC: f64 = 3.0;

/// The size of a voxel in nm along `[z, y, x]`: three lengths within [`VOXEL_SIZE_NM`].
///
/// ```
/// use em_io::VoxelSize;
///
/// let size = VoxelSize::new([50.0, 4.6, 4.6])?;
/// assert_eq!(size.to_string(), "50 x 4.6 x 4.6 nm");
/// assert!(size.anisotropy() > 10.0);
/// assert_eq!(size.is_close_to(VoxelSize::new([50.0, 5.0, 8.0])?), [true, true, false]);
/// assert!(VoxelSize::new([50.0, 0.0, 4.6]).is_err());
/// # Ok::<(), em_io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 3]", into = "[f64; 3]")]
pub struct VoxelSize([f64; 3]);

impl VoxelSize {
    /// Takes three lengths in nm, `[z, y, x]`.
    ///
    /// # Errors
    ///
    /// [`Error::VoxelSize`] where one of them is none that a voxel has.
    pub fn new(nm: [f64; 3]) -> Result<Self> {
        if nm.iter().all(|length| VOXEL_SIZE_NM.contains(length)) {
            return Ok(Self(nm));
        }
        Err(Error::VoxelSize { found: nm })
    }

    /// Returns the lengths in nm, `[z, y, x]`.
    pub fn nm(self) -> [f64; 3] {
        self.0
    }

    /// Returns how many times sections are as thick as a pixel is wide, along its shorter side.
    pub fn anisotropy(self) -> f64 {
        let [z, y, x] = self.0;
        z / y.min(x)
    }

    /// Tells whether sections are so thick that a network of sections suits them better than one of volumes.
    pub fn is_anisotropic(self) -> bool {
        self.anisotropy() > ANISOTROPIC
    }

    /// Tells whether another size is the same, but for what formats round.
    pub fn is_same_as(self, other: Self) -> bool {
        self.differs_by_at_most(SAME, other)
    }

    /// Tells for each axis whether a network that was trained on voxels of this size suits others: one
    /// length is at most 1.2 times the other.
    pub fn is_close_to(self, other: Self) -> [bool; 3] {
        std::array::from_fn(|axis| {
            let (own, other) = (self.0[axis], other.0[axis]);
            own.max(other) <= CLOSE * own.min(other)
        })
    }

    /// Tells whether each length of another size differs by at most a share of the one of this size.
    pub fn differs_by_at_most(self, share: f64, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| (own - other).abs() <= share * own)
    }
}

impl fmt::Display for VoxelSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last digits of what was stored as a fraction or a 32-bit float say nothing.
        let [z, y, x] = self.0.map(|length| (length * 1e4).round() / 1e4);
        write!(f, "{z} x {y} x {x} nm")
    }
}

impl TryFrom<[f64; 3]> for VoxelSize {
    type Error = Error;

    fn try_from(nm: [f64; 3]) -> Result<Self> {
        Self::new(nm)
    }
}

impl From<VoxelSize> for [f64; 3] {
    fn from(size: VoxelSize) -> Self {
        size.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(nm: [f64; 3]) -> VoxelSize {
        VoxelSize::new(nm).unwrap()
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for wrong in [0.0, -4.0, f64::NAN, f64::INFINITY, 1e10] {
            assert!(matches!(VoxelSize::new([50.0, 4.6, wrong]), Err(Error::VoxelSize { .. })), "{wrong}");
        }
    }

    #[test]
    fn rounding_makes_no_difference_and_a_per_cent_does() {
        let own = size([50.0, 4.6, 4.6]);
        assert!(own.is_same_as(size([50.0, f64::from(4.6_f32), 4.6])));
        assert!(
            !own.is_same_as(size([50.0, 4.6, 4.65])) && own.is_close_to(size([50.0, 4.6, 4.65])) == [true; 3]
        );
        assert_eq!(own.is_close_to(size([60.0, 5.5, 3.9])), [true; 3]);
        assert_eq!(own.is_close_to(size([60.1, 5.6, 3.8])), [false; 3]);
        assert!(own.differs_by_at_most(0.01, size([50.2, 4.6, 4.6])));
        assert!(!own.differs_by_at_most(0.01, size([45.0, 4.6, 4.6])));
    }

    #[test]
    fn it_is_three_numbers_in_files_and_four_digits_in_text() {
        let own: VoxelSize = serde_json::from_str("[50.0, 4.6, 4.0]").unwrap();
        assert_eq!(own, size([50.0, 4.6, 4.0]));
        assert_eq!(serde_json::to_string(&own).unwrap(), "[50.0,4.6,4.0]");
        let error = serde_json::from_str::<VoxelSize>("[50.0, 0.0, 4.0]").unwrap_err().to_string();
        assert!(error.contains("expected three lengths"), "{error}");
        assert_eq!(size([50.0, f64::from(4.6_f32), 4.6]).to_string(), "50 x 4.6 x 4.6 nm");
        assert_eq!(own.anisotropy(), 12.5);
    }
}
