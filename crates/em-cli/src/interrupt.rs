//! Ctrl-C and the signals of a cluster that ask a program to end.
//!
//! Files under temporary names vanish when their writers are dropped, which a killed program does
//! not do: so the first signal asks the work to end, and the second ends the program.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// As shells say of a program that Ctrl-C has ended.
const KILLED: i32 = 130;

/// Makes Ctrl-C ask instead of kill, from now on; [`asked`] answers.
pub fn watch() -> Result<()> {
    static WATCHED: Once = Once::new();
    let mut result = Ok(());
    WATCHED.call_once(|| {
        result = ctrlc::set_handler(|| {
            if ASKED.swap(true, Ordering::Relaxed) {
                std::process::exit(KILLED);
            }
        });
    });
    result.context("signals cannot be caught")
}

/// Tells whether the program was asked to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
