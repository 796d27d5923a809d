//! A configuration that suits a data set, with its reasons as comments.
//!
//! [`Facts`] are read from the data; [`Suggestion::for_facts`] decides on them alone, so that its rules
//! can be read, and tested, without files.

mod facts;
mod few_labels;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use em_model::{Architecture, ModelConfig, PixelMatch};
use toml::Value;

use crate::error::Result;
use crate::{Observer, display};

pub use facts::{Facts, KnownNetwork};

/// Foreground rarer than this is seldom met by tiles at random places.
const RARE: f64 = 0.02;

/// Tiles per epoch below which a validation after each epoch costs more than the epoch.
const FEWEST_TILES: usize = 400;

/// Tiles that a training shows to the network. Measured against 7,400 in docs/results.md.
const TILES_IN_ALL: usize = 12_800;

/// Measured against 8 tiles a step in docs/results.md.
const BATCH_SIZE: usize = 4;
const AVERAGE_DECAY: f64 = 0.99;

/// Writes a configuration that suits the stacks of a folder, which it names by that path.
///
/// # Errors
///
/// Fails if there is no such folder, or if its stacks cannot be read or do not fit together; and with
/// [`Error::Stopped`](crate::Error::Stopped).
pub fn suggested_for(folder: &Path, observer: &mut Observer<'_>) -> Result<String> {
    Ok(Suggestion::for_facts(folder, &Facts::of(folder, observer)?).to_toml())
}

/// One key with its value, and why it has that value.
#[derive(Clone, Debug, PartialEq)]
struct Decision {
    section: &'static str,
    key: &'static str,
    value: Value,
    reason: String,
    /// Whether the value is but an example.
    is_example: bool,
}

/// A configuration as a list of decisions, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    folder: PathBuf,
    about: String,
    decisions: Vec<Decision>,
}

impl Suggestion {
    /// Decides for a data set in `folder`.
    pub fn for_facts(folder: &Path, facts: &Facts) -> Self {
        let mut suggestion = Self::of_data(folder, facts);
        match facts.start() {
            Some((network, pixels)) => suggestion.few_labels(facts, network, pixels),
            None => {
                let tile_size = suggestion.tiling(facts);
                suggestion.training(facts, tile_size);
            }
        }
        suggestion
    }

    /// Lets a network go on for a few minutes, however much is labelled.
    pub(crate) fn from_network(facts: &Facts, network: &KnownNetwork, pixels: PixelMatch) -> Self {
        let mut suggestion = Self::of_data(Path::new(""), facts);
        suggestion.few_labels(facts, network, pixels);
        suggestion
    }

    fn of_data(folder: &Path, facts: &Facts) -> Self {
        let mut suggestion =
            Self { folder: folder.to_path_buf(), about: about(facts), decisions: Vec::new() };
        suggestion.data(facts);
        suggestion
    }

    /// Writes the file: sections in order, a reason above each key.
    pub fn to_toml(&self) -> String {
        let mut text = self.about.clone();
        text += "# Keys that are not here have their defaults: `em-cli config init` lists them all.\n";
        let (mut section, mut reason) = ("", "");
        for decision in &self.decisions {
            if decision.section != section {
                (section, reason) = (decision.section, "");
                let _ = write!(text, "\n[{section}]\n");
            }
            // Keys of one reason stand together.
            if decision.reason != reason {
                reason = &decision.reason;
                let _ = writeln!(text, "# {reason}");
            }
            let example = if decision.is_example { "# " } else { "" };
            let _ = writeln!(text, "{example}{} = {}", decision.key, decision.value);
        }
        text
    }

    fn decide(
        &mut self,
        section: &'static str,
        key: &'static str,
        value: impl Into<Value>,
        reason: impl Into<String>,
    ) {
        let (value, reason) = (value.into(), reason.into());
        self.decisions.push(Decision { section, key, value, reason, is_example: false });
    }

