//! Mistakes of `em-cli convert`, and an end that comes too early.

use std::fs;

use insta::assert_snapshot;
use ndarray::Array3;

use crate::lab::{Lab, raw};

#[test]
fn an_output_that_is_the_input_or_is_taken() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("convert train.tif ./train.tif --overwrite"), @"
    error: `train.tif` is the input and the output
    hint: take another path for the output
    ");
    assert_snapshot!(lab.mistake("convert train.tif val.tif"), @"
    error: `val.tif` exists already
    hint: take another path, or replace it with --overwrite
    ");
    lab.ok("convert train.tif sections");
    assert_snapshot!(lab.mistake("convert sections sections/again.tif"), @"
    error: of `sections` and `sections/again.tif`, one lies in the other
    hint: take another path for the output
    ");
    assert_snapshot!(lab.mistake("convert sections/sections0000.png sections --overwrite"), @"
    error: of `sections/sections0000.png` and `sections`, one lies in the other
    hint: take another path for the output
    ");
    lab.write("sections/notes.txt", "");
    assert_snapshot!(lab.mistake("convert val.tif sections --overwrite"), @"
    error: `sections` exists already and holds something else
    hint: only folders of PNG and OME-Zarr images are replaced: remove it first, or take another path
    ");
}

#[test]
fn a_folder_is_replaced_only_when_asked_for() {
    let lab = Lab::with_stacks();
    for folder in ["sections", "image.zarr"] {
        lab.ok(&format!("convert train.tif {folder}"));
        lab.mistake(&format!("convert val.tif {folder}"));
        lab.ok(&format!("convert val.tif {folder} --overwrite"));
        assert_eq!(lab.volume(folder), lab.volume("val.tif"));
    }
    assert!(lab.files().keys().all(|name| !name.contains(".part")));
}

#[test]
fn values_that_do_not_fit() {
    let lab = Lab::new();
    let floats = Array3::from_shape_fn((2, 4, 4), |(z, y, x)| (z * 16 + y * 4 + x) as f32 / 4.0 - 1.5);
    em_io::write_volume(lab.path("floats.tif"), &floats.into(), None).unwrap();
    assert_snapshot!(lab.mistake("convert floats.tif bytes.tif --type u8"), @"
    error: `floats.tif` holds -1.5 to 6.25, with fractions, which 8-bit unsigned voxels do not keep
    hint: --rescale -1.5,6.25 maps that range to 0 to 255; --clip rounds and cuts off instead
    ");
    assert_snapshot!(lab.mistake("convert floats.tif sections"), @"
    error: cannot write 32-bit float voxels to `sections`, expected 8- or 16-bit unsigned voxels for PNG, or a path that ends in .tif
    hint: change the type with --type u8 or --type u16; --rescale LOW,HIGH maps a range to it
    ");
    assert_snapshot!(lab.mistake("convert floats.tif bytes.tif --type u8 --rescale 3,3"), @"
    error: --rescale 3,3 has no range, expected LOW below HIGH
    hint: `em-cli inspect` shows the range of a volume
    ");
    lab.ok("convert floats.tif bytes.tif --type u8 --rescale -1.5,6.25");
    let bytes = lab.volume("bytes.tif");
    assert_eq!((bytes[[0, 0, 0]], bytes[[0, 1, 0]], bytes[[1, 3, 3]]), (0, 33, 255));
    lab.ok("convert floats.tif clipped.tif --type u8 --clip");
    assert_eq!(lab.volume("clipped.tif")[[1, 3, 3]], 6);
}

#[test]
fn parts_and_options_that_are_not_there() {
    let lab = Lab::with_stacks();
    assert_snapshot!(lab.mistake("convert train.tif part.tif --roi 0:4,:,:"), @"
    error: --roi 0:4,:,: is no part of the volume, expected ranges within 0:3,0:64,0:64
    hint: voxels are counted from 0, and the end is one behind the last
    ");
    assert_snapshot!(lab.mistake("convert train.tif part.tif --zarr-version 0.4"), @"
    error: --zarr-version is about OME-Zarr, and `part.tif` is not
    hint: let the output end in .zarr, or leave the option out
    ");
    assert_snapshot!(lab.mistake("convert train.tif image.zarr --levels 0"), @"error: cannot write 0 levels to `image.zarr`, expected at least 1");
    assert_snapshot!(lab.mistake("convert train.tif image.zarr --shard 16,256,300"), @"error: cannot write shards of [16, 256, 300] voxels to `image.zarr`, expected multiples of the chunk [16, 256, 256] along every axis");
    assert_snapshot!(lab.mistake("convert train.tif image.zarr --zarr-version 0.4 --shard 16,256,256"), @"error: cannot write shards in OME-Zarr 0.4 to `image.zarr`, expected OME-Zarr 0.5, or no shards");
}

#[test]
fn what_a_format_does_not_keep_is_said() {
    let lab = Lab::new();
    em_io::write_volume(lab.path("stack.tif"), &raw([2, 8, 8]).into(), Some([50.0, 4.6, 4.6])).unwrap();
    let notes = |output: &str| {
        let output = lab.em_cli(&format!("convert stack.tif {output}")).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert_snapshot!(notes("sections"), @"note: `sections`: image folder keeps no voxel size; it was 50 x 4.6 x 4.6 nm");
    assert_snapshot!(notes("stack.mrc"), @"note: `stack.mrc`: MRC keeps 8-bit unsigned voxels as 16-bit unsigned, with the same values");
    assert_snapshot!(notes("copy.tif"), @"");
    assert!(lab.ok("convert sections back.tif --voxel-size 50,4.6,4.6").contains("50 x 4.6 x 4.6 nm"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_behind() {
    use rand::{Rng, SeedableRng};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let lab = Lab::new();
    let mut noise = vec![0; 96 << 20];
    rand_chacha::ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut noise);
    let noise = Array3::from_shape_vec((96, 1024, 1024), noise).unwrap();
    em_io::write_volume(lab.path("noise.mrc"), &noise.mapv(|v| v as i8).into(), None).unwrap();
    let before = lab.files();
    for output in ["copy.tif", "image.zarr"] {
        let child =
            lab.em_cli(&format!("convert noise.mrc {output}")).stderr(Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        while lab.files().len() == before.len() && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(!lab.path(output).exists());
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let message = lab.message(child.wait_with_output().unwrap());
        assert!(message.contains("\nerror: interrupted before the end"), "{message}");
        assert_eq!(lab.files(), before);
    }
    fs::remove_file(lab.path("noise.mrc")).unwrap();
}
