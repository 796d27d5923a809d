//! Settings that are out of range or do not fit each other.

use super::finding::Finding;
use crate::{RunConfig, settings};

/// Writes down what can be said of the settings without any data.
pub fn check(config: &RunConfig, classes: &[String], findings: &mut Vec<Finding>) {
    let problems = settings::problems(config, classes).into_iter();
    findings.extend(problems.map(|problem| Finding::of_error(&problem.into())));
}
