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
//! | [`soft`] | measures on probabilities, as losses have them |
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod boundary;
pub mod calibration;
mod confusion;
pub mod distance;
mod error;
pub mod instance;
pub mod soft;
pub mod surface;

pub use bootstrap::{Bootstrap, Interval};
pub use boundary::BoundaryCounts;
pub use calibration::Calibration;
pub use confusion::ConfusionCounts;
pub use error::{Error, Result};
pub use instance::{InstanceCounts, Overlaps};
pub use surface::SurfaceDistances;
