//! Which voxels of a volume belong to objects, in each of the forms that masks come in.

use std::path::Path;

use em_io::{MaskValues, Roi, Volume, Voxel, VoxelType, Voxels, match_voxels};
use ndarray::{Array3, ArrayView2, Axis};

use crate::runs::SectionRuns;
use crate::{Error, Result};

/// What the values of a volume say about objects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Foreground {
    /// A mask: 0 in the background, 255 or 1 in the foreground; other values are refused.
    Mask,
    /// Every value but 0 is foreground.
    NonZero,
    /// This value is foreground, every other is background.
    Value(f64),
    /// Probabilities, foreground above this one. 8- and 16-bit unsigned integers count their largest
    /// value as 1; floats are taken as they are and refused outside 0 to 1.
    Above(f32),
    /// Every value but 0 is an object of its own, whether it hangs together or not.
    Instances,
}

/// The foreground of a section.
pub(crate) struct FoundSection {
    pub runs: SectionRuns,
    /// The values that the section holds, where it is to be a mask.
    pub values: MaskValues,
    /// A value that should not be there.
    pub refused: Option<f64>,
}

impl Foreground {
    /// Finds the runs of section `z` of a block.
    pub(crate) fn find(self, voxels: &Voxels, z: usize) -> FoundSection {
        let mut values = MaskValues::default();
        if self == Self::Mask {
            values.add_section(voxels, z);
        }
        let refused = self.refused(voxels, z);
        let runs = if refused.is_some() { SectionRuns::empty() } else { self.runs(voxels, z) };
        FoundSection { runs, values, refused }
    }

    fn runs(self, voxels: &Voxels, z: usize) -> SectionRuns {
        match (self, voxels) {
            (Self::Mask | Self::NonZero, Voxels::U8(array)) => {
                SectionRuns::of_voxels(array.index_axis(Axis(0), z), |voxel| voxel != 0)
            }
            (Self::Above(threshold), Voxels::U8(array)) => {
                let passes = |voxel: &u8| f64::from(*voxel) / f64::from(u8::MAX) > f64::from(threshold);
                match (0..=u8::MAX).find(passes) {
                    Some(lowest) => {
                        SectionRuns::of_voxels(array.index_axis(Axis(0), z), |voxel| voxel >= lowest)
                    }
                    None => SectionRuns::of_voxels(array.index_axis(Axis(0), z), |_| false),
                }
            }
            (Self::Instances, Voxels::U32(array)) => SectionRuns::of_labels(array.index_axis(Axis(0), z)),
            (Self::Instances, other) => match_voxels!(other, array => {
                // Values were checked to be whole numbers of 32 bits.
                let section = array.index_axis(Axis(0), z).mapv(|voxel| voxel.to_f64() as u32);
                SectionRuns::of_labels(section.view())
            }),
            _ => {
                let one = one_of(voxels.voxel_type());
                match_voxels!(voxels, array => self.runs_of_numbers(array.index_axis(Axis(0), z), one))
            }
        }
    }

    fn runs_of_numbers<T: Voxel>(self, section: ArrayView2<'_, T>, one: f64) -> SectionRuns {
        match self {
            Self::Value(value) => SectionRuns::of_voxels(section, |voxel| voxel.to_f64() == value),
            Self::Above(threshold) => {
                SectionRuns::of_voxels(section, |voxel| voxel.to_f64() / one > f64::from(threshold))
            }
            Self::Mask | Self::NonZero | Self::Instances => {
                SectionRuns::of_voxels(section, |voxel| voxel.to_f64() != 0.0)
            }
        }
    }

    /// Finds a value that this kind of volume cannot hold.
    fn refused(self, voxels: &Voxels, z: usize) -> Option<f64> {
        let is_refused: fn(f64) -> bool = match (self, voxels) {
            (Self::Above(_), Voxels::F32(_)) => |value| !(0.0..=1.0).contains(&value),
            (Self::Above(_), Voxels::I8(_) | Voxels::I16(_) | Voxels::I32(_) | Voxels::I64(_)) => {
                |value| value < 0.0
            }
            (Self::Instances, Voxels::F32(_) | Voxels::U64(_) | Voxels::I64(_)) => {
                |value| !(0.0..=f64::from(u32::MAX)).contains(&value) || value.fract() != 0.0
            }
            (Self::Instances, Voxels::I8(_) | Voxels::I16(_) | Voxels::I32(_)) => |value| value < 0.0,
            _ => return None,
        };
        match_voxels!(voxels, array => {
            array.index_axis(Axis(0), z).iter().map(|voxel| voxel.to_f64()).find(|&value| is_refused(value))
        })
    }
}

