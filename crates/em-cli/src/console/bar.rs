//! How far a work is, as a line that fits any terminal, or as one for a file.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use em_pipeline::{Stage, Unit, display};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::terminal::Stream;

/// A bar below so many columns shows nothing.
const LEAST_BAR: usize = 8;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Counted {
    /// Training tiles.
    Tiles,
    /// Sections of so many voxels.
    Sections {
        /// Voxels of a section.
        voxels: u64,
    },
    /// Bytes.
    Bytes,
}

/// A bar on standard error, where that is a terminal of a known width; else it counts and shows nothing.
pub struct Bar {
    bar: ProgressBar,
    counted: Counted,
    title: String,
    message: Arc<Mutex<String>>,
}

impl Bar {
    /// Shows a stage.
    pub fn of_stage(stage: Stage) -> Self {
        let counted = match stage.unit {
            Unit::Sections { voxels } => Counted::Sections { voxels },
            _ => Counted::Bytes,
        };
        Self::new(String::new(), stage.total, counted)
    }

    /// Shows so many units of what is counted, under a title.
    pub fn new(title: String, total: u64, counted: Counted) -> Self {
        let target = match Stream::Error.width() {
            Some(_) => ProgressDrawTarget::stderr(),
            None => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let message = Arc::new(Mutex::new(String::new()));
        let (title_of_line, message_of_line) = (title.clone(), Arc::clone(&message));
        let line = move |state: &ProgressState, out: &mut dyn Write| {
            let message = message_of_line.lock().unwrap_or_else(PoisonError::into_inner);
            let facts = Facts {
                title: &title_of_line,
                done: state.pos(),
                total: state.len().unwrap_or_default(),
                counted,
                per_second: state.per_sec(),
                left: state.eta(),
                message: &message,
            };
            // The last column stays free: some terminals go to the next line with it. One that was closed
            // meanwhile has none.
            let columns = Stream::Error.width().map_or(0, |width| width - 1);
            let _ = out.write_str(&facts.fitted(columns));
        };
        let style = ProgressStyle::with_template("{line}").expect("the template is one");
        bar.set_style(style.with_key("line", line));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, counted, title, message }
    }

    /// Returns what draws it.
    pub fn drawn(&self) -> &ProgressBar {
        &self.bar
    }

    /// Says something about the work.
    pub fn tell(&self, message: String) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = message;
    }

    /// Returns how far the work is, as a line for a file.
    pub fn line(&self) -> String {
        let message = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = Facts {
            title: &self.title,
            done: self.bar.position(),
            total: self.bar.length().unwrap_or_default(),
            counted: self.counted,
            per_second: self.bar.per_sec(),
            left: self.bar.eta(),
            message: &message,
        };
        facts.parts().join(", ")
    }
}

/// What is known of a work.
struct Facts<'a> {
    title: &'a str,
    done: u64,
    total: u64,
    counted: Counted,
    per_second: f64,
    left: Duration,
    message: &'a str,
}

impl Facts<'_> {
    fn count(&self) -> String {
        let Self { done, total, .. } = self;
        match self.counted {
            Counted::Bytes => format!("{}/{}", display::bytes(*done), display::bytes(*total)),
            _ => format!("{done}/{total}"),
        }
    }

    fn rate(&self) -> String {
        match self.counted {
            Counted::Tiles => format!("{:.1}/s", self.per_second),
            Counted::Sections { voxels } => {
                format!("{:.2} Mvoxel/s", self.per_second * voxels as f64 / 1e6)
            }
            // Rates are whole bytes; `as` cuts off what is behind the point.
            Counted::Bytes => format!("{}/s", display::bytes(self.per_second as u64)),
        }
    }

    fn left(&self) -> String {
        format!("ETA {}", display::short_duration(self.left.as_secs_f64()))
    }

    /// All of it, for a line of any length.
    fn parts(&self) -> Vec<String> {
        let unit = match self.counted {
            Counted::Tiles => " tiles",
            Counted::Sections { .. } => " sections",
            Counted::Bytes => "",
        };
        let parts =
            [self.title.to_owned(), self.count() + unit, self.rate(), self.left(), self.message.into()];
        parts.into_iter().filter(|part| !part.is_empty()).collect()
    }

    /// A line of at most `width` columns: the count first, then as much of the rest as there is room for.
    fn fitted(&self, width: usize) -> String {
        let count = self.count();
        let columns = |text: &str| if text.is_empty() { 0 } else { text.chars().count() + 1 };
        let mut room = width.saturating_sub(count.chars().count());
        let mut take = |text: String, reserved: usize| {
            let fits = columns(&text) + reserved <= room;
            room -= if fits { columns(&text) } else { 0 };
            if fits { text } else { String::new() }
        };
        let (title, left) = (take(self.title.into(), 0), take(self.left(), 0));
        // With a bar, and the space before it.
        let message = take(self.message.into(), LEAST_BAR + 1);
        let rate = take(self.rate(), LEAST_BAR + 1);
        let bar = self.bar(room.saturating_sub(1));
        let parts = [title, bar, count, rate, left, message];
        let line = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        line.chars().take(width).collect()
    }

    fn bar(&self, columns: usize) -> String {
        if columns < LEAST_BAR {
            return String::new();
        }
        let share = self.done as f64 / self.total.max(1) as f64;
        // A share is from 0 to 1, and `as` cuts off a part of a column.
        let full = ((share * columns as f64) as usize).min(columns);
        "█".repeat(full) + &"░".repeat(columns - full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(title: &'static str, counted: Counted) -> Facts<'static> {
        Facts {
            title,
            done: 120,
            total: 480,
            counted,
            per_second: 12.34,
            left: Duration::from_secs(29),
            message: "loss 0.4123",
        }
    }

    #[test]
    fn a_line_fits_any_terminal_and_has_what_there_is_room_for() {
        let epoch = facts("epoch 3/40", Counted::Tiles);
        let expected = [
            (20, "epoch 3/40 120/480"),
            (39, "epoch 3/40 ██░░░░░░░ 120/480 ETA 29.0 s"),
            (55, "epoch 3/40 ███░░░░░░░░░░ 120/480 ETA 29.0 s loss 0.4123"),
            (60, "epoch 3/40 ██░░░░░░░░░ 120/480 12.3/s ETA 29.0 s loss 0.4123"),
        ];
        for (width, line) in expected {
            assert_eq!(epoch.fitted(width), line);
        }
        let all = [
            epoch,
            facts("epoch 1000/1000", Counted::Bytes),
            facts("", Counted::Sections { voxels: 1 << 20 }),
        ];
        for facts in &all {
            for width in 1..200 {
                let columns = facts.fitted(width).chars().count();
                assert!(columns <= width && (width < 60 || columns == width), "{}", facts.fitted(width));
                assert!(facts.fitted(width).contains(&facts.count()) || width < 15);
            }
        }
    }

    #[test]
    fn a_file_gets_words() {
        let line = facts("epoch 3/40", Counted::Tiles).parts().join(", ");
        assert_eq!(line, "epoch 3/40, 120/480 tiles, 12.3/s, ETA 29.0 s, loss 0.4123");
        let line = facts("", Counted::Sections { voxels: 1_000_000 }).parts().join(", ");
        assert_eq!(line, "120/480 sections, 12.34 Mvoxel/s, ETA 29.0 s, loss 0.4123");
    }
}
