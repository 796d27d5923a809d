#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`ConfusionCounts`] | voxels: IoU, Dice, precision, recall, accuracy |
//! | [`boundary`], [`surface`] | boundary F1 within a tolerance; Hausdorff and mean surface distances |
//! | [`distance`] | the exact Euclidean distance transform, with a voxel size |
//! | [`instance`] | objects: average precision, F1, panoptic quality |
//! | [`calibration`] | whether probabilities mean what they say |
//! | [`bootstrap`] | confidence intervals over sections |
//! | [`quantile()`] | quantiles of sorted values, or of values with their counts |
//! | [`DisjointSets`] | what hangs together |
//! | [`soft`] | measures on probabilities, as losses have them |
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod boundary;
pub mod calibration;
mod confusion;
mod disjoint_sets;
pub mod distance;
mod error;
pub mod instance;
mod quantile;
pub mod soft;
pub mod surface;

pub use ndarray;
pub use rand;

pub use bootstrap::{Bootstrap, Interval};
pub use boundary::BoundaryCounts;
pub use calibration::Calibration;
pub use confusion::ConfusionCounts;
pub use disjoint_sets::DisjointSets;
pub use error::{Error, Result};
pub use instance::{InstanceCounts, Overlaps};
pub use quantile::{quantile, quantile_of_counts};
pub use surface::SurfaceDistances;
