//! A label: which voxels belong to a class.

use crate::blocks::Blocks;
use crate::error::Result;
use crate::{MaskValues, Roi, Volume, Voxel, Voxels, limits, match_voxels};
use ndarray::{Array3, ArrayView3};
use std::path::Path;

/// The sections of a label that are read at a time.
const SECTIONS_AT_A_TIME: usize = 32;

/// A mask, `[z, y, x]`: true in the foreground.
///
/// ```
/// use em_io::Mask;
/// use ndarray::array;
///
/// let mask = Mask::new(array![[[true, false, true]]], Some([50.0, 5.0, 5.0]));
/// assert_eq!(mask.shape(), [1, 1, 3]);
/// assert_eq!(mask.foreground(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    voxels: Array3<bool>,
    voxel_size_nm: Option<[f64; 3]>,
}

impl Mask {
    /// Wraps an array that is true in the foreground; `voxel_size_nm` is `[z, y, x]`.
    pub fn new(voxels: Array3<bool>, voxel_size_nm: Option<[f64; 3]>) -> Self {
        Self { voxels, voxel_size_nm }
    }

    /// Reads a label file: background 0, foreground 255 or 1, in any format and voxel type.
    ///
    /// # Errors
    ///
    /// [`Error::NotAMask`](crate::Error::NotAMask) where it holds other values, or both 1 and 255, and those of
    /// [`crate::open`] and [`Volume::read`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let volume = crate::open(path)?;
        Self::from_volume(&volume, Roi::whole(volume.shape()))
    }

    /// Reads a block of a label volume: background 0, foreground 255 or 1.
    ///
    /// # Errors
    ///
    /// [`Error::NotAMask`](crate::Error::NotAMask) where the block holds other values, or both 1 and 255, and those of
    /// [`Volume::read`].
    pub fn from_volume(volume: &Volume, roi: Roi) -> Result<Self> {
        volume.check(roi)?;
        let [depth, height, width] = roi.shape;
        let mut voxels = limits::zeroed::<bool>(roi.voxels())?;
        let mut rule = MaskValues::default();
        let mut rest = voxels.as_mut_slice();
        for block in volume.blocks(Blocks::of_sections(roi, SECTIONS_AT_A_TIME)) {
            let (place, sections) = block?;
            for z in 0..place.shape[0] {
                rule.add_section(&sections, z);
                if !rule.is_mask() {
                    return Err(rule.error(volume.path(), place.start[0] + z));
                }
            }
            let (out, behind) = rest.split_at_mut(place.voxels());
            copy_foreground(&sections, out);
            rest = behind;
        }
        let voxels = Array3::from_shape_vec((depth, height, width), voxels)
            .expect("the buffer was made for this shape");
        Ok(Self::new(voxels, volume.voxel_size_nm()))
    }

    /// Returns the voxels, `[z, y, x]`.
    pub fn view(&self) -> ArrayView3<'_, bool> {
        self.voxels.view()
    }

    /// Returns the voxels, `[z, y, x]`, and drops the rest.
    pub fn into_inner(self) -> Array3<bool> {
        self.voxels
    }

    /// Returns the number of voxels along `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        let (z, y, x) = self.voxels.dim();
        [z, y, x]
    }

    /// Counts the voxels of the foreground.
    pub fn foreground(&self) -> usize {
        self.voxels.iter().filter(|&&inside| inside).count()
    }

    /// Returns the size of a voxel along `[z, y, x]` in nm, `None` where it is unknown.
    pub fn voxel_size_nm(&self) -> Option<[f64; 3]> {
        self.voxel_size_nm
    }
}

fn copy_foreground(sections: &Voxels, out: &mut [bool]) {
    match_voxels!(sections, array => {
        out.iter_mut().zip(array).for_each(|(out, &v)| *out = v.to_f64() != 0.0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use ndarray::array;

    fn mask_of(voxels: impl Into<Voxels>) -> Result<Mask> {
        let volume = Volume::from_voxels(voxels.into(), None);
        Mask::from_volume(&volume, Roi::whole(volume.shape()))
    }

    #[test]
    fn both_conventions_and_every_type_are_read() {
        let expected = array![[[false, true]], [[true, false]]];
        for mask in [
            mask_of(array![[[0_u8, 255]], [[255, 0]]]),
            mask_of(array![[[0_u8, 1]], [[1, 0]]]),
            mask_of(array![[[0_u16, 255]], [[255, 0]]]),
            mask_of(array![[[-0.0_f32, 1.0]], [[1.0, 0.0]]]),
            mask_of(array![[[0_i8, 1]], [[1, 0]]]),
            mask_of(array![[[0_i32, 255]], [[255, 0]]]),
            mask_of(array![[[0_u64, 255]], [[255, 0]]]),
        ] {
            assert_eq!(mask.unwrap().into_inner(), expected);
        }
    }

    #[test]
    fn other_values_are_named_with_their_page() {
        let error = mask_of(array![[[0_u8, 255]], [[7, 3]]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the label volume holds the values 0, 3, 7, 255 (page 1), \
             expected only 0 and 255, or only 0 and 1"
        );
    }

    #[test]
    fn a_mixture_of_both_conventions_is_refused() {
        let error = mask_of(array![[[0_u8, 1]], [[0, 255]]]).unwrap_err();
        assert!(matches!(error, Error::NotAMask { page: 1, .. }), "{error}");
    }

    #[test]
    fn eight_values_are_listed() {
        let error = mask_of(Array3::from_shape_fn((1, 1, 20), |(_, _, x)| x as u8)).unwrap_err();
        assert!(error.to_string().contains("0, 1, 2, 3, 4, 5, 6, 7, ... (page 0)"), "{error}");
        assert!(mask_of(array![[[f32::NAN]]]).is_err());
    }

    #[test]
    fn a_page_behind_the_first_batch_is_counted_from_the_start() {
        let mut voxels = Array3::<u8>::zeros((40, 2, 2));
        voxels[[35, 0, 0]] = 9;
        assert!(matches!(mask_of(voxels).unwrap_err(), Error::NotAMask { page: 35, .. }));
    }

    #[test]
    fn a_block_outside_is_an_error_and_an_empty_one_is_empty() {
        let volume = Volume::from_voxels(Array3::<u8>::zeros((2, 2, 2)).into(), None);
        let outside = Roi { start: [0; 3], shape: [0, usize::MAX, usize::MAX] };
        assert!(Mask::from_volume(&volume, outside).is_err());
        let empty = Roi::sections([2, 2, 2], 1..1);
        assert_eq!(Mask::from_volume(&volume, empty).unwrap().shape(), [0, 2, 2]);
    }
}
