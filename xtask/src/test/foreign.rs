//! A package outside the workspace, as another laboratory would write it: built, and run on a model that em-cli trained.
//!
//! Cargo starts in the system's temporary folder, where it reads nothing of this workspace's `.cargo/config.toml`; LIBTORCH is all that it has from there.
//! The lock file and the target folder are the workspace's, so that torch-sys and what has the same features compile once.

use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use super::build_program;
use crate::workspace::{cargo, em_cli, root, run as run_command, target_folder};

/// The package, from the workspace's root.
pub const MANIFEST: &str = "fixtures/foreign-crate/Cargo.toml";

/// A network that finds something within seconds; its best epoch is kept.
const TRAINING: [&str; 7] = [
    "model.filters=[4,8]",
    "tiling.tile_size=64",
    "tiling.tiles_per_epoch=64",
    "train.epochs=2",
    "train.batch_size=4",
    "train.learning_rate=0.01",
    "data.classes=[\"mitochondria\"]",
];

/// Trains and predicts with em-cli, and has the package predict the same.
pub fn run() -> Result<()> {
    build_program()?;
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let at = |name: &str| scratch.path().join(name);
    let phantom = ["--size", "128", "--train-sections", "8", "--gap", "2", "--val-sections", "2"];
    run_command(em_cli(["phantom", "."]).current_dir(scratch.path()).args(phantom))?;
    let config = root().join("configs/demo.toml");
    let mut train = em_cli(["train"]);
    train.current_dir(scratch.path());
    train.arg("--config").arg(config).args(["--set", "data.folder=\".\"", "--set", "output.folder=\"run\""]);
    run_command(train.args(TRAINING.iter().flat_map(|setting| ["--set", setting])))?;
    run_command(
        em_cli(["predict", "--model", "run", "val.tif", "-o", "mask.tif"]).current_dir(scratch.path()),
    )?;

    let program = build()?;
    run_command(Command::new(program).env_remove("LD_LIBRARY_PATH").args([
        at("run"),
        at("val.tif"),
        at("mask.tif"),
    ]))
}

/// Builds the package the way its developers would, with the versions that this workspace has pinned.
fn build() -> Result<std::path::PathBuf> {
    let manifest = root().join(MANIFEST);
    let lock = manifest.with_file_name("Cargo.lock");
    fs::copy(root().join("Cargo.lock"), &lock)
        .with_context(|| format!("cannot write `{}`", lock.display()))?;
    let mut command = cargo(["build", "--release", "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(target_folder());
    run_command(command.current_dir(env::temp_dir()))?;
    Ok(target_folder().join("release/foreign-crate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_the_build_script_that_is_tested() {
        let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
        let script = read("fixtures/foreign-crate/build.rs");
        assert!(read("crates/em-model/README.md").contains(&format!("```rust,ignore\n{script}```")));
    }
}
