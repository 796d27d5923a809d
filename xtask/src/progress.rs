//! Progress in bytes: a bar on a terminal, a plain line now and then elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the plain form prints a line.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// One running transfer.
pub struct Progress {
    bar: ProgressBar,
    label: String,
    next_line: Option<Instant>,
}

impl Progress {
    /// Starts a transfer of `total` bytes, or of an unknown number.
    pub fn start(label: &str, total: Option<u64>) -> Self {
        let on_terminal = stderr().is_terminal();
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target)
            .with_style(style(total.is_some()))
            .with_message(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        if !on_terminal {
            eprintln!("{label}");
        }
        let next_line = (!on_terminal).then(|| Instant::now() + LINE_EVERY);
        Self { bar, label: label.to_owned(), next_line }
    }

    /// Says that the first `bytes` were there before, so that the rate counts only new ones.
    pub fn resume_at(&self, bytes: u64) {
        self.bar.set_position(bytes);
        self.bar.reset_eta();
    }

    /// Says how many bytes are there now.
    pub fn set(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
        if self.next_line.is_some_and(|due| Instant::now() >= due) {
            let total =
                self.bar.length().map_or_else(String::new, |total| format!(" of {}", HumanBytes(total)));
            eprintln!("{}: {}{total}", self.label, HumanBytes(bytes));
            self.next_line = Some(Instant::now() + LINE_EVERY);
        }
    }

    /// Replaces the label when the work enters another phase.
    pub fn phase(&mut self, label: &str) {
        if self.next_line.is_some() && label != self.label {
            eprintln!("{label}");
        }
        self.label = label.to_owned();
        self.bar.set_message(label.to_owned());
    }

    /// Prints a line that stays, above the bar where there is one.
    pub fn note(&self, line: &str) {
        if self.next_line.is_some() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(total_known: bool) -> ProgressStyle {
    let template = if total_known {
        "{msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec}, {eta} left"
    } else {
        "{spinner} {msg} {bytes}, {elapsed}"
    };
    ProgressStyle::with_template(template).expect("the template is fixed").progress_chars("=> ")
}
