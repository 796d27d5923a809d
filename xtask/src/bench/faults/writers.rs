//! The commands that write, each with a folder for all that it writes. One entry each.

use std::path::Path;
use std::process::Command;

use super::lab::{BUILT_IN, Lab, raw};
use super::tree::{Same, every_byte};
use super::victims::same_run;
use crate::workspace::named;

/// Tells of a file whether it may stay where a command failed: the way to go on with it.
pub type Kept = fn(&str) -> bool;

/// A command that writes into a folder.
pub struct Writer {
    /// What it is called.
    pub name: &'static str,
    /// A folder of the lab that has to be in that folder.
    pub on_disk: Option<&'static str>,
    /// The command line.
    pub command: fn(&Lab, &Path) -> Command,
    /// That of going on after a failure.
    pub again: fn(&Lab, &Path) -> Command,
    /// That of replacing what the command has written, where it can.
    pub replace: Option<fn(&Lab, &Path) -> Command>,
    /// What may stay of a failure.
    pub kept: Kept,
    /// What two runs have in common.
    pub same: Same,
}

/// All of them.
pub const ALL: [Writer; 9] = [
    Writer {
        name: "train",
        on_disk: None,
        command: |lab, folder| lab.train(&folder.join("run")),
        again: |lab, folder| {
            let mut command = lab.train(&folder.join("run"));
            // Where nothing is there yet, there is nothing to go on with.
            command.args(folder.join("run/config.toml").exists().then_some("--resume"));
            command
        },
        // It removes the earlier run before it begins, as it says.
        replace: None,
        kept: |name| {
            let progress =
                ["config.toml", "history.csv", "last/state.safetensors", "model.json", "model.safetensors"];
            progress.iter().any(|file| name == format!("run/{file}")) || name.starts_with("run/tensorboard/")
        },
        same: same_run,
    },
    Writer {
        name: "predict",
        on_disk: None,
        command: predict,
        again: |lab, folder| with(predict(lab, folder), "--resume"),
        replace: Some(|lab, folder| with(predict(lab, folder), "--overwrite")),
        kept: |name| name.starts_with("mask.tif.blocks/") && !name.ends_with(".part"),
        same: every_byte,
    },
    Writer {
        name: "measure",
        on_disk: None,
        command: measure,
        again: measure,
        replace: Some(measure),
        kept: nothing,
        same: every_byte,
    },
    Writer {
        name: "correct",
        on_disk: None,
        command: correct,
        again: correct,
        replace: Some(correct),
        kept: nothing,
        same: every_byte,
    },
    Writer {
        name: "convert",
        on_disk: None,
        command: convert,
        again: convert,
        replace: Some(|lab, folder| with(convert(lab, folder), "--overwrite")),
        kept: nothing,
        same: every_byte,
    },
    Writer {
        name: "tile",
        on_disk: None,
        command: tile,
        again: tile,
        replace: None,
        kept: nothing,
        same: every_byte,
    },
    Writer {
        name: "evaluate",
        on_disk: None,
        command: evaluate,
        again: evaluate,
        replace: Some(evaluate),
        kept: nothing,
        same: every_byte,
    },
    Writer {
        name: "compare --page",
        on_disk: None,
        command: compare,
        again: compare,
        replace: Some(compare),
        kept: nothing,
        same: every_byte,
    },
    Writer {
        name: "report",
        on_disk: Some("run"),
        command: report,
        again: report,
        replace: Some(report),
        kept: nothing,
        same: every_byte,
    },
];

fn nothing(_: &str) -> bool {
    false
}

fn with(mut command: Command, option: &str) -> Command {
    command.arg(option);
    command
}

fn predict(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["predict", "--device", "cpu", "--set", "predict.block_voxels=100000"]);
    command.arg("--model").arg(lab.path("run")).arg(lab.path("data/train.tif"));
    command.arg("-o").arg(folder.join("mask.tif")).arg("--probabilities").arg(folder.join("p.zarr"));
    command
}

fn measure(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["measure", "--overwrite"]);
    command.arg(named(BUILT_IN, &lab.mask())).arg("-o").arg(folder.join("objects"));
    command
}

fn correct(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["correct", "--overwrite"]);
    command.arg(named(BUILT_IN, &lab.path("objects/labels.tif")));
    command.arg("--edits").arg(named(BUILT_IN, &lab.path("edits.jsonl")));
    command.arg("-o").arg(folder.join("corrected"));
    command
}

fn convert(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["convert"]);
    command.arg(raw()).arg(folder.join("raw.zarr"));
    command
}

fn tile(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["tile"]);
    command.arg(lab.path("data/train.tif")).arg(folder.join("tiles")).args(["--size", "32"]);
    command
}

fn evaluate(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["evaluate"]);
    command.arg("--prediction").arg(lab.mask()).arg("--label").arg(lab.mask());
    command.arg("--csv").arg(folder.join("sections.csv")).arg("-o").arg(folder.join("scores.json"));
    command
}

fn compare(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["compare", "--overwrite"]);
    command.arg(lab.path("run")).arg(lab.path("run")).arg("--page").arg(folder.join("page.html"));
    command
}

fn report(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["report", "--device", "cpu"]);
    command.arg(folder.join("run"));
    command
}
