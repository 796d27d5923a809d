//! What people do wrong, and what they are told.
//!
//! [`Lab::mistake`] also checks that there is one message, exit code 1, and no file left behind.

use std::fs;

use insta::assert_snapshot;
use ndarray::{Array3, s};

use crate::lab::{CONFIG, Lab, disc, raw};

const TRAIN: &str = "train --config run.toml --device cpu";

/// A lab whose configuration has one text replaced by another.
fn with_config(from: &str, to: &str) -> Lab {
    assert!(CONFIG.contains(from));
    let lab = Lab::with_stacks();
    lab.write("run.toml", &CONFIG.replace(from, to));
    lab
}

/// A lab with a finished run.
fn with_run() -> Lab {
    let lab = Lab::with_stacks();
    lab.ok(TRAIN);
    lab
}

#[test]
fn a_misspelled_key() {
    let lab = with_config("epochs", "epocs");
    assert_snapshot!(lab.mistake(TRAIN), @"");
    assert_snapshot!(lab.mistake("config check run.toml"), @"");
}

#[test]
fn a_misspelled_section() {
    let lab = with_config("[tiling]", "[tilling]");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn a_misspelled_choice() {
    let lab = with_config("[model]", "[model]\npreset = \"notebok\"");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn a_value_of_the_wrong_type() {
    let lab = with_config("epochs = 1", "epochs = \"ten\"");
    assert_snapshot!(lab.mistake(TRAIN), @"");
    let lab = with_config("epochs = 1", "epochs = -1");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn a_value_out_of_range() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set train.epochs=0")), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set tiling.foreground_fraction=2")), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set model.dropout=[0.1]")), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set loss.kind=cross-entropy")), @"");
}

#[test]
fn a_file_that_is_no_toml() {
    let lab = with_config("[train]", "[train");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn overrides() {
    let lab = Lab::with_stacks();
    let set = |text: &str| lab.mistake(&format!("{TRAIN} --set {text}"));
    assert_snapshot!(set("train.epochs"), @"");
    assert_snapshot!(set("train.epochs=many"), @"");
    assert_snapshot!(set("train.epocs=3"), @"");
    assert_snapshot!(set("trian.epochs=3"), @"");
    assert_snapshot!(set("train.epochs.more=3"), @"");
}

#[test]
fn a_configuration_that_is_not_there() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("train --config rum.toml"), @"");
}

#[test]
fn a_configuration_that_is_there_already() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("config init run.toml"), @"");
}

#[test]
fn files_that_are_not_there() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("inspect trian.tif"), @"");
    assert_snapshot!(lab.mistake("inspect elsewhere/stack.tif"), @"");
    let in_config = "[data.train]\nraw = \"trein.tif\"\nlabels = { mitochondria = \"train_mitochondria.tif\" }\n";
    lab.write("run.toml", &format!("{CONFIG}{in_config}"));
    assert_snapshot!(lab.mistake(TRAIN), @"");
    let in_config = in_config.replace("trein", "train").replace("train_mitochondria", "train_mito");
    lab.write("run.toml", &format!("{CONFIG}{in_config}"));
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn a_data_folder_that_is_not_there_or_holds_no_stack() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.folder=nowhere")), @"");
    fs::create_dir(lab.path("empty")).unwrap();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.folder=empty")), @"");
    lab.write_volume("empty/train.tif", raw([1, 32, 32]));
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.folder=empty")), @"");
    lab.write("run.toml", "");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn an_empty_folder() {
    let lab = Lab::new();
    fs::create_dir(lab.path("sections")).unwrap();
    assert_snapshot!(lab.mistake("inspect sections"), @"");
    lab.write("sections/Thumbs.db", "");
    assert_snapshot!(lab.mistake("inspect sections"), @"");
}

#[test]
fn thumbs_db_among_the_sections_is_one_note() {
    let lab = Lab::with_stacks();
    lab.ok("extract train.tif sections");
    lab.write("sections/Thumbs.db", "not a picture");
    let output = lab.em_cli("extract sections again.tif").output().unwrap();
    assert!(output.status.success());
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"");
    assert_eq!(lab.volume("again.tif"), lab.volume("train.tif"));

    let source = "[data.train]\nraw = \"sections\"\nlabels = { mitochondria = \"train_mitochondria.tif\" }\n";
    lab.write("run.toml", &format!("{CONFIG}{source}"));
    let output = lab.em_cli(TRAIN).output().unwrap();
    assert!(output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_snapshot!(message.replace(&lab.path("").display().to_string(), "[DIR]/"), @"");
}

