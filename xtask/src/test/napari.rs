//! The plugin of the Python package for napari: its tests, with napari itself, and the program.
//!
//! Qt draws to memory, and takes OpenGL from a display in memory (Xvfb): where one of the two is missing, what was
//! not checked is named. `.ci/run` installs what Debian has of it.

use std::path::Path;
use std::process::Command;

use super::Notes;
use crate::python;
use crate::workspace::{root, run as run_command, target_folder};

/// The tests of the plugin, from the folder of the package's tests.
pub const TESTS: [&str; 2] = ["test_napari_files.py", "test_napari_widgets.py"];

/// Loads what the plugin needs of the system.
const LOADS: &str = "import OpenGL.GL; from qtpy.QtWidgets import QApplication; QApplication([])";

/// Tests the plugin, as it is laid out in the folder `site`, with the program that is built.
pub fn check(site: &Path, notes: &mut Notes) -> anyhow::Result<()> {
    let crate_folder = root().join("crates/em-py");
    let python =
        match python::environment("napari-python", &crate_folder.join("tests/requirements-napari.txt")) {
            Ok(python) => python,
            Err(reason) => {
                notes.skip(format!("the plugin for napari, since {reason}"));
                return Ok(());
            }
        };
    if let Err(reason) = is_ready(&python) {
        notes.skip(format!("the plugin for napari, since {reason}"));
        return Ok(());
    }
    let settings = tempfile::tempdir()?;
    let mut tests = without_screen(&python);
    tests.args(["-m", "pytest", "--quiet", "--durations=3", "-p", "no:cacheprovider", "--config-file"]);
    // napari and its libraries warn of each other's old names.
    tests.arg(crate_folder.join("pyproject.toml")).args(["-o", "filterwarnings=ignore::DeprecationWarning"]);
    tests.args(TESTS.map(|name| crate_folder.join("tests").join(name)));
    tests.env("PYTHONPATH", site).env("PYTHONDONTWRITEBYTECODE", "1");
    // Not those of whoever runs the tests.
    tests.env("NAPARI_CONFIG", settings.path().join("settings.yaml"));
    run_command(tests.env("EM_CLI", target_folder().join("release/em-cli")))
}

/// Tells what is missing, if anything.
fn is_ready(python: &Path) -> Result<(), String> {
    if Command::new("Xvfb").arg("-help").output().is_err() {
        return Err("there is no Xvfb".into());
    }
    let tried = without_screen(python).args(["-c", LOADS]).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&tried.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it ends at once");
    if tried.status.success() { Ok(()) } else { Err(format!("Qt cannot be loaded: {last}")) }
}

fn without_screen(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env("QT_QPA_PLATFORM", "offscreen");
    command
}
