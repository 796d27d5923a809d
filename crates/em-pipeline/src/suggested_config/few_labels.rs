//! The recipe for few labels, with the numbers that docs/results.md measured.

use em_model::PixelMatch;
use toml::Value;

use super::facts::FEW_SECTIONS;
use super::{Facts, KnownNetwork, Suggestion, default_architecture};
use crate::fine_tuning::{AUGMENTATION, AVERAGE_DECAY, BATCH_SIZE, TILE_SIZE, TILES_PER_EPOCH};

const EPOCHS: usize = 10;
/// With more than this many regions, or sections, there is more to learn.
const FEWEST_OF_MANY: usize = 4;
const EPOCHS_OF_MANY: usize = 14;
const LEARNING_RATE: f64 = 1e-3;

impl Suggestion {
    /// The recipe for few labels: a built-in network goes on, for a few minutes, at the pixels that it knows.
    pub(super) fn few_labels(&mut self, facts: &Facts, network: &KnownNetwork, pixels: PixelMatch) {
        let stride = default_architecture(facts).stride();
        let seen = facts.shapes.iter().map(|[_, height, width]| pixels.network_size([*height, *width]));
        let narrowest = seen.map(|[height, width]| height.min(width)).min().unwrap_or(0);
        let room = if facts.is_one_section() { narrowest / 2 } else { narrowest };
        // At most what was measured.
        let tile_size = (room / stride * stride).clamp(stride, TILE_SIZE) as i64;
        let at =
            format!("Sections are resampled to pixels of {} nm, which the network knows.", network.pixel_nm);
        // Beside the keys of [data], before its first subsection.
        let place = self.decisions.iter().position(|decision| decision.section != "data");
        let place = place.unwrap_or(self.decisions.len());
        self.decide("data", "pixel_nm", network.pixel_nm, at);
        self.decisions[place..].rotate_right(1);
        self.decide("normalization", "kind", "robust", "As the network was trained.");
        self.decide("tiling", "tile_size", tile_size, "Enough context at these pixels.");
        self.decide(
            "tiling",
            "tiles_per_epoch",
            TILES_PER_EPOCH as i64,
            "The few sections are gone through many times.",
        );
        self.decide("tiling", "foreground_fraction", 0.5, "Half of the tiles are placed on foreground.");
        for (key, value) in AUGMENTATION {
            self.decide("augmentation", key, value, "Few labels are shown in many ways.");
        }
        let filters: Vec<Value> = network.filters.iter().map(|&filters| (filters as i64).into()).collect();
        self.decide("model", "filters", filters, "Those of the network.");
        let why = format!(
            "Fewer than {FEW_SECTIONS} labelled sections: a built-in network is a better start than random weights."
        );
        self.decide("train", "init", network.name.clone(), why);
        let many = facts.labelled_sections.max(facts.regions) >= FEWEST_OF_MANY;
        let epochs = if many { EPOCHS_OF_MANY } else { EPOCHS };
        let reason = format!("{} tiles in all: a few minutes on two cores.", epochs * TILES_PER_EPOCH);
        self.decide("train", "epochs", epochs as i64, reason);
        self.decide("train", "batch_size", BATCH_SIZE as i64, "Tiles are small.");
        self.decide("train", "learning_rate", LEARNING_RATE, "Lower than from random weights.");
        self.decide("train", "average_decay", AVERAGE_DECAY, "The average of the last fifty steps or so.");
    }
}
