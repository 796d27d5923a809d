//! What people do wrong, and what they are told.
//!
//! [`Lab::mistake`] also checks that there is one message, exit code 1, and no file left behind.

mod configuration;
mod converting;
#[cfg(target_os = "linux")]
mod full_disk;
mod runs;
mod stacks;
mod strangers;
mod writing;

use crate::lab::{CONFIG, Lab};

const TRAIN: &str = "train --config run.toml --device cpu";

/// A lab whose configuration has one text replaced by another.
fn with_config(from: &str, to: &str) -> Lab {
    assert!(CONFIG.contains(from));
    let lab = Lab::with_stacks();
    lab.write("run.toml", &CONFIG.replace(from, to));
    lab
}

/// A lab with a finished run.
fn with_run() -> Lab {
    let lab = Lab::with_stacks();
    lab.ok(TRAIN);
    lab
}
