//! A training that is killed at any moment ends as one that was never stopped, and one that goes on
//! for more epochs, or where its data lie now, as one long run.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

use crate::lab::Lab;

/// Times that the training is killed.
const KILLS: usize = 6;

/// Dropout, warps, noise, batch norm and averaged weights, so that every generator and every statistic matters.
const CONFIG: &str = "\
[data]
folder = \".\"
[tiling]
tile_size = 32
tiles_per_epoch = 64
[model]
preset = \"notebook\"
norm = \"batch\"
filters = [4, 8, 8, 8, 8]
[train]
epochs = 14
batch_size = 4
average_decay = 0.9
[augmentation]
warp_probability = 0.5
rotation = 30
elastic = 2
noise = 0.1
defects = 0.3
[train.schedule]
kind = \"plateau\"
plateau_patience = 1
";

#[test]
fn a_killed_training_ends_with_the_same_bytes() {
    let lab = Lab::with_stacks();
    lab.write("run.toml", CONFIG);
    lab.ok("train --config run.toml --device cpu --set output.folder=whole");

    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut saved_at_kill = Vec::new();
    for kill in 0..KILLS {
        let start = if kill == 0 { "" } else { "--resume" };
        kill_after(&lab, start, rng.random_range(0..3), Duration::from_millis(rng.random_range(0..150)));
        saved_at_kill.push(finished_epochs(&lab));
    }
    assert!(
        saved_at_kill.last() > saved_at_kill.first(),
        "no kill met a resumed training: {saved_at_kill:?}"
    );
    let printed = lab.ok("train --config run.toml --device cpu --set output.folder=killed --resume");
    assert!(printed.contains("resumed after epoch"), "{printed}");

    assert_eq!(lab.bytes("killed/model.safetensors"), lab.bytes("whole/model.safetensors"));
    assert_eq!(lab.read("killed/model.json"), lab.read("whole/model.json"));
    assert_eq!(lab.read("killed/scores.json"), lab.read("whole/scores.json"));
    assert_eq!(without_timings(&lab, "killed"), without_timings(&lab, "whole"));
    let [killed, whole] = ["killed", "whole"].map(|run| lab.bytes(&format!("{run}/last/state.safetensors")));
    assert_same_tensors(&killed, &whole);
    // Each epoch is there once: behind the version of the file one record for each row of the history, which,
    // but for its times, is as long as in the other run.
    let curves = "tensorboard/events.out.tfevents.em-model";
    let [killed, whole] = ["killed", "whole"].map(|run| {
        let lengths = record_lengths(&lab.bytes(&format!("{run}/{curves}")));
        let rows = lab.read(&format!("{run}/history.csv")).lines().count() - 1;
        assert_eq!(lengths.len(), rows + 1, "{run}");
        lengths
    });
    assert_eq!(killed, whole);
    let unfinished: Vec<String> = lab.files().into_keys().filter(|name| name.ends_with(".part")).collect();
    assert_eq!(unfinished, Vec::<String>::new(), "left behind by the kills");
}

/// A schedule whose rates do not follow the number of epochs.
const STEADY: &str = "--set train.schedule.warmup_fraction=0 --set train.schedule.kind=constant";

/// Runs the program, which has to succeed; returns what it prints on standard error.
fn told(lab: &Lab, arguments: &str) -> String {
    let output = lab.em_cli(arguments).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "em-cli {arguments}: {told}");
    told
}

