//! A training from its configuration to a run's folder: read, checked, trained, reported.

use em_model::{Architecture, BestBy, Device, RunFolder, RunLock, Training};

use crate::error::{Result, UserError};
use crate::report::{self, Report};
use crate::{Dataset, Event, Observer, RunConfig, find_run, settings, tune, voxel_size};

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
    let mut plans = Plan::of_folds(config, &run, &dataset, &architecture, device)?;
    plans.push(Plan {
        run: run.clone(),
        training: dataset.training(config, &dataset.split, &architecture, device)?,
    });
    // What goes on has all that it took from another network.
    let goes_on = |plan: &Plan<'_>| start == Start::Resume && plan.run.state().exists();
    if plans.iter().any(|plan| !goes_on(plan)) {
        let init = initial(config, &run)?;
        plans.iter_mut().filter(|plan| !goes_on(plan)).for_each(|plan| plan.training.init = init.clone());
    }
    // Before the run's folder changes, so that a mistake costs no earlier run.
    for plan in &plans {
        plan.training.check()?;
    }
    let lock = run.lock()?;
    prepare(&lock, config, &plans, start, observer)?;

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
    let Some((last, folds)) = plans.split_last() else { unreachable!("the run itself is the last") };
    report::write_samples(&run, &last.training)?;
    let learn = |plan: &Plan<'_>, lock: &RunLock, observer: &mut Observer<'_>| {
        let learn = if start == Start::Resume { em_model::resume } else { em_model::train };
        learn(&plan.training, lock, &mut |progress| observer.hear(Event::Training(progress)))
    };
    for (number, fold) in (1..).zip(folds) {
        let left_out = fold.training.split.validation.iter().map(|region| region.volume);
        let left_out: Vec<&str> = left_out.map(|volume| dataset.set.volumes()[volume].name()).collect();
        observer.tell(Event::Fold { number, of: folds.len(), left_out: &left_out })?;
        learn(fold, &fold.run.lock()?, observer)?;
    }
    if !folds.is_empty() {
        observer.tell(Event::AllRegions)?;
    }
    learn(last, &lock, observer)?;
    if config.train.tune && dataset.validation().next().is_some() {
        tune::choose_for(&run, config, &dataset, device)?;
    }
    report::write(&run, config, &dataset, device)
}

/// A network that is trained: the run itself, or one beside it.
struct Plan<'a> {
    run: RunFolder,
    training: Training<'a>,
}

impl<'a> Plan<'a> {
    /// The networks that leave regions out to score them. None of them is chosen by what it is scored
    /// on: each keeps its last epoch, as the final network does.
    fn of_folds(
        config: &RunConfig,
        run: &RunFolder,
        dataset: &'a Dataset,
        architecture: &Architecture,
        device: Device,
    ) -> Result<Vec<Self>> {
        let plans = (1..).zip(&dataset.folds).map(|(number, split)| {
            let mut training = dataset.training(config, split, architecture, device)?;
            training.settings.train.best_by = BestBy::Last;
            Ok(Self { run: run.fold(number), training })
        });
        plans.collect()
    }
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
        Start::New if run.holds_training() => Err(UserError::new(
            format!("`{folder}` holds a run already"),
            "go on with --resume, start anew with --overwrite, or take another folder with --set output.folder=DIR",
        )
        .into()),
        Start::Resume if !run.holds_training() && !run.config().exists() => Err(UserError::new(
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
    plans: &[Plan<'_>],
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
            let saved = plans.iter().map(|plan| em_model::saved_epochs(&plan.training, &plan.run));
            let saved = saved.collect::<em_model::Result<Vec<_>>>()?;
            // Those beside the run come first, so that where it has saved none they may have.
            let (most, least) = (saved.iter().copied().max(), saved.iter().copied().min());
            let kept = resume::check(run, &config, most.unwrap_or(0), observer)?;
            (comments, config.train.epochs) = (kept.comments, kept.epochs);
            trains = least.unwrap_or(0) < config.train.epochs;
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
