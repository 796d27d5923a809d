//! Section `[augmentation]` of a configuration: how training tiles are changed at random.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

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

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the key that is out of range.
    pub fn check(&self) -> Result<()> {
        const ANY: &str = "0 or more";
        const SHARE: &str = "0 to 1";
        const BELOW_1: &str = "0 or more and less than 1";
        let from_0 = |value: f64| value >= 0.0 && value.is_finite();
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let below_1 = |value: f64| (0.0..1.0).contains(&value);
        let ranges = [
            ("augmentation.warp_probability", self.warp_probability, share(self.warp_probability), SHARE),
            ("augmentation.rotation", self.rotation, (0.0..=180.0).contains(&self.rotation), "0 to 180"),
            ("augmentation.scale", self.scale, share(self.scale), SHARE),
            ("augmentation.shear", self.shear, share(self.shear), SHARE),
            ("augmentation.elastic", self.elastic, from_0(self.elastic), ANY),
            ("augmentation.contrast", self.contrast, below_1(self.contrast), BELOW_1),
            ("augmentation.brightness", self.brightness, from_0(self.brightness), ANY),
            ("augmentation.gamma", self.gamma, from_0(self.gamma), ANY),
            ("augmentation.noise", self.noise, from_0(self.noise), ANY),
            ("augmentation.blur", self.blur, (0.0..=10.0).contains(&self.blur), "0 to 10"),
            (
                "augmentation.low_resolution",
                self.low_resolution,
                (1.0..=8.0).contains(&self.low_resolution),
                "1 to 8",
            ),
            ("augmentation.defects", self.defects, share(self.defects), SHARE),
        ];
        if let Some((key, found, _, expected)) = ranges.into_iter().find(|(_, _, good, _)| !good) {
            return Err(Error::Setting { key, found: found.to_string(), expected });
        }
        if self.elastic_spacing < 2 {
            let found = self.elastic_spacing.to_string();
            return Err(Error::Setting {
                key: "augmentation.elastic_spacing",
                found,
                expected: "at least 2",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let config = AugmentationConfig { contrast: 1.5, ..Default::default() };
        let error = config.check().unwrap_err();
        assert_eq!(error.to_string(), "`augmentation.contrast` is 1.5, expected 0 or more and less than 1");
        let config = AugmentationConfig { low_resolution: 0.5, ..Default::default() };
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "`augmentation.low_resolution` is 0.5, expected 1 to 8"
        );
        let config = AugmentationConfig { warp_probability: f64::NAN, ..Default::default() };
        assert!(config.check().is_err());
        assert!(AugmentationConfig::none().check().is_ok());
    }
}
