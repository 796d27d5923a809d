//! `cargo xtask picture`: the picture of the README anew, a section of real tissue and what the built-in network finds in it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{build_em_cli, root};
use crate::{fixtures, libtorch, tissue};

/// Draws a section and the mask on it; says at its head what it takes.
const DRAW: &str = include_str!("picture/draw.py");

/// Where the README looks for it.
const PICTURE: &str = "docs/images/fib25-mitochondria.png";

/// A section with mitochondria that are found, one that is missed, one that is found in part, and one error.
const SECTION: &str = "10";

/// Builds the program, predicts the tissue and draws a section of it.
pub fn run() -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let found = tissue::predict(scratch.path())?;
    let python = fixtures::python(&root())?;
    let picture = root().join(PICTURE);
    let mut draw = Command::new(python);
    draw.args(["-c", DRAW]).arg(tissue::raw()).arg(found.mask).arg(SECTION).arg(&picture);
    // The script is not printed with its command line.
    let status = draw.status().context("cannot start Python")?;
    anyhow::ensure!(status.success(), "the picture could not be drawn ({status})");
    println!("`{}` is drawn; look at it before you commit it", picture.display());
    Ok(())
}
