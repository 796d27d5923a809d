//! The settings of a prediction.

use em_data::SettingError;
use em_data::settings::{self, Checks};
use em_io::limits::MAX_SIDE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Precision;
use crate::Result;

/// Wider than any network of the presets sees; what is mirrored beyond is memory for nothing.
const MOST_BORDER: usize = 1 << 12;
/// More than any machine holds at a time.
const MOST_VOXELS: usize = 1_000_000_000_000;

/// Section `[predict]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PredictConfig {
    /// Largest edge, in voxels, of what goes through the network at once; larger sections are cut into tiles that overlap by as much as the network sees, so that no seam shows. 3D networks take boxes of about as many voxels.
    pub tile_size: usize,
    /// Mirrored voxels around each section.
    pub border: usize,
    /// Voxels that are read, predicted and written at a time: as many whole sections as fit, at least one. Memory grows with it.
    pub block_voxels: usize,
    /// How many mirrored and turned views of each section are predicted and averaged: 1, 4 (mirrored along y and x) or 8 (also turned by 90 degrees; in 3D, also mirrored along z). Time grows with it.
    pub views: usize,
    /// Numbers that features are kept in: `fp32`; `bf16`, about twice as fast on half the memory where the processor or accelerator has instructions for it, with probabilities that differ by about 0.001; `auto`, bf16 on processors that do.
    pub precision: Precision,
    /// Fit the normalisation on the input (up to 1024 x 1024 pixels in the middle of 16 sections) instead of taking the training's statistics.
    pub refit_normalization: bool,
    /// Bring sections to the pixel size that the network was trained at, and masks back, where both sizes are known and differ by more than 20 %.
    pub match_voxel_size: bool,
}

impl Default for PredictConfig {
    fn default() -> Self {
        Self {
            tile_size: 1536,
            border: 16,
            block_voxels: 4 << 20,
            views: 1,
            precision: Precision::Auto,
            refit_normalization: false,
            match_voxel_size: true,
        }
    }
}

impl PredictConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("PredictConfig");
        let most = format!("1 to {MAX_SIDE}");
        checks
            .require("tile_size", self.tile_size, (1..=MAX_SIDE).contains(&self.tile_size), most)
            .require("border", self.border, self.border <= MOST_BORDER, format!("0 to {MOST_BORDER}"))
            .at_least_1("block_voxels", self.block_voxels)
            .require(
                "block_voxels",
                self.block_voxels,
                self.block_voxels <= MOST_VOXELS,
                "at most a million million",
            )
            .require("views", self.views, [1, 4, 8].contains(&self.views), "1, 4 or 8");
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
