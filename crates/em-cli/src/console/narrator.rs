//! A work as people follow it: lines for what happens, a bar for how far it is; where nobody looks at a
//! terminal, a line now and then instead of the bar.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use em_model::Progress;
use em_pipeline::train::TrainingPlan;
use em_pipeline::{Event, display};

use super::bar::{Bar, Counted};
use super::pace::Pace;
use super::terminal::Stream;
use super::{BAR, complain, say};

/// How long a file has to wait for a line that tells how far the work is.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows the events of a work.
pub struct Narrator {
    bar: Option<Bar>,
    /// Epochs of the training, where it is one.
    epochs: usize,
    lines: Pace,
}

impl Narrator {
    /// Begins to listen.
    pub fn new() -> Self {
        let mut lines = Pace::new(LINE_EVERY);
        lines.rest(Instant::now());
        Self { bar: None, epochs: 0, lines }
    }

    /// Hears of an event; whoever wants quiet gets warnings only.
    pub fn hear(&mut self, event: &Event<'_>, is_quiet: bool) {
        match event {
            Event::Warning(text) => complain!("warning: {text}"),
            _ if is_quiet => {}
            Event::Started(stage) => self.show(Bar::of_stage(*stage)),
            Event::Advanced(units) => {
                if let Some(bar) = &self.bar {
                    bar.drawn().inc(*units);
                }
                self.tell_now_and_then();
            }
            Event::Finished => self.clear(),
            Event::Note(text) => complain!("note: {text}"),
            Event::Planned(plan) => self.begin(plan),
            Event::Fold { number, of, left_out } => {
                say!("network {number} of {of}, to score what it leaves out: {}", left_out.join("; "));
            }
            Event::Teacher => say!("a first network, on the labels alone"),
            Event::Labelling => say!("what it is sure of in sections without labels is learned as well"),
            Event::AllRegions => say!("the network of the run, on all regions"),
            Event::Training(progress) => self.train(progress),
            _ => {}
        }
    }

    /// Takes the bar from the screen.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
            bar.drawn().finish_and_clear();
        }
    }

    fn show(&mut self, bar: Bar) {
        self.clear();
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.drawn().clone());
        self.bar = Some(bar);
    }

    /// Tells how far the work is, where no bar does.
    fn tell_now_and_then(&mut self) {
        let Some(bar) = self.bar.as_ref().filter(|bar| bar.drawn().is_hidden()) else { return };
        if self.lines.is_due(Instant::now()) {
            complain!("{}", bar.line());
        }
    }

    fn begin(&mut self, plan: &TrainingPlan) {
        self.epochs = plan.epochs;
        let ranks = if plan.ranks > 1 { format!(" ({} ranks)", plan.ranks) } else { String::new() };
        say!(
            "training {} on {}{ranks}:\n{} parameters, {} voxels [z, y, x]",
            plan.classes.join(" and "),
            plan.device,
            plan.parameters,
            display::shape(plan.shape)
        );
    }

    fn train(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Started { from } => say!("{}", start_line(from)),
            Progress::Resumed { epochs } => say!("resumed after epoch {epochs}"),
            Progress::Step { epoch, tiles, of, loss } => {
                if self.bar.is_none() {
                    let title = format!("epoch {epoch}/{}", self.epochs);
                    self.show(Bar::new(title, *of as u64, Counted::Tiles));
                }
                if let Some(bar) = &self.bar {
                    bar.drawn().set_position(*tiles as u64);
                    loss.iter().for_each(|loss| bar.tell(format!("loss {loss:.4}")));
                }
                self.tell_now_and_then();
            }
            Progress::Validating => {
                self.bar.iter().for_each(|bar| bar.tell("validating".into()));
                self.tell_now_and_then();
            }
            Progress::Epoch { record, best } => {
                self.clear();
                say!("{}", epoch_line(record, self.epochs, *best, Stream::Out.width()));
                self.lines.rest(Instant::now());
            }
            Progress::StoppedEarly => {
                say!("stopped early: no better score for the configured number of epochs");
            }
            _ => {}
        }
    }
}

/// What a training took from another network.
fn start_line(from: &em_model::TakenWeights) -> String {
    let mut line = format!("starts with {} tensors of the other network", from.taken);
    if !from.classes.is_empty() {
        line += &format!(", its output of {} among them", from.classes.join(" and "));
    }
    if !from.fresh.is_empty() {
        line += &format!("; {} start at random: {}", from.fresh.len(), listed(&from.fresh));
    }
    line
}

/// The first few of some names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    names[..names.len().min(SHOWN)].join(", ") + more
}

/// An epoch in at most 60 columns, or fewer where a terminal has fewer; history.csv has the rest.
fn epoch_line(record: &em_model::EpochRecord, epochs: usize, best: bool, width: Option<usize>) -> String {
    let (digits, epoch, loss) = (epochs.to_string().len(), record.epoch, record.train.loss);
    let seconds = display::short_duration(record.seconds);
    let Some(validation) = record.validation.known_loss() else {
        return first_that_fits(
            [
                format!("epoch {epoch:>digits$}/{epochs}  loss {loss:.3}  {seconds}"),
                format!("{epoch:>digits$}/{epochs} loss {loss:.3}"),
            ],
            width,
        );
    };
    let iou = display::score(record.validation.iou());
    let [word, star] = if best { [" best", " *"] } else { [""; 2] };
    first_that_fits(
        [
            format!(
                "epoch {epoch:>digits$}/{epochs}  loss {loss:.3} val {validation:.3}  IoU {iou}  {seconds}{word}"
            ),
            format!("{epoch:>digits$}/{epochs} loss {loss:.3} val {validation:.3} IoU {iou}{star}"),
            format!("{epoch:>digits$}/{epochs} IoU {iou}{star}"),
        ],
        width,
    )
}

/// The first of some lines that fits a terminal, or the last one.
fn first_that_fits<const N: usize>(lines: [String; N], width: Option<usize>) -> String {
    let last = lines.last().cloned().unwrap_or_default();
    let fits = |line: &String| width.is_none_or(|width| line.chars().count() <= width);
    lines.into_iter().find(fits).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_metrics::ConfusionCounts;
    use em_model::{EpochRecord, EpochScores};

    #[test]
    fn an_epoch_is_as_short_as_the_terminal_is_narrow() {
        let counts = ConfusionCounts { true_positives: 4, false_positives: 1, ..Default::default() };
        let scores = |loss| EpochScores { loss, counts: vec![counts] };
        let (train, validation) = (scores(0.4), scores(0.5));
        let mut record = EpochRecord {
            epoch: 7,
            learning_rate: 0.1,
            train,
            validation,
            seconds: 61.0,
            tiles_per_second: 1.0,
        };
        let line = |record: &EpochRecord, width| epoch_line(record, 40, true, width);
        let whole = "epoch  7/40  loss 0.400 val 0.500  IoU 0.8000  61 s best";
        assert_eq!(line(&record, None), whole);
        assert_eq!(line(&record, Some(80)), whole);
        assert_eq!(line(&record, Some(40)), " 7/40 loss 0.400 val 0.500 IoU 0.8000 *");
        assert_eq!(line(&record, Some(20)), " 7/40 IoU 0.8000 *");
        record.validation = EpochScores::default();
        assert_eq!(line(&record, Some(20)), " 7/40 loss 0.400");
    }
}
