//! What commands print: lines for people, JSON for programs, bars for waiting.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Prints a value as JSON on standard output.
pub fn json(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A score with four digits, or `none` where it does not exist.
pub fn score(value: Option<f64>) -> String {
    value.map_or("none".into(), |value| format!("{value:.4}"))
}

/// A shape as `z x y x x`.
pub fn shape([z, y, x]: [usize; 3]) -> String {
    format!("{z} x {y} x {x}")
}

/// A duration as people say it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
        s => format!("{:.0} h {:.0} min", (s / 3600.0).floor(), s % 3600.0 / 60.0),
    }
}

/// A bar on standard error with rate and time left; nothing where that is no terminal.
pub fn bar(length: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), draw_target());
    let template = format!("{{prefix}}{{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} ETA {{eta}} {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn draw_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// Prints what a user should know about a volume.
pub fn notes(volume: &em_io::Volume) {
    let path = volume.path().unwrap_or(Path::new("memory")).display();
    for note in volume.notes() {
        eprintln!("note: `{path}`: {note}");
    }
}
