//! A label: which voxels belong to a class.

use crate::error::{Error, Result};
use crate::{Roi, Volume, Voxels, limits, match_voxels};
use ndarray::{Array3, ArrayView3, Axis};
use std::path::Path;

/// The sections of a label that are read at a time.
const SECTIONS_AT_A_TIME: usize = 32;

/// The most values that an error lists.
const LISTED_VALUES: usize = 8;

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
    /// [`Error::NotAMask`] where it holds other values, or both 1 and 255, and those of
    /// [`crate::open`] and [`Volume::read`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let volume = crate::open(path)?;
        Self::from_volume(&volume, Roi::whole(volume.shape()))
    }

    /// Reads a block of a label volume: background 0, foreground 255 or 1.
    ///
    /// # Errors
    ///
    /// [`Error::NotAMask`] where the block holds other values, or both 1 and 255, and those of
    /// [`Volume::read`].
    pub fn from_volume(volume: &Volume, roi: Roi) -> Result<Self> {
        volume.check(roi)?;
        let [depth, height, width] = roi.shape;
        let mut voxels = limits::zeroed::<bool>(roi.voxels())?;
        let mut found = Found::default();
        let batch = (SECTIONS_AT_A_TIME * height * width).max(1);
        for (index, out) in voxels.chunks_mut(batch).enumerate() {
            let z = roi.start[0] + index * SECTIONS_AT_A_TIME;
            let sections = out.len() / (height * width);
            let part = volume
                .read(Roi { start: [z, roi.start[1], roi.start[2]], shape: [sections, height, width] })?;
            if let Some(section) = found.first_without_mask(&part) {
                return Err(Error::NotAMask {
                    path: volume.path().map(Path::to_path_buf),
                    page: z + section,
                    values: found.listed(),
                });
            }
            copy_foreground(&part, out);
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
        out.iter_mut().zip(array).for_each(|(out, &v)| *out = f64::from(v) != 0.0);
    });
}

/// The distinct values seen so far, in rising order, as many as are listed and one more.
#[derive(Default)]
struct Found {
    values: Vec<f64>,
}

impl Found {
    /// Looks at sections one by one, up to the first where the values are not those of a mask.
    fn first_without_mask(&mut self, sections: &Voxels) -> Option<usize> {
        (0..sections.shape()[0]).find(|&z| {
            self.look(sections, z);
            !self.is_mask()
        })
    }

    fn look(&mut self, sections: &Voxels, z: usize) {
        match sections {
            Voxels::U8(array) => {
                let mut seen = [false; 256];
                array.index_axis(Axis(0), z).iter().for_each(|&v| seen[usize::from(v)] = true);
                (0..=u8::MAX).filter(|&v| seen[usize::from(v)]).for_each(|v| self.add(v.into()));
            }
            // -0.0 is a 0 that would sort, and print, apart from it.
            other => match_voxels!(other, array => {
                self.add_runs(array.index_axis(Axis(0), z).iter().map(|&v| f64::from(v) + 0.0));
            }),
        }
    }

    /// Labels are long runs of one value, of which the first is looked up.
    fn add_runs(&mut self, values: impl Iterator<Item = f64>) {
        let mut last = None;
        for value in values {
            if last != Some(value) {
                self.add(value);
                last = Some(value);
            }
        }
    }

    fn add(&mut self, value: f64) {
        if let Err(place) = self.values.binary_search_by(|known| known.total_cmp(&value))
            && self.values.len() <= LISTED_VALUES
        {
            self.values.insert(place, value);
        }
    }

    fn is_mask(&self) -> bool {
        let only = |foreground| self.values.iter().all(|&value| value == 0.0 || value == foreground);
        only(255.0) || only(1.0)
    }

    fn listed(&self) -> Vec<String> {
        let listed = self.values.iter().take(LISTED_VALUES).map(|&value| shortest(value));
        let more = (self.values.len() > LISTED_VALUES).then(|| "...".to_owned());
        listed.chain(more).collect()
    }
}

/// Prints a value with the digits of its own type: 0.1 as a 32-bit float has more as a 64-bit one.
fn shortest(value: f64) -> String {
    let float = value as f32;
    if f64::from(float) == value { float.to_string() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
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
