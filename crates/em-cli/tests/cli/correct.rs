//! `em-cli correct` on labels whose objects are known.

use em_io::{Voxels, write_volume};
use insta::assert_snapshot;
use ndarray::{Array3, s};

use crate::lab::Lab;

const SIZE_NM: Option<[f64; 3]> = Some([40.0, 10.0, 10.0]);

/// Two bars that a bridge joins as object 3, a bar 5, and a speck 8; and probabilities of all.
fn with_labels() -> Lab {
    let lab = Lab::new();
    let mut labels = Array3::<u16>::zeros((4, 30, 60));
    labels.slice_mut(s![.., 4..14, 4..24]).fill(3);
    labels.slice_mut(s![1..2, 8..10, 24..30]).fill(3);
    labels.slice_mut(s![.., 4..14, 30..56]).fill(3);
    labels.slice_mut(s![.., 20..26, 4..40]).fill(5);
    labels[[3, 28, 50]] = 8;
    write_volume(lab.path("labels.tif"), &Voxels::U16(labels), SIZE_NM).unwrap();
    let grey = Array3::<u8>::from_elem((4, 30, 60), 204);
    write_volume(lab.path("p.tif"), &Voxels::U8(grey), SIZE_NM).unwrap();
    lab
}

const EDITS: &str = r#"{"kind": "split", "object": 3, "points": [[2, 9, 10], [2, 9, 50]]}
{"kind": "delete", "object": 8}
{"kind": "merge", "objects": [5, 9]}
{"kind": "undo"}
{"kind": "keep", "object": 5}
"#;

#[test]
fn edits_become_labels_a_table_and_a_summary() {
    let lab = with_labels();
    lab.write("edits.jsonl", EDITS);
    let told = lab.ok("correct mito=labels.tif --edits edits.jsonl --probabilities mito=p.tif");
    assert_snapshot!(told, @"
    mito: 3 objects
    labels, objects.csv, objects.parquet and summary.json are in `labels-corrected`
    report: labels-corrected/report.html
    ");
    let labels = em_io::open(lab.path("labels-corrected/labels.tif")).unwrap();
    let Voxels::U32(labels) = labels.read_all().unwrap() else { panic!("labels are 32-bit") };
    let at = [[0, 4, 4], [0, 4, 55], [3, 13, 30], [0, 20, 4], [3, 28, 50]];
    assert_eq!(at.map(|voxel| labels[voxel]), [9, 3, 3, 5, 0], "the larger part keeps its value");
    // The same as a measurement of what was written.
    lab.ok("measure mito=labels-corrected/labels.tif --instances --probabilities mito=p.tif -o again");
    assert_eq!(lab.read("labels-corrected/objects.csv"), lab.read("again/objects.csv"));
    assert!(lab.read("again/objects.csv").contains("contact_faces"));
    let summary: serde_json::Value =
        serde_json::from_str(&lab.read("labels-corrected/summary.json")).unwrap();
    assert_eq!(summary["settings"]["corrections"], 3);
    assert_eq!(summary["classes"]["mito"]["objects"], 3);
}

#[test]
fn how_many_edits_count_is_said_where_any_does() {
    let lab = with_labels();
    let notes = |edits: &str| {
        lab.write("edits.jsonl", edits);
        let command = "correct m=labels.tif --edits edits.jsonl -o out --overwrite";
        let output = lab.em_cli(command).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(notes(EDITS).contains("note: m: edits that count: 3\n"));
    assert!(!notes("").contains("edits that count"));
}

#[test]
fn several_classes_are_corrected_together_with_their_distances() {
    let lab = with_labels();
    let mut others = Array3::<u8>::zeros((4, 30, 60));
    others.slice_mut(s![1..3, 16..18, 50..54]).fill(1);
    write_volume(lab.path("s.tif"), &Voxels::U8(others), SIZE_NM).unwrap();
    lab.write("e.jsonl", "{\"kind\": \"delete\", \"object\": 3}\n");
    lab.ok("correct m=labels.tif s=s.tif --edits m=e.jsonl -o out --labels out.zarr");
    let csv = lab.read("out/objects.csv");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let place = rows[0].iter().position(|name| *name == "nearest_m_id").unwrap();
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>(), ["id", "5", "8", "1"]);
    assert_eq!(rows[3][place], "5", "3 was nearer, and was deleted");
    assert!(lab.path("out_m.zarr").exists() && lab.path("out_s.zarr").exists());
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_written() {
    let lab = with_labels();
    lab.write(
        "edits.jsonl",
        "{\"kind\": \"delete\", \"object\": 8}\n{\"kind\": \"delete\", \"object\": 8}\n",
    );
    assert_snapshot!(lab.mistake("correct labels.tif --edits edits.jsonl -o out"), @"
    error: edit 2 of `edits.jsonl` cannot be done: there is no object 8
    hint: nothing is written; mend the line, or take it out
    ");
    lab.write("edits.jsonl", "{\"kind\": \"devour\", \"object\": 8}\n");
    let told = lab.mistake("correct labels.tif --edits edits.jsonl -o out");
    assert!(told.contains("line 1 of `edits.jsonl` is no edit") && told.contains("hint: an edit looks like"));
    lab.write("edits.jsonl", "");
    assert_snapshot!(lab.mistake("correct a=labels.tif b=labels.tif --edits c=edits.jsonl -o out"), @"
    error: --edits is given for `c`; classes are: a, b
    hint: name both alike, as in m=labels.tif --edits m=edits.jsonl
    ");
    lab.write("more.jsonl", "");
    let twice = "--edits m=edits.jsonl --edits m=more.jsonl -o out";
    assert_snapshot!(lab.mistake(&format!("correct m=labels.tif s=p.tif {twice}")), @"
    error: two files of edits are given for the class `m`
    hint: put them together into one, in the order of the edits
    ");
    for twice in [twice, "--edits edits.jsonl --edits more.jsonl -o out"] {
        let told = lab.mistake(&format!("correct m=labels.tif {twice}"));
        assert!(told.contains("two files of edits are given for the class `m`"), "{told}");
    }
    assert!(
        lab.mistake("correct labels.tif --edits none.jsonl -o out").contains("`none.jsonl` cannot be read")
    );
    assert!(lab.mistake("correct p.tif --edits labels.tif -o out").contains("is no edit"));
}
