//! Everything that would make a training fail or go wrong, found before it starts.
//!
//! Each stack is measured once, section by section (`facts.rs`); the rules in the other modules
//! look at those measures and at the configuration only, and write down what they find.

mod facts;
pub mod finding;
mod labels;
mod probe;
mod resources;
mod sections;
mod settings;
mod sides;
mod turned;
mod voxel_size;

use em_model::Device;

use crate::dataset::Sources;
use crate::{Observer, Result, RunConfig, display};
use facts::StackFacts;
use finding::{Finding, Severity};
use sides::Sides;

/// Finds what is wrong with a configuration and the data that it names.
///
/// With a device, and where nothing makes a training impossible, the time is measured on it.
///
/// # Errors
///
/// [`crate::Error::Stopped`] where the observer ends the work; all else is a finding.
pub fn findings(
    config: &RunConfig,
    timed_on: Option<Device>,
    observer: &mut Observer<'_>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let sources = match Sources::find(&config.data) {
        Ok(sources) => sources,
        Err(error) => {
            settings::check(config, &config.model.learned(&config.data.classes), &mut findings);
            findings.push(Finding::of_error(&error));
            return Ok(findings);
        }
    };
    let learned = config.model.learned(&sources.classes);
    settings::check(config, &learned, &mut findings);
    if let Some(scenes) = &config.data.phantom {
        let found = format!("{} scenes are generated, and no file is read", scenes.scenes);
        findings.push(Finding::note(found));
        return Ok(findings);
    }
    if let Err(error) = sources.check(config) {
        findings.push(Finding::of_error(&error));
    }
    let is_told = check_unlabelled(config, &sources, &mut findings);
    let stacks = StackFacts::of_all(&config.data, &sources, &mut findings, observer)?;
    for stack in &stacks {
        sections::check(stack, &mut findings);
        labels::check(stack, config.model.learns_boundaries(), &mut findings);
    }
    voxel_size::check(config, &stacks, is_told, &mut findings);
    sides::check_overlap(&stacks, &mut findings);
    let Some(sides) = Sides::of(config, &sources, &stacks, &mut findings) else {
        return Ok(findings);
    };
    sides.check(config, &stacks, &mut findings);
    resources::check(config, &learned, &stacks, &sides, &mut findings);
    let is_possible = findings.iter().all(|finding| finding.severity != Severity::Error);
    match timed_on {
        Some(device) if is_possible => probe::check(config, device, &mut findings, observer)?,
        Some(_) => findings.push(Finding::note("the time is not measured, because of the errors")),
        None => findings.push(Finding::note("the time is not measured").hint("--time measures a few steps")),
    }
    Ok(findings)
}

/// Looks at the stacks that nobody labelled, and tells whether one of them tells its voxel size.
fn check_unlabelled(config: &RunConfig, sources: &Sources, findings: &mut Vec<Finding>) -> bool {
    let are_alone = sources.train.is_empty() && sources.validation.is_empty() && sources.test.is_empty();
    let mut is_told = false;
    for path in &config.data.unlabelled {
        let volume = match em_io::open(path) {
            Ok(volume) => volume,
            Err(error) => {
                findings.push(Finding::of_error(&error.into()));
                continue;
            }
        };
        let shape = display::shape(volume.shape());
        let found = format!("{shape} voxels [z, y, x] to be learned from without labels");
        findings.push(Finding::note(found).file(path));
        let size = volume.voxel_size();
        is_told |= size.is_some();
        // Beside labelled stacks, pixels of an unknown size are taken to be theirs.
        if are_alone && let Err(error) = config.data.pixels(config.data.voxel_size_nm.or(size)) {
            findings.push(Finding::of_error(&error).file(path));
        }
    }
    is_told
}
