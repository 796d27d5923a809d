//! Settings that are out of range or do not fit each other.

use super::finding::Finding;
use crate::config::RunConfig;

/// Checks what can be said of the settings without any data.
pub fn check(config: &RunConfig, classes: &[String], findings: &mut Vec<Finding>) {
    // A configuration without classes is found elsewhere, with a better message.
    let mut problems = config.model.problems(classes.len().max(1));
    match config.model.architecture(classes.len().max(1)) {
        Ok(architecture) => {
            problems.extend(config.training_settings().problems(&architecture, classes));
        }
        Err(_) => {
            problems.extend(config.train.problems());
            problems.extend(config.predict.problems());
            problems.extend(config.tiling.problems());
            problems.extend(config.augmentation.problems());
        }
    }
    problems.extend(config.normalization.problems());
    findings
        .extend(problems.into_iter().map(|problem| Finding::of_error(&em_data::Error::from(problem).into())));
}
