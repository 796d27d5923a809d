//! Mistakes in configurations, overrides and arguments.

use std::fs;

use insta::assert_snapshot;

use super::{TRAIN, with_config, with_run};
use crate::lab::Lab;

#[test]
fn a_misspelled_key() {
    let lab = with_config("epochs", "epocs");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `run.toml`, line 9 (`epocs = 1` in [train]): unknown key `epocs`
    hint: did you mean `train.epochs`?
    ");
    assert_snapshot!(lab.mistake("config check run.toml"), @"
    error: `run.toml`, line 9 (`epocs = 1` in [train]): unknown key `epocs`
    hint: did you mean `train.epochs`?
    ");
}

#[test]
fn a_misspelled_section() {
    let lab = with_config("[tiling]", "[tilling]");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `run.toml`, line 3 (`[tilling]`): unknown key `tilling`
    hint: did you mean `tiling`?
    ");
}

#[test]
fn a_misspelled_choice() {
    let lab = with_config("[model]", "[model]\npreset = \"notebok\"");
    assert_snapshot!(lab.mistake(TRAIN), @r#"
    error: `run.toml`, line 7 (`preset = "notebok"` in [model]): unknown choice `notebok`
    hint: did you mean `notebook`?
    "#);
}

#[test]
fn a_value_of_the_wrong_type() {
    let lab = with_config("epochs = 1", "epochs = \"ten\"");
    assert_snapshot!(lab.mistake(TRAIN), @r#"
    error: `run.toml`, line 9 (`epochs = "ten"` in [train]): invalid type: string "ten", expected a whole number from 0
    hint: `em-cli config init` writes every key with its meaning
    "#);
    let lab = with_config("epochs = 1", "epochs = -1");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `run.toml`, line 9 (`epochs = -1` in [train]): invalid value: integer `-1`, expected a whole number from 0
    hint: `em-cli config init` writes every key with its meaning
    ");
}

#[test]
fn a_value_out_of_range() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set train.epochs=0")), @"error: `train.epochs` is 0, expected at least 1");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set tiling.foreground_fraction=2")), @"error: `tiling.foreground_fraction` is 2, expected 0 to 1");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set model.dropout=[0.1]")), @"error: `model.dropout` is [0.1], expected 2 numbers, one per level of the filters, or none");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set loss.kind=cross-entropy")), @"error: `loss.kind` is cross-entropy, expected bce, bce+dice, focal, soft-dice, jaccard, tversky or focal-tversky for classes that are not exclusive");
}

#[test]
fn a_file_that_is_no_toml() {
    let lab = with_config("[train]", "[train");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `run.toml`, line 8 (`[train`): unclosed table, expected `]`
    hint: `em-cli config init` writes every key with its meaning
    ");
}

