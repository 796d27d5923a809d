#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`normalization`] | grey values to network inputs; statistics fitted on training voxels |
//! | [`split`] | which voxels train and which validate |
//! | [`regions`] | boxes inside which labels are complete |
//! | [`quality`] | what sections look like: blank, saturated, noisy, twice |
//! | [`tile`] | covering a volume with tiles, each with a read and a write region |
//! | [`stitch`](mod@stitch) | putting tiles back together |
//! | [`sampler`] | which tiles an epoch shows the network |
//! | [`tiling`] | how large training tiles are and where they are cut: the settings |
//! | [`settings`] | settings outside their range, in one form |
//! | [`augmentation`] | how tiles are changed at random: the settings, and what is drawn for each tile |
//! | [`resize`] | sections to another size |
//! | [`probabilities`] | per-class probabilities and their masks |
//! | [`outlines()`] | the outlines of objects, to be learned |
//! | [`pixel_classifier`] | a classifier that learns from a few brush strokes |
//! | [`phantom`] | generated EM-like volumes with labels |
//!
//! Axes are always `[z, y, x]`.

pub mod augmentation;
pub mod error;
mod grey_values;
mod histogram;
mod labelled_volume;
pub mod mirrored;
pub mod normalization;
mod outlines;
mod paint;
pub mod phantom;
pub mod pixel_classifier;
pub mod probabilities;
pub mod quality;
pub mod regions;
pub mod resize;
mod robust;
pub mod sampler;
pub mod settings;
pub mod split;
pub mod stitch;
pub mod tile;
pub mod tiling;
mod training_set;

pub use em_io;
pub use ndarray;

pub use augmentation::{AugmentationConfig, Defect, TileAugmentation, Warp};
pub use error::{Error, Result};
pub use grey_values::{GreyValues, fill_missing, without_value};
pub use labelled_volume::{IGNORED, LabelledVolume};
pub use normalization::{Fitting, Normalization, NormalizationConfig, NormalizationKind};
pub use outlines::outlines;
pub use paint::Paint;
pub use pixel_classifier::{PixelClassifier, PixelClassifierConfig, StrokeSamples};
pub use probabilities::Probabilities;
pub use quality::{LabelSection, RawSection, correlation};
pub use regions::ReviewedRegion;
pub use robust::robust_mean_and_std;
pub use sampler::{Sampler, TileSample};
pub use settings::SettingError;
pub use split::{Region, Split, SplitConfig, SplitKind};
pub use stitch::stitch;
pub use tile::{Tile, TileGrid};
pub use tiling::{Placement, TilingConfig};
pub use training_set::TrainingSet;
