//! `em-cli measure` on masks whose objects are known.

use em_io::{Voxels, write_volume};
use insta::assert_snapshot;
use ndarray::{Array3, s};

use crate::lab::Lab;

const SIZE_NM: Option<[f64; 3]> = Some([40.0, 10.0, 10.0]);

/// Two boxes and a speck of one class, and a box of the other.
fn with_masks() -> Lab {
    let lab = Lab::new();
    let mut mito = Array3::<u8>::zeros((4, 30, 40));
    mito.slice_mut(s![0..3, 5..10, 5..15]).fill(255);
    mito.slice_mut(s![1..3, 15..20, 25..35]).fill(255);
    mito[[0, 29, 39]] = 255;
    let mut synapse = Array3::<u8>::zeros((4, 30, 40));
    synapse.slice_mut(s![1..2, 6..8, 18..20]).fill(255);
    for (name, mask) in [("mito.tif", mito), ("synapse.tif", synapse)] {
        write_volume(lab.path(name), &Voxels::U8(mask), SIZE_NM).unwrap();
    }
    lab
}

/// The cells of a column of `objects.csv`, by the name of the column.
fn column(lab: &Lab, name: &str) -> Vec<String> {
    let text = lab.read("out/objects.csv");
    let mut rows = text.lines().map(|line| line.split(','));
    let place = rows.next().unwrap().position(|column| column == name).unwrap();
    rows.map(|mut row| row.nth(place).unwrap().to_owned()).collect()
}

#[test]
fn objects_have_their_sizes_places_and_distances() {
    let lab = with_masks();
    let told = lab.ok("measure mito=mito.tif synapse=synapse.tif -o out --min-voxels 2");
    assert_eq!(column(&lab, "class"), ["mito", "mito", "synapse"]);
    assert_eq!(column(&lab, "id"), ["1", "2", "1"]);
    assert_eq!(column(&lab, "voxels"), ["150", "100", "4"]);
    // 150 voxels of 40 x 10 x 10 nm.
    let volume: f64 = column(&lab, "volume_um3")[0].parse().unwrap();
    assert!((volume - 150.0 * 4e-6).abs() < 1e-12, "{volume}");
    assert_eq!(column(&lab, "touches_border"), ["true", "false", "false"]);
    assert_eq!(column(&lab, "centroid_x"), ["9.5", "29.5", "18.5"]);
    // Columns 14 and 18 of one section; rows 7 and 15, columns 19 and 25.
    assert_eq!(column(&lab, "nearest_synapse_nm")[0], "40");
    let diagonal = (80.0_f64.powi(2) + 60.0_f64.powi(2)).sqrt();
    assert_eq!(column(&lab, "nearest_synapse_nm")[1].parse::<f64>().unwrap(), diagonal);
    assert!(told.contains("mito: 2 objects, 1 at the border"), "{told}");
    let labels = em_io::open(lab.path("out/labels_mito.tif")).unwrap();
    let Voxels::U32(labels) = labels.read_all().unwrap() else { panic!("labels are 32-bit") };
    assert_eq!((labels[[0, 5, 5]], labels[[1, 15, 25]], labels[[0, 29, 39]]), (1, 2, 0));
    let summary: serde_json::Value = serde_json::from_str(&lab.read("out/summary.json")).unwrap();
    assert_eq!(summary["classes"]["mito"]["voxels"], 250);
    assert!(std::fs::metadata(lab.path("out/objects.parquet")).unwrap().len() > 1000);
}

#[test]
fn sections_by_themselves_have_more_objects() {
    let lab = with_masks();
    lab.ok("measure mito.tif -o out --flat --labels out/labels.zarr");
    assert_eq!(column(&lab, "voxels"), ["50", "1", "50", "50", "50", "50"]);
    assert!(lab.path("out/labels.zarr").is_dir());
    lab.ok("measure out/labels.zarr -o again --instances");
    assert_eq!(lab.read("again/objects.csv").lines().count(), 7);
}

#[test]
fn touching_objects_are_split_and_holes_filled() {
    let lab = Lab::new();
    // A dumbbell whose left end has a hole.
    let mut mask = Array3::<u8>::zeros((5, 40, 80));
    mask.slice_mut(s![.., 8..32, 4..30]).fill(255);
    mask.slice_mut(s![.., 18..22, 30..44]).fill(255);
    mask.slice_mut(s![.., 8..32, 44..74]).fill(255);
    mask.slice_mut(s![.., 14..16, 10..12]).fill(0);
    write_volume(lab.path("m.tif"), &Voxels::U8(mask.clone()), Some([10.0; 3])).unwrap();
    lab.ok("measure m.tif -o out");
    assert_eq!(column(&lab, "voxels").len(), 1);
    let told = lab.ok("measure m.tif -o out --fill-holes --split 20");
    assert!(told.contains("m: 1 of 1 objects were split, into 2"), "{told}");
    let voxels: u64 = column(&lab, "voxels").iter().map(|v| v.parse::<u64>().unwrap()).sum();
    assert_eq!(voxels, 5 * (24 * 26 + 4 * 14 + 24 * 30));
    let report = lab.read("out/report.html");
    assert!(report.contains("<h2>m</h2>") && report.contains("data:image/png;base64,"), "{report}");
    write_volume(lab.path("unknown.tif"), &Voxels::U8(mask), None).unwrap();
    let refused = lab.em_cli("measure unknown.tif -o other --split 20").output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("`unknown` has no voxel size, so that --split 20 nm"), "{message}");
}