    fn data(&mut self, facts: &Facts) {
        let folder = self.folder.display().to_string();
        self.decide("data", "folder", folder, "train.tif, train_<class>.tif and their like are in it.");
        let classes: Vec<Value> = facts.classes.iter().map(|(class, _)| class.clone().into()).collect();
        let shares: Vec<String> =
            facts.classes.iter().map(|(class, share)| format!("{class} {:.2} %", share * 100.0)).collect();
        self.decide("data", "classes", classes, format!("Foreground: {}.", shares.join(", ")));
        if let Some(size) = facts.voxel_size {
            let size: Vec<Value> = size.nm().into_iter().map(Value::from).collect();
            self.decide("data", "voxel_size_nm", size, "As the files say, in nm, z y x.");
        } else {
            self.decisions.push(Decision {
                section: "data",
                key: "voxel_size_nm",
                value: Value::Array([50.0, 5.0, 5.0].map(Value::Float).to_vec()),
                reason: "The files tell none, or several: in nm, z y x, the thickness of sections first."
                    .into(),
                is_example: true,
            });
        }
        if facts.is_one_section() {
            let reason = "No val.tif, and one section: a fifth of its tiles validates. They are neighbours of those that train, so the scores are too good; a val.tif would tell.";
            self.decide("data.split", "kind", "random-tiles", reason);
        } else if facts.regions > 0 && !facts.has_validation {
            let what = match facts.regions {
                1 => "a part of the one reviewed region".to_owned(),
                regions => format!("some of {regions} reviewed regions"),
            };
            let reason =
                format!("No val.tif: a network beside the final one leaves out {what}, which score it.");
            self.decide("data.split", "folds", 1, reason);
        } else if !facts.has_validation {
            let sections = facts.sections();
            // A fifth validates; the gap must leave sections to train on in a thin stack.
            let gap = (sections / 10).min(4);
            let last = match (sections as f64 / 5.0).round() {
                0.0 | 1.0 => "the last section".to_owned(),
                _ => "the last fifth".to_owned(),
            };
            let behind = match gap {
                0 => "without a gap, for which they are too few",
                _ => "behind a gap, since neighbours are nearly alike",
            };
            let reason = format!("No val.tif: {last} of {sections} sections validates, {behind}.");
            self.decide("data.split", "gap", gap as i64, reason);
        }
    }

    fn tiling(&mut self, facts: &Facts) -> usize {
        let stride = default_architecture(facts).stride();
        let narrowest = facts.shapes.iter().map(|[_, height, width]| *height.min(width)).min().unwrap_or(256);
        // A section that validates itself has to hold several tiles.
        let room = if facts.is_one_section() { narrowest / 2 } else { narrowest };
        let tile_size = (room.min(256) / stride * stride).max(stride);
        let reason = if tile_size == 256 {
            "Large enough for whole mitochondria, small enough for batches.".into()
        } else {
            format!("The sections are {narrowest} pixels wide; the network takes multiples of {stride}.")
        };
        self.decide("tiling", "tile_size", tile_size as i64, reason);
        if let Some((class, share)) = facts.classes.iter().find(|(_, share)| *share < RARE) {
            let reason = format!(
                "{class} is rare ({:.2} %): half of the tiles are placed on foreground, the classes in turn.",
                share * 100.0
            );
            self.decide("tiling", "foreground_fraction", 0.5, reason);
        }
        tile_size
    }

    fn training(&mut self, facts: &Facts, tile_size: usize) {
        let on_grid = |[depth, height, width]: &[usize; 3]| {
            depth * height.div_ceil(tile_size) * width.div_ceil(tile_size)
        };
        let grid: usize = facts.shapes.iter().map(on_grid).sum();
        let tiles = grid.max(FEWEST_TILES);
        if grid < FEWEST_TILES {
            let reason = format!(
                "The stack has {grid} tiles: an epoch goes through it several times, so that it is worth a validation."
            );
            self.decide("tiling", "tiles_per_epoch", tiles as i64, reason);
        }
        let epochs = TILES_IN_ALL.div_ceil(tiles).clamp(4, 100);
        let reason = format!(
            "About {} tiles in all: minutes on an accelerator, half an hour on two cores.",
            epochs * tiles
        );
        self.decide("train", "epochs", epochs as i64, reason);
        let (batch_size, reason) = batch_size(facts, tile_size);
        self.decide("train", "batch_size", batch_size as i64, reason);
        let reason =
            "The average of the last hundred steps or so evens out what small batches leave unsteady.";
        self.decide("train", "average_decay", AVERAGE_DECAY, reason);
    }
}

