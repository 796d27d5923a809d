//! A training from its configuration to a run's folder: read, checked, trained, reported.

use std::collections::BTreeSet;

use em_model::{Device, RunFolder, RunLock};
use toml::{Table, Value};

use crate::error::{Result, UserError};
use crate::report::{self, Report};
use crate::{Dataset, Event, Observer, RunConfig, settings};

/// What becomes of a run that is in the folder already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It stays, and there is no training.
    New,
    /// It is replaced.
    Overwrite,
    /// It goes on after the last epoch that it has saved.
    Resume,
}

/// What a training is about to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrainingPlan {
    /// What is learned.
    pub classes: Vec<String>,
    /// Where it is computed.
    pub device: Device,
    /// Numbers that are learned.
    pub parameters: usize,
    /// `[z, y, x]` of the first stack.
    pub shape: [usize; 3],
    /// Epochs in all.
    pub epochs: usize,
}

/// Trains the network that a configuration describes and writes its report.
///
/// The observer hears [`Event::Planned`] before the first epoch, and each step.
/// Where it ends the training, the run is as its last whole epoch left it, and can be resumed.
///
/// # Errors
///
/// Fails if data are missing, damaged or do not fit the configuration, if the folder holds a run that
/// `start` does not allow to replace or go on with, and as [`em_model::train()`] does.
pub fn train(
    config: &RunConfig,
    start: Start,
    device: Device,
    observer: &mut Observer<'_>,
) -> Result<Report> {
    settings::check(config)?;
    let dataset = Dataset::read(config, observer)?;
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    let run = RunFolder::new(&config.output.folder);
    let training = dataset.training(config, &dataset.split, &architecture, device)?;
    // Before the run's folder changes, so that a mistake costs no earlier run.
    training.check()?;
    let lock = run.lock()?;
    prepare(&lock, config, start)?;

    observer.tell(Event::Planned(&TrainingPlan {
        classes: dataset.set.classes().to_vec(),
        device,
        parameters: architecture.parameter_count(),
        shape: dataset.set.volumes()[0].shape(),
        epochs: config.train.epochs,
    }))?;
    dataset.warn(observer)?;
    if dataset.split.leaks {
        observer.warn("the split `random-tiles` leaks, so validation scores are too good")?;
    }
    report::write_samples(&run, &training)?;
    let learn = if start == Start::Resume { em_model::resume } else { em_model::train };
    learn(&training, &lock, &mut |progress| observer.hear(Event::Training(progress)))?;
    report::write(&run, config, &dataset, device, observer)
}

/// Makes the run's folder and keeps the configuration in it, unless another run would be lost.
fn prepare(lock: &RunLock, config: &RunConfig, start: Start) -> Result<()> {
    let run = lock.run();
    let text = config.to_toml()?;
    let started = run.is_started();
    let earlier = std::fs::read_to_string(run.config()).ok().map(with_all_keys);
    match earlier {
        Some(earlier) if start == Start::Resume && started && earlier != text => {
            return Err(other_config(run, &earlier, &text).into());
        }
        _ if started && start == Start::Overwrite => lock.clear()?,
        _ if started && start == Start::New => {
            return Err(UserError::new(
                format!("`{}` holds a run already", run.path().display()),
                "go on with --resume, start anew with --overwrite, or take another folder with --set output.folder=DIR",
            )
            .into());
        }
        _ => {}
    }
    for folder in [run.path(), &run.last()] {
        em_io::remove_unfinished(folder)?;
    }
    crate::write::bytes(&run.config(), text.as_bytes())
}

/// A configuration that an earlier version wrote lacks keys that are new, which had their defaults.
fn with_all_keys(text: String) -> String {
    let config: Option<RunConfig> = toml::from_str(&text).ok();
    config.and_then(|config| config.to_toml().ok()).unwrap_or(text)
}

/// Names the first key in which the configuration of a resumed run differs.
fn other_config(run: &RunFolder, earlier: &str, now: &str) -> UserError {
    // A damaged file has no key, so that the first one of all is named.
    let [earlier, now] = [earlier, now].map(|text| toml::from_str::<Table>(text).unwrap_or_default());
    let (key, values) = first_difference(&earlier, &now).unwrap_or_default();
    let [before, after] = values.map(|value| value.map_or("nothing".into(), |value| value.to_string()));
    UserError::new(
        format!("`{}` was started with `{key}` = {before}, and now it is {after}", run.path().display()),
        format!("resume with --config {}, or start anew with --overwrite", run.config().display()),
    )
}

/// The first key, with its sections and dots, whose values differ, and the two values.
fn first_difference(a: &Table, b: &Table) -> Option<(String, [Option<Value>; 2])> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
        (a, b) if a == b => None,
        (Some(Value::Table(a)), Some(Value::Table(b))) => {
            first_difference(a, b).map(|(rest, values)| (format!("{key}.{rest}"), values))
        }
        (a, b) => Some((key.clone(), [a.cloned(), b.cloned()])),
    })
}
