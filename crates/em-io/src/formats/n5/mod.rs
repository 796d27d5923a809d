//! N5, in a folder: datasets in chunks, in groups, with levels as BigDataViewer, Paintera and COSEM write them.
//!
//! `dataset` reads the metadata of one dataset, `axes` finds z, y and x among its axes, `group` tells what a folder holds and what it says of voxel
//! sizes (`size`), and `read` brings blocks into memory through `block`.
//!
//! Source: the specification in the README of `saalfeldlab/n5`. Its axes are x first.

mod axes;
mod block;
mod dataset;
mod group;
mod read;
mod size;

pub(crate) use read::{open, open_levels};

use crate::storage;
use std::path::Path;

/// The metadata of a dataset or a group.
pub(crate) const ATTRIBUTES: &str = "attributes.json";

/// What metadata are, for error messages.
const EXPECTED: &str = "that of an N5 dataset";

/// Tells whether a folder is meant as N5: by its metadata, or by the name of a folder that it is in, since a
/// group need not have any.
pub(crate) fn is_n5(folder: &Path) -> bool {
    let is_named =
        |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("n5"));
    folder.ancestors().any(is_named) || has_attributes(folder)
}

fn has_attributes(folder: &Path) -> bool {
    storage::stat(&folder.join(ATTRIBUTES)).is_ok_and(|found| found.is_some())
}
