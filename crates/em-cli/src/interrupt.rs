//! Ctrl-C and the signals of a cluster that ask a program to end.
//!
//! Files under temporary names vanish when their writers are dropped, which a killed program does
//! not do: so a command that writes for long asks in its loop whether it is to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::error::UserError;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C ask instead of kill, from now on; [`check`] answers.
pub fn watch() -> Result<()> {
    ctrlc::set_handler(|| ASKED.store(true, Ordering::Relaxed)).context("signals cannot be caught")
}

/// Ends the command with an error where it was asked to stop.
pub fn check(hint: &str) -> Result<()> {
    if ASKED.load(Ordering::Relaxed) {
        return Err(UserError::new("interrupted before the end", hint).into());
    }
    Ok(())
}
