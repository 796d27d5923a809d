//! Mistakes in raw stacks and labels.

use std::fs;

use insta::assert_snapshot;
use ndarray::{Array3, s};

use super::TRAIN;
use crate::lab::{CONFIG, Lab, disc, raw};

#[test]
fn files_that_are_not_there() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("inspect trian.tif"), @"
    error: no file or folder `trian.tif`
    hint: did you mean `train.tif`?
    ");
    assert_snapshot!(lab.mistake("inspect elsewhere/stack.tif"), @"error: no file or folder `elsewhere/stack.tif`");
    let in_config =
        "[data.train]\nraw = \"trein.tif\"\nlabels = { mitochondria = \"train_mitochondria.tif\" }\n";
    lab.write("run.toml", &format!("{CONFIG}{in_config}"));
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: no file or folder `[DIR]/trein.tif`
    hint: did you mean `[DIR]/train.tif`?
    ");
    let in_config = in_config.replace("trein", "train").replace("train_mitochondria", "train_mito");
    lab.write("run.toml", &format!("{CONFIG}{in_config}"));
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: no file or folder `[DIR]/train_mito.tif`
    hint: did you mean `[DIR]/train_mitochondria.tif`?
    ");
}

#[test]
fn a_data_folder_that_is_not_there_or_holds_no_stack() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.folder=nowhere")), @"
    error: data.folder `[DIR]/nowhere` cannot be read: No such file or directory (os error 2)
    hint: give the folder that holds train.tif: --set data.folder=DIR
    ");
    fs::create_dir(lab.path("empty")).unwrap();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.folder=empty")), @"
    error: `[DIR]/empty` has no `train.tif`
    hint: data.folder holds train.tif and train_<class>.tif, or these in another format; name other files in [data.train]
    ");
    lab.write_volume("empty/train.tif", raw([1, 32, 32]));
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.folder=empty")), @"
    error: `[DIR]/empty/train.tif` has no label beside it
    hint: put train_<class>.tif beside train.tif, or name labels in [data.train]
    ");
    lab.write("run.toml", "");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: the configuration names no training stack
    hint: set data.folder, or raw and labels in [data.train]; or --set data.folder=DIR
    ");
}

