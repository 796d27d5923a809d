//! A training on several ranks: rank 0 does what one process would, and the others take part in its steps.

use em_model::{Ranks, RunFolder};

use super::{Shared, Start, Step, lead};
use crate::error::{Error, Result, UserError, hint_of, with_causes};
use crate::report::Report;
use crate::{Dataset, Observer, RunConfig, settings};

/// Trains as [`train`](super::train) does, together with other processes that call this with the same
/// configuration. Rank 0 writes the run and returns its report; the others return `None`.
///
/// All ranks read the data, and rank 0 alone the run's folder. Where a rank fails, or its observer ends the
/// training, the others end, too.
///
/// # Errors
///
/// As [`train`](super::train), if the ranks would not train the same, and if a rank is lost or fails.
pub fn train_on_ranks(
    config: &RunConfig,
    start: Start,
    ranks: &Ranks,
    observer: &mut Observer<'_>,
) -> Result<Option<Report>> {
    let result = if ranks.is_first() {
        lead(config, start, ranks.device(), Some(ranks), observer).map(Some)
    } else {
        follow(config, start, ranks, observer).map(|()| None)
    };
    match &result {
        Ok(_) => {}
        Err(Error::Stopped) => ranks.leave_stopped(),
        Err(error) => ranks.leave_failed(&with_causes(error), hint_of(error).as_deref()),
    }
    result
}

/// Takes part in all steps of a training.
fn follow(config: &RunConfig, start: Start, ranks: &Ranks, observer: &mut Observer<'_>) -> Result<()> {
    settings::check(config)?;
    let run = RunFolder::new(&config.output.folder);
    let dataset = Dataset::read(config, observer)?;
    check(&dataset)?;
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    let device = ranks.device();
    let shared = Shared { config, architecture: &architecture, start, device, ranks: Some(ranks) };
    // Rank 0 reads it; here it only counts that there is one.
    let init = config.train.init.as_ref().map(RunFolder::new);
    for step in Step::all(&run, &dataset) {
        let mut training = shared.training(&dataset, &step.split, step.is_fold)?;
        training.init = init.clone();
        em_model::follow(&training, &mut |progress| observer.hear(crate::Event::Training(progress)))?;
    }
    Ok(())
}

/// Refuses what one process does between two trainings.
pub(super) fn check(dataset: &Dataset) -> Result<()> {
    if dataset.unlabelled.is_none() {
        return Ok(());
    }
    let message =
        "sections without labels are learned from by one process, and this is a training on several ranks";
    Err(UserError::new(message, "start `em-cli train` without torchrun, srun or mpirun").into())
}
