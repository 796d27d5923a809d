//! What whoever waits for the work is told, and how he ends it.

use std::ops::ControlFlow;

use crate::{Error, Result};

/// Something that happens in the work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A stage begins, of which there are so many units to do.
    Started(Stage),
    /// So many further units of the stage are done.
    Advanced(u64),
    /// The stage is done.
    Finished,
    /// Something worth knowing.
    Note(&'a str),
    /// Something that may make the result wrong.
    Warning(&'a str),
    /// A training is about to begin.
    Planned(&'a crate::train::TrainingPlan),
    /// A network is trained beside the final one, to score the regions that it leaves out.
    Fold {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// The names of the volumes that it leaves out.
        left_out: &'a [&'a str],
    },
    /// A network is trained on the labels alone, to label the sections that nobody labelled.
    Teacher,
    /// It labels them; a network is trained on these as well then.
    Labelling,
    /// Such networks are done, and the final one is trained, on all regions.
    AllRegions,
    /// Something happens in a training.
    Training(em_model::Progress<'a>),
}

/// A stage of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How many units there are to do.
    pub total: u64,
    /// What is counted.
    pub unit: Unit,
}

/// What the progress of a stage is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Sections, each of so many voxels.
    Sections {
        /// The voxels of a section.
        voxels: u64,
    },
    /// Bytes of voxels.
    Bytes,
}

impl Stage {
    /// A stage over the sections of a volume of `[z, y, x]` voxels.
    pub fn sections([depth, height, width]: [usize; 3]) -> Self {
        let voxels = (height as u64).saturating_mul(width as u64);
        Self { total: depth as u64, unit: Unit::Sections { voxels } }
    }

    /// A stage over so many bytes of voxels.
    pub fn bytes(total: u64) -> Self {
        Self { total, unit: Unit::Bytes }
    }
}

/// Hears of each [`Event`] and may answer that the work is to end, which then returns
/// [`Error::Stopped`] and leaves nothing half-written.
///
/// ```
/// use std::ops::ControlFlow;
/// use em_pipeline::{Event, Observer};
///
/// let mut hear = |event: Event<'_>| {
///     if let Event::Warning(text) = event {
///         eprintln!("warning: {text}");
///     }
///     ControlFlow::Continue(())
/// };
/// let mut observer = Observer::new(&mut hear);
/// observer.warn("the sections are out of order")?;
/// # Ok::<(), em_pipeline::Error>(())
/// ```
pub struct Observer<'a> {
    hear: &'a mut (dyn FnMut(Event<'_>) -> ControlFlow<()> + Send),
    command: Option<String>,
}

impl std::fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

impl<'a> Observer<'a> {
    /// Lets a function hear of what happens.
    pub fn new(hear: &'a mut (dyn FnMut(Event<'_>) -> ControlFlow<()> + Send)) -> Self {
        Self { hear, command: None }
    }

    /// Says by which command the work was asked for, which its reports keep.
    #[must_use]
    pub fn for_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Returns the command that the work was asked for by.
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// Tells of an event, and hands the answer on.
    pub fn hear(&mut self, event: Event<'_>) -> ControlFlow<()> {
        (self.hear)(event)
    }

    /// Tells of an event.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] where the work is to end; so do the other methods.
    pub fn tell(&mut self, event: Event<'_>) -> Result<()> {
        match self.hear(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped),
        }
    }

    /// Tells something worth knowing.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn note(&mut self, text: &str) -> Result<()> {
        self.tell(Event::Note(text))
    }

    /// Tells something that may make the result wrong.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn warn(&mut self, text: &str) -> Result<()> {
        self.tell(Event::Warning(text))
    }

    /// Goes through a stage: tells of its begin and its end, whether it succeeds or not.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], and those of `work`.
    pub fn stage<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.tell(Event::Started(stage))?;
        let result = work(self);
        let ended = self.tell(Event::Finished);
        let value = result?;
        ended.map(|()| value)
    }

    /// Tells that so many further units of the stage are done.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn advance(&mut self, units: u64) -> Result<()> {
        self.tell(Event::Advanced(units))
    }
}

/// Hears nothing and lets all work go on.
pub fn silent(_: Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_ends_whether_its_work_succeeds_or_not() {
        let mut heard = Vec::new();
        let mut hear = |event: Event<'_>| {
            heard.push(format!("{event:?}"));
            ControlFlow::Continue(())
        };
        let mut observer = Observer::new(&mut hear);
        let stage = Stage::bytes(10);
        observer.stage(stage, |observer| observer.advance(10)).unwrap();
        let failed: Result<()> = observer.stage(stage, |_| Err(Error::Stopped));
        assert!(matches!(failed, Err(Error::Stopped)));
        let ends = heard.iter().filter(|event| *event == "Finished").count();
        assert_eq!((heard.len(), ends), (5, 2), "{heard:?}");
    }

    #[test]
    fn an_observer_that_breaks_ends_the_work() {
        let mut hear = |event: Event<'_>| match event {
            Event::Advanced(2) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut observer = Observer::new(&mut hear);
        let mut done = 0;
        let result = observer.stage(Stage::sections([5, 2, 2]), |observer| {
            for units in 1..=5 {
                observer.advance(units)?;
                done = units;
            }
            Ok(())
        });
        assert!(matches!(result, Err(Error::Stopped)));
        assert_eq!(done, 1);
    }
}
