//! `em-cli check`: data with one defect each, and what is said of it.

use std::fs;

use em_io::{Mask, Voxels};
use insta::assert_snapshot;
use ndarray::{Array3, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::lab::{CONFIG, Lab, disc};

const EDGE: usize = 64;
const SIZE: Option<[f64; 3]> = Some([5.0, 5.0, 5.0]);

/// Noise on grey, other in each section and for each seed, with a dark disc.
fn raw(sections: usize, seed: u64) -> Array3<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let inside = disc([sections, EDGE, EDGE]);
    inside.mapv(|inside| if inside { 60 } else { 160 } + random.random_range(0..40_u8))
}

fn write_raw(lab: &Lab, name: &str, voxels: impl Into<Voxels>, size: Option<[f64; 3]>) {
    em_io::write_volume(lab.path(name), &voxels.into(), size).unwrap();
}

fn write_mask(lab: &Lab, name: &str, voxels: Array3<bool>) {
    em_io::write_mask(lab.path(name), &Mask::new(voxels, SIZE)).unwrap();
}

/// Stacks that nothing is wrong with.
fn good() -> Lab {
    let lab = Lab::new();
    for (name, sections, seed) in [("train", 6, 1), ("val", 3, 2)] {
        write_raw(&lab, &format!("{name}.tif"), raw(sections, seed), SIZE);
        write_mask(&lab, &format!("{name}_mitochondria.tif"), disc([sections, EDGE, EDGE]));
    }
    lab.write("run.toml", CONFIG);
    lab
}

/// Runs the check; returns its exit code and what it prints, the folder as `[DIR]`.
fn check(lab: &Lab, arguments: &str) -> (i32, String) {
    let output = lab.em_cli(&format!("check --config run.toml {arguments}")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "");
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text.replace(&lab.path("").display().to_string(), "[DIR]/"))
}

/// Checks good stacks with one defect, which has to be the one error or warning that is printed.
fn one_defect(severity: &str, message: &str, break_it: impl Fn(&Lab)) {
    let lab = good();
    break_it(&lab);
    let (code, text) = check(&lab, "");
    assert_eq!(code, i32::from(severity == "error"), "{message}\n{text}");
    let worse: Vec<&str> =
        text.lines().filter(|line| line.starts_with("error:") || line.starts_with("warning:")).collect();
    match severity {
        "note" => assert!(worse.is_empty() && text.contains(message), "{message}\n{text}"),
        _ => {
            assert_eq!(worse.len(), 1, "{message}\n{text}");
            assert!(worse[0].starts_with(severity) && worse[0].contains(message), "{message}\n{text}");
        }
    }
}