/// Tiles of a step that fit into half of the memory, and why so many.
fn batch_size(facts: &Facts, tile_size: usize) -> (usize, String) {
    let architecture = default_architecture(facts);
    let bytes = |tiles: usize| em_model::training_bytes(&architecture, [1, tile_size, tile_size], tiles);
    let fits = |tiles: &usize| facts.device_bytes.is_none_or(|memory| bytes(*tiles) <= memory / 2);
    let most = [BATCH_SIZE, 2].into_iter().find(fits).unwrap_or(1);
    let reason = match facts.device_bytes {
        Some(memory) if most < BATCH_SIZE => format!(
            "The device has {}, of which {BATCH_SIZE} tiles a step would take {}.",
            display::bytes(memory),
            display::bytes(bytes(BATCH_SIZE))
        ),
        _ => "Small batches take more steps for the same tiles, which short trainings need.".into(),
    };
    (most, reason)
}

/// The data in words, as the head of the file.
fn about(facts: &Facts) -> String {
    let shapes: Vec<String> = facts.shapes.iter().map(|&shape| display::shape(shape)).collect();
    let size = match facts.voxel_size {
        None => "voxel size unknown: set data.voxel_size_nm for physical units".into(),
        Some(size) if !size.is_anisotropic() => "nearly cubic voxels".into(),
        Some(size) => format!("sections {:.0} times as thick as a pixel is wide", size.anisotropy()),
    };
    format!("# For {} voxels (z y x), {size}.\n", shapes.join(" and "))
}

