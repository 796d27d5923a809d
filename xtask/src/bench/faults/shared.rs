//! Work that is shared by several programs, one after the other: each part, and then the end that joins them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::lab::Lab;
use super::trial::{Ended, Trial};
use crate::workspace::{named, run};

/// A phantom of three chunks of sections, so that each part has one at least.
const PHANTOM: [&str; 9] =
    ["phantom", "--size", "192", "--train-sections", "48", "--gap", "0", "--val-sections", "2"];

/// The parts.
const PARTS: [&str; 2] = ["0/2", "1/2"];

/// Predicts in shards and ends them.
pub fn predict(lab: &Lab, folder: &Path, limit: Option<Duration>) -> Result<Ended> {
    let stack = data(lab)?.join("train.tif");
    let mut commands = Vec::new();
    for part in PARTS {
        let mut command = lab.em_cli(["predict", "--device", "cpu", "--model"]);
        command.arg(lab.path("run")).arg(&stack).arg("-o").arg(folder.join("mask.zarr"));
        command.args(["--shard", part]);
        commands.push(command);
    }
    let mut end = lab.em_cli(["shards", "--finish"]);
    end.arg(folder.join("mask.zarr"));
    commands.push(end);
    in_turn(commands, limit)
}

/// Measures in shards and merges them; the merge may replace what a killed one left.
pub fn measure(lab: &Lab, folder: &Path, limit: Option<Duration>) -> Result<Ended> {
    let mask = data(lab)?.join("train_mitochondria.tif");
    let ends = ["--shard", "--shard", "--merge"];
    let commands = ends.into_iter().enumerate().map(|(number, end)| {
        let mut command = lab.em_cli(["measure"]);
        command.arg(named("cells", &mask)).arg("-o").arg(folder.join("objects"));
        command.arg("--labels").arg(folder.join("labels.zarr")).arg(end);
        match PARTS.get(number) {
            Some(part) => command.arg(part),
            None => command.arg("--overwrite"),
        };
        command
    });
    in_turn(commands.collect(), limit)
}

/// Tells whether the first program found that the last one had done its work.
pub fn is_done(ended: &Ended) -> bool {
    ["exists already", "holds results already"].iter().any(|said| ended.said.contains(said))
}

/// The folder of the phantom, which is made once for all that share it.
fn data(lab: &Lab) -> Result<PathBuf> {
    let folder = lab.path("shared");
    if !folder.exists() {
        run(lab.em_cli(PHANTOM).arg(&folder))?;
    }
    Ok(folder)
}

/// Starts one program after the other until one is killed, fails, or all have ended.
fn in_turn(commands: Vec<Command>, limit: Option<Duration>) -> Result<Ended> {
    let started = Instant::now();
    let mut last = None;
    for mut command in commands {
        let left = limit.map(|limit| limit.saturating_sub(started.elapsed()));
        let ended = Trial::start(&mut command, left)?.wait()?;
        let goes_on = !ended.killed && ended.status.success();
        last = Some(Ended { seconds: started.elapsed().as_secs_f64(), ..ended });
        if !goes_on {
            break;
        }
    }
    last.ok_or_else(|| anyhow::anyhow!("there is nothing to start"))
}