/// Reads a block of a label volume, each value the number of an object, 0 the background.
///
/// # Errors
///
/// [`Error::NotAnInstance`] for what is no whole number of 32 bits; and those of [`Volume::read`].
pub fn read_labels(volume: &Volume, roi: Roi) -> Result<Array3<u32>> {
    let voxels = volume.read(roi)?;
    for z in 0..roi.shape[0] {
        if let Some(value) = Foreground::Instances.refused(&voxels, z) {
            let path = volume.path().map(Path::to_path_buf);
            return Err(Error::NotAnInstance { path, page: roi.start[0] + z, value });
        }
    }
    Ok(match voxels {
        Voxels::U32(array) => array,
        // Values were checked to be whole numbers of 32 bits.
        other => match_voxels!(&other, array => array.mapv(|voxel| voxel.to_f64() as u32)),
    })
}

/// Reads a block of probabilities; integers are shares of the largest that their type holds.
///
/// # Errors
///
/// [`Error::NotAProbability`] for a value below 0, and for a float above 1, NaN among them; and those
/// of [`Volume::read`].
pub fn read_probabilities(volume: &Volume, roi: Roi) -> Result<Array3<f32>> {
    let block = volume.read(roi)?;
    (0..roi.shape[0]).try_for_each(|z| check_probabilities(volume, &block, z, roi.start[0] + z))?;
    // Shares need no more digits than a 32-bit float has.
    let one = one_of(block.voxel_type()) as f32;
    Ok(block.to_f32().mapv_into(|value| value / one))
}

/// Checks that section `z` of a block of a volume, its section `page`, holds probabilities.
pub(crate) fn check_probabilities(volume: &Volume, block: &Voxels, z: usize, page: usize) -> Result<()> {
    match Foreground::Above(0.0).refused(block, z) {
        None => Ok(()),
        Some(value) => {
            Err(Error::NotAProbability { path: volume.path().map(Path::to_path_buf), page, value })
        }
    }
}

/// Returns the value that stands for a probability of 1.
pub(crate) fn one_of(stored: VoxelType) -> f64 {
    stored.range().1
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn foreground(foreground: Foreground, voxels: impl Into<Voxels>) -> Vec<[u32; 3]> {
        let found = foreground.find(&voxels.into(), 0);
        assert_eq!(found.refused, None);
        found.runs.runs().iter().map(|run| [run.start, run.end, run.label]).collect()
    }

    #[test]
    fn each_kind_of_volume_has_its_own_foreground() {
        assert_eq!(foreground(Foreground::NonZero, array![[[0_u8, 3, 9, 0]]]), [[1, 3, 0]]);
        assert_eq!(foreground(Foreground::Value(9.0), array![[[0_i16, 3, 9, 0]]]), [[2, 3, 0]]);
        assert_eq!(foreground(Foreground::Above(0.5), array![[[127_u8, 128, 0]]]), [[1, 2, 0]]);
        assert_eq!(foreground(Foreground::Above(0.5), array![[[32_767_u16, 32_768]]]), [[1, 2, 0]]);
        assert_eq!(foreground(Foreground::Above(0.5), array![[[0.5_f32, 0.51]]]), [[1, 2, 0]]);
        assert_eq!(foreground(Foreground::Above(1.0), array![[[255_u8, 3]]]), [[0; 3]; 0]);
        let instances = [[0, 2, 7], [2, 3, 9]];
        assert_eq!(foreground(Foreground::Instances, array![[[7_u32, 7, 9, 0]]]), instances);
        assert_eq!(foreground(Foreground::Instances, array![[[7_i16, 7, 9, 0]]]), instances);
    }

    #[test]
    fn stored_probabilities_are_shares_of_the_largest_value() {
        let read = |voxels: Voxels| {
            let volume = Volume::from_voxels(voxels, None);
            read_probabilities(&volume, Roi::whole(volume.shape()))
        };
        assert_eq!(read(array![[[0_u8, 51, 255]]].into()).unwrap(), array![[[0.0, 0.2, 1.0]]]);
        assert_eq!(read(array![[[0_u16, 13_107, 65_535]]].into()).unwrap(), array![[[0.0, 0.2, 1.0]]]);
        assert_eq!(read(array![[[0.0_f32, 0.2, 1.0]]].into()).unwrap(), array![[[0.0, 0.2, 1.0]]]);
        for wrong in [f32::NAN, 1.5, -0.1, f32::INFINITY] {
            let error = read(array![[[0.5_f32]], [[wrong]]].into()).unwrap_err();
            assert!(matches!(error, Error::NotAProbability { page: 1, .. }), "{error}");
        }
    }

    #[test]
    fn values_that_cannot_be_are_found() {
        let refused = |foreground: Foreground, voxels: Voxels| foreground.find(&voxels, 0).refused;
        assert_eq!(refused(Foreground::Above(0.5), array![[[0.1_f32, 1.5]]].into()), Some(1.5));
        assert_eq!(refused(Foreground::Instances, array![[[1.0_f32, 2.5]]].into()), Some(2.5));
        assert_eq!(refused(Foreground::Instances, array![[[1_i32, -2]]].into()), Some(-2.0));
        assert!(refused(Foreground::Above(0.5), array![[[f32::NAN]]].into()).is_some());
    }
}
