//! A package of the BioImage Model Zoo, as a zip file or a folder: all that it tells of its network.
//!
//! | file | owns |
//! |---|---|
//! | `package/mod.rs` | what is told |
//! | `package/archive.rs` | the files of a package, which strangers made |
//! | `package/description.rs` | its description as types of version 0.5, from YAML |
//! | `package/older.rs` | descriptions of version 0.4 as such of 0.5 |
//! | `package/weights.rs` | which weights are taken, and their bytes |
//! | `package/layout.rs` | axes, sizes and voxel sizes of what goes in and comes out |
//! | `package/normalizing.rs` | what is done with grey values before they go in |
//! | `package/steps.rs` | that, from the steps of a description |
//! | `package/outputs.rs` | what the numbers that come out are |
//!
//! Nothing is unpacked, fetched or run here. The types of a description are [`rdf`](crate::export::rdf)'s.

mod archive;
mod description;
mod layout;
mod normalizing;
mod older;
mod outputs;
mod steps;
#[cfg(test)]
mod tests;
mod weights;

use std::fmt::Display;
use std::path::Path;

pub(crate) use self::layout::{LayoutAxis, LayoutSize, TensorLayout};
pub(crate) use self::normalizing::Normalizing;
pub(crate) use self::outputs::{Activation, Output, OutputKind};
pub(crate) use self::weights::{WeightsFile, WeightsFormat};
use crate::error::{Error, Result, UserError};
use crate::export::rdf::{Author, Citation};

/// What a package tells about its network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Package {
    /// The network's name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The version that the description was written as, `0.4.x` or `0.5.x`.
    pub format_version: String,
    /// The licence, an SPDX identifier where the package is as it should be.
    pub license: Option<String>,
    /// Who made it.
    pub authors: Vec<Author>,
    /// What to cite.
    pub citations: Vec<Citation>,
    /// The weights that are taken.
    pub weights: WeightsFile,
    /// What goes in.
    pub input: TensorLayout,
    /// What comes out, in the order of the network's outputs; at least one.
    pub outputs: Vec<Output>,
    /// What is done with grey values before they go in.
    pub normalizing: Normalizing,
    /// What differs from the package's own words when the network is run here, as sentences.
    pub notes: Vec<String>,
}

/// Reads a package from a zip file, or from a folder that one was unzipped to.
///
/// # Errors
///
/// Fails if it is no package, if a file is missing or not as its digest says, if it has no weights that can be run
/// here, or if it asks for what is not done here; the error says what was found and what was expected.
pub(crate) fn read(path: &Path) -> Result<Package> {
    let mut files = archive::Files::open(path)?;
    let (name, text) = files.description()?;
    let place = Place { package: path, file: &name };
    let description::Read { rdf, format_version } = description::read(&text, place)?;
    let (input, layouts) = layout::of(&rdf, place)?;
    let normalizing = steps::of(&rdf.inputs[0], &input, place)?;
    let mut notes = normalizing.notes();
    let mut outputs = Vec::with_capacity(layouts.len());
    for (tensor, layout) in rdf.outputs.iter().zip(layouts) {
        outputs.push(outputs::of(tensor, layout, &mut notes, place)?);
    }
    let weights = weights::taken(&rdf.weights, &mut files, place)?;
    Ok(Package {
        name: rdf.name,
        description: rdf.description,
        format_version,
        license: rdf.license,
        authors: rdf.authors,
        citations: rdf.cite,
        weights,
        input,
        outputs,
        normalizing,
        notes,
    })
}

/// The description that is being read, for what is wrong with it.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    package: &'a Path,
    file: &'a str,
}

impl Place<'_> {
    /// Makes an error of what was found and expected, and a hint.
    fn problem(&self, problem: impl Display, hint: &str) -> Error {
        let message = format!("`{}` in `{}`: {problem}", self.file, self.package.display());
        UserError::new(message, hint).into()
    }
}