fn default_architecture(facts: &Facts) -> Architecture {
    ModelConfig::default()
        .architecture(facts.classes.len().max(1))
        .expect("the default network holds any number of classes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use em_data::{Split, TilingConfig};
    use em_io::VoxelSize;

    fn facts() -> Facts {
        Facts {
            shapes: vec![[36, 768, 1024]],
            labelled_sections: 36,
            regions: 0,
            voxel_size: VoxelSize::new([5.0; 3]).ok(),
            classes: vec![("mitochondria".into(), 0.096), ("synapses".into(), 0.0047)],
            has_validation: true,
            device_bytes: Some(24 << 30),
            built_in: None,
        }
    }

    #[test]
    fn few_sections_start_with_a_built_in_network_at_its_pixels() {
        let network = KnownNetwork::of(&["axons".into(), "synapses".into()]).unwrap().unwrap();
        assert_eq!((network.name.as_str(), network.pixel_nm), ("synapses", 8.0));
        let few =
            Facts { shapes: vec![[9, 512, 512]], labelled_sections: 9, built_in: Some(network), ..facts() };
        let (text, config) = read(&few);
        assert_eq!(config.train.init, Some("synapses".into()));
        assert_eq!((config.data.pixel_nm, config.tiling.tile_size), (Some(8.0), 128));
        assert!(text.contains("# Fewer than 10 labelled sections: a built-in network"), "{text}");
        let starts = |facts: Facts| read(&facts).1.train.init.is_some();
        assert!(!starts(Facts { labelled_sections: 10, ..few.clone() }));
        let shapes = vec![[1, 512, 512]; 3];
        let (text, config) = read(&Facts { shapes, regions: 3, has_validation: false, ..few.clone() });
        assert_eq!((config.data.split.folds, config.train.epochs), (1, 14), "{text}");
        let three = Facts { regions: 3, labelled_sections: 2, has_validation: false, ..few.clone() };
        assert_eq!(read(&three).1.train.epochs, 10);
        assert!(text.contains("leaves out some of 3 reviewed regions"), "{text}");
        assert!(!starts(Facts { voxel_size: None, ..few.clone() }));
        assert!(!starts(Facts { voxel_size: VoxelSize::new([100.0; 3]).ok(), ..few.clone() }));
        assert!(!starts(Facts { built_in: KnownNetwork::of(&["axons".into()]).unwrap(), ..few.clone() }));
        let (_, config) = read(&Facts { shapes: vec![[2, 100, 200]], has_validation: false, ..few });
        assert_eq!(config.tiling.tile_size, 48, "100 pixels of 5 nm are 62 of 8 nm");
    }

    /// The configuration that the text stands for, which has to be one without a mistake.
    fn read(facts: &Facts) -> (String, RunConfig) {
        let text = Suggestion::for_facts(Path::new("data"), facts).to_toml();
        let config: RunConfig = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let architecture = config.model.architecture(facts.classes.len()).unwrap();
        let classes: Vec<String> = facts.classes.iter().map(|(class, _)| class.clone()).collect();
        assert_eq!(config.training_settings().problems(&architecture, &classes), []);
        (text, config)
    }

    #[test]
    fn rare_classes_are_looked_for() {
        let (text, config) = read(&facts());
        assert_eq!(config.tiling.foreground_fraction, 0.5);
        assert!(text.contains("synapses is rare (0.47 %)"), "{text}");
        let common = Facts { classes: vec![("mitochondria".into(), 0.1)], ..facts() };
        let (_, config) = read(&common);
        assert_eq!(config.tiling.foreground_fraction, TilingConfig::default().foreground_fraction);
    }

    #[test]
    fn tiles_fit_into_small_sections() {
        let (text, config) = read(&Facts { shapes: vec![[40, 120, 500]], ..facts() });
        assert_eq!(config.tiling.tile_size, 112);
        assert!(text.contains("120 pixels wide"), "{text}");
    }

    #[test]
    fn few_sections_make_epochs_of_several_rounds() {
        let (_, config) = read(&Facts { shapes: vec![[11, 1024, 1024]], ..facts() });
        assert_eq!(config.tiling.tiles_per_epoch, FEWEST_TILES);
        assert_eq!(config.train.epochs * FEWEST_TILES, TILES_IN_ALL);
        let (_, config) = read(&facts());
        assert_eq!(config.tiling.tiles_per_epoch, 0);
    }

    #[test]
    fn little_memory_makes_small_batches() {
        let of = |megabytes: u64| read(&Facts { device_bytes: Some(megabytes << 20), ..facts() });
        assert_eq!(of(24_000).1.train.batch_size, 4);
        let (text, config) = of(1_200);
        assert_eq!(config.train.batch_size, 2, "{text}");
        assert!(text.contains("The device has 1.26 GB, of which 4 tiles a step would take"), "{text}");
        assert_eq!(of(400).1.train.batch_size, 1);
    }

    #[test]
    fn without_validation_stacks_a_gap_is_left() {
        let (_, config) = read(&Facts { has_validation: false, ..facts() });
        assert_eq!(config.data.split.gap, 3);
        let (text, config) = read(&Facts { has_validation: false, shapes: vec![[6, 512, 512]], ..facts() });
        assert_eq!(config.data.split.gap, 0);
        assert!(text.contains("the last section of 6 sections validates, without a gap"), "{text}");
    }

    #[test]
    fn any_number_of_sections_is_split() {
        for sections in 1..=12 {
            let shapes = vec![[sections, 96, 130]];
            let (text, config) = read(&Facts { has_validation: false, shapes: shapes.clone(), ..facts() });
            let split = Split::new(&config.data.split, &shapes, config.tiling.tile_size, 0)
                .unwrap_or_else(|error| panic!("{sections} sections: {error}\n{text}"));
            assert_eq!(split.leaks, sections == 1);
            assert!(!split.train.is_empty() && !split.validation.is_empty(), "{sections}");
        }
    }

    #[test]
    fn an_unknown_voxel_size_is_a_key_to_fill_in() {
        let (text, config) = read(&Facts { voxel_size: None, ..facts() });
        assert!(text.contains("\n# voxel_size_nm = [50.0, 5.0, 5.0]\n"), "{text}");
        assert_eq!(config.data.voxel_size_nm, None);
    }

    #[test]
    fn the_head_tells_what_is_known_of_voxels() {
        let head = |nm: Option<[f64; 3]>| {
            let voxel_size = nm.map(|nm| VoxelSize::new(nm).unwrap());
            let facts = Facts { voxel_size, ..facts() };
            read(&facts).0.lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(head(Some([5.0; 3])), "# For 36 x 768 x 1024 voxels (z y x), nearly cubic voxels.");
        assert!(head(Some([50.0, 4.6, 4.6])).ends_with("sections 11 times as thick as a pixel is wide."));
        assert!(head(None).contains("set data.voxel_size_nm"));
    }
}
