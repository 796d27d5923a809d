//! Python for the chores: environments that are made once and kept, and built programs from the package index.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::advice::Advised;
use crate::workspace::{root, run as run_command, target_folder};

/// Makes the Python environment `name` in the target folder, or takes the one that was made for these requirements.
pub fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = target_folder().join(name);
    let (python, record) = (folder.join("bin/python3"), folder.join("requirements.txt"));
    let wanted = std::fs::read_to_string(requirements)
        .with_context(|| format!("cannot read `{}`", requirements.display()))?;
    if python.exists() && std::fs::read_to_string(&record).is_ok_and(|made_for| made_for == wanted) {
        return Ok(python);
    }
    let made = run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder)).and_then(|()| {
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run_command(Command::new(&python).args(install).arg(requirements))
    });
    made.map_err(|error| {
        Advised::new(
            format!("the Python environment could not be made: {error}"),
            "it needs python3 with venv and pip, and the Python package registry once",
        )
    })?;
    std::fs::write(&record, wanted).with_context(|| format!("cannot write `{}`", record.display()))?;
    Ok(python)
}

/// Finds a program on the search path or in the target folder, or installs it there from a package.
///
/// `requirement` is the file, from the workspace's root, that pins the package by its hash.
pub fn tool(name: &str, requirement: &str) -> Result<PathBuf> {
    let folder = target_folder().join(name);
    let own = folder.join("bin").join(name);
    if let Some(found) = [PathBuf::from(name), own.clone()].into_iter().find(|path| runs(path)) {
        return Ok(found);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--upgrade", "--target"]).arg(&folder);
    // A user's `user = true` in pip's configuration contradicts `--target`.
    run_command(pip.arg("--requirement").arg(requirement).current_dir(root()).env("PIP_USER", "0"))?;
    Ok(own)
}

fn runs(program: &Path) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
