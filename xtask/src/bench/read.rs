//! A stack of 3.35 GB: em-io block by block against `tifffile.imread` of the whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Args, median_of};
use crate::workspace::{capture, cargo, create_folder, run as run_command, target_folder};

/// Reads the whole file and prints the same as the example `read_blocks`.
const PYTHON: &str = "\
import json, resource, sys, time, tifffile
start = time.perf_counter()
voxels = tifffile.imread(sys.argv[1], maxworkers=int(sys.argv[2]) or None)
seconds = time.perf_counter() - start
print(json.dumps(dict(seconds=seconds, peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
";

/// Reads each file in turn with both, and prints medians, ratio and memory.
pub fn run(args: &Args) -> Result<()> {
    run_command(&mut cargo(["build", "--release", "--package", "em-io", "--example", "read_blocks"]))?;
    let folder = target_folder().join("bench");
    make(args, &folder)?;
    println!("{:<34}{:>10}{:>10}{:>9}", "", "em-io", "tifffile", "ratio");
    // tifffile takes half of the cores by itself, so it is also told to take two.
    for (name, workers) in [("plain", 0), ("deflate", 0), ("deflate", 2)] {
        let path = folder.join(format!("{name}.tif"));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..args.runs {
            ours.push(outcome(
                Command::new(target_folder().join("release/examples/read_blocks")).arg(&path),
            )?);
            let script = ["-c", PYTHON];
            theirs
                .push(outcome(Command::new(&args.python).args(script).arg(&path).arg(workers.to_string()))?);
        }
        let [a, b] = [&ours, &theirs].map(|all| median_of(all.iter().map(|o| o.0).collect()));
        let label = format!(
            "{name}, tifffile workers {}",
            if workers == 0 { "by itself".into() } else { workers.to_string() }
        );
        println!("{label:<34}{a:>8.2} s{b:>8.2} s{:>9.2}", b / a);
        let peak = |all: &[(f64, f64)]| all.iter().map(|o| o.1).fold(0.0, f64::max);
        println!("{:<34}{:>7.0} MB{:>7.0} MB", "  peak memory", peak(&ours), peak(&theirs));
    }
    Ok(())
}

fn make(args: &Args, folder: &Path) -> Result<()> {
    if folder.join("deflate.tif").exists() {
        return Ok(());
    }
    create_folder(folder)?;
    let script = folder.join("make_stack.py");
    std::fs::write(&script, include_str!("make_stack.py"))
        .with_context(|| format!("cannot write `{}`", script.display()))?;
    let train: PathBuf = args.data.join("train.tif");
    run_command(Command::new(&args.python).arg(&script).arg(train).arg(folder))
}

/// Seconds and peak memory in MB of a program that prints both as JSON.
pub fn outcome(command: &mut Command) -> Result<(f64, f64)> {
    let printed = capture(command)?;
    let line: Value =
        serde_json::from_str(printed.trim()).with_context(|| format!("`{printed}` is no JSON"))?;
    let number = |key: &str| line[key].as_f64().with_context(|| format!("`{printed}` has no {key}"));
    Ok((number("seconds")?, number("peak_mb")?))
}
