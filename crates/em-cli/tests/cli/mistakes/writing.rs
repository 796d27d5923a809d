//! Places that cannot be written, and disks that are full.

use std::fs;

use insta::assert_snapshot;

use super::{TRAIN, with_run};
use crate::lab::Lab;

/// Runs `em-cli` with a limit on the length of a file, in blocks of 512 bytes.
#[cfg(unix)]
fn with_full_disk(lab: &Lab, blocks: u32, arguments: &str) -> std::process::Output {
    // With the signal ignored, a write beyond the limit fails as one on a full disk does.
    let script =
        format!("trap '' XFSZ; ulimit -f {blocks}; exec {} {arguments}", env!("CARGO_BIN_EXE_em-cli"));
    lab.command("sh", &["-c", &script]).output().unwrap()
}

#[cfg(unix)]
#[test]
fn a_full_disk() {
    let lab = with_run();
    // Folders on the way to a file may stay, so they are there before.
    for folder in ["copy", "other"] {
        fs::create_dir(lab.path(folder)).unwrap();
    }
    let before = lab.files();
    let full = |arguments: &str| {
        let message = lab.message(with_full_disk(&lab, 1, arguments));
        assert_eq!(lab.files(), before, "em-cli {arguments} left something behind");
        message
    };
    assert_snapshot!(full("extract train.tif copy.tif"), @"
    error: cannot write `copy.tif`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    assert_snapshot!(full("extract train.tif sections"), @"
    error: cannot write `sections/sections0000.png`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    assert_snapshot!(full("tile train.tif tiles --size 64"), @"
    error: cannot write `tiles/train0-0_0.png`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    assert_snapshot!(full("predict --model run train.tif -o m.tif --probabilities p.tif"), @"
    error: cannot write `m.tif.blocks/request.json`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    assert_snapshot!(full("phantom copy --size 64 --train-sections 2 --gap 0 --val-sections 1"), @"
    error: cannot write `copy/train.tif`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    assert_snapshot!(full("config init new.toml"), @"
    error: cannot write `new.toml`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    assert_snapshot!(full(&format!("{TRAIN} --set output.folder=other")), @"
    error: cannot write `[DIR]/other/config.toml`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_in_training() {
    let lab = Lab::with_stacks();
    // Configuration and contact sheet still fit, the weights do not.
    let output = with_full_disk(&lab, 120, &format!("{TRAIN} --set model.filters=[32,64]"));
    assert_snapshot!(lab.message(output), @"
    error: cannot write `[DIR]/run/model.safetensors`
      because: File too large (os error 27)
    hint: the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind
    ");
    let left: Vec<String> = lab.files().into_keys().filter(|name| name.starts_with("run/")).collect();
    assert_eq!(left, ["run/config.toml", "run/samples.png"]);
}

#[test]
fn a_place_that_cannot_be_written() {
    let lab = with_run();
    // Whoever may do anything, as in many containers, still cannot write below a file.
    assert_snapshot!(lab.mistake("extract train.tif run.toml/sections"), @"
    error: cannot create folder `run.toml`
      because: File exists (os error 17)
    hint: a file has the name of a folder that is needed: choose another path
    ");
    assert_snapshot!(lab.mistake("tile train.tif run.toml/tiles"), @"
    error: cannot create folder `[DIR]/run.toml`
      because: File exists (os error 17)
    hint: a file has the name of a folder that is needed: choose another path
    ");
    assert_snapshot!(lab.mistake("predict --model run val.tif -o run.toml/mask.tif"), @"
    error: cannot create folder `run.toml`
      because: File exists (os error 17)
    hint: a file has the name of a folder that is needed: choose another path
    ");
    assert_snapshot!(lab.mistake("phantom run.toml/phantom --size 32 --train-sections 1 --val-sections 1"), @"
    error: cannot create folder `run.toml/phantom`
      because: Not a directory (os error 20)
    hint: a file has the name of a folder that is needed: choose another path
    ");
    assert_snapshot!(lab.mistake("config init run.toml/new.toml"), @"
    error: cannot create folder `run.toml`
      because: File exists (os error 17)
    hint: a file has the name of a folder that is needed: choose another path
    ");
    assert_snapshot!(lab.mistake(&format!("{TRAIN} --set output.folder=run.toml/run")), @"
    error: cannot create folder `[DIR]/run.toml/run`
      because: Not a directory (os error 20)
    hint: a file has the name of a folder that is needed: choose another path
    ");
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
    assert_snapshot!(lab.mistake("extract train.tif copy.jpg"), @"error: cannot write format `.jpg` to `copy.jpg`, expected a path that ends in .tif, .tiff, .ome.tif, .mrc, .zarr, .precomputed or .png, or no ending for a folder of PNG");
    assert_snapshot!(lab.mistake("extract train.tif copy.png"), @"error: cannot write 3 sections to `copy.png`, expected one section, or a path without an extension for a folder of PNG");
    fs::create_dir(lab.path("taken")).unwrap();
    lab.write("taken/notes.txt", "");
    assert_snapshot!(lab.mistake("extract train.tif taken"), @"
    error: `taken` exists already
    hint: take another path, or replace it with --overwrite
    ");
    assert_snapshot!(lab.mistake("extract train.tif taken --overwrite"), @"
    error: `taken` exists already and holds something else
    hint: only folders of PNG and OME-Zarr images are replaced: remove it first, or take another path
    ");
    assert_snapshot!(lab.mistake("tile train.tif taken"), @"
    error: `taken` exists and is not an empty folder
    hint: take another folder, or remove that one first: old and new tiles would be mixed
    ");
}
