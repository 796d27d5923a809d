//! `cargo xtask bench`: the built `em-cli` and a Python program in turn, on one machine, in one run.
//!
//! The Python programs lie outside this workspace; `docs/benchmarks.md` says what they do.
//! Timings are printed and decide nothing.

mod faults;
mod measure;
mod predict;
mod program;
mod read;
mod shards;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::libtorch;
use crate::workspace::{build_em_cli, capture, cargo, em_cli, root, run as run_command, target_folder};

/// What `cargo xtask bench` measures.
#[derive(clap::Subcommand)]
pub enum What {
    /// Objects of a mask of 200 x 1536 x 2048 voxels, against cc3d and scikit-image
    Measure(Args),
    /// The masks of the training stack with `--model`, against `monai_window.py`
    Predict(Args),
    /// Pages and tiles as PNG, normalisation and split, against `seed_prepare.py`
    Prepare(Args),
    /// A stack of 3.35 GB block by block, against tifffile; needs 7 GB of disk in the target folder
    Read(Args),
    /// The training stack with `--model` in shards, against one program; and many workers, by simulation
    Shards(Args),
    /// `configs/epfl-ca1.toml` against `torch_unet.py` with its strong options
    Train(Args),
    /// Kills, full disks and limits of memory, each with the bytes of an undisturbed run; needs no Python
    Faults(faults::Args),
}

/// Arguments of a comparison with Python.
#[derive(clap::Args)]
pub struct Args {
    /// A folder with `train.tif`, `train_mitochondria.tif`, `val.tif`, `val_mitochondria.tif`
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The folder of the Python programs to measure against; `read` needs none
    #[arg(long, value_name = "DIR", default_value = ".")]
    peers: PathBuf,
    /// A Python with the packages that they need
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    python: PathBuf,
    /// The folder of a run of one class with the preset `unet`, for `predict`
    #[arg(long, value_name = "RUN")]
    model: Option<PathBuf>,
    /// Sections that the Python side of `predict` goes through; 0 for all
    #[arg(long, default_value_t = 0)]
    sections: usize,
    /// Pairs of runs
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// Seconds of one run, and the validation IoU where there is one.
struct Outcome {
    seconds: f64,
    iou: Option<f64>,
}

/// Measures what is asked for.
pub fn run(what: &What) -> Result<()> {
    match what {
        What::Measure(args) => measure::run(args),
        What::Predict(args) => predict::run(args),
        What::Read(args) => read::run(args),
        What::Prepare(args) => in_turn(args, prepare, peer_prepare),
        What::Shards(args) => shards::run(args),
        What::Train(args) => in_turn(args, train, peer_train),
        What::Faults(args) => faults::run(args),
    }
}

/// One side of a comparison, with a folder to work in.
type Side = fn(&Args, &Path) -> Result<Outcome>;

/// Runs both sides in turn and prints the medians and their ratio.
fn in_turn(args: &Args, our_side: Side, their_side: Side) -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    run_command(&mut cargo(["build", "--release", "--package", "em-data", "--example", "prepare"]))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.runs {
        let scratch = tempfile::tempdir().context("no temporary folder")?;
        ours.push(our_side(args, &scratch.path().join("ours"))?);
        theirs.push(their_side(args, &scratch.path().join("theirs"))?);
    }
    let (a, b) = (median(&ours), median(&theirs));
    println!("\n{:<8}{:>12}{:>12}", "", "seconds", "val IoU");
    for (name, outcomes, seconds) in [("em-cli", &ours, a), ("Python", &theirs, b)] {
        let ious: Vec<String> =
            outcomes.iter().filter_map(|o| o.iou).map(|iou| format!("{iou:.4}")).collect();
        println!("{name:<8}{seconds:>12.2}{:>12}", ious.join(" "));
    }
    println!("ratio Python / em-cli, of the medians of {} pairs: {:.2}", args.runs, b / a);
    Ok(())
}

