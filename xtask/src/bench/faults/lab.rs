//! What the programs work on: a phantom of 64 voxels a side, real tissue, a network of a second's training, and its masks.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::workspace::{create_folder, em_cli, run as run_command, target_folder};

/// Trains for a few seconds; everything that a state has to hold is in use.
const CONFIG: &str = "\
[tiling]
tile_size = 32
tiles_per_epoch = 32
[model]
norm = \"batch\"
filters = [4, 8, 8]
dropout = [0.1, 0.1, 0.1]
[train]
epochs = 12
batch_size = 4
average_decay = 0.9
[augmentation]
warp_probability = 0.5
rotation = 30
elastic = 2
noise = 0.1
";

/// Folders with all inputs; gone when the bench ends.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    /// Makes the inputs by the programs themselves.
    pub fn new() -> Result<Self> {
        let place = target_folder().join("faults");
        create_folder(&place)?;
        let folder = tempfile::Builder::new().tempdir_in(&place).context("no temporary folder")?;
        let lab = Self { folder };
        create_folder(&lab.path("tmp"))?;
        let mut phantom = lab.em_cli(["phantom", "--size", "64", "--train-sections", "4", "--gap", "0"]);
        run_command(phantom.args(["--val-sections", "2"]).arg(lab.path("data")))?;
        std::fs::write(lab.path("run.toml"), CONFIG).context("cannot write `run.toml`")?;
        run_command(&mut lab.train(&lab.path("run")))?;
        let mut predict = lab.em_cli(["predict", "--model"]);
        predict.arg(lab.path("run")).arg(raw()).arg("-o").arg(lab.mask()).args(["--threshold", "0.5"]);
        run_command(&mut predict)?;
        Ok(lab)
    }

    /// Names a file or folder of the lab.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A mask of real tissue, with whatever the small network finds there.
    pub fn mask(&self) -> PathBuf {
        self.path("mask.tif")
    }

    /// Starts a command line whose temporary files lie in a folder that is looked at afterwards.
    pub fn em_cli<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = em_cli(args);
        // No device: it would be another program, and the same bytes are promised on the CPU alone.
        command.env("TMPDIR", self.path("tmp")).env("CUDA_VISIBLE_DEVICES", "-1");
        command
    }

    /// A training into a folder.
    pub fn train(&self, run: &Path) -> Command {
        let mut command = self.em_cli(["train", "--device", "cpu"]);
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        command.arg(self.path("run.toml"));
        command.arg("--set").arg(format!("data.folder={}", quoted(&self.path("data"))));
        command.arg("--set").arg(format!("output.folder={}", quoted(run)));
        command.args(["--set", "data.classes=[\"mitochondria\"]"]);
        command
    }
}

/// Real tissue, `[z, y, x]`, which tells its voxel size.
pub fn raw() -> PathBuf {
    crate::tissue::raw()
}
