//! Events as JSON: one object on a line, for programs that follow a work.

use std::time::{Duration, Instant};

use em_model::Progress;
use em_model::run::HistoryRow;
use em_pipeline::{Event, Unit};
use serde::Serialize;
use serde_json::Value;

use super::pace::Pace;
use super::print;

/// Version of this layout.
const FORMAT_VERSION: u32 = 1;

/// How often steps, and units of a stage, are told at most.
const STEP_EVERY: Duration = Duration::from_secs(1);

/// A line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Begun {
        format_version: u32,
        command: &'a str,
    },
    Planned {
        classes: &'a [String],
        device: String,
        parameters: usize,
        shape: [usize; 3],
        epochs: usize,
    },
    Fold {
        number: usize,
        of: usize,
        left_out: &'a [&'a str],
    },
    Teacher,
    Labelling,
    AllRegions,
    TookWeights {
        tensors: usize,
        classes: &'a [String],
        fresh: &'a [String],
    },
    Resumed {
        epochs: usize,
    },
    Step {
        epoch: usize,
        tiles: usize,
        of: usize,
        loss: Option<f64>,
    },
    Validating {
        epoch: usize,
    },
    Epoch {
        best: bool,
        #[serde(flatten)]
        scores: HistoryRow,
    },
    StoppedEarly,
    StageStarted {
        unit: &'static str,
        of: u64,
    },
    Stage {
        unit: &'static str,
        done: u64,
        of: u64,
    },
    StageFinished,
    Note {
        text: &'a str,
    },
    Warning {
        text: &'a str,
    },
    Error {
        message: &'a str,
        because: &'a [String],
        hint: Option<&'a str>,
    },
    Done {
        #[serde(flatten)]
        result: Value,
    },
}

impl Line<'_> {
    fn print(&self) {
        let text = serde_json::to_string(self).expect("a line has strings for keys");
        print(format_args!("{text}\n"));
    }
}

/// Prints the first event of a command.
pub fn begin(command: &str) {
    Line::Begun { format_version: FORMAT_VERSION, command }.print();
}

/// Prints the last event of a command, a JSON object.
pub fn done(result: Value) {
    Line::Done { result }.print();
}

/// Prints the event that ends a command early.
pub fn failed(message: &str, because: &[String], hint: Option<&str>) {
    Line::Error { message, because, hint }.print();
}

/// Prints the events of a work.
pub struct Events {
    steps: Pace,
    classes: Vec<String>,
    epoch: usize,
    loss: Option<f64>,
    /// What the stage counts, how many are done, and how many there are.
    stage: (&'static str, u64, u64),
}

impl Default for Events {
    fn default() -> Self {
        Self { steps: Pace::new(STEP_EVERY), classes: Vec::new(), epoch: 0, loss: None, stage: ("", 0, 0) }
    }
}

impl Events {
    /// Hears of an event; whoever wants quiet gets warnings, epochs and what the work came to.
    pub fn hear(&mut self, event: &Event<'_>, is_quiet: bool) {
        let is_needed =
            matches!(event, Event::Warning(_) | Event::Planned(_) | Event::Training(Progress::Epoch { .. }));
        if let Some(line) = self.line(event).filter(|_| is_needed || !is_quiet) {
            line.print();
        }
    }

    /// What is told of an event, if anything.
    fn line<'a>(&mut self, event: &'a Event<'a>) -> Option<Line<'a>> {
        Some(match event {
            Event::Note(text) => Line::Note { text },
            Event::Warning(text) => Line::Warning { text },
            Event::Planned(plan) => {
                self.classes.clone_from(&plan.classes);
                Line::Planned {
                    classes: &plan.classes,
                    device: plan.device.to_string(),
                    parameters: plan.parameters,
                    shape: plan.shape,
                    epochs: plan.epochs,
                }
            }
            Event::Fold { number, of, left_out } => {
                self.forget_network();
                Line::Fold { number: *number, of: *of, left_out }
            }
            Event::Teacher => {
                self.forget_network();
                Line::Teacher
            }
            Event::Labelling => Line::Labelling,
            Event::AllRegions => {
                self.forget_network();
                Line::AllRegions
            }
            Event::Training(progress) => return self.line_of_training(progress),
            Event::Started(stage) => {
                let unit = if matches!(stage.unit, Unit::Sections { .. }) { "sections" } else { "bytes" };
                self.stage = (unit, 0, stage.total);
                Line::StageStarted { unit, of: stage.total }
            }
            Event::Advanced(units) => {
                self.stage.1 += units;
                let (unit, done, of) = self.stage;
                return self.steps.is_due(Instant::now()).then_some(Line::Stage { unit, done, of });
            }
            Event::Finished => Line::StageFinished,
            _ => return None,
        })
    }

    /// Another network is trained next, whose first epoch may have the number of the last one.
    fn forget_network(&mut self) {
        (self.epoch, self.loss) = (0, None);
    }

    fn line_of_training<'a>(&mut self, progress: &'a Progress<'a>) -> Option<Line<'a>> {
        Some(match progress {
            Progress::Started { from } => {
                Line::TookWeights { tensors: from.taken, classes: &from.classes, fresh: &from.fresh }
            }
            Progress::Resumed { epochs } => Line::Resumed { epochs: *epochs },
            Progress::Step { epoch, tiles, of, loss } => {
                if *epoch != self.epoch {
                    (self.epoch, self.loss) = (*epoch, None);
                }
                // It is computed now and then.
                self.loss = loss.or(self.loss);
                let line = Line::Step { epoch: *epoch, tiles: *tiles, of: *of, loss: self.loss };
                return self.steps.is_due(Instant::now()).then_some(line);
            }
            Progress::Validating => {
                let line = Line::Validating { epoch: self.epoch };
                return self.steps.is_due(Instant::now()).then_some(line);
            }
            Progress::Epoch { record, best } => {
                Line::Epoch { best: *best, scores: HistoryRow::of_record(record, &self.classes) }
            }
            Progress::StoppedEarly => Line::StoppedEarly,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_one_network_is_not_told_of_the_next() {
        let mut events = Events { steps: Pace::new(Duration::ZERO), ..Events::default() };
        let mut loss_after = |event: &Event<'_>| {
            events.line(event);
            let step = |loss| Event::Training(Progress::Step { epoch: 1, tiles: 4, of: 8, loss });
            let told = [None, Some(0.5)].map(|loss| match events.line(&step(loss)) {
                Some(Line::Step { loss, .. }) => loss,
                _ => panic!("each step is told"),
            });
            assert_eq!(told[1], Some(0.5));
            told[0]
        };
        assert_eq!(loss_after(&Event::Teacher), None);
        assert_eq!(loss_after(&Event::Note("of the same network")), Some(0.5));
        assert_eq!(loss_after(&Event::Labelling), Some(0.5));
        assert_eq!(loss_after(&Event::Fold { number: 1, of: 2, left_out: &["soma"] }), None);
        assert_eq!(loss_after(&Event::AllRegions), None);
    }
}
