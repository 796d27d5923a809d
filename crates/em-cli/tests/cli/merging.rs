//! Measurements in shards: their parts, and the end that merges them.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;

use crate::lab::Lab;
use crate::shards::contents;

/// Two classes: blobs that go through sections, in 50 sections.
fn lab_with_masks() -> Lab {
    let lab = Lab::new();
    let blob = |z: usize, y: usize, x: usize, step: usize| {
        let of = |a: usize, period: usize| (a % period).abs_diff(period / 2);
        of(z, step).pow(2) + of(y, step).pow(2) + of(x, step).pow(2) < (step / 2 + 1).pow(2)
    };
    for (name, step) in [("mito", 11), ("syn", 7)] {
        let mask = ndarray::Array3::from_shape_fn([50, 60, 70], |(z, y, x)| {
            blob(z, y + z / 3, x, step) && (z * 7 + y * 3 + x) % 13 > 0
        });
        let mask = em_io::Mask::new(mask, Some([30.0, 8.0, 8.0]));
        em_io::write_mask(lab.path(&format!("{name}.tif")), &mask).unwrap();
    }
    let bytes = ndarray::Array3::from_shape_fn([50, 60, 70], |(z, y, x)| (z * 31 + y * 17 + x * x) as u8);
    let floats = bytes.mapv(|byte| f32::from(byte) / 256.0);
    em_io::write_volume(lab.path("bytes.tif"), &bytes.into(), None).unwrap();
    em_io::write_volume(lab.path("floats.tif"), &floats.into(), None).unwrap();
    lab
}

#[test]
fn merged_measurements_are_those_of_one_program() {
    let lab = lab_with_masks();
    let options = [
        "m=mito.tif s=syn.tif",
        "m=mito.tif --split 20 --min-voxels 30 --probabilities m=bytes.tif",
        "m=mito.tif s=syn.tif --min-voxels 30 --probabilities m=bytes.tif --probabilities s=floats.tif",
        "m=mito.tif s=syn.tif --boundary m=syn.tif --flat --fill-holes --connectivity 6",
    ];
    for (number, options) in options.iter().enumerate() {
        let (whole, shared) = (format!("whole{number}"), format!("shared{number}"));
        lab.ok(&format!("measure {options} -o {whole}"));
        for shard in [2, 0, 1, 3] {
            let measure = format!("measure {options} -o {shared} --shard {shard}/4");
            let mut child = lab.em_cli(&measure).spawn().unwrap();
            thread::sleep(Duration::from_millis(15 * shard));
            child.kill().unwrap();
            child.wait().unwrap();
            lab.ok(&measure);
        }
        assert!(lab.ok(&format!("shards {shared}")).contains("--merge"));
        lab.ok(&format!("measure {options} -o {shared} --merge"));
        assert!(!lab.path(&format!("{shared}.shards")).exists());
        let (found, expected) = (contents(&lab, &shared), contents(&lab, &whole));
        assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
        for (name, bytes) in &expected {
            match name.as_str() {
                // It names the command.
                "report.html" => assert!(found[name].len().abs_diff(bytes.len()) < 100),
                "summary.json" => {
                    let parsed = |bytes: &[u8]| {
                        let mut json: Value = serde_json::from_slice(bytes).unwrap();
                        json["command"] = Value::Null;
                        json
                    };
                    assert_eq!(parsed(&found[name]), parsed(bytes));
                }
                _ => assert!(&found[name] == bytes, "{name} differs"),
            }
        }
        assert!(expected.len() >= 6 && expected["objects.csv"].len() > 300);
    }
}

