//! A training from its configuration to a run's folder: read, checked, trained, reported.

use em_model::{Device, RunFolder, RunLock, Training};

use crate::error::{Result, UserError};
use crate::report::{self, Report};
use crate::{Dataset, Event, Observer, RunConfig, find_run, settings, voxel_size};

mod resume;

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
    let run = RunFolder::new(&config.output.folder);
    if start == Start::Resume {
        check_folder(&run, start)?;
    }
    if let Some(size) = config.data.voxel_size_nm {
        voxel_size::warn_of_doubt("data.voxel_size_nm", size.nm(), observer)?;
    }
    let dataset = Dataset::read(config, observer)?;
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    let mut training = dataset.training(config, &dataset.split, &architecture, device)?;
    // What goes on has all that it took from another network.
    if start != Start::Resume || !run.state().exists() {
        training.init = initial(config, &run)?;
    }
    // Before the run's folder changes, so that a mistake costs no earlier run.
    training.check()?;
    let lock = run.lock()?;
    prepare(&lock, config, &training, start, observer)?;

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
    report::write(&run, config, &dataset, device)
}

/// Finds the network to start with, which must not be what the training replaces.
fn initial(config: &RunConfig, run: &RunFolder) -> Result<Option<RunFolder>> {
    let Some(path) = &config.train.init else { return Ok(None) };
    let init = find_run(path)?;
    let [folder, of_init] = [run, &init].map(|run| run.path().canonicalize().ok());
    if folder.is_some() && folder == of_init {
        let message = format!("train.init is `{}`, the folder that the run is written to", path.display());
        let hint = "write the new run to a folder of its own: --set output.folder=DIR";
        return Err(UserError::new(message, hint).into());
    }
    Ok(Some(init))
}

/// Refuses a folder that holds a run which is to stay, or none that could go on.
fn check_folder(run: &RunFolder, start: Start) -> Result<()> {
    let folder = run.path().display();
    match start {
        Start::New if run.is_started() => Err(UserError::new(
            format!("`{folder}` holds a run already"),
            "go on with --resume, start anew with --overwrite, or take another folder with --set output.folder=DIR",
        )
        .into()),
        Start::Resume if !run.is_started() && !run.config().exists() => Err(UserError::new(
            format!("`{folder}` holds no run that could go on"),
            "start one without --resume, or name the folder of a run with --set output.folder=DIR",
        )
        .into()),
        _ => Ok(()),
    }
}

/// Makes the run's folder and keeps the configuration in it, unless another run would be lost.
fn prepare(
    lock: &RunLock,
    config: &RunConfig,
    training: &Training<'_>,
    start: Start,
    observer: &mut Observer<'_>,
) -> Result<()> {
    let run = lock.run();
    check_folder(run, start)?;
    let mut config = config.clone();
    let (mut comments, mut trains) = (String::new(), true);
    match start {
        Start::New => {}
        Start::Overwrite => lock.clear()?,
        Start::Resume => {
            let saved = em_model::saved_epochs(training, run)?;
            let kept = resume::check(run, &config, saved, observer)?;
            (comments, config.train.epochs) = (kept.comments, kept.epochs);
            trains = saved < config.train.epochs;
            if trains {
                // It is that of weights which are about to be replaced.
                run.clear_report()?;
            }
        }
    }
    // What makes no epoch has not made the run.
    if let Some(command) = observer.command().filter(|_| trains) {
        comments += &format!("# {command}\n");
    }
    let text = comments + &config.to_toml()?;
    for folder in [run.path(), &run.last()] {
        em_io::remove_unfinished(folder)?;
    }
    crate::write::bytes(&run.config(), text.as_bytes())
}