#[test]
fn mistakes() {
    let lab = with_masks();
    write_volume(lab.path("small.tif"), &Voxels::U8(Array3::zeros((4, 30, 20))), SIZE_NM).unwrap();
    let mut grey = Array3::<u8>::zeros((4, 30, 40));
    grey[[2, 0, 0]] = 7;
    write_volume(lab.path("grey.tif"), &Voxels::U8(grey), SIZE_NM).unwrap();
    assert_snapshot!(lab.mistake("measure a=mito.tif b=small.tif -o out"), @"
    error: `small.tif` is 4 x 30 x 20 voxels, and `a` is 4 x 30 x 40 [z, y, x]
    hint: measure volumes of one size together
    ");
    assert_snapshot!(lab.mistake("measure a=mito.tif a=synapse.tif -o out"), @"
    error: two files are given for the class `a`
    hint: name each, as in mitochondria=m.tif synapses=s.tif
    ");
    assert_snapshot!(lab.mistake("measure a=mito.tif --probabilities b=synapse.tif -o out"), @"
    error: --probabilities is given for `b`, which has no mask; masks are: a
    hint: name both alike, as in m=mask.tif --probabilities m=file.tif
    ");
    assert_snapshot!(lab.mistake("measure grey.tif -o out"), @"
    error: `grey.tif` holds the values 0, 7 (page 2), expected only 0 and 255, or only 0 and 1
    hint: make a mask of grey values first; labels of objects are read as instances
    ");
    assert_snapshot!(lab.mistake("measure mito.tif -o mito.tif"), @"
    error: cannot create folder `mito.tif`
      because: File exists (os error 17)
    ");
    assert!(!lab.path("out/objects.csv").exists());
}

#[test]
fn learned_outlines_tell_touching_objects_apart() {
    let lab = crate::pipeline::with_phantom();
    // Numbered objects: two halves of each section touch.
    for (stack, sections) in [("train", 4), ("val", 2)] {
        let numbers = Array3::from_shape_fn((sections, 128, 128), |(_, y, x)| match (y, x) {
            (20..100, 20..60) => 3_u8,
            (20..100, 60..100) => 9,
            _ => 0,
        });
        lab.write_volume(&format!("phantom/{stack}_mitochondria.tif"), numbers);
    }
    let tiny = crate::pipeline::TINY;
    let train = format!(
        "train --config phantom/run.toml {tiny} --set train.epochs=1 --set data.classes=[\"mitochondria\"]"
    );
    let message = lab.mistake(&train);
    assert!(message.contains("holds the values 0, 3, 9"), "{message}");
    let targets = "--set model.targets=[\"mask\",\"boundary\"]";
    let found = lab.ok(&format!(
        "check --config phantom/run.toml {tiny} {targets} --set data.classes=[\"mitochondria\"]"
    ));
    assert!(found.contains("0 errors"), "{found}");
    lab.ok(&format!("{train} {targets}"));
    let card: serde_json::Value = serde_json::from_str(&lab.read("phantom/run/model.json")).unwrap();
    assert_eq!(card["classes"], serde_json::json!(["mitochondria", "mitochondria_boundary"]));
    lab.ok("predict --device cpu --model phantom/run phantom/val.tif -o out.tif --threshold 0.0");
    assert!(lab.mask("out_mitochondria_boundary.tif").iter().all(|&inside| inside));

    // What a good model would predict.
    let object = |z_y_x: (usize, usize, usize)| (20..100).contains(&z_y_x.1) && (20..100).contains(&z_y_x.2);
    lab.write_mask("mask.tif", Array3::from_shape_fn((2, 128, 128), object));
    let wall = |z_y_x: (usize, usize, usize)| object(z_y_x) && (58..62).contains(&z_y_x.2);
    lab.write_mask("wall.tif", Array3::from_shape_fn((2, 128, 128), wall));
    let told = lab.ok("measure m=mask.tif --boundary m=wall.tif -o out --voxel-size 20,5,5");
    assert!(told.contains("m: 1 of 1 objects were split, into 2"), "{told}");
    assert_eq!(column(&lab, "voxels"), ["6400", "6400"]);
    assert_snapshot!(lab.mistake("measure m=mask.tif --boundary n=wall.tif -o other"), @"
    error: --boundary is given for `n`, which has no mask; masks are: m
    hint: name both alike, as in m=mask.tif --boundary m=file.tif
    ");
}