#[test]
fn a_truncated_tiff() {
    let lab = Lab::with_stacks();
    let bytes = lab.bytes("train.tif");
    fs::write(lab.path("train.tif"), &bytes[..bytes.len() / 2]).unwrap();
    assert_snapshot!(lab.mistake("inspect train.tif"), @"");
    assert_snapshot!(lab.mistake("extract train.tif sections"), @"");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn a_file_that_is_no_picture() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("inspect run.toml"), @"");
    lab.write("train.tif", "");
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn pages_of_different_sizes() {
    let lab = Lab::new();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/em-io/sizes.tif");
    fs::copy(fixture, lab.path("sizes.tif")).unwrap();
    assert_snapshot!(lab.mistake("inspect sizes.tif"), @"");
}

#[test]
fn a_label_of_another_size() {
    let lab = Lab::with_stacks();
    lab.write_mask("train_mitochondria.tif", disc([3, 60, 64]));
    assert_snapshot!(lab.mistake(TRAIN), @"");
    lab.write_mask("train_mitochondria.tif", disc([2, 64, 64]));
    assert_snapshot!(lab.mistake(TRAIN), @"");
    assert_snapshot!(lab.mistake("evaluate --prediction train_mitochondria.tif --label val.tif"), @"");
    assert_snapshot!(lab.mistake("evaluate --prediction train.tif --label val_mitochondria.tif"), @"");
}

#[test]
fn a_label_with_other_values() {
    let lab = Lab::with_stacks();
    let mut label = disc([3, 64, 64]).mapv(|inside| if inside { 255 } else { 0 });
    label.slice_mut(s![1, 0, ..2]).assign(&ndarray::arr1(&[7, 128]));
    lab.write_volume("train_mitochondria.tif", label);
    assert_snapshot!(lab.mistake(TRAIN), @"");
    assert_snapshot!(lab.mistake("config check run.toml"), @"");
}

#[test]
fn a_class_without_foreground() {
    let lab = Lab::with_stacks();
    lab.write_mask("train_mitochondria.tif", Array3::from_elem([3, 64, 64], false));
    assert_snapshot!(lab.mistake(TRAIN), @"");
    let output = lab.em_cli("config check run.toml").output().unwrap();
    assert_snapshot!(lab.message(output), @"");
}

#[test]
fn an_unknown_class() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.classes=[\"mitochondrion\"]")), @"");
    lab.ok(TRAIN);
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif --class mitochondrion"), @"");
}

#[test]
fn a_tile_larger_than_the_section() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set tiling.tile_size=128")), @"");
    assert_snapshot!(lab.mistake("config check run.toml --set tiling.tile_size=128"), @"");
    assert_snapshot!(lab.mistake("tile train.tif tiles --size 128 --border drop"), @"");
    fs::remove_file(lab.path("val.tif")).unwrap();
    let leaking = format!("{TRAIN} --set tiling.tile_size=128 --set data.split.kind=random-tiles");
    assert_snapshot!(lab.mistake(&leaking), @"");
}

#[test]
fn a_tile_that_cannot_be_halved() {
    let lab = Lab::with_stacks();
    let deeper = "--set model.filters=[4,8,8]";
    assert_snapshot!(lab.mistake(&format!("{TRAIN} {deeper} --set tiling.tile_size=30")), @"");
    assert_snapshot!(lab.mistake(&format!("config check run.toml {deeper} --set tiling.tile_size=30")), @"");
}

