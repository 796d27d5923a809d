//! What the programs work on: a phantom of 64 voxels a side, real tissue, a network of a second's training, and its masks.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::workspace::{create_folder, em_cli, named, run as run_command, target_folder};

/// Trains for a few seconds; everything that a state has to hold is in use.
const CONFIG: &str = "\
[tiling]
tile_size = 32
tiles_per_epoch = 16
[model]
norm = \"batch\"
filters = [4, 8, 8]
dropout = [0.1, 0.1, 0.1]
[train]
epochs = 8
batch_size = 4
average_decay = 0.9
[augmentation]
warp_probability = 0.5
rotation = 30
elastic = 2
noise = 0.1
";

/// The network that is part of the program.
pub const BUILT_IN: &str = "mitochondria";

/// Corrections of the first objects.
const EDITS: &str = "{\"kind\": \"delete\", \"object\": 1}\n{\"kind\": \"delete\", \"object\": 2}\n";

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
        let mut predict = lab.em_cli(["predict", "--model", BUILT_IN]);
        run_command(predict.arg(raw()).arg("-o").arg(lab.mask()))?;
        let mut measure = lab.em_cli(["measure"]);
        run_command(measure.arg(named(BUILT_IN, &lab.mask())).arg("-o").arg(lab.path("objects")))?;
        std::fs::write(lab.path("edits.jsonl"), EDITS).context("cannot write `edits.jsonl`")?;
        Ok(lab)
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Names a file or folder of the lab.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The mitochondria of real tissue, as the built-in network sees them.
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

    /// Writes a stack of noise of 512 x 512 voxels a section, the same noise in each, as NumPy does.
    pub fn tall_stack(&self, name: &str, depth: usize) -> Result<PathBuf> {
        const EDGE: usize = 512;
        let path = self.path(name);
        let failed = || format!("cannot write `{}`", path.display());
        let mut file = BufWriter::new(File::create(&path).with_context(failed)?);
        let told =
            format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({depth}, {EDGE}, {EDGE}), }}");
        // The magic of version 1, the length of the header, and the header, which ends on a multiple of 64 bytes.
        let header = format!("{told:<117}\n");
        file.write_all(b"\x93NUMPY\x01\x00\x76\x00").with_context(failed)?;
        file.write_all(header.as_bytes()).with_context(failed)?;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let section: Vec<u8> = (0..EDGE * EDGE).map(|_| rng.random_range(60..200)).collect();
        (0..depth)
            .try_for_each(|_| file.write_all(&section))
            .and_then(|()| file.flush())
            .with_context(failed)?;
        Ok(path)
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

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    create_folder(to)?;
    let failed = || format!("cannot copy `{}`", from.display());
    for entry in std::fs::read_dir(from).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).with_context(failed)?;
        }
    }
    Ok(())
}
