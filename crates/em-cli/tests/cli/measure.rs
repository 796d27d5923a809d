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
    let told = lab.ok("measure m.tif -o out --fill-holes --split 20 --overwrite");
    assert!(told.contains("m: 1 of 1 objects were split, into 2"), "{told}");
    let voxels: u64 = column(&lab, "voxels").iter().map(|v| v.parse::<u64>().unwrap()).sum();
    assert_eq!(voxels, 5 * (24 * 26 + 4 * 14 + 24 * 30));
    let report = lab.read("out/report.html");
    assert!(
        report.contains("<h2>m</h2>") && report.contains("<img src=\"data:image/png;base64,"),
        "{report}"
    );
    write_volume(lab.path("unknown.tif"), &Voxels::U8(mask), None).unwrap();
    let refused = lab.em_cli("measure unknown.tif -o other --split 20").output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("`unknown` has no voxel size, so that --split 20 nm"), "{message}");
}

#[test]
fn earlier_results_are_replaced_as_a_whole_and_only_where_that_is_asked_for() {
    let lab = with_masks();
    lab.ok("measure mito.tif -o out");
    lab.write("out/notes.txt", "mine");
    let one: Vec<String> = lab.files().into_keys().filter(|name| name.starts_with("out/")).collect();
    assert!(one.contains(&"out/labels.tif".to_owned()), "{one:?}");
    assert_snapshot!(lab.mistake("measure mito.tif synapse.tif -o out"), @"
    error: `out` holds results already: `out/objects.csv`
    hint: take another folder, or replace them with --overwrite
    ");
    lab.ok("measure mito.tif synapse.tif -o out --overwrite");
    let several: Vec<String> = lab.files().into_keys().filter(|name| name.starts_with("out/")).collect();
    assert_eq!(
        several,
        [
            "out/histograms.png",
            "out/labels_mito.tif",
            "out/labels_synapse.tif",
            "out/notes.txt",
            "out/objects.csv",
            "out/objects.parquet",
            "out/report.html",
            "out/summary.json"
        ]
    );
    lab.ok("measure mito.tif -o out --overwrite");
    assert_eq!(lab.files().into_keys().filter(|name| name.starts_with("out/")).collect::<Vec<_>>(), one);
    // A measurement that fails leaves what was there.
    let mut grey = Array3::<u8>::zeros((4, 30, 40));
    grey[[3, 0, 0]] = 7;
    write_volume(lab.path("grey.tif"), &Voxels::U8(grey), SIZE_NM).unwrap();
    lab.mistake("measure mito.tif grey.tif -o out --overwrite");
    assert_snapshot!(lab.mistake("measure out/labels.tif --instances -o out --overwrite"), @"
    error: `out/labels.tif` is the input and would be replaced
    hint: take another folder for the results
    ");
    lab.ok("measure mito.tif -o other --labels labels.zarr");
    let message = lab.mistake("measure mito.tif -o third --labels labels.zarr");
    assert!(message.starts_with("error: `labels.zarr` exists already"), "{message}");
}

#[test]
fn results_tell_how_they_were_made() {
    let lab = with_masks();
    lab.ok("measure mito=mito.tif -o out --min-voxels 2 --voxel-size 50,10,10");
    let summary: serde_json::Value = serde_json::from_str(&lab.read("out/summary.json")).unwrap();
    assert_eq!(
        summary["command"],
        "em-cli measure mito=mito.tif -o out --min-voxels 2 --voxel-size 50,10,10"
    );
    let input = &summary["inputs"][0];
    assert_eq!(input["role"], "mito, mask");
    assert!(input["path"].as_str().unwrap().ends_with("/mito.tif"), "{input}");
    assert_eq!(input["bytes"].as_u64().unwrap(), lab.bytes("mito.tif").len() as u64);
    assert_eq!(summary["settings"]["minimum_voxels"], 2);
    assert_eq!(summary["settings"]["voxel_size_nm"], serde_json::json!([50.0, 10.0, 10.0]));
    // Four sections tell no interval.
    assert_eq!(summary["classes"]["mito"]["volume_fraction_interval"], serde_json::Value::Null);
    let page = lab.read("out/report.html");
    assert!(page.contains("em-cli measure mito=mito.tif") && page.contains("mito.tif</td>"), "{page}");
}

#[test]
fn files_of_other_voxel_sizes_are_not_measured_together() {
    let lab = with_masks();
    let Voxels::U8(mask) = em_io::open(lab.path("mito.tif")).unwrap().read_all().unwrap() else {
        panic!("masks are 8-bit")
    };
    write_volume(lab.path("large.tif"), &Voxels::U8(mask.clone()), Some([400.0, 100.0, 100.0])).unwrap();
    write_volume(lab.path("unknown.tif"), &Voxels::U8(mask), None).unwrap();
    assert_snapshot!(lab.mistake("measure a=mito.tif b=large.tif -o out"), @"
    error: `large.tif` has voxels of 400 x 100 x 100 nm, and `mito.tif` of 40 x 10 x 10 nm [z, y, x]
    hint: give the size that is right with --voxel-size Z,Y,X
    ");
    assert_snapshot!(lab.mistake("evaluate --prediction mito.tif --label large.tif"), @"
    error: `mito.tif` has voxels of 40 x 10 x 10 nm, and `large.tif` of 400 x 100 x 100 nm [z, y, x]
    hint: give the size that is right with --voxel-size Z,Y,X
    ");
    lab.ok("measure a=mito.tif b=large.tif -o out --voxel-size 40,10,10");
    let volumes = column(&lab, "volume_um3");
    assert_eq!(volumes[..3], volumes[3..]);
    lab.ok("measure a=unknown.tif b=mito.tif -o out --overwrite");
    assert_eq!(column(&lab, "volume_um3"), volumes, "a file without a size has that of the others");
    let output = lab.em_cli("measure mito.tif -o third --voxel-size 10,10,40").output().unwrap();
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    warning: --voxel-size: 10,10,40 nm makes pixels that are not square: the order is z,y,x, the thickness of sections first
    ");
}

#[test]
fn small_objects_have_volumes_that_can_be_read_and_spheres_are_the_roundest() {
    let lab = Lab::new();
    // A ball of 20 nm radius, a line, a plate and a single voxel.
    let mut mask = Array3::from_shape_fn((12, 48, 48), |(z, y, x)| {
        let [z, y, x] = [(z as f64 - 6.0) * 10.0, (y as f64 - 12.0) * 5.0, (x as f64 - 12.0) * 5.0];
        u8::from(z * z + y * y + x * x <= 400.0)
    });
    mask[[1, 1, 1]] = 1;
    mask.slice_mut(s![10, 40, 10..40]).fill(1);
    mask.slice_mut(s![10..12, 20..36, 30..46]).fill(1);
    write_volume(lab.path("m.tif"), &Voxels::U8(mask), Some([10.0, 5.0, 5.0])).unwrap();
    let told = lab.ok("measure m.tif -o out");
    assert!(told.contains(" nm³"), "{told}");
    let voxels = column(&lab, "voxels");
    let sphericity = column(&lab, "sphericity");
    let of = |count: &str| sphericity[voxels.iter().position(|v| v == count).unwrap()].clone();
    assert_eq!(of("1"), "", "no body has as little surface as is estimated of one voxel");
    assert_eq!(of("125"), "1", "a ball is the roundest there is");
    assert!(of("512").parse::<f64>().unwrap() < 0.8);
    let longest =
        lab.read("out/objects.csv").split([',', '\n']).map(|cell| cell.trim_matches('-').len()).max();
    assert!(longest.unwrap() <= "equivalent_diameter_nm".len(), "seven digits are enough");
}

#[test]
fn a_name_with_an_equals_sign_is_a_file_where_it_is_there() {
    let lab = with_masks();
    std::fs::rename(lab.path("mito.tif"), lab.path("mito_t=0.5.tif")).unwrap();
    let told = lab.ok("measure mito_t=0.5.tif -o out");
    assert!(told.starts_with("mito_t=0.5: 3 objects"), "{told}");
    let told = lab.ok("measure m=mito_t=0.5.tif -o again");
    assert!(told.starts_with("m: 3 objects"), "{told}");
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
    hint: two values are a mask: `em-cli convert grey.tif mask.tif --threshold 0` writes 255 for the larger
    ");
    assert_snapshot!(lab.mistake("measure mito.tif -o mito.tif"), @"
    error: cannot create folder `mito.tif`
      because: File exists (os error 17)
    hint: a file has the name of a folder that is needed: choose another path
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