#[test]
fn an_empty_folder() {
    let lab = Lab::new();
    fs::create_dir(lab.path("sections")).unwrap();
    assert_snapshot!(lab.mistake("inspect sections"), @"
    error: no image in folder `sections`, expected files named *.png, *.jpg, *.jpeg, *.tif or *.tiff, found nothing
    hint: name a folder with one image per section, or a file
    ");
    lab.write("sections/Thumbs.db", "");
    assert_snapshot!(lab.mistake("inspect sections"), @"
    error: no image in folder `sections`, expected files named *.png, *.jpg, *.jpeg, *.tif or *.tiff, found 1 other file: Thumbs.db
    hint: save its images as PNG or TIFF, or name the file or folder that has them: Fiji's File > Import > Image Sequence reads most kinds
    ");
}

#[test]
fn thumbs_db_among_the_sections_is_one_note() {
    let lab = Lab::with_stacks();
    lab.ok("extract train.tif sections");
    lab.write("sections/Thumbs.db", "not a picture");
    let output = lab.em_cli("extract sections again.tif").output().unwrap();
    assert!(output.status.success());
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"note: `sections`: skipped 1 other file: Thumbs.db");
    assert_eq!(lab.volume("again.tif"), lab.volume("train.tif"));

    let source = "[data.train]\nraw = \"sections\"\nlabels = { mitochondria = \"train_mitochondria.tif\" }\n";
    lab.write("run.toml", &format!("{CONFIG}{source}"));
    let output = lab.em_cli(TRAIN).output().unwrap();
    assert!(output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_snapshot!(message.replace(&lab.path("").display().to_string(), "[DIR]/"), @"note: `[DIR]/sections`: skipped 1 other file: Thumbs.db");
}

#[test]
fn a_truncated_tiff() {
    let lab = Lab::with_stacks();
    let bytes = lab.bytes("train.tif");
    fs::write(lab.path("train.tif"), &bytes[..bytes.len() / 2]).unwrap();
    assert_snapshot!(lab.mistake("inspect train.tif"), @"
    error: page 1 of `train.tif` is incomplete, its data ends early
    hint: the file is truncated or damaged: copy or download it again
    ");
    assert_snapshot!(lab.mistake("extract train.tif sections"), @"
    error: page 1 of `train.tif` is incomplete, its data ends early
    hint: the file is truncated or damaged: copy or download it again
    ");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: page 1 of `[DIR]/train.tif` is incomplete, its data ends early
    hint: the file is truncated or damaged: copy or download it again
    ");
}

#[test]
fn a_file_that_is_no_picture() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("inspect run.toml"), @"
    error: `run.toml` is text, expected a TIFF, MRC, NIfTI, NumPy, HDF5, PNG or JPEG file
    hint: save it as TIFF from Fiji or the microscope's software
    ");
    lab.write("train.tif", "");
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `[DIR]/train.tif` is empty, expected a TIFF, MRC, NIfTI, NumPy, HDF5, PNG or JPEG file
    hint: copy or download it again
    ");
}

#[test]
fn pages_of_different_sizes() {
    let lab = Lab::new();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/em-io/sizes.tif");
    fs::copy(fixture, lab.path("sizes.tif")).unwrap();
    assert_snapshot!(lab.mistake("inspect sizes.tif"), @"
    error: page 2 of `sizes.tif` is 17x5, expected 17x13 (width x height)
    hint: every section must have the same size: crop or pad the odd ones
    ");
}

#[test]
fn a_label_of_another_size() {
    let lab = Lab::with_stacks();
    lab.write_mask("train_mitochondria.tif", disc([3, 60, 64]));
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: the label `mitochondria` in `[DIR]/train_mitochondria.tif` of `[DIR]/train.tif` has shape [3, 60, 64] [z, y, x], expected [3, 64, 64] as its raw volume
    hint: a label must have one voxel for each voxel of its raw volume; check that the two files belong together
    ");
    lab.write_mask("train_mitochondria.tif", disc([2, 64, 64]));
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: the label `mitochondria` in `[DIR]/train_mitochondria.tif` of `[DIR]/train.tif` has shape [2, 64, 64] [z, y, x], expected [3, 64, 64] as its raw volume
    hint: a label must have one voxel for each voxel of its raw volume; check that the two files belong together
    ");
    assert_snapshot!(lab.mistake("evaluate --prediction train_mitochondria.tif --label val.tif"), @"
    error: `val.tif` holds the values 60, 61, 62, 63, 64, 65, 66, 67, ... (page 0), expected only 0 and 255, or only 0 and 1
    hint: it looks like grey values: check which file is which
    ");
    assert_snapshot!(lab.mistake("evaluate --prediction train.tif --label val_mitochondria.tif"), @"
    error: `train.tif` has shape [3, 64, 64] [z, y, x], expected [2, 64, 64] as `val_mitochondria.tif`
    hint: prediction, probabilities and voxels to ignore have the shape of the label
    ");
}

#[test]
fn a_label_with_other_values() {
    let lab = Lab::with_stacks();
    let mut label = disc([3, 64, 64]).mapv(|inside| if inside { 255 } else { 0 });
    label.slice_mut(s![1, 0, ..2]).assign(&ndarray::arr1(&[7, 128]));
    lab.write_volume("train_mitochondria.tif", label);
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: `[DIR]/train_mitochondria.tif` holds the values 0, 7, 128, 255 (page 1), expected only 0 and 255, or only 0 and 1
    hint: it looks like several classes or numbered objects: `em-cli convert [DIR]/train_mitochondria.tif mask.tif --value 1` makes a mask of number 1, --threshold 0 of all; `measure --instances` and models of outlines (model.targets) take numbers as they are
    ");
}

#[test]
fn a_class_without_foreground() {
    let lab = Lab::with_stacks();
    lab.write_mask("train_mitochondria.tif", Array3::from_elem([3, 64, 64], false));
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: class `mitochondria` has no foreground voxel in the training sections
    hint: check the label file of `mitochondria`, or take the class out of data.classes
    ");
}

#[test]
fn an_unknown_class() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set data.classes=[\"mitochondrion\"]")), @"
    error: class `mitochondrion` has no label for `[DIR]/train.tif`, found labels for: mitochondria
    hint: name it in the labels of that stack, or change data.classes
    ");
    lab.ok(TRAIN);
    assert_snapshot!(lab.mistake("predict --model run val.tif -o mask.tif --class mitochondrion"), @"
    error: the model has no class `mitochondrion`, expected one of: mitochondria
    hint: leave --class out to write every class
    ");
}

#[test]
fn grey_values_without_spread() {
    let lab = Lab::with_stacks();
    lab.write_volume("train.tif", Array3::from_elem([3, 64, 64], 7));
    assert_snapshot!(lab.mistake(TRAIN), @"
    error: cannot fit the normalisation `zscore`: all training voxels have the same value
    hint: check that the raw file of [data.train] holds a picture
    ");
}

#[test]
fn sections_that_a_program_saved_as_colours() {
    let lab = Lab::new();
    lab.write_mask("label.tif", disc([3, 13, 17]));
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/em-io/sections-as-colours.tif");
    fs::copy(fixture, lab.path("mask.tif")).unwrap();
    assert_snapshot!(lab.mistake("evaluate --prediction mask.tif --label label.tif"), @"
    note: `mask.tif`: colour read as grey (Rec. 601 luma)
    note: `mask.tif`: if its colours are sections, save them as grey pages (tifffile: photometric='minisblack')
    error: `mask.tif` has shape [1, 13, 17] [z, y, x], expected [3, 13, 17] as `label.tif`
    hint: prediction, probabilities and voxels to ignore have the shape of the label
    ");
}
