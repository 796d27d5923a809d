//! Real tissue that is part of the workspace, and what the built-in network finds in it.
//!
//! Nobody labelled it, so that nothing here can be scored; `fixtures/fib25/ATTRIBUTION.md` says whose it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace::{create_folder, em_cli, named, root, run as run_command};

/// The built-in network, and the class that it finds.
const NETWORK: &str = "mitochondria";

/// Objects of fewer voxels are specks: a ball of 100 voxels of 10 nm is 58 nm wide, thinner than any mitochondrion.
const SPECK_VOXELS: &str = "100";

/// What the network found.
pub struct Found {
    /// Foreground or not.
    pub mask: PathBuf,
    /// Probabilities as 8 bit, 255 being 1.
    pub probabilities: PathBuf,
}

/// Returns the stack, `[z, y, x]`, which tells its voxel size.
pub fn raw() -> PathBuf {
    root().join("fixtures/fib25/raw.tif")
}

/// Predicts the stack into a folder.
pub fn predict(folder: &Path) -> Result<Found> {
    create_folder(folder)?;
    let found = Found { mask: folder.join("mask.tif"), probabilities: folder.join("probabilities.tif") };
    run_command(
        em_cli(["predict", "--model", NETWORK])
            .arg(raw())
            .arg("-o")
            .arg(&found.mask)
            .arg("--probabilities")
            .arg(&found.probabilities)
            .arg("--overwrite"),
    )?;
    Ok(found)
}

/// Counts and measures what was found, and returns the folder of the results.
pub fn measure(folder: &Path, found: &Found) -> Result<PathBuf> {
    let objects = folder.join("objects");
    run_command(
        em_cli(["measure"])
            .arg(named(NETWORK, &found.mask))
            .arg("--probabilities")
            .arg(named(NETWORK, &found.probabilities))
            .args(["--min-voxels", SPECK_VOXELS, "-o"])
            .arg(&objects)
            .arg("--overwrite"),
    )?;
    Ok(objects)
}

/// The command line that shows the measured objects on the stack.
pub fn view(objects: &Path) -> Command {
    let mut command = em_cli(["view"]);
    command.arg(raw()).arg(named(NETWORK, &objects.join("labels.tif")));
    command
}