#[test]
fn a_split_that_leaves_no_section() {
    let lab = Lab::with_stacks();
    fs::remove_file(lab.path("val.tif")).unwrap();
    assert_snapshot!(lab.mistake(TRAIN), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.split.validation_fraction=1.5")), @"");
}

#[test]
fn grey_values_without_spread() {
    let lab = Lab::with_stacks();
    lab.write_volume("train.tif", Array3::from_elem([3, 64, 64], 7));
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

/// Runs `em-cli` with a limit on the length of a file, in blocks of 512 bytes.
#[cfg(unix)]
fn with_full_disk(lab: &Lab, blocks: u32, arguments: &str) -> std::process::Output {
    // With the signal ignored, a write beyond the limit fails as one on a full disk does.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {} {arguments}", env!("CARGO_BIN_EXE_em-cli"));
    lab.command("sh", &["-c", &script]).output().unwrap()
}

#[cfg(unix)]
#[test]
fn a_full_disk() {
    let lab = with_run();
    let before = lab.files();
    let mut full = |arguments: &str| {
        let message = lab.message(with_full_disk(&lab, 1, arguments));
        assert_eq!(lab.files(), before, "em-cli {arguments} left something behind");
        message
    };
    assert_snapshot!(full("extract train.tif copy.tif"), @"");
    assert_snapshot!(full("extract train.tif sections"), @"");
    assert_snapshot!(full("tile train.tif tiles --size 64"), @"");
    assert_snapshot!(full("predict --model run train.tif -o m.tif --probabilities p.tif"), @"");
    assert_snapshot!(full("phantom copy --size 64 --train-sections 2 --gap 0 --val-sections 1"), @"");
    assert_snapshot!(full("config init new.toml"), @"");
    assert_snapshot!(full(&format!("{TRAIN} --set output.folder=other")), @"");
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_in_training() {
    let lab = Lab::with_stacks();
    // The configuration still fits, the weights do not.
    let output = with_full_disk(&lab, 10, &format!("{TRAIN} --set model.filters=[8,16]"));
    assert_snapshot!(lab.message(output), @"");
    let left: Vec<String> = lab.files().into_keys().filter(|name| name.starts_with("run/")).collect();
    assert_eq!(left, ["run/config.toml"]);
}

#[test]
fn a_place_that_cannot_be_written() {
    let lab = with_run();
    // Whoever may do anything, as in many containers, still cannot write below a file.
    assert_snapshot!(lab.mistake("extract train.tif run.toml/sections"), @"");
    assert_snapshot!(lab.mistake("tile train.tif run.toml/tiles"), @"");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o run.toml/mask.tif"), @"");
    assert_snapshot!(lab.mistake("phantom run.toml/phantom --size 32 --train-sections 1 --val-sections 1"), @"");
    assert_snapshot!(lab.mistake("config init run.toml/new.toml"), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set output.folder=run.toml/run")), @"");
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::with_stacks();
    fs::create_dir(lab.path("closed")).unwrap();
    fs::set_permissions(lab.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(lab.path("closed/probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    assert_snapshot!(lab.mistake("extract train.tif closed/copy.tif"), @"
    error: cannot create `closed/copy.tif`
      because: Permission denied (os error 13)
    hint: check the permissions of `closed`
    ");
}

#[test]
fn an_output_that_cannot_hold_the_volume() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("extract train.tif copy.mrc"), @"");
    assert_snapshot!(lab.mistake("extract train.tif copy.png"), @"");
    fs::create_dir(lab.path("taken")).unwrap();
    lab.write("taken/notes.txt", "");
    assert_snapshot!(lab.mistake("extract train.tif taken"), @"");
    assert_snapshot!(lab.mistake("tile train.tif taken"), @"");
}

#[test]
fn cuda_that_is_not_there() {
    let lab = with_run();
    assert_snapshot!(lab.mistake("train --config run.toml --overwrite --device cuda"), @"");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif --device cuda:3"), @"");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif --device gpu"), @"");
}

#[test]
fn weights_of_another_network() {
    let lab = with_run();
    lab.ok(&format!("{TRAIN} --set output.folder=wide --set model.filters=[6,8]"));
    lab.ok(&format!("{TRAIN} --set output.folder=deep --set model.filters=[4,8,8]"));
    fs::copy(lab.path("wide/model.json"), lab.path("run/model.json")).unwrap();
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
    fs::copy(lab.path("deep/model.json"), lab.path("run/model.json")).unwrap();
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
    // The state of another run under this run's configuration.
    fs::copy(lab.path("wide/last/state.safetensors"), lab.path("run/last/state.safetensors")).unwrap();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume")), @"");
}

#[test]
fn resuming_with_another_configuration() {
    let lab = with_run();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume --set model.filters=[6,8]")), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume --set train.learning_rate=0.1")), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume --set loss.class_weights.mitochondria=3.0")), @"");
}

#[test]
fn a_run_that_is_there_already() {
    let lab = with_run();
    assert_snapshot!(lab.mistake(TRAIN), @"");
}

#[test]
fn overwriting_with_a_mistake_keeps_the_earlier_run() {
    let lab = with_run();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --overwrite --set tiling.tile_size=33")), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --overwrite --set tiling.tile_size=128")), @"");
}

#[test]
fn a_folder_that_is_no_run() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("predict --model nowhere val.tif -o mask.tif"), @"");
    assert_snapshot!(lab.mistake("report nowhere"), @"");
    assert_snapshot!(lab.mistake("report run.toml"), @"");
}

#[test]
fn damaged_files_of_a_run() {
    let lab = with_run();
    let card = lab.read("run/model.json");
    lab.write("run/model.json", &card[..card.len() / 2]);
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
    lab.write("run/model.json", &card.replace("\"format_version\": 1", "\"format_version\": 9"));
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
    lab.write("run/model.json", &card.replace("\"filters\"", "\"fliters\""));
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
    lab.write("run/model.json", &card);
    for file in ["run/model.safetensors", "run/last/state.safetensors"] {
        let bytes = lab.bytes(file);
        fs::write(lab.path(file), &bytes[..bytes.len() - 1]).unwrap();
    }
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --resume")), @"");
    fs::remove_file(lab.path("run/model.safetensors")).unwrap();
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif"), @"");
}

#[test]
fn arguments() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("phantom out --train-sections 0"), @"");
    assert_snapshot!(lab.mistake("tile train.tif tiles --size 0"), @"");
    for arguments in ["predict --model run val.tif -o m.tif --threshold 2", "extract train.tif out --resize 3", "trian"] {
        let output = lab.em_cli(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "em-cli {arguments}");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: "));
    }
}
