//! A training from its configuration to a run's folder: read, checked, trained, reported.

use em_data::Split;
use em_model::{
    Architecture, BestBy, Device, ModelCard, Ranks, RunFolder, RunLock, Training, Tuning, TuningOnDisk,
};

use crate::error::{Result, UserError};
use crate::report::{self, Report};
use crate::{Dataset, Event, Observer, RunConfig, find_run, settings, tune, voxel_size};

mod ranks;
mod resume;

pub use ranks::train_on_ranks;

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
    /// Processes that train it together.
    pub ranks: usize,
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
    lead(config, start, device, None, observer)
}

/// Trains alone, or as rank 0 of several.
fn lead(
    config: &RunConfig,
    start: Start,
    device: Device,
    ranks: Option<&Ranks>,
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
    let mut dataset = Dataset::read(config, observer)?;
    if ranks.is_some() {
        ranks::check(&dataset)?;
    }
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    let steps = Step::all(&run, &dataset);
    let shared = Shared { config, architecture: &architecture, start, device, ranks };
    // What goes on has all that it took from another network.
    let goes_on = |step: &Step| start == Start::Resume && step.first(&dataset).state().exists();
    let init = match steps.iter().all(goes_on) && dataset.has_labels() {
        true => None,
        false => initial(config, &run)?,
    };
    // Before the run's folder changes, so that a mistake costs no earlier run.
    for step in &steps {
        shared.check(step, &dataset, init.as_ref())?;
    }
    let lock = run.lock()?;
    shared.prepare(&lock, &steps, &dataset, observer)?;

    observer.tell(Event::Planned(&TrainingPlan {
        classes: dataset.set.classes().to_vec(),
        device,
        parameters: architecture.parameter_count(),
        shape: dataset.shape(),
        epochs: config.train.epochs,
        ranks: ranks.map_or(1, Ranks::size),
    }))?;
    dataset.warn(observer)?;
    if dataset.split.leaks {
        observer.warn("the split `random-tiles` leaks, so validation scores are too good")?;
    }
    let of = steps.len() - 1;
    for (number, step) in (1..).zip(&steps) {
        if number <= of {
            let left_out = step.split.validation.iter().map(|region| region.volume);
            let left_out: Vec<&str> = left_out.map(|volume| dataset.set.volumes()[volume].name()).collect();
            observer.tell(Event::Fold { number, of, left_out: &left_out })?;
        } else if of > 0 {
            observer.tell(Event::AllRegions)?;
        }
        shared.learn(step, &lock, &mut dataset, init.as_ref(), observer)?;
    }
    if config.train.tune && dataset.validation().next().is_some() {
        tune::choose_for(&run, config, &dataset, device)?;
    }
    report::write(&run, config, &dataset, device)
}

/// A network that is trained: the run itself, or one beside it that leaves regions out to score them.
struct Step {
    run: RunFolder,
    split: Split,
    is_fold: bool,
}

impl Step {
    /// Those beside the run, then the run itself.
    fn all(run: &RunFolder, dataset: &Dataset) -> Vec<Self> {
        let fold = |(number, split): (usize, &Split)| Self {
            run: run.fold(number),
            split: split.clone(),
            is_fold: true,
        };
        let last = Self { run: run.clone(), split: dataset.split.clone(), is_fold: false };
        (1..).zip(&dataset.folds).map(fold).chain([last]).collect()
    }

    /// The folder of what is trained first: the teacher, where there are sections without labels.
    fn first(&self, dataset: &Dataset) -> RunFolder {
        if dataset.unlabelled.is_some() { self.run.teacher() } else { self.run.clone() }
    }
}

/// What is the same for all networks of a run.
struct Shared<'a> {
    config: &'a RunConfig,
    architecture: &'a Architecture,
    start: Start,
    device: Device,
    ranks: Option<&'a Ranks>,
}

impl<'r> Shared<'r> {
    fn training<'a>(&self, dataset: &'a Dataset, split: &'a Split, is_fold: bool) -> Result<Training<'a>>
    where
        'r: 'a,
    {
        let mut training = dataset.training(self.config, split, self.architecture, self.device)?;
        training.ranks = self.ranks;
        if is_fold {
            // It is not chosen by what it scores: it keeps its last epoch, as the run does.
            training.settings.train.best_by = BestBy::Last;
        }
        Ok(training)
    }

