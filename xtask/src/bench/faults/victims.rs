//! The programs that are killed: how each is started, started again, and compared. One entry each.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::lab::{BUILT_IN, Lab, raw};
use super::tree::{Same, every_byte};
use super::trial::{Ended, Trial};
use super::{annotator, fetching, shared};
use crate::workspace::named;

/// Whether a program is started for the first time, or after a kill.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// There is nothing in its folder.
    First,
    /// It goes on with what a killed one left.
    Again,
}

/// A program that is killed.
pub struct Victim {
    /// What it is called, and its folder in the lab.
    pub name: &'static str,
    /// Starts it with a folder for all that it writes; it is killed after the time, where there is one.
    pub start: fn(&Lab, &Path, Start, Option<Duration>) -> Result<Ended>,
    /// Tells whether it says that there is nothing to go on with.
    pub holds_nothing: fn(&Ended) -> bool,
    /// Tells whether it says that all was done before.
    pub is_done: fn(&Ended) -> bool,
    /// What two runs have in common.
    pub same: Same,
}

/// All of them.
pub const ALL: [Victim; 7] = [
    Victim {
        name: "train",
        start: |lab, folder, start, limit| {
            let mut command = lab.train(&folder.join("run"));
            if start == Start::Again {
                command.arg("--resume");
            }
            once(command, limit)
        },
        holds_nothing: |ended| ended.said.contains("holds no run that could go on"),
        is_done: |_| false,
        same: same_run,
    },
    Victim {
        name: "predict",
        start: |lab, folder, start, limit| {
            let mut command = lab.em_cli(["predict", "--device", "cpu", "--model", BUILT_IN]);
            command.arg(raw()).arg("-o").arg(folder.join("mask.zarr"));
            command.arg("--probabilities").arg(folder.join("probabilities.tif"));
            // Blocks of one section, so that there are many.
            command.args(["--set", "predict.block_voxels=100000"]);
            if start == Start::Again {
                command.arg("--resume");
            }
            once(command, limit)
        },
        holds_nothing: |_| false,
        is_done: |ended| ended.said.contains("exists already"),
        same: every_byte,
    },
    Victim {
        name: "measure",
        start: |lab, folder, _, limit| {
            let mut command = lab.em_cli(["measure", "--overwrite"]);
            command.arg(named("cells", &lab.mask())).arg("-o").arg(folder.join("objects"));
            command.arg("--labels").arg(folder.join("labels.zarr"));
            once(command, limit)
        },
        holds_nothing: |_| false,
        is_done: |_| false,
        same: every_byte,
    },
    Victim {
        name: "shards",
        start: |lab, folder, _, limit| shared::predict(lab, folder, limit),
        holds_nothing: |_| false,
        is_done: shared::is_done,
        same: every_byte,
    },
    Victim {
        name: "merge",
        start: |lab, folder, _, limit| shared::measure(lab, folder, limit),
        holds_nothing: |_| false,
        is_done: shared::is_done,
        same: every_byte,
    },
    Victim {
        name: "annotate",
        start: annotator::start,
        holds_nothing: |_| false,
        is_done: |_| false,
        same: annotator::same,
    },
    Victim {
        name: "fetch-data",
        start: fetching::start,
        holds_nothing: |_| false,
        is_done: |_| false,
        same: every_byte,
    },
];

fn once(mut command: Command, limit: Option<Duration>) -> Result<Ended> {
    Trial::start(&mut command, limit)?.wait()
}

/// Of a run's folder: all but the seconds that epochs took, and the command lines that made it.
pub fn same_run(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    match name.rsplit('/').next().unwrap_or(name) {
        // Its last two columns are seconds and tiles per second.
        "history.csv" => Ok(lines(&bytes, |line| line.rsplitn(3, ',').last().map(str::to_owned))),
        "config.toml" => Ok(lines(&bytes, |line| (!line.starts_with('#')).then(|| line.to_owned()))),
        "report.html" => Ok(lines(&bytes, |line| (!line.contains("em-cli train")).then(|| line.to_owned()))),
        "state.safetensors" => tensors(&bytes),
        name if name.starts_with("events.out.tfevents") => lengths(&bytes),
        _ => Ok(bytes),
    }
}

fn lines(bytes: &[u8], change: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let kept: Vec<String> = text.lines().filter_map(change).collect();
    kept.join("\n").into_bytes()
}

/// What follows the header of a safetensors file, in which the seconds of each epoch are.
fn tensors(bytes: &[u8]) -> Result<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<8>().context("a state without a header")?;
    let length = usize::try_from(u64::from_le_bytes(*length))?;
    Ok(rest.get(length..).context("a state that is cut off")?.to_vec())
}

/// The lengths of the records of an event file, whose contents have the time of day.
fn lengths(mut bytes: &[u8]) -> Result<Vec<u8>> {
    let mut lengths = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let length_here = usize::try_from(u64::from_le_bytes(*length))?;
        // A checksum of the length, the record, and its checksum.
        bytes = rest.get(length_here + 8..).context("a record that is cut off")?;
        lengths.extend(length);
    }
    anyhow::ensure!(bytes.is_empty(), "{} bytes are no record", bytes.len());
    Ok(lengths)
}
