#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`components`] | the connected parts of a mask: labels, sizes, a choice by size |
//! | [`Objects`], [`measure()`], [`nearest()`] | objects of a volume larger than memory: found, split, measured, compared |
//! | [`postprocess`] | a median of votes, removal of small components, filling of holes |
//! | [`VolumeCleaner`] | the same, for a mask that comes section by section |
//!
//! Axes are always `[z, y, x]`; a section is a volume of depth 1.

#![forbid(unsafe_code)]

mod axes;
pub mod components;
mod error;
mod foreground;
mod labelling;
mod measure;
mod nearest;
mod objects;
pub mod postprocess;
mod runs;
mod split;
mod store;
mod streamed;
mod sums;
mod surface;

pub use components::{Components, Connectivity, Extent};
pub use error::{Error, Result};
pub use foreground::Foreground;
pub use measure::{Object, Physical, measure};
pub use nearest::{Nearest, nearest};
pub use objects::{BATCH_BYTES, FindConfig, Objects};
pub use postprocess::Postprocess;
pub use split::{LARGEST_BOX, SplitCounts};
pub use streamed::{CleanVolume, VolumeCleaner};
