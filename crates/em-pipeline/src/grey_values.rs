//! What is said of grey values that are missing, or unlike those that they should be like.

use em_data::GreyValues;
use em_data::quality::per_section;
use em_io::{Blocks, Roi, Volume, VoxelType, Voxels};

use crate::check::finding::ranges;
use crate::display::four_digits;
use crate::error::{Result, UserError};
use crate::{Observer, Stage};

/// The voxels of a block that is looked at.
const BLOCK_VOXELS: usize = 8 << 20;

/// The voxels that are NaN or infinite, by section.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Missing {
    per_section: Vec<u64>,
}

impl Missing {
    /// Counts those of a block.
    pub fn of(voxels: &Voxels) -> Self {
        let mut missing = Self::default();
        // Integers are always numbers.
        if voxels.voxel_type() == VoxelType::F32 {
            missing.per_section = per_section(voxels, |section| GreyValues::of(section).missing);
        }
        missing
    }

    /// Counts those of a volume, which is read once where it holds floats.
    pub fn of_volume(volume: &Volume, observer: &mut Observer<'_>) -> Result<Self> {
        let mut missing = Self::default();
        if volume.voxel_type() != VoxelType::F32 {
            return Ok(missing);
        }
        observer.stage(Stage::sections(volume.shape()), |observer| {
            for block in volume.blocks(Blocks::of_voxels(Roi::whole(volume.shape()), BLOCK_VOXELS)) {
                let (place, voxels) = block?;
                missing.extend(&Self::of(&voxels));
                observer.advance(place.shape[0] as u64)?;
            }
            Ok(())
        })?;
        Ok(missing)
    }

    /// Adds those of the sections behind.
    pub fn extend(&mut self, behind: &Self) {
        self.per_section.extend(&behind.per_section);
    }

    /// Says how many there are, and in which sections; `None` without any.
    pub fn described(&self) -> Option<String> {
        let voxels: u64 = self.per_section.iter().sum();
        let sections: Vec<usize> = (0..self.per_section.len()).filter(|&z| self.per_section[z] > 0).collect();
        let many = if sections.len() == 1 { "section" } else { "sections" };
        (voxels > 0).then(|| format!("{}, in {many} {}", no_numbers(voxels), ranges(&sections)))
    }
}

/// Refuses a mask or probabilities with voxels that are NaN or infinite, and says where they are.
pub(crate) fn refuse_missing(volume: &Volume, observer: &mut Observer<'_>) -> Result<()> {
    let Some(missing) = Missing::of_volume(volume, observer)?.described() else { return Ok(()) };
    let path = volume.path().unwrap_or("memory".as_ref()).display();
    let hint =
        format!("`em-cli convert {path} mask.tif --threshold 0.5` makes a mask in which they are background");
    Err(UserError::new(format!("`{path}`: {missing}"), hint).into())
}

/// Says that so many voxels have no value.
pub(crate) fn no_numbers(voxels: u64) -> String {
    match voxels {
        1 => "1 voxel is no number (NaN or infinite)".into(),
        voxels => format!("{voxels} voxels are no numbers (NaN or infinite)"),
    }
}

/// Says in which way the second grey values are unlike the first ones; `None` where they are alike.
pub(crate) fn unlike([expected, found]: [&GreyValues; 2], types: [VoxelType; 2]) -> Option<String> {
    if types[0] == types[1] && !expected.is_unlike(found) {
        return None;
    }
    let figures = |grey: &GreyValues| {
        format!("mean {} and deviation {}", four_digits(grey.mean), four_digits(grey.std()))
    };
    let [known, other] = types;
    let [known, other] = if known == other {
        [String::new(), String::new()]
    } else {
        [format!("{known} with "), format!("{other} with ")]
    };
    Some(format!("has {other}{}, expected about {known}{}", figures(found), figures(expected)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silent;
    use ndarray::Array3;

    #[test]
    fn missing_voxels_are_counted_by_section() {
        let mut floats = Array3::<f32>::zeros((6, 3, 3));
        floats[[1, 0, 0]] = f32::NAN;
        floats[[1, 0, 2]] = f32::INFINITY;
        floats[[2, 1, 1]] = f32::NEG_INFINITY;
        floats[[5, 1, 1]] = f32::NAN;
        let voxels = Voxels::from(floats);
        let expected = "4 voxels are no numbers (NaN or infinite), in sections 1-2, 5";
        assert_eq!(Missing::of(&voxels).described().as_deref(), Some(expected));
        let volume = Volume::from_voxels(voxels, None);
        let found = Missing::of_volume(&volume, &mut Observer::new(&mut silent)).unwrap();
        assert_eq!(found.described().as_deref(), Some(expected));
        assert_eq!(Missing::of(&Voxels::from(Array3::<u8>::zeros((1, 2, 2)))).described(), None);
    }

    #[test]
    fn another_type_or_brightness_is_said_with_its_figures() {
        let grey = |mean: f64, std: f64| GreyValues {
            numbers: 4,
            mean,
            squares: 4.0 * std * std,
            ..GreyValues::default()
        };
        let (usual, bright) = (grey(143.0, 21.0), grey(36_700.0, 5600.0));
        assert_eq!(unlike([&usual, &usual], [VoxelType::U8; 2]), None);
        assert_eq!(
            unlike([&usual, &bright], [VoxelType::U8, VoxelType::U16]).unwrap(),
            "has 16-bit unsigned with mean 36700 and deviation 5600, \
             expected about 8-bit unsigned with mean 143 and deviation 21"
        );
        assert_eq!(
            unlike([&usual, &grey(0.56, 0.081)], [VoxelType::U8; 2]).unwrap(),
            "has mean 0.56 and deviation 0.081, expected about mean 143 and deviation 21"
        );
    }
}
