#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`components`] | the connected parts of a mask: labels, sizes, a choice by size |
//! | [`Objects`], [`measure()`], [`nearest()`] | objects of a volume larger than memory: found, split, measured, compared |
//! | [`find_part`], [`join_parts`] | the same objects, found by several programs in parts of the volume |
//! | [`surface`], [`Mesh`] | the surface of an object as triangles |
//! | [`postprocess`] | a median of votes, removal of small components, filling of holes |
//! | [`VolumeCleaner`] | the same, for a mask that comes section by section |
//!
//! Axes are always `[z, y, x]`; a section is a volume of depth 1.

#![forbid(unsafe_code)]

pub mod components;
mod doubt;
mod eigen;
mod error;
mod foreground;
mod labelling;
mod measure;
mod mesh;
mod moments;
mod nearest;
mod objects;
mod parts;
pub mod postprocess;
mod remeasure;
mod runs;
mod runs_on_disk;
mod split_by_hand;
mod surface_area;
mod touching;
mod volume_cleaner;
mod watershed;

pub use em_io;
pub use ndarray;

/// Hears nothing of the progress of a work, and lets it go on.
pub fn unwatched(_: u64) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

pub use components::{Components, Connectivity, Extent};
pub use doubt::{Doubt, DoubtReason, doubts};
pub use error::{Error, Result};
pub use foreground::{Foreground, read_labels, read_probabilities};
pub use measure::{Object, Physical, Space, measure};
pub use mesh::{Mesh, surface};
pub use nearest::{Nearest, nearest};
pub use objects::{BATCH_BYTES, FindConfig, Objects};
pub use parts::{PartInput, find_part, join_parts};
pub use postprocess::Postprocess;
pub use remeasure::{Remeasured, remeasure};
pub use split_by_hand::{split_at_points, split_from_parts};
pub use touching::{LARGEST_BOX, SplitCounts};
pub use volume_cleaner::{CleanVolume, VolumeCleaner};
