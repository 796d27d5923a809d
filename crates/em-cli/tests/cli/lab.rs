//! A folder to work in, small stacks to work on, and `em-cli` to run there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use em_io::{Mask, Voxels};
use ndarray::Array3;
use tempfile::TempDir;

/// Height and width of the sections of [`Lab::with_stacks`].
const EDGE: usize = 64;

/// Trains within a second on the stacks of [`Lab::with_stacks`], into `run`.
pub const CONFIG: &str = "\
[data]
folder = \".\"
[tiling]
tile_size = 32
tiles_per_epoch = 8
[model]
filters = [4, 8]
[train]
epochs = 1
batch_size = 4
tune = false
[output]
folder = \"run\"
";

/// A folder that is gone after the test.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With `train.tif`, `val.tif`, a label `mitochondria` of each, and [`CONFIG`] in `run.toml`.
    pub fn with_stacks() -> Self {
        let lab = Self::new();
        for (name, sections) in [("train", 3), ("val", 2)] {
            lab.write_volume(&format!("{name}.tif"), raw([sections, EDGE, EDGE]));
            lab.write_mask(&format!("{name}_mitochondria.tif"), disc([sections, EDGE, EDGE]));
        }
        lab.write("run.toml", CONFIG);
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn write_volume(&self, name: &str, voxels: Array3<u8>) {
        em_io::write_volume(self.path(name), &voxels.into(), None).unwrap();
    }

    pub fn write_mask(&self, name: &str, voxels: Array3<bool>) {
        em_io::write_mask(self.path(name), &Mask::new(voxels, None)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// A volume that is known to hold 8-bit voxels.
    pub fn volume(&self, name: &str) -> Array3<u8> {
        match em_io::open(self.path(name)).unwrap().read_all().unwrap() {
            Voxels::U8(voxels) => voxels,
            other => panic!("`{name}` holds {}", other.voxel_type()),
        }
    }

    pub fn mask(&self, name: &str) -> Array3<bool> {
        Mask::read(self.path(name)).unwrap().into_inner()
    }

    /// `em-cli` in this folder, with arguments that are separated by spaces.
    pub fn em_cli(&self, arguments: &str) -> Command {
        self.command(env!("CARGO_BIN_EXE_em-cli"), &arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Any program in this folder.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        // One thread: tests run side by side. No device: a machine with one gives the same messages.
        command.current_dir(self.folder.path()).env("OMP_NUM_THREADS", "1").env("CUDA_VISIBLE_DEVICES", "-1");
        command.args(arguments);
        command
    }

    /// Runs `em-cli`, which has to succeed; returns what it prints.
    pub fn ok(&self, arguments: &str) -> String {
        let Output { status, stdout, stderr } = self.em_cli(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "em-cli {arguments}: {status}\n{stderr}");
        String::from_utf8(stdout).unwrap()
    }

    /// Runs `em-cli`, which has to refuse and to leave no file behind; returns its message.
    pub fn mistake(&self, arguments: &str) -> String {
        let before = self.files();
        let message = self.message(self.em_cli(arguments).output().unwrap());
        assert_eq!(self.files(), before, "em-cli {arguments} changed files");
        message
    }

    /// The one message of a command that has to have failed with exit code 1, its folder as `[DIR]`.
    pub fn message(&self, Output { status, stderr, .. }: Output) -> String {
        let message = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{status}\n{message}");
        let mut lines = message.lines().skip_while(|line| line.starts_with("note: "));
        assert!(lines.next().is_some_and(|line| line.starts_with("error: ")), "{message}");
        let mut rest = lines.skip_while(|line| line.starts_with("  because: "));
        assert!(rest.next().is_none_or(|line| line.starts_with("hint: ")), "{message}");
        assert_eq!(rest.next(), None, "{message}");
        message.replace(&self.folder.path().display().to_string(), "[DIR]")
    }

    /// All files with their lengths, and all folders, with length 0.
    pub fn files(&self) -> BTreeMap<String, u64> {
        let mut files = BTreeMap::new();
        self.collect(self.folder.path(), &mut files);
        files
    }

    fn collect(&self, folder: &Path, files: &mut BTreeMap<String, u64>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.collect(&path, files);
            }
            let name = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
            files.insert(name, if path.is_dir() { 0 } else { path.metadata().unwrap().len() });
        }
    }
}

/// A dark disc on grey, in every section.
pub fn raw(shape: [usize; 3]) -> Array3<u8> {
    Array3::from_shape_fn(shape, |(z, y, x)| {
        // A texture, so that no two voxels of a neighbourhood are alike.
        let texture = ((z * 31 + y * 17 + x * 13) % 29) as u8;
        if in_disc(shape, y, x) { 60 + texture } else { 160 + texture }
    })
}

/// The label of [`raw`].
pub fn disc(shape: [usize; 3]) -> Array3<bool> {
    Array3::from_shape_fn(shape, |(_, y, x)| in_disc(shape, y, x))
}

fn in_disc([_, height, width]: [usize; 3], y: usize, x: usize) -> bool {
    let (dy, dx) = (y.abs_diff(height / 2), x.abs_diff(width / 2));
    dy * dy + dx * dx < height * width / 16
}
