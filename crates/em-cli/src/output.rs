//! What commands print: lines for people, JSON for programs, bars for waiting.

use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
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

/// A voxel size as `z x y x x nm`.
pub fn voxel_size(size_nm: [f64; 3]) -> String {
    // Resolutions are stored as fractions and 32-bit floats, whose last digits say nothing.
    let [z, y, x] = size_nm.map(|size| (size * 1e4).round() / 1e4);
    format!("{z} x {y} x {x} nm")
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

/// A bar on standard error over the sections of a volume, with voxels per second and time left.
pub fn voxel_bar([depth, height, width]: [usize; 3]) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(depth as u64), draw_target());
    let template = "{wide_bar} {pos}/{len} sections, {voxels_per_second} ETA {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let voxels = state.per_sec() * (height * width) as f64;
            let _ = write!(out, "{:.2} Mvoxel/s", voxels / 1e6);
        };
        bar.set_style(style.with_key("voxels_per_second", rate));
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// A bar on standard error for bytes of voxels; nothing where that is no terminal.
pub fn byte_bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), draw_target());
    let template = "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} ETA {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn draw_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// Opens a volume and prints what a user should know about it.
pub fn open(path: &Path) -> em_io::Result<em_io::Volume> {
    let volume = em_io::open(path)?;
    for note in volume.notes() {
        eprintln!("note: `{}`: {note}", path.display());
    }
    Ok(volume)
}
