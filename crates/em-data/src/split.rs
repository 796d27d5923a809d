//! Which voxels train and which validate.
//!
//! Neighbouring sections are nearly the same picture, so voxels that train and voxels that
//! validate are kept apart by a gap of whole sections.
//! The one exception has to be asked for by name and is marked as leaking.

use em_io::Roi;
use ndarray::{ArrayView3, s};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{self, Checks};
use crate::{Error, Result, SettingError, TileGrid};

mod folds;

pub use folds::{GAP, folds};

/// Section `[data.split]` of a configuration: used where no validation files are named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// `z-blocks` validates on the last sections, behind a gap; `random-tiles` draws tiles at random from all sections, which leaks (neighbouring tiles are nearly alike) and is marked so in every report.
    pub kind: SplitKind,
    /// Share of the sections, or tiles, that validate.
    pub validation_fraction: f64,
    /// Sections left out between training and validation.
    pub gap: usize,
    /// Where regions are labelled: how many networks are trained beside the final one, which learns from all regions, to score regions that they have not seen. 1 leaves out a share of `validation_fraction` of the regions, at least one; as many as there are regions leave out each of them in turn; 0 leaves the run without a score.
    pub folds: usize,
}

impl SplitConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("SplitConfig");
        let fraction = self.validation_fraction;
        let good = fraction > 0.0 && fraction < 1.0;
        checks.require("validation_fraction", fraction, good, "more than 0 and less than 1");
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

impl Default for SplitConfig {
    fn default() -> Self {
        Self { kind: SplitKind::ZBlocks, validation_fraction: 0.2, gap: 4, folds: 1 }
    }
}

/// The kinds of split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Contiguous blocks of sections with a gap between them.
    ZBlocks,
    /// Tiles drawn at random. Leaks.
    RandomTiles,
}

/// A box of voxels in one volume of a training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Number of the volume.
    pub volume: usize,
    /// The box, `[z, y, x]`.
    pub roi: Roi,
}

impl Region {
    /// Returns the part of `voxels` `[z, y, x]` that lies in this region.
    pub fn slice<'a, T>(&self, voxels: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let ([z, y, x], [d, h, w]) = (self.roi.start, self.roi.shape);
        voxels.slice_move(s![z..z + d, y..y + h, x..x + w])
    }
}

/// Voxels that train and voxels that validate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Where training tiles are drawn from.
    pub train: Vec<Region>,
    /// What is scored at the end of each epoch.
    pub validation: Vec<Region>,
    /// Whether validation voxels are neighbours of training voxels in the same sections.
    pub leaks: bool,
}

impl Split {
    /// Splits volumes of the given shapes `[z, y, x]` into training and validation.
    ///
    /// # Errors
    ///
    /// Fails if one side would be empty, or if the fraction is not between 0 and 1.
    pub fn new(config: &SplitConfig, shapes: &[[usize; 3]], tile_size: usize, seed: u64) -> Result<Self> {
        config.check()?;
        match config.kind {
            SplitKind::ZBlocks => z_blocks(config, shapes),
            SplitKind::RandomTiles => random_tiles(config, shapes, tile_size, seed),
        }
    }

    /// Takes volumes `0..train` whole for training and the rest whole for validation.
    pub fn by_volume(shapes: &[[usize; 3]], train: usize) -> Self {
        let whole = |volume: usize| Region { volume, roi: Roi::whole(shapes[volume]) };
        Self {
            train: (0..train).map(whole).collect(),
            validation: (train..shapes.len()).map(whole).collect(),
            leaks: false,
        }
    }
}

fn z_blocks(config: &SplitConfig, shapes: &[[usize; 3]]) -> Result<Split> {
    let mut split = Split::default();
    for (volume, &shape) in shapes.iter().enumerate() {
        let sections = shape[0];
        let validation = ((sections as f64 * config.validation_fraction).round() as usize).max(1);
        let train = sections.saturating_sub(validation).saturating_sub(config.gap);
        if train == 0 {
            return Err(Error::EmptySplit {
                sections,
                fraction: config.validation_fraction,
                gap: config.gap,
            });
        }
        split.train.push(Region { volume, roi: Roi::sections(shape, 0..train) });
        split.validation.push(Region { volume, roi: Roi::sections(shape, sections - validation..sections) });
    }
    Ok(split)
}

