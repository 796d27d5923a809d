//! Settings that are out of range or do not fit each other.

use super::finding::Finding;
use crate::config::RunConfig;

/// Checks what can be said of the settings without any data.
pub fn check(config: &RunConfig, classes: &[String], findings: &mut Vec<Finding>) {
    let mut results = vec![config.train.check(), config.predict.check()];
    // A configuration without classes is found elsewhere, with a better message.
    match config.model.architecture(classes.len().max(1)) {
        Ok(architecture) => {
            results.push(architecture.check_tile_size(config.tiling.tile_size));
            results.push(architecture.check_tile_depth(config.tiling.tile_depth));
            results.push(config.loss.check(classes, architecture.exclusive));
        }
        Err(error) => results.push(Err(error)),
    }
    let errors = results.into_iter().filter_map(Result::err).map(crate::error::Error::from);
    let errors = errors.chain(config.augmentation.check().err().map(crate::error::Error::from));
    findings.extend(errors.map(|error| Finding::of_error(&error)));
}
