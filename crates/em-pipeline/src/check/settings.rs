//! Settings that are out of range or do not fit each other.

use super::finding::Finding;
use crate::{RunConfig, find_run, settings};

/// Writes down what can be said of the settings without any data.
pub fn check(config: &RunConfig, classes: &[String], findings: &mut Vec<Finding>) {
    let problems = settings::problems(config, classes).into_iter();
    findings.extend(problems.map(|problem| Finding::of_error(&problem.into())));
    let init = config.train.init.as_deref().map(find_run).transpose();
    findings.extend(init.err().map(|error| Finding::of_error(&error)));
}