#[test]
fn a_finished_run_goes_on_for_more_epochs_as_one_long_run_would() {
    let lab = Lab::with_stacks();
    let train = format!("train run.toml --device cpu {STEADY}");
    lab.ok(&format!("{train} --set train.epochs=4 --set output.folder=long"));
    lab.ok(&format!("{train} --set train.epochs=2"));
    let resume = format!("{train} --resume --set train.epochs=4");
    assert_eq!(told(&lab, &resume), "", "nothing is to be warned of");
    for file in ["model.safetensors", "model.json", "scores.json", "last/state.safetensors"] {
        let same = |run: &str| lab.bytes(&format!("{run}/{file}"));
        if file == "last/state.safetensors" {
            // Beside the tensors it holds the seconds of each epoch.
            assert_same_tensors(&same("run"), &same("long"));
        } else {
            assert!(same("run") == same("long"), "{file}");
        }
    }
    assert_eq!(without_timings(&lab, "run"), without_timings(&lab, "long"));
    // Where more are done than are asked for, nothing is left to do.
    let weights = lab.bytes("run/model.safetensors");
    assert_snapshot!(told(&lab, &resume.replace("epochs=4", "epochs=3")).replace(&lab.path("").display().to_string(), ""), @"
    note: `run` has 4 epochs already, more than train.epochs = 3
    ");
    assert!(
        lab.bytes("run/model.safetensors") == weights && lab.read("run/config.toml").contains("epochs = 4")
    );
}

#[test]
fn more_epochs_under_a_rate_that_follows_them_are_said_to_be_another_run() {
    let lab = Lab::with_stacks();
    lab.ok("train run.toml --device cpu");
    let warning = told(&lab, "train run.toml --device cpu --resume --set train.epochs=2");
    assert_snapshot!(warning, @"
    warning: after epoch 1, train.epochs became 2 instead of 1: the learning rate follows it, so that the result is not that of one run of 2 epochs
    ");
    assert_eq!(lab.read("run/history.csv").lines().count(), 3);
    // The run itself says so, and how it was made.
    let config = lab.read("run/config.toml");
    let comments: Vec<&str> = config.lines().take_while(|line| line.starts_with('#')).collect();
    assert_eq!(comments.len(), 3, "{config}");
    assert_eq!(comments[0], "# em-cli train run.toml --device cpu");
    assert!(comments[1].contains("not that of one run of 2 epochs"), "{config}");
    assert!(lab.read("run/report.html").contains("not that of one run of 2 epochs"));
    // It goes on as it is.
    assert_eq!(told(&lab, "train run/config.toml --device cpu --resume"), "");
}

#[test]
fn data_that_moved_are_the_same_data_and_others_are_not() {
    let lab = Lab::with_stacks();
    let train = format!("train run.toml --device cpu {STEADY}");
    lab.ok(&format!("{train} --set train.epochs=1"));
    lab.ok(&format!("{train} --set train.epochs=2 --set output.folder=long"));
    std::fs::create_dir(lab.path("moved")).unwrap();
    for name in ["train", "val", "train_mitochondria", "val_mitochondria"] {
        std::fs::rename(lab.path(&format!("{name}.tif")), lab.path(&format!("moved/{name}.tif"))).unwrap();
    }
    let resume = format!("{train} --resume --set data.folder=moved --set train.epochs=2");
    lab.ok(&resume);
    assert!(lab.bytes("run/model.safetensors") == lab.bytes("long/model.safetensors"));
    // The same voxels in files of another format are the same data.
    lab.ok("convert moved/train.tif moved/train.zarr");
    std::fs::remove_file(lab.path("moved/train.tif")).unwrap();
    lab.ok(&resume.replace("epochs=2", "epochs=3"));
    let mut other = lab.mask("moved/val_mitochondria.tif");
    other[[1, 0, 0]] = true;
    lab.write_mask("moved/val_mitochondria.tif", other);
    assert_snapshot!(lab.mistake(&resume.replace("epochs=2", "epochs=4")), @"
    error: `[DIR]/run` was trained on other data: the label of `mitochondria` of stack 2 is another one
    hint: resume with the data that the run was started with; or start anew with --overwrite, or in another folder with --set output.folder=DIR
    ");
}

#[test]
fn where_there_is_no_run_nothing_is_resumed() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("train run.toml --device cpu --resume"), @"
    error: `[DIR]/run` holds no run that could go on
    hint: start one without --resume, or name the folder of a run with --set output.folder=DIR
    ");
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_answered_at_once_and_the_training_goes_on_later() {
    let lab = Lab::with_stacks();
    lab.write("run.toml", CONFIG);
    let mut command = lab.em_cli("train run.toml --device cpu --set output.folder=killed");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    wait_for(&mut printed, "epoch ");
    assert!(lab.command("kill", &["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_snapshot!(lab.message(child.wait_with_output().unwrap()), @"
    note: stopping after this step; whole epochs are kept; Ctrl-C once more ends at once
    error: interrupted before the end
    hint: go on after the last whole epoch with --resume
    ");
    let printed = lab.ok("train run.toml --device cpu --set output.folder=killed --resume");
    assert!(printed.contains("resumed after epoch"), "{printed}");
}

/// Trains on, and kills the training `wait` after it has printed so many epochs (or has started).
fn kill_after(lab: &Lab, start: &str, epochs: usize, wait: Duration) {
    let train = "train --config run.toml --device cpu --set output.folder=killed";
    let mut command = lab.em_cli(&format!("{train} {start}"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    wait_for(&mut printed, "training ");
    (0..epochs).for_each(|_| wait_for(&mut printed, "epoch "));
    thread::sleep(wait);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "the training was over before it was killed: take more epochs");
}

fn wait_for(printed: &mut std::io::Lines<BufReader<ChildStdout>>, start: &str) {
    let met = printed.by_ref().map(Result::unwrap).any(|line| line.starts_with(start));
    assert!(met, "the training ended before it printed `{start}`");
}

fn finished_epochs(lab: &Lab) -> usize {
    let path = lab.path("killed/history.csv");
    std::fs::read_to_string(path).map_or(0, |history| history.lines().count() - 1)
}

/// `history.csv` less its last two columns, `seconds` and `tiles_per_second`.
fn without_timings(lab: &Lab, run: &str) -> Vec<String> {
    let history = lab.read(&format!("{run}/history.csv"));
    history.lines().map(|line| line.rsplitn(3, ',').last().unwrap().to_owned()).collect()
}

/// How long the records of an event file are: each has its length, a checksum, so many bytes, and a checksum.
fn record_lengths(mut file: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some((length, rest)) = file.split_first_chunk::<8>() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
        file = &rest[4 + length + 4..];
        lengths.push(length);
    }
    assert!(file.is_empty(), "{} bytes are no record", file.len());
    lengths
}

fn assert_same_tensors(a: &[u8], b: &[u8]) {
    let [a, b] = [a, b].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let mut names = a.names();
    names.sort_unstable();
    assert!(names.iter().any(|name| name.starts_with("optimizer.")), "{names:?}");
    assert_eq!(a.len(), b.len());
    for name in names {
        assert_eq!(a.tensor(name).unwrap(), b.tensor(name).unwrap(), "{name}");
    }
}
