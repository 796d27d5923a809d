//! Ctrl-C, the signals of a cluster that ask a program to end, and a terminal that is closed.
//!
//! Files under temporary names vanish when their writers are dropped, which a killed program does
//! not do: so the first signal asks the work to end, and the second ends the program.
//! A terminal that goes away, as with a dead connection, ends nothing: nobody reads what is printed, and
//! the work goes on.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::console::complain;

static ASKED: AtomicBool = AtomicBool::new(false);

/// As shells say of a program that Ctrl-C has ended.
const KILLED: i32 = 130;

/// Makes Ctrl-C ask instead of kill, from now on; [`asked`] answers. Whoever asks is told at once what is
/// kept of the work.
pub fn watch(kept: &'static str) -> Result<()> {
    static WATCHED: Once = Once::new();
    let mut result = Ok(());
    WATCHED.call_once(|| {
        result = Signals::new([SIGINT, SIGTERM, SIGHUP]).map(|signals| {
            thread::spawn(|| hear(signals, kept));
        });
    });
    result.context("signals cannot be caught")
}

fn hear(mut signals: Signals, kept: &str) {
    for signal in signals.forever().filter(|signal| *signal != SIGHUP) {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED);
        }
        let name = if signal == SIGINT { "Ctrl-C" } else { "the signal" };
        complain!("note: stopping after this step; {kept}; {name} once more ends at once");
    }
}

/// Tells whether the program was asked to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
