//! `cargo xtask interop`: em-io against the libraries that labs use, in both directions.
//!
//! What em-io writes is opened with each library, and what each library writes is read by em-io; voxels, voxel size and axes have to be the same.
//! The scripts lie in `crates/em-io/tests/interop`; their Python environment is made in the target folder and kept.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::advice::Advised;
use crate::workspace::{cargo, root, run as run_command, target_folder};

/// Runs both directions.
pub fn run() -> Result<()> {
    let mut build = cargo(["build", "--release", "--package", "em-io", "--example", "interop"]);
    let with_hdf5 = has_hdf5();
    if with_hdf5 {
        build.args(["--features", "hdf5-write"]);
    } else {
        println!("skipped: HDF5, since pkg-config finds no libhdf5");
    }
    run_command(&mut build)?;
    let program = target_folder().join("release/examples/interop");
    let scripts = root().join("crates/em-io/tests/interop");
    let python = environment(&scripts.join("requirements.txt"))?;

    let folder = tempfile::tempdir().context("no temporary folder")?;
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    for folder in [&ours, &theirs] {
        crate::workspace::create_folder(folder)?;
    }
    let script = |name: &str| {
        let mut command = Command::new(&python);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts.join(name));
        command
    };
    run_command(Command::new(&program).arg("write").arg(&ours))?;
    let wrote = run_command(script("ours.py").arg(&ours));
    let read = run_command(script("theirs.py").arg(&theirs).arg(&program).args(with_hdf5.then_some("hdf5")));
    wrote.and(read)
}

/// Tells whether the system has the library of HDF5.
pub fn has_hdf5() -> bool {
    let found = Command::new("pkg-config").args(["--exists", "hdf5"]).status();
    found.is_ok_and(|status| status.success())
}

/// Makes the Python environment, or takes the one that was made for these requirements.
fn environment(requirements: &Path) -> Result<std::path::PathBuf> {
    let folder = target_folder().join("interop-python");
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