    /// Checks what is trained first.
    fn check(&self, step: &Step, dataset: &Dataset, init: Option<&RunFolder>) -> Result<()> {
        if dataset.has_labels() {
            return Ok(self.training(dataset, &step.split, step.is_fold)?.check()?);
        }
        let Some(init) = init else { return Ok(()) };
        let (known, classes) = (ModelCard::read(init)?.classes, dataset.set.classes());
        match classes.iter().find(|class| !known.contains(class)) {
            None => Ok(()),
            Some(class) => {
                let message = format!("train.init knows no `{class}`, only {}", known.join(", "));
                Err(UserError::new(message, "take the class out of data.classes").into())
            }
        }
    }

    /// Trains the network of a step; where there are sections without labels, a teacher first.
    fn learn(
        &self,
        step: &Step,
        lock: &RunLock,
        dataset: &mut Dataset,
        init: Option<&RunFolder>,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        let fold_lock = step.is_fold.then(|| step.run.lock()).transpose()?;
        let lock = fold_lock.as_ref().unwrap_or(lock);
        let Some(unlabelled) = dataset.unlabelled.take() else {
            return self.learn_from(dataset, &step.split, lock, step.is_fold, init, observer);
        };
        let teacher = step.run.teacher();
        // What a student has begun to learn does not change under it.
        let is_begun = self.start == Start::Resume && step.run.state().exists();
        if dataset.has_labels() && !is_begun {
            observer.tell(Event::Teacher)?;
            self.learn_from(dataset, &step.split, &teacher.lock()?, step.is_fold, init, observer)?;
        } else if let Some(init) = init.filter(|_| !teacher.is_started()) {
            init.copy_network(&teacher)?;
        }
        observer.tell(Event::Labelling)?;
        let labelled = unlabelled.labelled_by(&teacher, self.config, self.device, observer)?;
        let regions = dataset.push_labelled(labelled)?;
        let mut split = step.split.clone();
        split.train.extend(regions);
        self.learn_from(dataset, &split, lock, step.is_fold, Some(&teacher), observer)?;
        dataset.forget_labelled();
        dataset.unlabelled = Some(unlabelled);
        if !dataset.has_labels() {
            // Unless there is validation, nothing is left to choose by.
            keep_choice(&teacher, &step.run)?;
        }
        Ok(())
    }

    fn learn_from(
        &self,
        dataset: &Dataset,
        split: &Split,
        lock: &RunLock,
        is_fold: bool,
        init: Option<&RunFolder>,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        let mut training = self.training(dataset, split, is_fold)?;
        let goes_on = self.start == Start::Resume;
        training.init = init.filter(|_| !(goes_on && lock.run().state().exists())).cloned();
        if !is_fold {
            report::write_samples(lock.run(), &training)?;
        }
        let learn = if goes_on { em_model::resume } else { em_model::train };
        learn(&training, lock, &mut |progress| observer.hear(Event::Training(progress)))?;
        Ok(())
    }
}

/// Takes over what was chosen for the weights of a teacher, whose probabilities the student learned.
fn keep_choice(teacher: &RunFolder, student: &RunFolder) -> Result<()> {
    let card = ModelCard::read(teacher)?;
    if let TuningOnDisk::Valid(chosen) = Tuning::read(teacher, &card)? {
        let mut tuning = Tuning::new(student, &ModelCard::read(student)?)?;
        tuning.classes = chosen.classes;
        tuning.write(student)?;
    }
    Ok(())
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

impl Shared<'_> {
    /// Makes the run's folder and keeps the configuration in it, unless another run would be lost.
    fn prepare(
        &self,
        lock: &RunLock,
        steps: &[Step],
        dataset: &Dataset,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        let run = lock.run();
        check_folder(run, self.start)?;
        let mut config = self.config.clone();
        let (mut comments, mut trains) = (String::new(), true);
        match self.start {
            Start::New => {}
            Start::Overwrite => lock.clear()?,
            Start::Resume => {
                let saved = steps.iter().map(|step| self.saved(step, dataset)).collect::<Result<Vec<_>>>()?;
                let saved = saved.concat();
                // What is trained first has saved most.
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

    /// The epochs that the networks of a step have saved, on the data that are there.
    fn saved(&self, step: &Step, dataset: &Dataset) -> Result<Vec<usize>> {
        let mut saved = Vec::new();
        if dataset.has_labels() {
            let training = self.training(dataset, &step.split, step.is_fold)?;
            saved.push(em_model::saved_epochs(&training, &step.first(dataset))?);
        }
        if dataset.unlabelled.is_some() {
            // Its data are labelled by the teacher, and compared where it goes on.
            saved.push(em_model::count_saved_epochs(&step.run)?);
        }
        Ok(saved)
    }
}