#[test]
fn a_killed_merge_is_begun_again_with_overwrite_and_its_shards_stay_done() {
    let lab = lab_with_masks();
    let options = "m=mito.tif --labels labels.zarr";
    lab.ok(&format!("measure {options} -o out --shard 0/1"));
    let notes = contents(&lab, "out.shards");
    lab.ok(&format!("measure {options} -o out --merge"));
    let (expected, labels) = (contents(&lab, "out"), contents(&lab, "labels.zarr"));
    // As a kill leaves it: the labels and one of the tables are in place, and the notes are there.
    fs::create_dir(lab.path("out.shards")).unwrap();
    for (name, bytes) in &notes {
        fs::write(lab.path("out.shards").join(name), bytes).unwrap();
    }
    fs::remove_dir_all(lab.path("out")).unwrap();
    fs::create_dir(lab.path("out")).unwrap();
    fs::write(lab.path("out/objects.csv"), &expected["objects.csv"]).unwrap();
    // A scheduler may start all jobs again. Nobody knows whose the results are.
    assert!(lab.ok(&format!("measure {options} -o out --shard 0/1")).contains("before"));
    let message = lab.mistake(&format!("measure {options} -o out --merge"));
    assert!(message.contains("holds results already") && message.contains("--overwrite"), "{message}");
    fs::remove_file(lab.path("out/objects.csv")).unwrap();
    let message = lab.mistake(&format!("measure {options} -o out --merge"));
    assert!(message.contains("`labels.zarr` exists already"), "{message}");
    lab.ok(&format!("measure {options} -o out --merge --overwrite"));
    let bytes = |files: &BTreeMap<String, Vec<u8>>| files["objects.parquet"].clone();
    assert!(bytes(&contents(&lab, "out")) == bytes(&expected) && contents(&lab, "labels.zarr") == labels);
    assert!(!lab.path("out.shards").exists());
}

#[test]
fn label_volumes_of_somebody_else_are_not_replaced_unasked() {
    let lab = lab_with_masks();
    fs::create_dir(lab.path("out")).unwrap();
    fs::write(lab.path("out/labels_s.tif"), "mine").unwrap();
    for options in ["", " --shard 0/1"] {
        let message = lab.mistake(&format!("measure m=mito.tif s=syn.tif -o out{options}"));
        assert!(message.contains("`out` holds results already: `out/labels_s.tif`"), "{message}");
    }
    // One class has the name `labels.tif`, and leaves the other as it is.
    lab.ok("measure s=syn.tif -o out");
    assert_eq!(lab.read("out/labels_s.tif"), "mine");
}

#[test]
fn merging_refuses_what_does_not_belong_together() {
    let lab = lab_with_masks();
    lab.ok("measure m=mito.tif -o out --shard 0/2");
    assert_snapshot!(lab.mistake("measure m=mito.tif -o out --merge"), @"
    error: 1 of 2 shards of `out` are not done: 1
    hint: do these first; `em-cli shards out` tells what is wrong with each
    ");
    let message = lab.mistake("measure m=mito.tif -o out --shard 1/2 --connectivity 6");
    assert!(message.contains("what an object is was"), "{message}");
    let message = lab.mistake("measure m=syn.tif -o out --merge");
    assert!(message.contains("mask of `m` was mito.tif, found syn.tif"), "{message}");
    let message = lab.mistake("measure m=mito.tif -o out --merge --probabilities m=bytes.tif");
    assert!(message.contains("probabilities of `m`"), "{message}");
    let message = lab.mistake("measure m=mito.tif -o other --merge");
    assert!(message.starts_with("error: `other` has no shards"), "{message}");
    let message = lab.mistake("shards out --finish");
    assert!(message.contains("--merge"), "{message}");
}

#[test]
fn what_a_doubled_shard_left_counts_for_no_other_work() {
    let lab = lab_with_masks();
    lab.ok("measure m=mito.tif -o out --shard 0/1");
    // As after an end that was killed on its way, or a shard that was done twice and came behind the end.
    fs::remove_file(lab.path("out.shards/request.json")).unwrap();
    fs::copy(lab.path("syn.tif"), lab.path("mito.tif")).unwrap();
    assert!(!lab.ok("measure m=mito.tif -o out --shard 0/1").contains("before"));
    lab.ok("measure m=mito.tif -o out --merge");
    lab.ok("measure m=mito.tif -o whole");
    assert_eq!(lab.bytes("out/objects.csv"), lab.bytes("whole/objects.csv"));
}
