//! `em-cli predict` against MONAI's sliding window with the same weights.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::program::measured;
use super::{Args, median_of};
use crate::libtorch;
use crate::workspace::{build_em_cli, capture, em_cli, run as run_command};

/// Turns the weights of a run with the preset `unet` into those of the Python U-Net.
const WEIGHTS: &str = include_str!("to_torch_unet.py");

/// Predicts the training stack with both in turn, and prints medians, ratio and memory.
pub fn run(args: &Args) -> Result<()> {
    let model = args.model.as_deref().context("give the folder of a run with --model")?;
    libtorch::ensure()?;
    build_em_cli()?;
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let weights = scratch.path().join("weights.pt");
    run_command(
        Command::new(&args.python).arg("-c").arg(WEIGHTS).arg(model.join("model.safetensors")).arg(&weights),
    )?;
    let stack = args.data.join("train.tif");
    let voxels = voxels(&stack)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.runs {
        let mask = scratch.path().join("mask.tif");
        let mut command = em_cli(["predict", "--overwrite", "--model"]);
        command.arg(model).arg(&stack).arg("-o").arg(&mask);
        let (seconds, memory) = measured(&mut command)?;
        ours.push((voxels / 1e6 / seconds, memory));
        let mut command = Command::new(&args.python);
        command.arg(args.peers.join("monai_window.py")).arg(&stack).arg("--weights").arg(&weights);
        if args.sections > 0 {
            command.arg("--sections").arg(args.sections.to_string());
        }
        let printed = capture(&mut command)?;
        let line: Value = serde_json::from_str(printed.lines().last().unwrap_or_default())?;
        let number = |key: &str| line[key].as_f64().with_context(|| format!("`{line}` has no {key}"));
        theirs.push((number("mvox_per_s")?, number("peak_rss_mb")?));
    }
    let rate = |all: &[(f64, f64)]| median_of(all.iter().map(|o| o.0).collect());
    let memory = |all: &[(f64, f64)]| all.iter().map(|o| o.1).fold(0.0, f64::max);
    println!("{:<8}{:>12}{:>12}", "", "Mvoxel/s", "peak MB");
    println!("{:<8}{:>12.3}{:>12.0}", "em-cli", rate(&ours), memory(&ours));
    println!("{:<8}{:>12.3}{:>12.0}", "MONAI", rate(&theirs), memory(&theirs));
    println!(
        "ratio em-cli / MONAI: {:.2} in voxels per second (em-cli with its start, reading and writing), {:.2} in memory",
        rate(&ours) / rate(&theirs),
        memory(&ours) / memory(&theirs)
    );
    Ok(())
}

/// The number of voxels of a stack, as em-cli sees it.
fn voxels(stack: &Path) -> Result<f64> {
    let mut command = em_cli(["inspect", "--json"]);
    let printed = capture(command.arg(stack))?;
    let line: Value = serde_json::from_str(&printed)?;
    let shape: Vec<f64> = serde_json::from_value(line["shape"].clone())?;
    ensure!(shape.len() == 3, "`{}` has no shape [z, y, x]", stack.display());
    Ok(shape.iter().product())
}
