//! What commands print: lines for people, JSON for programs, bars for waiting.
//!
//! Whoever reads may stop early, as `head` does, or be gone, as a closed terminal: what is printed
//! then goes nowhere, and the work goes on.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use em_pipeline::display;
use em_pipeline::train::TrainingPlan;
use em_pipeline::{Event, Observer, Stage, Unit};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;

use crate::arguments;
use crate::error::UserError;
use crate::interrupt;

/// Why standard output lacks something that somebody waits for, such as a full disk.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Whether somebody looked at standard output when the program started.
static IS_SEEN: OnceLock<bool> = OnceLock::new();

/// Looks who reads; later, a terminal that was closed is none any more.
pub fn begin() {
    let _ = IS_SEEN.set(std::io::stdout().is_terminal());
}

/// Prints text on standard output, where anybody reads it; another failure than a reader who left, or
/// a terminal that was closed, is kept for [`failure`].
pub fn print(text: fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    let was_seen = *IS_SEEN.get_or_init(|| false);
    match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe && !was_seen => {
            let _ = FAILURE.set(error.to_string());
        }
        _ => {}
    }
}

/// Returns why standard output is not whole, unless its reader left.
pub fn failure() -> Option<&'static str> {
    FAILURE.get().map(String::as_str)
}

/// Prints text on standard error, where anybody reads it.
pub fn print_error(text: fmt::Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}

/// Prints a line on standard output.
macro_rules! say {
    () => { $crate::console::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::console::print(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use say;

/// Prints a line on standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::console::print_error(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use complain;

/// Prints a value as JSON on standard output.
pub fn json(value: &impl Serialize) -> Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Does a work, shows how it goes on, and lets Ctrl-C end it; the hint is for who ended it.
pub fn observed<T>(hint: &str, work: impl FnOnce(&mut Observer<'_>) -> em_pipeline::Result<T>) -> Result<T> {
    observed_keeping("nothing is written", hint, work)
}

/// As [`observed`], for a work that keeps a part of what it has done where it is ended.
pub fn observed_keeping<T>(
    kept: &'static str,
    hint: &str,
    work: impl FnOnce(&mut Observer<'_>) -> em_pipeline::Result<T>,
) -> Result<T> {
    interrupt::watch(kept)?;
    let mut console = Console::default();
    let mut hear = |event: Event<'_>| console.hear(&event);
    let mut observer = Observer::new(&mut hear).for_command(arguments::command_line());
    work(&mut observer).map_err(|error| match error {
        em_pipeline::Error::Stopped => UserError::new("interrupted before the end", hint).into(),
        error => error.into(),
    })
}

/// Shows the events of a work.
#[derive(Default)]
struct Console {
    bar: Option<ProgressBar>,
    /// Epochs of the training, where it is one.
    epochs: usize,
}

impl Console {
    fn hear(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Started(stage) => self.bar = Some(bar_of(*stage)),
            Event::Advanced(units) => {
                if let Some(bar) = &self.bar {
                    bar.inc(*units);
                }
            }
            Event::Finished => self.clear(),
            Event::Note(text) => complain!("note: {text}"),
            Event::Warning(text) => complain!("warning: {text}"),
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
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn begin(&mut self, plan: &TrainingPlan) {
        self.epochs = plan.epochs;
        say!(
            "training {} on {}:\n{} parameters, {} voxels [z, y, x]",
            plan.classes.join(" and "),
            plan.device,
            plan.parameters,
            display::shape(plan.shape)
        );
    }

    fn train(&mut self, progress: &em_model::Progress<'_>) {
        use em_model::Progress;
        match progress {
            Progress::Started { from } => say!("{}", start_line(from)),
            Progress::Resumed { epochs } => say!("resumed after epoch {epochs}"),
            Progress::Step { epoch, tiles, of, loss } => {
                let epochs = self.epochs;
                let bar = self.bar.get_or_insert_with(|| {
                    let bar = bar(*of as u64, "{prefix}{wide_bar} {pos}/{len} {rate} ETA {eta} {msg}", None);
                    bar.set_prefix(format!("epoch {epoch}/{epochs} "));
                    bar
                });
                bar.set_position(*tiles as u64);
                if let Some(loss) = loss {
                    bar.set_message(format!("loss {loss:.4}"));
                }
            }
            Progress::Validating => {
                if let Some(bar) = &self.bar {
                    bar.set_message("validating");
                }
            }
            Progress::Epoch { record, best } => {
                self.clear();
                say!("{}", epoch_line(record, self.epochs, *best));
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

/// At most 60 columns; history.csv has the rest.
fn epoch_line(record: &em_model::EpochRecord, epochs: usize, best: bool) -> String {
    let (width, epoch, loss) = (epochs.to_string().len(), record.epoch, record.train.loss);
    let seconds = display::short_duration(record.seconds);
    let Some(validation) = record.validation.known_loss() else {
        return format!("epoch {epoch:>width$}/{epochs}  loss {loss:.3}  {seconds}");
    };
    let iou = display::score(record.validation.iou());
    let best = if best { " best" } else { "" };
    format!("epoch {epoch:>width$}/{epochs}  loss {loss:.3} val {validation:.3}  IoU {iou}  {seconds}{best}")
}

/// The bar of a stage on standard error; nothing where that is no terminal.
fn bar_of(stage: Stage) -> ProgressBar {
    match stage.unit {
        Unit::Sections { voxels } => {
            bar(stage.total, "{wide_bar} {pos}/{len} sections, {voxels_per_second} ETA {eta}", Some(voxels))
        }
        _ => bar(
            stage.total,
            "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} ETA {eta}",
            None,
        ),
    }
}

fn bar(total: u64, template: &str, section_voxels: Option<u64>) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let voxels = state.per_sec() * section_voxels.unwrap_or_default() as f64;
            let _ = write!(out, "{:.2} Mvoxel/s", voxels / 1e6);
        };
        let tiles = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{:.1}/s", state.per_sec());
        };
        bar.set_style(style.with_key("voxels_per_second", rate).with_key("rate", tiles));
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
