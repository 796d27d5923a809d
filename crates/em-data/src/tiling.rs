//! How large training tiles are and where they are cut: the settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{self, Checks};
use crate::{Error, Region, Result, SettingError, TrainingSet};

/// Section `[tiling]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TilingConfig {
    /// Edge of a square training tile in voxels.
    pub tile_size: usize,
    /// Sections of a training tile: 1, or for 3D networks a multiple of what the network halves.
    pub tile_depth: usize,
    /// Where tiles are cut: `random` places, or the `grid` of the original (each tile once per epoch, in random order).
    pub placement: Placement,
    /// Share of the tiles of `random` that are placed so that they hold foreground, the classes in turn.
    pub foreground_fraction: f64,
    /// Tiles in an epoch; 0 takes as many as the grid has.
    pub tiles_per_epoch: usize,
}

impl Default for TilingConfig {
    fn default() -> Self {
        Self {
            tile_size: 256,
            tile_depth: 1,
            placement: Placement::Random,
            foreground_fraction: 0.33,
            tiles_per_epoch: 0,
        }
    }
}

impl TilingConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("TilingConfig");
        checks.at_least_1("tile_size", self.tile_size).at_least_1("tile_depth", self.tile_depth).within(
            "foreground_fraction",
            self.foreground_fraction,
            0.0..=1.0,
            "0 to 1",
        );
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

    /// Checks that a tile fits into each of the `regions` of `set`.
    ///
    /// # Errors
    ///
    /// Fails with the first volume that is too small.
    pub fn check_fit(&self, set: &TrainingSet, regions: &[Region]) -> Result<()> {
        for region in regions {
            let [sections, height, width] = region.roi.shape;
            if sections < self.tile_depth {
                let volume = set.volumes()[region.volume].name().to_owned();
                return Err(Error::TileTooDeep { volume, tile_depth: self.tile_depth, sections });
            }
            if height.min(width) < self.tile_size {
                let volume = set.volumes()[region.volume].name().to_owned();
                return Err(Error::TileTooLarge { volume, tile_size: self.tile_size, height, width });
            }
        }
        Ok(())
    }
}

/// Where training tiles are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// At random places.
    Random,
    /// Side by side; the last row and column are shifted inwards so that they are whole.
    Grid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_its_range() {
        let problems = |tile_size, tile_depth, foreground_fraction| {
            let tiling =
                TilingConfig { tile_size, tile_depth, foreground_fraction, ..TilingConfig::default() };
            tiling.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(problems(1, 1, 0.0).is_empty() && problems(1, 1, 1.0).is_empty());
        assert_eq!(
            problems(0, 0, 2.0),
            [
                "`TilingConfig::tile_size` is 0, expected at least 1",
                "`TilingConfig::tile_depth` is 0, expected at least 1",
                "`TilingConfig::foreground_fraction` is 2, expected 0 to 1",
            ]
        );
        assert_eq!(problems(1, 1, f64::NAN), ["`TilingConfig::foreground_fraction` is NaN, expected 0 to 1"]);
        assert_eq!(problems(1, 1, -0.1).len(), 1);
        let first = TilingConfig { tile_depth: 0, foreground_fraction: 2.0, ..Default::default() };
        let error = first.check().unwrap_err();
        assert_eq!(error.to_string(), "`TilingConfig::tile_depth` is 0, expected at least 1");
    }
}