fn random_tiles(config: &SplitConfig, shapes: &[[usize; 3]], tile_size: usize, seed: u64) -> Result<Split> {
    let mut regions = Vec::new();
    for (volume, &shape) in shapes.iter().enumerate() {
        let grid = TileGrid::new(shape, [1, tile_size, tile_size], [0; 3])?;
        // Partial tiles at the border have another shape than the network is fed with.
        let whole = grid.tiles().filter(|tile| tile.write.shape == [1, tile_size, tile_size]);
        let before = regions.len();
        regions.extend(whole.map(|tile| Region { volume, roi: tile.write }));
        if regions.len() == before {
            let [_, height, width] = shape;
            return Err(Error::TileTooLarge {
                volume: format!("training volume {volume}"),
                tile_size,
                height,
                width,
            });
        }
    }
    regions.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let count = (regions.len() as f64 * config.validation_fraction).round() as usize;
    let train = regions.split_off(count.max(1).min(regions.len()));
    if train.is_empty() {
        return Err(Error::EmptySplit {
            sections: shapes.iter().map(|shape| shape[0]).sum(),
            fraction: config.validation_fraction,
            gap: 0,
        });
    }
    Ok(Split { train, validation: regions, leaks: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn z_blocks_keep_their_gap(sections in 3_usize..200, fraction in 0.01_f64..0.9, gap in 0_usize..20) {
            let config =
                SplitConfig { kind: SplitKind::ZBlocks, validation_fraction: fraction, gap, ..Default::default() };
            if let Ok(split) = Split::new(&config, &[[sections, 8, 8]], 4, 0) {
                let (train, validation) = (split.train[0].roi, split.validation[0].roi);
                prop_assert!(train.shape[0] >= 1 && validation.shape[0] >= 1);
                prop_assert_eq!(train.start[0] + train.shape[0] + gap, validation.start[0]);
                prop_assert_eq!(validation.start[0] + validation.shape[0], sections);
                prop_assert!(!split.leaks);
            }
        }
    }

    #[test]
    fn random_tiles_are_disjoint_seeded_and_marked() {
        let config = SplitConfig {
            kind: SplitKind::RandomTiles,
            validation_fraction: 0.1,
            gap: 0,
            ..Default::default()
        };
        let draw = |seed| Split::new(&config, &[[5, 32, 64]], 16, seed).unwrap();
        let split = draw(1);
        assert!(split.leaks);
        assert_eq!((split.train.len(), split.validation.len()), (36, 4));
        assert!(split.validation.iter().all(|region| !split.train.contains(region)));
        assert_eq!(split, draw(1));
        assert_ne!(split, draw(2));
    }

    #[test]
    fn a_split_that_leaves_no_training_is_refused() {
        let config = SplitConfig { gap: 4, ..Default::default() };
        let error = Split::new(&config, &[[5, 8, 8]], 4, 0).unwrap_err();
        assert!(error.to_string().contains("leaves training empty"), "{error}");
        // A gap that no addition may overflow.
        let config = SplitConfig { gap: usize::MAX, ..Default::default() };
        assert!(matches!(Split::new(&config, &[[5, 8, 8]], 4, 0), Err(Error::EmptySplit { .. })));
    }

    #[test]
    fn both_sides_have_a_share() {
        for validation_fraction in [0.0, 1.0, -0.5, f64::NAN, f64::INFINITY] {
            let config = SplitConfig { validation_fraction, ..Default::default() };
            assert_eq!(config.problems()[0].field, "validation_fraction", "{validation_fraction}");
            let error = Split::new(&config, &[[50, 8, 8]], 4, 0).unwrap_err();
            assert!(matches!(error, Error::Settings(_)), "{error}");
        }
    }
}
