//! Augmentation: how training tiles are changed at random.
//!
//! Here are the settings, and in [`TileAugmentation`] what is drawn for each tile.

mod tile;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{self, Checks};
use crate::{Result, SettingError};

pub use tile::{Defect, TileAugmentation, Warp};

/// The largest of the settings that no unit limits: far beyond use, and finite in all arithmetic of 32 bits.
const LARGEST: f64 = 1e6;

/// Section `[augmentation]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentationConfig {
    /// Mirror tiles at random along y and x, and those of 3D networks along z.
    pub flips: bool,
    /// Turn tiles at random by 0, 90, 180 or 270 degrees in the plane.
    pub turns: bool,
    /// Let the axes of cubic tiles change places at random; for 3D networks and voxels as thick as wide.
    pub turn_cubes: bool,
    /// Share of the tiles that are warped by `rotation`, `scale`, `shear` and `elastic`.
    pub warp_probability: f64,
    /// Warped tiles are rotated by up to so many degrees, either way.
    pub rotation: f64,
    /// Warped tiles are magnified by up to 1 + scale, or made smaller by as much.
    pub scale: f64,
    /// Warped tiles are sheared: rows are moved by up to this share of their distance from the middle.
    pub shear: f64,
    /// Standard deviation, in voxels, of the displacements of an elastic deformation of warped tiles.
    pub elastic: f64,
    /// Distance, in voxels, of the points whose displacements are drawn; those between are interpolated.
    pub elastic_spacing: usize,
    /// Contrast: each tile is multiplied by a number drawn from 1 - contrast to 1 + contrast, after normalisation.
    pub contrast: f64,
    /// Brightness: a number drawn from -brightness to +brightness is added, after normalisation.
    pub brightness: f64,
    /// Gamma: the grey values of each tile, from its darkest to its brightest, are raised to a power drawn from 1 / (1 + gamma) to 1 + gamma.
    pub gamma: f64,
    /// Standard deviation of added Gaussian noise is drawn from 0 to this, after normalisation.
    pub noise: f64,
    /// Standard deviation, in voxels, of a Gaussian blur is drawn from 0 to this, for half of the tiles.
    pub blur: f64,
    /// Resolution is lowered by a factor drawn from 1 to this, and raised again, for a quarter of the tiles; 1 for none.
    pub low_resolution: f64,
    /// Share of the tiles with one defect of electron microscopy, each kind as often as the others: a rectangle without image, a dark or bright band, or a part that is shifted against the rest; with `model.context_sections`, also a missing, a blank or a misaligned section beside the labelled one.
    pub defects: f64,
}

impl Default for AugmentationConfig {
    fn default() -> Self {
        Self { flips: true, turns: true, contrast: 0.2, brightness: 0.3, ..Self::none() }
    }
}

impl AugmentationConfig {
    /// Returns settings that leave each tile as it is.
    pub fn none() -> Self {
        Self {
            flips: false,
            turns: false,
            turn_cubes: false,
            warp_probability: 0.0,
            rotation: 0.0,
            scale: 0.0,
            shear: 0.0,
            elastic: 0.0,
            elastic_spacing: 64,
            contrast: 0.0,
            brightness: 0.0,
            gamma: 0.0,
            noise: 0.0,
            blur: 0.0,
            low_resolution: 1.0,
            defects: 0.0,
        }
    }

    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("AugmentationConfig");
        checks
            .within("warp_probability", self.warp_probability, 0.0..=1.0, "0 to 1")
            .within("rotation", self.rotation, 0.0..=180.0, "0 to 180")
            .within("scale", self.scale, 0.0..=1.0, "0 to 1")
            .within("shear", self.shear, 0.0..=1.0, "0 to 1")
            .within("elastic", self.elastic, 0.0..=LARGEST, "0 to 1000000")
            .require("elastic_spacing", self.elastic_spacing, self.elastic_spacing >= 2, "at least 2")
            .within("contrast", self.contrast, 0.0..1.0, "0 or more and less than 1")
            .within("brightness", self.brightness, 0.0..=LARGEST, "0 to 1000000")
            .within("gamma", self.gamma, 0.0..=LARGEST, "0 to 1000000")
            .within("noise", self.noise, 0.0..=LARGEST, "0 to 1000000")
            .within("blur", self.blur, 0.0..=10.0, "0 to 10")
            .within("low_resolution", self.low_resolution, 1.0..=8.0, "1 to 8")
            .within("defects", self.defects, 0.0..=1.0, "0 to 1");
        checks.finish()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        Ok(settings::first(self.problems())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let problems = |config: AugmentationConfig| -> Vec<String> {
            config.problems().iter().map(ToString::to_string).collect()
        };
        let config = AugmentationConfig { contrast: 1.5, elastic_spacing: 1, ..Default::default() };
        assert_eq!(
            problems(config.clone()),
            [
                "`AugmentationConfig::elastic_spacing` is 1, expected at least 2",
                "`AugmentationConfig::contrast` is 1.5, expected 0 or more and less than 1"
            ]
        );
        assert_eq!(config.check().unwrap_err().to_string(), problems(config)[0]);
        let config = AugmentationConfig { low_resolution: 0.5, ..Default::default() };
        assert_eq!(problems(config), ["`AugmentationConfig::low_resolution` is 0.5, expected 1 to 8"]);
        let config = AugmentationConfig { warp_probability: f64::NAN, ..Default::default() };
        assert_eq!(problems(config).len(), 1);
        assert!(AugmentationConfig::none().check().is_ok());
    }

    #[test]
    fn what_is_not_finite_as_a_32_bit_number_is_refused() {
        let of_elastic = |elastic| AugmentationConfig { elastic, ..AugmentationConfig::none() }.problems();
        assert!(of_elastic(1e6).is_empty());
        assert_eq!(of_elastic(1e300)[0].field, "elastic");
    }
}
