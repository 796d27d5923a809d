//! Networks that are part of the program, asked for by name.

use std::path::Path;

use em_model::{ModelCard, RunFolder};
use em_models::BuiltIn;

use crate::Result;

/// Returns the built-in network that a path names, unless there is a file or folder of that name.
pub fn named(path: &Path) -> Option<&'static BuiltIn> {
    named_from(Path::new(""), path)
}

/// The same for a path that starts at a folder.
pub(crate) fn named_from(folder: &Path, path: &Path) -> Option<&'static BuiltIn> {
    path.to_str().filter(|_| !folder.join(path).exists()).and_then(em_models::named)
}

/// Returns the card of a built-in network.
///
/// # Errors
///
/// Fails if it could not be unpacked.
pub fn card(network: &BuiltIn) -> Result<ModelCard> {
    Ok(ModelCard::read(&unpacked(network)?)?)
}

/// Unpacks a built-in network, for as long as the folder is in use.
pub(crate) fn unpacked(network: &BuiltIn) -> Result<RunFolder> {
    Ok(RunFolder::unpacked(network.card, network.weights, network.tuning)?)
}
