//! `em-cli measure` against cc3d and scikit-image on the same mask.

use std::process::Command;

use anyhow::{Context, Result};

use super::program::measured;
use super::read::outcome;
use super::{Args, median_of};
use crate::libtorch;
use crate::workspace::{build_em_cli, em_cli, named, run as run_command};

const PYTHON: &str = include_str!("regionprops.py");

/// Mirrors and shifts the label of the training stack to 200 x 1536 x 2048 voxels.
const MASK: &str = "\
import sys, numpy as np, tifffile
mask = tifffile.imread(sys.argv[1])[:20]
def page(z):
    p = mask[z % 20 if z // 20 % 2 == 0 else 19 - z % 20]
    return np.roll(np.block([[p, p[:, ::-1]], [p[::-1], p[::-1, ::-1]]]), (z // 20 * 97, z // 20 * 61), (0, 1))
tifffile.imwrite(sys.argv[2], np.stack([page(z) for z in range(200)]), compression='deflate', photometric='minisblack')
";

/// Measures the mask with both in turn, and prints medians, ratio and memory.
pub fn run(args: &Args) -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let mask = scratch.path().join("mask.tif");
    let label = args.data.join("train_mitochondria.tif");
    run_command(Command::new(&args.python).args(["-c", MASK]).arg(label).arg(&mask))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.runs {
        let mut command = em_cli(["measure", "--overwrite", "--voxel-size", "5,5,5", "-o"]);
        command.arg(scratch.path().join("objects")).arg(named("mitochondria", &mask));
        ours.push(measured(&mut command)?);
        let labels = scratch.path().join("labels.tif");
        theirs.push(outcome(Command::new(&args.python).args(["-c", PYTHON]).arg(&mask).arg(labels))?);
    }
    let [a, b] = [&ours, &theirs].map(|all| median_of(all.iter().map(|o| o.0).collect()));
    let [m, n] = [&ours, &theirs].map(|all| all.iter().map(|o| o.1).fold(0.0, f64::max));
    println!("{:<22}{:>10}{:>12}", "", "seconds", "peak MB");
    println!("{:<22}{a:>10.2}{m:>12.0}", "em-cli measure");
    println!("{:<22}{b:>10.2}{n:>12.0}", "cc3d and regionprops");
    println!("ratio Python / em-cli, of the medians of {} pairs: {:.2}", args.runs, b / a);
    Ok(())
}