/// Prepares the stack step by step, and takes off what starting the program costs: the Python
/// program's own clock starts after its imports, too.
fn prepare(args: &Args, folder: &Path) -> Result<Outcome> {
    let (raw, label) = (args.data.join("train.tif"), args.data.join("train_mitochondria.tif"));
    let start_up = timed(em_cli(["--version"]))?;
    let mut seconds = 0.0;
    let mut steps = 0.0;
    for (source, name) in [(&raw, "image"), (&label, "mask")] {
        let pages = folder.join(format!("{name}s"));
        let tiles = folder.join(format!("{name}_tiles"));
        seconds += timed(em_cli(["extract".as_ref(), source.as_os_str(), pages.as_os_str()]))?;
        seconds += timed(em_cli(["tile".as_ref(), pages.as_os_str(), tiles.as_os_str()]))?;
        steps += 2.0;
    }
    let mut in_memory = Command::new(target_folder().join("release/examples/prepare"));
    in_memory.args([&raw, &label]);
    seconds += timed(in_memory)?;
    println!("  {seconds:.2} s, of which {steps} starts of {start_up:.2} s are not counted");
    Ok(Outcome { seconds: seconds - steps * start_up, iou: None })
}

/// Trains as a user would, report included.
fn train(args: &Args, folder: &Path) -> Result<Outcome> {
    let mut command = em_cli(["train", "--config"]);
    command.arg(root().join("configs/epfl-ca1.toml"));
    command.arg("--set").arg(format!("data.folder={}", args.data.display()));
    command.arg("--set").arg(format!("output.folder={}", folder.display()));
    let seconds = timed(command)?;
    let path = folder.join("scores.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let scores: Value = serde_json::from_str(&text)?;
    let iou = scores["validation"]["mitochondria"]["pooled"]["iou"].as_f64();
    Ok(Outcome { seconds, iou })
}

fn peer_prepare(args: &Args, folder: &Path) -> Result<Outcome> {
    let mut command = Command::new(&args.python);
    command.arg(args.peers.join("seed_prepare.py"));
    command.args([args.data.join("train.tif"), args.data.join("train_mitochondria.tif"), folder.into()]);
    peer(command)
}

fn peer_train(args: &Args, _folder: &Path) -> Result<Outcome> {
    let mut command = Command::new(&args.python);
    let options = "--norm --augment --dice --cosine --lr 3e-3 --epochs 12 --channels-last";
    command.arg(args.peers.join("torch_unet.py")).arg("train").arg("--data").arg(&args.data);
    command.args(options.split(' '));
    peer(command)
}

/// Runs a Python program and reads its last line, which is JSON.
fn peer(mut command: Command) -> Result<Outcome> {
    let printed = capture(&mut command)?;
    let last = printed.lines().last().context("the Python program printed nothing")?;
    let line: Value = serde_json::from_str(last).with_context(|| format!("`{last}` is no JSON"))?;
    let seconds = line["seconds"].as_f64().with_context(|| format!("`{last}` has no seconds"))?;
    Ok(Outcome { seconds, iou: line["val_iou"].as_f64() })
}

fn timed(mut command: Command) -> Result<f64> {
    let started = Instant::now();
    run_command(&mut command)?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(outcomes: &[Outcome]) -> f64 {
    median_of(outcomes.iter().map(|outcome| outcome.seconds).collect())
}

fn median_of(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    match seconds.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => seconds[middle],
        _ => (seconds[middle - 1] + seconds[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let outcomes = |seconds: &[f64]| -> Vec<Outcome> {
            seconds.iter().map(|&seconds| Outcome { seconds, iou: None }).collect()
        };
        assert_eq!(median(&outcomes(&[3.0, 1.0, 9.0])), 3.0);
        assert_eq!(median(&outcomes(&[4.0, 1.0, 9.0, 2.0])), 3.0);
    }
}
