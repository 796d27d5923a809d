//! The parameters of each tile's random change.
//!
//! Only numbers are drawn here; em-model cuts and changes the tiles on the device.
//! So a run can be replayed and the draws can be tested without libtorch.

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Section `[augmentation]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentationConfig {
    /// Mirror tiles at random along y and x.
    pub flips: bool,
    /// Turn tiles at random by 0, 90, 180 or 270 degrees.
    pub turns: bool,
    /// Contrast: each tile is multiplied by a number drawn from 1 - contrast to 1 + contrast, after normalisation.
    pub contrast: f32,
    /// Brightness: a number drawn from -brightness to +brightness is added, after normalisation.
    pub brightness: f32,
    /// Standard deviation of added Gaussian noise is drawn from 0 to this, after normalisation.
    pub noise: f32,
}

impl Default for AugmentationConfig {
    fn default() -> Self {
        Self { flips: true, turns: true, contrast: 0.2, brightness: 0.3, noise: 0.0 }
    }
}

impl AugmentationConfig {
    /// Returns settings that leave each tile as it is.
    pub fn none() -> Self {
        Self { flips: false, turns: false, contrast: 0.0, brightness: 0.0, noise: 0.0 }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails if a range is negative or not a number, or a contrast is 1 or more.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("augmentation.contrast", self.contrast, 1.0),
            ("augmentation.brightness", self.brightness, f32::INFINITY),
            ("augmentation.noise", self.noise, f32::INFINITY),
        ];
        for (key, value, below) in ranges {
            if !(value >= 0.0 && value < below) {
                let expected = if below == 1.0 { "0 or more and less than 1" } else { "0 or more" };
                return Err(Error::Setting { key, found: value.to_string(), expected });
            }
        }
        Ok(())
    }
}

/// What is done to one tile, in this order: mirror, turn, multiply, add, noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileTransform {
    /// Mirrored along y.
    pub flip_y: bool,
    /// Mirrored along x.
    pub flip_x: bool,
    /// Quarter turns from y towards x, 0 to 3.
    pub quarter_turns: u8,
    /// Factor on normalised values.
    pub gain: f32,
    /// Added to normalised values.
    pub shift: f32,
    /// Standard deviation of added noise.
    pub noise: f32,
}

impl TileTransform {
    /// Leaves a tile as it is.
    pub const IDENTITY: Self =
        Self { flip_y: false, flip_x: false, quarter_turns: 0, gain: 1.0, shift: 0.0, noise: 0.0 };

    /// Draws the change of one tile. The number of draws does not depend on the settings.
    pub fn draw(config: &AugmentationConfig, rng: &mut impl Rng) -> Self {
        let (flip_y, flip_x) = (rng.random::<bool>(), rng.random::<bool>());
        let quarter_turns = rng.random_range(0..4_u8);
        let mut around_zero = |range: f32| (rng.random::<f32>() * 2.0 - 1.0) * range;
        Self {
            flip_y: config.flips && flip_y,
            flip_x: config.flips && flip_x,
            quarter_turns: if config.turns { quarter_turns } else { 0 },
            gain: 1.0 + around_zero(config.contrast),
            shift: around_zero(config.brightness),
            noise: around_zero(config.noise).abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn draws_stay_in_range_and_reach_every_turn() {
        let config = AugmentationConfig { noise: 0.1, ..Default::default() };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let draws: Vec<_> = (0..400).map(|_| TileTransform::draw(&config, &mut rng)).collect();
        assert!(draws.iter().all(|t| (0.8..=1.2).contains(&t.gain) && t.shift.abs() <= 0.3));
        assert!(draws.iter().all(|t| (0.0..=0.1).contains(&t.noise)));
        for turns in 0..4 {
            let share = draws.iter().filter(|t| t.quarter_turns == turns).count();
            assert!((60..140).contains(&share), "{turns} quarter turns drawn {share} times of 400");
        }
    }

    #[test]
    fn no_augmentation_is_the_identity() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        assert_eq!(TileTransform::draw(&AugmentationConfig::none(), &mut rng), TileTransform::IDENTITY);
    }

    #[test]
    fn ranges_are_checked() {
        let config = AugmentationConfig { contrast: 1.5, ..Default::default() };
        let error = config.check().unwrap_err();
        assert_eq!(error.to_string(), "`augmentation.contrast` is 1.5, expected 0 or more and less than 1");
    }
}