#[test]
fn good_data_have_notes_only() {
    let (code, text) = check(&good(), "");
    assert_eq!(code, 0);
    assert_snapshot!(text, @"
    note: training: mitochondria 19.36 % (in 6 of 6 sections)
    note: validation: mitochondria 19.36 % (in 3 of 3 sections)
    note: network: 1777 parameters, 0.00 billion multiply-adds a tile, filters [4, 8]
    note: memory: about 558.07 MB (volumes 208.90 kB, network with a batch of 4 tiles 557.86 MB)
    note: the time is not measured
      hint      --time measures a few steps
    0 errors, 0 warnings, 5 notes
    ");
}

#[test]
fn several_findings_are_sorted_and_counted() {
    let lab = good();
    let mut voxels = raw(6, 1);
    voxels.slice_mut(s![2, .., ..]).fill(90);
    write_raw(&lab, "train.tif", voxels, Some([50.0, 5.0, 5.0]));
    let mut label = disc([3, EDGE, EDGE]).mapv(u8::from);
    label[[1, 0, 0]] = 7;
    write_raw(&lab, "val_mitochondria.tif", label, SIZE);
    let (code, text) = check(&lab, "--set tiling.tile_size=31");
    assert_eq!(code, 1);
    assert_snapshot!(text, @"
    error: `tiling.tile_size` is 31, expected 30 or 32: the network halves tiles 1 times
    error: the label `mitochondria` holds the values 0, 1, 7
      in        `[DIR]/val_mitochondria.tif`
      section   1
      expected  only 0 and 255, or only 0 and 1
      hint      it looks like several classes or numbered objects: `em-cli convert [DIR]/val_mitochondria.tif mask.tif --value 1` makes a mask of number 1, --threshold 0 of all; `measure --instances` and models of outlines (model.targets) take numbers as they are
    error: voxels of 5 x 5 x 5 nm [z, y, x]
      in        `[DIR]/val.tif`
      expected  50 x 5 x 5 nm, as the first file has
      hint      set data.voxel_size_nm to the size that is right
    error: voxels of 5 x 5 x 5 nm [z, y, x]
      in        `[DIR]/train_mitochondria.tif`
      expected  50 x 5 x 5 nm, as the first file has
      hint      set data.voxel_size_nm to the size that is right
    error: voxels of 5 x 5 x 5 nm [z, y, x]
      in        `[DIR]/val_mitochondria.tif`
      expected  50 x 5 x 5 nm, as the first file has
      hint      set data.voxel_size_nm to the size that is right
    warning: blank: hardly any difference between voxels
      in        `[DIR]/train.tif`
      section   2
      hint      leave them out with `sections`, or replace them by a neighbour
    note: anisotropic: sections are 10.0 times as thick as a pixel is wide
      hint      a 2D network suits them; neighbouring sections help little
    note: training: mitochondria 19.36 % (in 6 of 6 sections)
    note: validation: mitochondria 19.37 % (in 3 of 3 sections)
    note: network: 1777 parameters, 0.00 billion multiply-adds a tile, filters [4, 8]
    note: memory: about 558.07 MB (volumes 208.90 kB, network with a batch of 4 tiles 557.86 MB)
    note: the time is not measured
      hint      --time measures a few steps
    5 errors, 1 warning, 6 notes
    ");
}

#[test]
fn each_defect_of_a_raw_stack_has_its_message() {
    let changed = |change: &dyn Fn(&mut Array3<u8>)| {
        let mut voxels = raw(6, 1);
        change(&mut voxels);
        voxels
    };
    let train = |lab: &Lab, voxels: Array3<u8>| write_raw(lab, "train.tif", voxels, SIZE);
    one_defect("warning", "blank: hardly any difference", |lab| {
        train(lab, changed(&|v| v.slice_mut(s![3, .., ..]).fill(90)));
    });
    one_defect("warning", "at an end of their type", |lab| {
        train(lab, changed(&|v| v.slice_mut(s![3, .., ..]).mapv_inplace(|v| v.saturating_add(70))));
    });
    one_defect("warning", "equal sections: 1, 4", |lab| {
        train(
            lab,
            changed(&|v| {
                let copy = v.slice(s![1, .., ..]).to_owned();
                v.slice_mut(s![4, .., ..]).assign(&copy);
            }),
        );
    });
    one_defect("warning", "nearly equal (correlation over 0.999)", |lab| {
        train(
            lab,
            changed(&|v| {
                let copy = v.slice(s![1, .., ..]).mapv(|v| v + u8::from(v % 16 == 0));
                v.slice_mut(s![2, .., ..]).assign(&copy);
            }),
        );
    });
    one_defect("warning", "the noise of the sections differs", |lab| {
        train(lab, changed(&|v| v.slice_mut(s![3.., .., ..]).mapv_inplace(|v| v / 40 * 40 + v % 40 / 4)));
    });
    one_defect("warning", "1 voxel is no number (NaN or infinite)", |lab| {
        let mut voxels = raw(6, 1).mapv(f32::from);
        voxels[[2, 5, 5]] = f32::NAN;
        write_raw(lab, "train.tif", voxels, SIZE);
        write_raw(lab, "val.tif", raw(3, 2).mapv(f32::from), SIZE);
    });
    one_defect("note", "unlike the one before", |lab| {
        let noise = raw(6, 1);
        let stripes = Array3::from_shape_fn((6, EDGE, EDGE), |(z, y, x)| {
            let along = if z < 4 { y } else { x };
            120 + 80 * (along / 8 % 2) as u8 + noise[[z, y, x]] % 20
        });
        train(lab, stripes);
    });
}

#[test]
fn each_defect_of_a_label_has_its_message() {
    one_defect("error", "has 5 x 64 x 64 voxels", |lab| {
        write_mask(lab, "train_mitochondria.tif", disc([5, EDGE, EDGE]))
    });
    one_defect("error", "holds the values 0, 1, 2, 3", |lab| {
        let objects = Array3::from_shape_fn((6, EDGE, EDGE), |(_, y, _)| (y % 4) as u8);
        write_raw(lab, "train_mitochondria.tif", objects, SIZE);
    });
    one_defect("error", "holds the values 0, 0.5", |lab| {
        let floats = disc([6, EDGE, EDGE]).mapv(|inside| if inside { 0.5_f32 } else { 0.0 });
        write_raw(lab, "train_mitochondria.tif", floats, SIZE);
    });
    let smooth = |lab: &Lab, edge: u8| {
        let mut grey = disc([6, EDGE, EDGE]).mapv(|inside| 255 * u8::from(inside));
        grey.slice_mut(s![.., 32, ..16]).fill(edge);
        grey.slice_mut(s![.., 33, ..16]).fill(edge / 2);
        write_raw(lab, "train_mitochondria.tif", grey, SIZE);
    };
    one_defect("error", "holds the values 0, 64, 128, 255", |lab| smooth(lab, 128));
    let lab = good();
    smooth(&lab, 128);
    let (_, text) = check(&lab, "");
    assert!(text.contains("have grey edges: `em-cli convert") && text.contains("--threshold 128"), "{text}");
    write_raw(
        &lab,
        "train_mitochondria.tif",
        disc([6, EDGE, EDGE]).mapv(|inside| 1 + u16::from(inside)),
        SIZE,
    );
    let (_, text) = check(&lab, "");
    assert!(text.contains("two values are a mask") && text.contains("--threshold 1` writes 255"), "{text}");
    one_defect("warning", "is foreground in 80.6 % of the voxels", |lab| {
        write_mask(lab, "train_mitochondria.tif", disc([6, EDGE, EDGE]).mapv(|inside| !inside));
    });
    one_defect("error", "no foreground of `mitochondria` in training", |lab| {
        write_mask(lab, "train_mitochondria.tif", Array3::from_elem((6, EDGE, EDGE), false));
    });
    one_defect("warning", "no foreground of `mitochondria` in validation", |lab| {
        write_mask(lab, "val_mitochondria.tif", Array3::from_elem((3, EDGE, EDGE), false));
    });
    one_defect("warning", "the labels `mitochondria` and `synapses` are equal", |lab| {
        fs::copy(lab.path("train_mitochondria.tif"), lab.path("train_synapses.tif")).unwrap();
        let mut other = disc([3, EDGE, EDGE]);
        other.slice_mut(s![.., ..32, ..]).fill(false);
        write_mask(lab, "val_synapses.tif", other);
    });
}

#[test]
fn each_defect_of_the_sides_has_its_message() {
    let set = |lab: &Lab, from: &str, to: &str| lab.write("run.toml", &CONFIG.replace(from, to));
    one_defect("error", "validation sections that are training sections too: 2 of", |lab| {
        let mut voxels = raw(3, 2);
        voxels.slice_mut(s![0, .., ..]).assign(&raw(6, 1).slice(s![2, .., ..]));
        write_raw(lab, "val.tif", voxels, SIZE);
    });
    one_defect("warning", "validation has mean", |lab| {
        write_raw(lab, "val.tif", raw(3, 2).mapv(|v| v / 2 + 130), SIZE);
    });
    one_defect("error", "voxels of 8 x 8 x 8 nm", |lab| write_raw(lab, "val.tif", raw(3, 2), Some([8.0; 3])));
    one_defect("warning", "training and validation sections touch", |lab| {
        let labels = "labels = { mitochondria = \"train_mitochondria.tif\" }";
        let source = |sections| format!("[{{ raw = \"train.tif\", {labels}, sections = {sections} }}]");
        let sides = format!("train = {}\nvalidation = {}\n", source("[0, 4]"), source("[4, 6]"));
        lab.write("run.toml", &CONFIG.replace("folder = \".\"\n", &sides));
    });
    one_defect("warning", "only if it is mirrored along x", |lab| {
        let place = |x: usize, y: usize| x.abs_diff(20).pow(2) + y.abs_diff(30).pow(2) < 252;
        let inside = Array3::from_shape_fn((6, EDGE, EDGE), |(_, y, x)| place(x, y));
        let noise = raw(6, 1).mapv(|v| v % 40);
        let grey = inside.mapv(|inside| if inside { 60 } else { 160 }) + noise;
        write_raw(lab, "train.tif", grey, SIZE);
        write_mask(lab, "train_mitochondria.tif", inside.slice(s![.., .., ..;-1]).to_owned());
    });
    one_defect("error", "leaves training empty", |lab| {
        fs::remove_file(lab.path("val.tif")).unwrap();
        set(lab, "[tiling]", "[data.split]\ngap = 9\n[tiling]");
    });
    one_defect("warning", "no gap between training and validation", |lab| {
        fs::remove_file(lab.path("val.tif")).unwrap();
        set(lab, "[tiling]", "[data.split]\ngap = 0\n[tiling]");
    });
    one_defect("warning", "the split `random-tiles` leaks", |lab| {
        fs::remove_file(lab.path("val.tif")).unwrap();
        set(lab, "[tiling]", "[data.split]\nkind = \"random-tiles\"\n[tiling]");
    });
    one_defect("error", "tiles of 96 x 96 do not fit", |lab| set(lab, "tile_size = 32", "tile_size = 96"));
    one_defect("error", "no file or folder", |lab| {
        lab.write("run.toml", &format!("{CONFIG}[data.validation]\nraw = \"val.tif\"\nlabels = {{ mitochondria = \"nowhere.tif\" }}\n"))
    });
}

#[test]
fn a_label_in_the_place_of_the_raw_stack() {
    let lab = good();
    write_mask(&lab, "train.tif", Array3::from_shape_fn((6, EDGE, EDGE), |(z, y, x)| (z + y * x) % 3 == 0));
    let (code, text) = check(&lab, "");
    assert_eq!(code, 1);
    assert!(text.starts_with("error: the raw stack holds the values 0 and 255 only"), "{text}");
}

#[test]
fn one_file_for_training_and_validation() {
    let lab = good();
    let source = "{ raw = \"train.tif\", labels = { mitochondria = \"train_mitochondria.tif\" } }";
    lab.write(
        "run.toml",
        &CONFIG.replace("folder = \".\"\n", &format!("train = {source}\nvalidation = {source}\n")),
    );
    let (code, text) = check(&lab, "");
    assert_eq!(code, 1);
    assert!(text.contains("error: training and validation use the same file and sections"), "{text}");
}

#[test]
fn the_time_is_measured_when_asked_for() {
    let (code, text) = check(&good(), "--time --device cpu");
    assert_eq!(code, 0);
    assert!(text.contains("note: time: about "), "{text}");
    let (_, json) = check(&good(), "--json");
    assert!(json.starts_with("{\n  \"format_version\": 1"), "{json}");
}
