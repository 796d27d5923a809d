//! From probabilities to masks: the one rule, whole or section by section.

use em_data::Probabilities;
use em_io::Mask;
use em_objects::Postprocess;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::Result;

/// What makes the probabilities of a class a mask.
///
/// The default takes what is more likely than not, and cleans nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskRule {
    /// Probability above which a voxel is foreground.
    pub threshold: f32,
    /// What is done to the mask after the threshold.
    pub cleaning: Postprocess,
}

impl Default for MaskRule {
    fn default() -> Self {
        Self { threshold: 0.5, cleaning: Postprocess::default() }
    }
}

impl MaskRule {
    /// Makes the mask of probabilities `[z, y, x]`.
    ///
    /// # Errors
    ///
    /// Fails where the cleaning has a median window of an even edge.
    pub fn mask(&self, probabilities: ArrayView3<'_, f32>) -> Result<Array3<bool>> {
        Ok(self.cleaning.apply(probabilities.mapv(|p| p > self.threshold))?)
    }

    /// Makes the mask of a section `[y, x]` as far as it follows from that section alone: the
    /// [`volume_cleaning`](Self::volume_cleaning) is still to be done.
    ///
    /// # Errors
    ///
    /// As [`mask`](Self::mask).
    pub fn mask_of_section(&self, probabilities: ArrayView2<'_, f32>) -> Result<Array2<bool>> {
        let mask = probabilities.mapv(|p| p > self.threshold);
        if !self.cleaning.is_by_section() {
            return Ok(mask);
        }
        Ok(self.cleaning.apply(mask.insert_axis(Axis(0)))?.index_axis_move(Axis(0), 0))
    }

    /// Returns the cleaning that needs all sections of a volume, if any, for an
    /// [`em_objects::VolumeCleaner`].
    pub fn volume_cleaning(&self) -> Option<Postprocess> {
        (!self.cleaning.is_by_section()).then_some(self.cleaning)
    }
}

/// What a model makes of a volume: probabilities, and the masks that follow.
#[derive(Clone, Debug)]
pub struct Prediction {
    probabilities: Probabilities,
    /// One for each class.
    rules: Vec<MaskRule>,
    voxel_size_nm: Option<[f64; 3]>,
}

impl Prediction {
    pub(super) fn new(
        probabilities: Probabilities,
        rules: Vec<MaskRule>,
        voxel_size_nm: Option<[f64; 3]>,
    ) -> Self {
        Self { probabilities, rules, voxel_size_nm }
    }

    /// Returns the probabilities of all classes.
    pub fn probabilities(&self) -> &Probabilities {
        &self.probabilities
    }

    /// Makes the mask of a class: above its threshold and cleaned, as the model was tuned, with the
    /// voxel size of the volume.
    ///
    /// # Errors
    ///
    /// Fails if there is no class of that name.
    pub fn mask(&self, class: &str) -> Result<Mask> {
        let of_class = self.probabilities.class(class)?;
        let place = self.probabilities.classes().iter().position(|name| name == class);
        let rule = place.map_or_else(MaskRule::default, |place| self.rules[place]);
        Ok(Mask::new(rule.mask(of_class.view())?, self.voxel_size_nm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_objects::Extent;

    #[test]
    fn sections_are_cleaned_as_far_as_they_can_be_by_themselves() {
        // A speck in the first section, which hangs together with the section below.
        let probabilities = ndarray::array![[[0.9, 0.0]], [[0.8, 0.7]]];
        let rule = |extent| MaskRule {
            threshold: 0.5,
            cleaning: Postprocess { minimum_voxels: 2, extent, ..Default::default() },
        };
        let sections = |rule: MaskRule| -> Vec<Array2<bool>> {
            probabilities.outer_iter().map(|section| rule.mask_of_section(section).unwrap()).collect()
        };
        let by_section = rule(Extent::Section);
        let whole = by_section.mask(probabilities.view()).unwrap();
        assert_eq!(sections(by_section), whole.outer_iter().map(|s| s.to_owned()).collect::<Vec<_>>());
        assert_eq!(whole, ndarray::array![[[false, false]], [[true, true]]]);
        assert_eq!(by_section.volume_cleaning(), None);

        let as_volume = rule(Extent::Volume);
        assert_eq!(sections(as_volume)[0], ndarray::array![[true, false]]);
        assert!(as_volume.mask(probabilities.view()).unwrap()[[0, 0, 0]]);
        assert_eq!(as_volume.volume_cleaning(), Some(as_volume.cleaning));
    }
}
