#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`components`] | the connected parts of a mask: labels, sizes, a choice by size |
//! | [`postprocess`] | a median of votes, removal of small components, filling of holes |
//!
//! Axes are always `[z, y, x]`; a section is a volume of depth 1.

#![forbid(unsafe_code)]

pub mod components;
mod error;
mod labelling;
pub mod postprocess;
mod runs;

pub use components::{Components, Connectivity, Extent};
pub use error::{Error, Result};
pub use postprocess::Postprocess;
