//! What commands print: lines for people, JSON for programs, bars for waiting.
//!
//! Whoever reads may stop early, as `head` does, or be gone, as a closed terminal: what is printed
//! then goes nowhere, and the work goes on.

mod bar;
mod events;
mod narrator;
mod pace;
mod terminal;

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Result;
use em_pipeline::scores::{self, ClassScores};
use em_pipeline::{Event, Observer};
use indicatif::ProgressBar;
use serde::Serialize;

use self::events::Events;
use self::narrator::Narrator;
pub use self::terminal::{Stream, wrapped};
use crate::arguments;
use crate::error::UserError;
use crate::interrupt;

/// How much a command prints, and for whom.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Nothing but what was asked for, warnings and errors.
    pub quiet: bool,
    /// Events as JSON, one on a line of standard output, instead of lines for people.
    pub events: bool,
    /// Whether the lines of the command are what was asked for, as those of `inspect`, and not told beside
    /// the files that it writes.
    pub answers: bool,
}

static MODE: OnceLock<Mode> = OnceLock::new();

/// Why standard output lacks something that somebody waits for, such as a full disk.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Whether somebody looked at standard output when the program started.
static IS_SEEN: OnceLock<bool> = OnceLock::new();

/// The bar that is on the screen, which makes room for lines.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Looks who reads; later, a terminal that was closed is none any more.
pub fn begin() {
    let _ = IS_SEEN.set(std::io::stdout().is_terminal());
}

/// Decides how much is printed from now on; the first call does.
pub fn set_mode(mode: Mode) {
    if MODE.set(mode).is_ok() && mode.events {
        events::begin(&arguments::command_line());
    }
}

fn mode() -> Mode {
    MODE.get().copied().unwrap_or_default()
}

/// Tells whether events are printed as JSON, and no lines for people.
pub fn tells_events() -> bool {
    mode().events
}

/// Prints the last event of a command: what it came to.
pub fn done(result: &impl Serialize) -> Result<()> {
    events::done(serde_json::to_value(result)?);
    Ok(())
}

/// Returns a path as JSON can hold it: what is not UTF-8 in it is replaced.
pub fn shown_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Prints an event that ends a command early.
pub fn failed(message: &str, because: &[String], hint: Option<&str>) {
    events::failed(message, because, hint);
}

/// Prints text as it is on standard output, where anybody reads it; another failure than a reader who
/// left, or a terminal that was closed, is kept for [`failure`].
pub fn print(text: fmt::Arguments<'_>) {
    let was_seen = *IS_SEEN.get_or_init(|| false);
    beside_bar(|| {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe && !was_seen => {
                let _ = FAILURE.set(error.to_string());
            }
            _ => {}
        }
    });
}

/// Prints a line for people on standard output, unless they asked for quiet or for JSON.
pub fn print_line(text: fmt::Arguments<'_>) {
    let Mode { quiet, events, answers } = mode();
    if !events && (!quiet || answers) {
        print(format_args!("{}\n", terminal::fitted(Stream::Out, &text.to_string())));
    }
}

/// Returns why standard output is not whole, unless its reader left.
pub fn failure() -> Option<&'static str> {
    FAILURE.get().map(String::as_str)
}

/// Prints a line on standard error, where anybody reads it; notes only where nobody asked for quiet.
pub fn print_error(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    if mode().quiet && text.starts_with("note: ") {
        return;
    }
    let line = terminal::fitted(Stream::Error, &text);
    beside_bar(|| {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    });
}

/// Writes while no bar is on the screen.
fn beside_bar(write: impl FnOnce()) {
    // A thread that broke off has not changed which bar there is.
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Prints a line on standard output.
macro_rules! say {
    () => { $crate::console::print_line(format_args!("")) };
    ($($text:tt)*) => { $crate::console::print_line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Prints a line on standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::console::print_error(format_args!($($text)*)) };
}
pub(crate) use complain;

/// Prints a value as JSON on standard output.
pub fn json(value: &impl Serialize) -> Result<()> {
    print(format_args!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// Returns the scores of a class as a table, or as few columns where a terminal has no room for one.
pub fn score_table(of_class: &ClassScores, per_section: bool) -> String {
    let has_room = Stream::Out.width().is_none_or(|width| width >= scores::COLUMNS);
    let table = if has_room { scores::text(of_class, per_section) } else { scores::brief(of_class) };
    table.trim_end().to_owned()
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
    let (mut narrator, mut events) = (Narrator::new(), Events::default());
    let mut hear = |event: Event<'_>| {
        match mode().events {
            true => events.hear(&event, mode().quiet),
            false => narrator.hear(&event, mode().quiet),
        }
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut observer = Observer::new(&mut hear).for_command(arguments::command_line());
    let result = work(&mut observer);
    narrator.clear();
    result.map_err(|error| match error {
        em_pipeline::Error::Stopped => UserError::new("interrupted before the end", hint).into(),
        error => error.into(),
    })
}

/// Does a work of which another process tells how it goes on; Ctrl-C ends it, too.
pub fn observed_silently<T>(
    kept: &'static str,
    work: impl FnOnce(&mut Observer<'_>) -> em_pipeline::Result<T>,
) -> Result<em_pipeline::Result<T>> {
    interrupt::watch(kept)?;
    let mut hear =
        |_: Event<'_>| if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    Ok(work(&mut Observer::new(&mut hear)))
}
