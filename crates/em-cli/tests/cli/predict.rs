//! Predictions: killed at any moment, what they refuse to go on with, to replace or to make up.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::lab::{self, Lab};

/// Times that the prediction is killed.
const KILLS: usize = 10;

/// A trained run, and a stack of 120 sections that it predicts one section at a time.
fn lab_with_run() -> Lab {
    let lab = Lab::with_stacks();
    let config = lab.read("run.toml").replace("[output]", "[predict]\nblock_voxels = 1\n[output]");
    lab.write("run.toml", &config);
    lab.ok("train --config run.toml --device cpu");
    lab.write_volume("stack.tif", lab::raw([120, 96, 96]));
    lab
}

#[test]
fn a_killed_prediction_ends_with_the_same_bytes() {
    let lab = lab_with_run();
    lab.ok("predict --model run stack.tif -o whole.tif --probabilities whole.ome.tif");

    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut finished = vec![0];
    for _ in 0..KILLS {
        let mut child = predict(&lab);
        // Blocks beyond those of the kill before, so that each kill meets another moment.
        wait_for_blocks(&lab, finished[finished.len() - 1] + rng.random_range(1..8), &mut child);
        thread::sleep(Duration::from_millis(rng.random_range(0..20)));
        child.kill().unwrap();
        child.wait().unwrap();
        finished.push(blocks(&lab));
    }
    assert!(finished.is_sorted() && finished[KILLS] > finished[1], "{finished:?}");
    lab.ok("predict --model run stack.tif -o killed.tif --probabilities killed.ome.tif --resume");
    assert_eq!(lab.bytes("killed.tif"), lab.bytes("whole.tif"));
    assert_eq!(lab.volume("killed.ome.tif"), lab.volume("whole.ome.tif"));
    let left: Vec<String> =
        lab.files().into_keys().filter(|name| name.contains(".part") || name.contains(".blocks")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn another_input_model_or_threshold_is_not_resumed() {
    let lab = lab_with_run();
    let mut child = predict(&lab);
    wait_for_blocks(&lab, 3, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();

    let refused = |arguments: &str| {
        let message = lab.message(lab.em_cli(arguments).output().unwrap());
        assert!(blocks(&lab) >= 3, "the finished blocks are gone");
        message
    };
    let resume = "predict --model run stack.tif -o killed.tif --probabilities killed.ome.tif --resume";
    let message = refused(&resume.replace(" --resume", ""));
    assert!(
        message.contains("blocks of a prediction that was interrupted\nhint: go on with --resume"),
        "{message}"
    );
    let message = refused(&format!("{resume} --threshold 0.4"));
    assert!(message.contains("`killed.tif` was a mask above 0.5, found a mask above 0.4"), "{message}");

    let raw = lab.bytes("stack.tif");
    let mut other = lab::raw([120, 96, 96]);
    other[[60, 0, 0]] ^= 1;
    lab.write_volume("stack.tif", other);
    let message = refused(resume);
    assert!(message.contains("of the input was"), "{message}");
    std::fs::write(lab.path("stack.tif"), raw).unwrap();

    lab.ok("train --config run.toml --device cpu --set train.seed=1 --overwrite");
    let message = refused(resume);
    assert!(message.contains("the model's"), "{message}");
}

#[test]
fn an_output_is_replaced_only_where_that_is_asked_for() {
    let lab = lab_with_run();
    lab.write_volume("few.tif", lab::raw([3, 96, 96]));
    let predict = "predict --model run few.tif -o mask.tif --probabilities p";
    lab.ok(predict);
    let first = lab.bytes("mask.tif");
    for again in [predict.to_owned(), format!("{predict} --resume")] {
        let expected =
            "error: `mask.tif` exists already\nhint: take another path, or replace it with --overwrite\n";
        assert_eq!(lab.mistake(&again), expected);
    }
    lab.ok(&format!("{predict} --overwrite --threshold 0.9"));
    assert_ne!(lab.bytes("mask.tif"), first);
    assert_eq!(std::fs::read_dir(lab.path("p")).unwrap().count(), 3, "a folder is replaced as a whole");
    lab.write("p/notes.txt", "");
    let message = lab.mistake(&format!("{predict} --overwrite"));
    assert!(message.starts_with("error: `p` exists already and holds something else"), "{message}");
}

#[test]
fn a_run_is_named_by_its_folder_or_anything_in_it() {
    let lab = lab_with_run();
    lab.write_volume("few.tif", lab::raw([2, 96, 96]));
    let with = |model: &str, out: &str| format!("predict --model {model} few.tif -o {out}");
    for (number, model) in
        ["run", "run/model.safetensors", "run/last", "run/last/state.safetensors"].iter().enumerate()
    {
        lab.ok(&with(model, &format!("{number}.tif")));
        assert_eq!(lab.bytes(&format!("{number}.tif")), lab.bytes("0.tif"), "{model}");
    }
    std::fs::create_dir(lab.path("runs")).unwrap();
    std::fs::rename(lab.path("run"), lab.path("runs/first")).unwrap();
    std::fs::create_dir(lab.path("stacks")).unwrap();
    assert_snapshot!(lab.mistake(&with("runs", "m.tif")), @"
    error: `runs` is no run, but holds runs: `runs/first`
    hint: name one of them, as in `runs/first`
    ");
    assert_snapshot!(lab.mistake(&with("stacks", "m.tif")), @"
    error: `stacks` has no model.json, expected the folder of a run
    hint: name a folder that `em-cli train` wrote
    ");
    assert_snapshot!(lab.mistake(&with("few.tif", "m.tif")), @"
    error: `few.tif` is a file, expected the folder of a run
    hint: name a folder that `em-cli train` wrote
    ");
}

#[test]
fn settings_of_the_run_are_changed_for_one_prediction() {
    let lab = lab_with_run();
    lab.write_volume("few.tif", lab::raw([2, 96, 96]));
    let predict = "predict --model run few.tif --probabilities";
    lab.ok(&format!("{predict} a.tif"));
    lab.ok(&format!("{predict} b.tif --set predict.views=8 --set predict.block_voxels=100000"));
    assert_ne!(lab.bytes("a.tif"), lab.bytes("b.tif"));
    assert_snapshot!(lab.mistake(&format!("{predict} c.tif --set train.epochs=3")), @"
    error: --set `train.epochs=3` changes nothing here, expected a key of predict.*
    hint: the network is as it was trained; `em-cli train` takes every key
    ");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_a_message_and_can_be_resumed() {
    let lab = lab_with_run();
    let mut child = predict(&lab);
    wait_for_blocks(&lab, 2, &mut child);
    let id = child.id().to_string();
    assert!(lab.command("kill", &["-INT", &id]).status().unwrap().success());
    let message = lab.message(child.wait_with_output().unwrap());
    assert_eq!(
        message,
        "note: stopping after this step; finished blocks are kept; Ctrl-C once more ends at once\n\
         error: interrupted before the end\nhint: go on with --resume\n"
    );
    assert!(!lab.path("killed.tif").exists() && blocks(&lab) >= 2);
    lab.ok("predict --model run stack.tif -o killed.tif --probabilities killed.ome.tif --resume");
    assert_eq!(lab.volume("killed.tif").dim(), (120, 96, 96));
}

fn predict(lab: &Lab) -> Child {
    let arguments = "predict --model run stack.tif -o killed.tif --probabilities killed.ome.tif --resume";
    lab.em_cli(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The blocks that are finished and on the disk.
fn blocks(lab: &Lab) -> usize {
    std::fs::read_to_string(lab.path("killed.tif.blocks/finished.csv")).map_or(0, |list| list.lines().count())
}

fn wait_for_blocks(lab: &Lab, count: usize, child: &mut Child) {
    let started = Instant::now();
    while blocks(lab) < count {
        assert!(child.try_wait().unwrap().is_none(), "over before it was killed: take a larger stack");
        assert!(started.elapsed() < Duration::from_secs(120), "no {count} blocks after two minutes");
        thread::sleep(Duration::from_millis(1));
    }
}
