//! What keeps a network from being built, and tiles from going through it.

use em_data::settings::Checks;
use em_data::{SettingError, TilingConfig};

use super::{Architecture, Padding};

/// A section of 32,768 voxels a side is one voxel at the bottom of so many.
const MOST_LEVELS: usize = 16;
/// Far more than networks have; with it, numbers of parameters fit 64 bits.
const MOST_CHANNELS: usize = 1 << 16;

impl Architecture {
    /// Returns what keeps the network from being built, or from holding a number of classes.
    pub fn problems(&self, classes: usize) -> Vec<SettingError> {
        let mut checks = Checks::of("ModelConfig");
        if let Some(imported) = &self.imported {
            checks.extend(imported.problems(classes, self.dimensions));
        }
        self.check_channels(classes, &mut checks);
        checks.require("dimensions", self.dimensions, (2..=3).contains(&self.dimensions), "2 or 3");
        if self.imported.is_some() {
            return checks.finish();
        }
        let filters = format!("{:?}", self.filters);
        let has_levels = (2..=MOST_LEVELS).contains(&self.filters.len())
            && self.filters.iter().all(|filters| (1..=MOST_CHANNELS).contains(filters));
        let expected = format!("2 to {MOST_LEVELS} numbers from 1 to {MOST_CHANNELS}");
        checks.require("filters", filters, has_levels, expected);
        if self.padding == Padding::Valid {
            const VALID: &str = "with valid convolutions, as in `ronneberger`";
            checks
                .require("residual", self.residual, !self.residual, format!("false {VALID}"))
                .require(
                    "deep_supervision",
                    self.deep_supervision,
                    !self.deep_supervision,
                    format!("false {VALID}"),
                )
                .require("dimensions", self.dimensions, self.dimensions != 3, format!("2 {VALID}"));
        }
        let (levels, dimensions) = (self.filters.len(), self.dimensions);
        let flat = if dimensions == 3 { levels.saturating_sub(1) } else { 0 };
        let expected = format!("0 to {flat} for {levels} levels in {dimensions}D");
        checks.require("flat_levels", self.flat_levels, self.flat_levels <= flat, expected);
        let dropout = format!("{:?}", self.dropout);
        let (one_each, shares) = (
            self.dropout.is_empty() || self.dropout.len() == levels,
            self.dropout.iter().all(|p| (0.0..1.0).contains(p)),
        );
        let expected = format!("{levels} numbers, one per level of the filters, or none");
        checks.require("dropout", &dropout, one_each, expected).require(
            "dropout",
            &dropout,
            shares,
            "numbers from 0 to below 1",
        );
        checks.finish()
    }

    fn check_channels(&self, classes: usize, checks: &mut Checks) {
        checks.at_least_1("in_channels", self.in_channels);
        for (field, channels) in [("in_channels", self.in_channels), ("out_channels", self.out_channels)] {
            checks.require(field, channels, channels <= MOST_CHANNELS, format!("at most {MOST_CHANNELS}"));
        }
        let context = self.context_sections;
        checks.require(
            "context_sections",
            context,
            !context.is_multiple_of(2),
            "an odd number, so that one is in the middle",
        );
        if context > 1 {
            checks
                .require(
                    "in_channels",
                    self.in_channels,
                    self.in_channels == context,
                    format!("{context}, one per section of the context"),
                )
                .require(
                    "context_sections",
                    context,
                    self.dimensions != 3,
                    "1 in 3D, where the network sees a volume",
                );
        }
        let needed = classes + usize::from(self.exclusive);
        let background = if self.exclusive { " and background" } else { "" };
        checks.require(
            "out_channels",
            self.out_channels,
            self.out_channels >= needed,
            format!("at least {needed} for the classes{background}"),
        );
    }

    /// Returns in what tiles do not go through the network whole, with the nearest sizes that do.
    pub fn tiling_problems(&self, tiling: &TilingConfig) -> Vec<SettingError> {
        let mut checks = Checks::of("TilingConfig");
        let above = self.input_edge(tiling.tile_size);
        let below = above.saturating_sub(self.stride());
        let nearest =
            if self.input_edge(below) == below { format!("{below} or {above}") } else { above.to_string() };
        let reason = match self.imported {
            Some(_) => format!("the network takes multiples of {}", self.stride()),
            None => format!("the network halves tiles {} times", self.depth()),
        };
        let expected = format!("{nearest}: {reason}");
        checks.require("tile_size", tiling.tile_size, above == tiling.tile_size, expected);
        if let Some(imported) = &self.imported {
            let tile = [tiling.tile_depth, tiling.tile_size, tiling.tile_size];
            let largest = imported.sizes.map(|sizes| sizes.smallest);
            let expected = format!("at most what the network takes, {largest:?} [z, y, x]");
            checks.require("tile_size", format!("{tile:?}"), imported.run_sizes(tile).is_some(), expected);
        }
        let depth = tiling.tile_depth;
        if self.dimensions == 3 {
            let fits = depth > 0 && depth.is_multiple_of(self.stride_z());
            let expected = format!("a multiple of {}, by which the 3D network halves tiles", self.stride_z());
            checks.require("tile_depth", depth, fits, expected);
        } else {
            checks.require("tile_depth", depth, depth == 1, "1 for a network of sections");
        }
        checks.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn tile_sizes_that_do_not_fit_name_the_nearest() {
        let problems = |preset: Preset, tile_size, tile_depth| -> Vec<String> {
            let tiling = TilingConfig { tile_size, tile_depth, ..Default::default() };
            let found = preset.architecture().tiling_problems(&tiling);
            found.iter().map(ToString::to_string).collect()
        };
        assert!(problems(Preset::Unet, 256, 1).is_empty());
        assert_eq!(
            problems(Preset::Unet, 250, 2),
            [
                "`TilingConfig::tile_size` is 250, expected 240 or 256: the network halves tiles 4 times",
                "`TilingConfig::tile_depth` is 2, expected 1 for a network of sections"
            ]
        );
        assert!(problems(Preset::Ronneberger, 572, 1).is_empty());
        assert_eq!(problems(Preset::Ronneberger, 256, 1).len(), 1);
        assert_eq!(problems(Preset::Unet3d, 64, 24).len(), 1);
    }
}
