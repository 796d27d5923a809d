//! Mistakes with runs: resumed, overwritten, damaged, of another network.

use std::fs;

use insta::assert_snapshot;

use super::{TRAIN, with_run};
use crate::lab::Lab;

#[test]
fn weights_of_another_network() {
    let lab = with_run();
    lab.ok(&format!("{TRAIN} --set output.folder=wide --set model.filters=[6,8]"));
    lab.ok(&format!("{TRAIN} --set output.folder=deep --set model.filters=[4,8,8]"));
    fs::copy(lab.path("wide/model.json"), lab.path("run/model.json")).unwrap();
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.safetensors` does not match its checksum in model.json
    hint: the file was changed, or a training was killed while it wrote: copy the run's folder again, or go on with `em-cli train --resume`
    ");
    // A card that does not know its weights, as earlier versions wrote it.
    let without_checksum = |run: &str| {
        let mut card: serde_json::Value =
            serde_json::from_str(&lab.read(&format!("{run}/model.json"))).unwrap();
        assert!(card.as_object_mut().unwrap().remove("weights_sha256").is_some());
        lab.write("run/model.json", &card.to_string());
    };
    without_checksum("wide");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.safetensors` belongs to another network: its tensor `enc1.conv1.weight` has shape [4, 1, 3, 3], expected [6, 1, 3, 3]
    hint: weights and model.json must come from one training: copy the run's folder again; to resume, use the run's own config.toml
    ");
    without_checksum("deep");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.safetensors` belongs to another network: it has no tensor `enc3.conv1.weight`
    hint: weights and model.json must come from one training: copy the run's folder again; to resume, use the run's own config.toml
    ");
    // The state of another run under this run's configuration.
    fs::copy(lab.path("wide/last/state.safetensors"), lab.path("run/last/state.safetensors")).unwrap();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume")), @"
    error: `[DIR]/run/last/state.safetensors` belongs to another network: its tensor `enc1.conv1.weight` has shape [6, 1, 3, 3], expected [4, 1, 3, 3]
    hint: weights and model.json must come from one training: copy the run's folder again; to resume, use the run's own config.toml
    ");
}

#[test]
fn resuming_with_another_configuration() {
    let lab = with_run();
    // A run of an earlier version, which did not know of a key that has its default now, goes on.
    let config = lab.read("run/config.toml");
    let earlier = config.replace("boundary_width = 2\n", "");
    assert_ne!(config, earlier);
    lab.write("run/config.toml", &earlier);
    lab.ok(&format!("{TRAIN} --resume"));
    // Beneath the commands that made the run.
    let keys = |text: &str| text.lines().filter(|line| !line.starts_with('#')).collect::<String>();
    assert_eq!(keys(&lab.read("run/config.toml")), keys(&config));
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume --set model.filters=[6,8]")), @"
    error: `[DIR]/run` was started with `model.filters` = [4, 8], and now it is [6, 8]
    hint: resume with --config [DIR]/run/config.toml, or start anew with --overwrite
    ");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume --set train.learning_rate=0.1")), @"
    error: `[DIR]/run` was started with `train.learning_rate` = 0.003, and now it is 0.1
    hint: resume with --config [DIR]/run/config.toml, or start anew with --overwrite
    ");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume --set loss.class_weights.mitochondria=3.0")), @"
    error: `[DIR]/run` was started with `loss.class_weights.mitochondria` = nothing, and now it is 3.0
    hint: resume with --config [DIR]/run/config.toml, or start anew with --overwrite
    ");
}

#[test]
fn a_run_that_is_there_already() {
    let lab = with_run();
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `[DIR]/run` holds a run already
    hint: go on with --resume, start anew with --overwrite, or take another folder with --set output.folder=DIR
    ");
}

#[test]
fn overwriting_with_a_mistake_keeps_the_earlier_run() {
    let lab = with_run();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --overwrite --set tiling.tile_size=33")), @"error: `tiling.tile_size` is 33, expected 32 or 34: the network halves tiles 1 times");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --overwrite --set tiling.tile_size=128")), @"
    error: tiles of 128 x 128 do not fit into the sections of `[DIR]/train.tif`, which are 64 x 64 (height x width)
    hint: set tiling.tile_size to at most 64
    ");
}

#[test]
fn a_run_that_is_replaced_leaves_nothing_behind() {
    let lab = with_run();
    lab.ok("tune run --device cpu");
    for file in ["scores.json", "report.html", "curves.png", "samples.png", "tune.json"] {
        assert!(lab.path("run").join(file).is_file(), "{file}");
    }
    lab.write("run/panels/notes.txt", "");
    // It ends in its first epoch: the state cannot be written, since a folder has its name.
    let diverging =
        format!("{TRAIN} --overwrite --set train.learning_rate=1e30 --set train.optimizer.kind=sgd");
    let output = lab.em_cli(&diverging).output().unwrap();
    assert!(!output.status.success());
    let left: Vec<String> = lab.files().into_keys().filter(|name| name.starts_with("run/")).collect();
    assert_eq!(
        left,
        ["run/config.toml", "run/last", "run/panels", "run/panels/notes.txt", "run/samples.png"]
    );
}

#[test]
fn a_folder_that_is_no_run() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("predict --model nowhere val.tif -o mask.tif"), @"
    error: no folder `nowhere`
    hint: name the folder of a run, which `em-cli train` wrote, or a network of `em-cli models`
    ");
    assert_snapshot!(lab.mistake("report nowhere"), @"
    error: no folder `nowhere`
    hint: name the folder of a run, which `em-cli train` wrote, or a network of `em-cli models`
    ");
    assert_snapshot!(lab.mistake("report run.toml"), @"
    error: `run.toml` is a file, expected the folder of a run
    hint: name a folder that `em-cli train` wrote
    ");
}

#[test]
fn damaged_files_of_a_run() {
    let lab = with_run();
    let card = lab.read("run/model.json");
    lab.write("run/model.json", card.split_once("\"filters\"").unwrap().0);
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.json` is not valid JSON: EOF while parsing a value at line 7 column 4
    hint: give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again
    ");
    lab.write("run/model.json", &card.replace("\"format_version\": 2", "\"format_version\": 9"));
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.json` has format_version 9, expected 2 or 1
    hint: give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again
    ");
    lab.write("run/model.json", &card.replace("\"filters\"", "\"fliters\""));
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.json` is not a model card: unknown field `fliters`, expected one of `in_channels`, `context_sections`, `dimensions`, `flat_levels`, `deep_supervision`, `out_channels`, `filters`, `padding`, `norm`, `activation`, `residual`, `dropout`, `relu_after_up`, `exclusive`, `imported` at line 7 column 13
    hint: give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again
    ");
    lab.write("run/model.json", &card);
    for file in ["run/model.safetensors", "run/last/state.safetensors"] {
        let bytes = lab.bytes(file);
        fs::write(lab.path(file), &bytes[..bytes.len() - 1]).unwrap();
    }
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.safetensors` is not a whole safetensors file: incomplete metadata, file not fully covered
    hint: give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again
    ");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume")), @"
    error: `[DIR]/run/last/state.safetensors` is not a whole safetensors file: incomplete metadata, file not fully covered
    hint: give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again
    ");
    fs::remove_file(lab.path("run/model.safetensors")).unwrap();
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"
    error: `run/model.safetensors` cannot be read: No such file or directory (os error 2)
    hint: give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again
    ");
}
