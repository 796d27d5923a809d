//! The Python package: its tests against the libraries that labs use, its types, its plugin in napari, and the wheel,
//! installed.
//!
//! The module and the program are those of the workspace, whose dependencies the steps before have compiled.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Notes, build_program, napari};
use crate::dist;
use crate::python;
use crate::workspace::{root, run as run_command, target_folder};

/// Builds the package, tests it, and checks its types and that its stubs are what the module has.
pub fn check(notes: &mut Notes) -> Result<()> {
    let crate_folder = root().join("crates/em-py");
    let python = match python::environment("package-python", &crate_folder.join("tests/requirements.txt")) {
        Ok(python) => python,
        Err(reason) => {
            notes.skip(format!("the Python package, since {reason}"));
            return Ok(());
        }
    };
    build_program()?;
    let site = tempfile::tempdir().context("no temporary folder")?;
    dist::lay_out(site.path())?;

    let module = |name: &str| module(&python, name, site.path());
    let settings = crate_folder.join("pyproject.toml");
    let mut tests = module("pytest");
    tests.args(["--quiet", "--durations=3", "-p", "no:cacheprovider", "--config-file"]).arg(&settings);
    tests.arg(site.path()).arg(crate_folder.join("tests"));
    // They have an environment of their own.
    tests.arg("--ignore").arg(site.path().join("em_cli/_napari"));
    for name in napari::TESTS {
        tests.arg("--ignore").arg(crate_folder.join("tests").join(name));
    }
    run_command(tests.env("EM_CLI", target_folder().join("release/em-cli")))?;
    let mut types = module("mypy");
    types.arg("--config-file").arg(&settings).arg("--cache-dir").arg(target_folder().join("mypy"));
    run_command(types.current_dir(&crate_folder))?;
    // NumPy's and Python's own types of classes that cannot be derived from are no concern of the stubs.
    run_command(
        module("mypy.stubtest").args(["em_cli._native", "--ignore-disjoint-bases"]).current_dir(site.path()),
    )?;
    napari::check(site.path(), notes)?;
    dist::wheel_runs()
}

/// Starts a module of the environment, which finds the package.
fn module(python: &Path, name: &str, site: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", name]).env("PYTHONPATH", site).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
