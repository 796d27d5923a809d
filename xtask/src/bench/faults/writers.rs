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
    pub command: InFolder,
    /// That of going on after a failure.
    pub again: InFolder,
    /// That of replacing what the command has written, where it can.
    pub replace: Option<InFolder>,
    /// What may stay of a failure.
    pub kept: Kept,
    /// What two runs have in common.
    pub same: Same,
}

/// A command line for a folder.
type InFolder = fn(&Lab, &Path) -> Command;

impl Writer {
    /// One that goes on by the same command line, and leaves nothing of a failure.
    const fn plain(name: &'static str, command: InFolder, replace: Option<InFolder>) -> Self {
        Self { name, on_disk: None, command, again: command, replace, kept: nothing, same: every_byte }
    }
}

/// All of them.
pub const ALL: [Writer; 13] = [
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
    Writer::plain("measure", measure, Some(measure)),
    Writer::plain("correct", correct, Some(correct)),
    Writer::plain("convert", convert, Some(|lab, folder| with(convert(lab, folder), "--overwrite"))),
    Writer::plain("extract", extract, None),
    Writer::plain("phantom", phantom, None),
    Writer::plain("scales", scales, None),
    Writer::plain("export", export, Some(|lab, folder| with(export(lab, folder), "--overwrite"))),
    Writer::plain("tile", tile, None),
    Writer::plain("evaluate", evaluate, Some(evaluate)),
    Writer::plain("compare --page", compare, Some(compare)),
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

fn extract(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["extract"]);
    command.arg(lab.path("data/train.tif")).arg(folder.join("sections"));
    command
}

fn phantom(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["phantom", "--size", "64", "--train-sections", "4", "--gap", "0"]);
    command.args(["--val-sections", "2"]).arg(folder.join("phantom"));
    command
}

fn scales(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["scales", "--device", "cpu", "--model", BUILT_IN]);
    command.arg(raw()).arg("-o").arg(folder.join("sheet.png"));
    command
}

fn export(lab: &Lab, folder: &Path) -> Command {
    let mut command = lab.em_cli(["export"]);
    command.arg(lab.path("run")).arg("-o").arg(folder.join("network.onnx"));
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