#[test]
fn overrides() {
    let lab = Lab::with_stacks();
    let set = |text: &str| lab.mistake(&format!("{TRAIN} --set {text}"));
    assert_snapshot!(set("train.epochs"), @"
    error: --set `train.epochs` has no `=`
    hint: write --set key=value, as in --set train.epochs=5
    ");
    assert_snapshot!(set("train.epochs=many"), @r#"
    error: --set `train.epochs=many`: invalid type: string "many", expected a whole number from 0
    hint: `em-cli config init` writes every key with its meaning
    "#);
    assert_snapshot!(set("train.epocs=3"), @"
    error: --set `train.epocs=3`: unknown key `epocs`
    hint: did you mean `train.epochs`?
    ");
    assert_snapshot!(set("trian.epochs=3"), @"
    error: --set `trian.epochs=3`: unknown key `trian`
    hint: did you mean `train`?
    ");
    assert_snapshot!(set("train.epochs.more=3"), @"
    error: --set `train.epochs.more=3`: `epochs` is a value, not a section
    hint: `em-cli config init` writes every key with its meaning
    ");
}

#[test]
fn a_configuration_that_is_not_there() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("train --config rum.toml"), @"
    error: configuration `rum.toml` cannot be read: No such file or directory (os error 2)
    hint: `em-cli config init` writes one to start from
    ");
}

#[test]
fn a_configuration_that_is_there_already() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("config init run.toml"), @"
    error: `run.toml` exists already
    hint: take another name, or remove that file first
    ");
}

#[test]
fn a_tile_larger_than_the_section() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set tiling.tile_size=128")), @"
    error: tiles of 128 x 128 do not fit into the sections of `[DIR]/train.tif`, which are 64 x 64 (height x width)
    hint: set tiling.tile_size to at most 64
    ");
    assert_snapshot!(lab.mistake("tile train.tif tiles --size 128 --border drop"), @"
    error: tiles of 128 x 128 do not fit into sections of 64 x 64 (height x width)
    hint: lower --size, or take --border pad
    ");
    fs::remove_file(lab.path("val.tif")).unwrap();
    let leaking = format!("{TRAIN} --set tiling.tile_size=128 --set data.split.kind=random-tiles");
    assert_snapshot!(lab.mistake(&leaking), @"
    error: tiles of 128 x 128 do not fit into the sections of `training volume 0`, which are 64 x 64 (height x width)
    hint: set tiling.tile_size to at most 64
    ");
}

#[test]
fn a_tile_that_cannot_be_halved() {
    let lab = Lab::with_stacks();
    let deeper = "--set model.filters=[4,8,8]";
    assert_snapshot!(lab.mistake(&format!("{TRAIN} {deeper} --set tiling.tile_size=30")), @"error: `tiling.tile_size` is 30, expected 28 or 32: the network halves tiles 2 times");
}

#[test]
fn a_split_that_leaves_no_section() {
    let lab = Lab::with_stacks();
    fs::remove_file(lab.path("val.tif")).unwrap();
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: a split of 3 sections with validation_fraction 0.2 and gap 4 leaves training empty
    hint: lower data.split.gap, change data.split.validation_fraction, or name validation files in [data.validation]
    ");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.split.validation_fraction=1.5")), @"error: `data.split.validation_fraction` is 1.5, expected more than 0 and less than 1");
}

#[test]
fn cuda_that_is_not_there() {
    let lab = with_run();
    assert_snapshot!(lab.mistake("train --config run.toml --overwrite --device cuda"), @"
    error: device `cuda` is not available: libtorch finds no CUDA device on this machine
    hint: use --device cpu; a GPU needs the driver of NVIDIA and an em-cli with CUDA (docs/how-to/install.md)
    ");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif --device cuda:3"), @"
    error: device `cuda:3` is not available: libtorch finds no CUDA device on this machine
    hint: use --device cpu; a GPU needs the driver of NVIDIA and an em-cli with CUDA (docs/how-to/install.md)
    ");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif --device gpu"), @"error: `gpu` is no device, expected auto, cpu, cuda or cuda:N");
}

#[test]
fn arguments() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("phantom out --train-sections 0"), @"
    error: a phantom needs at least one section in each stack, and a size above 0
    hint: raise --train-sections, --val-sections or --size
    ");
    assert_snapshot!(lab.mistake("tile train.tif tiles --size 0"), @"
    error: --size and --stride are at least 1
    hint: try --size 256
    ");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o val.tif"), @"
    error: `val.tif` is named twice among the input and the outputs
    hint: give each a path of its own
    ");
    for arguments in
        ["predict --model run val.tif -o m.tif --threshold 2", "extract train.tif out --resize 3", "trian"]
    {
        let output = lab.em_cli(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "em-cli {arguments}");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: "));
    }
}

/// Found by fuzzing: serde reads it, but TOML cannot hold it, so that a run could not write it down.
#[test]
fn a_number_beyond_toml() {
    let lab = with_config("epochs = 1", "epochs = 18446744073709551615");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `run.toml`, line 9 (`epochs = 18446744073709551615` in [train]): expected a whole number below 2^63
    hint: `em-cli config init` writes every key with its meaning
    ");
    assert_snapshot!(lab.mistake("config check run.toml --set train.seed=1"), @"
    error: `run.toml`, line 9 (`epochs = 18446744073709551615` in [train]): expected a whole number below 2^63
    hint: `em-cli config init` writes every key with its meaning
    ");
}
