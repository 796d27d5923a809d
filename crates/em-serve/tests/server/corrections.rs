//! Objects that are corrected through the server: of a view, and of the result of a project.

use std::path::Path;
use std::time::Duration;

use em_io::Voxels;
use em_pipeline::view::{Kind, OverlayFile, View, ViewRequest};
use em_pipeline::{Observer, silent};
use ndarray::{Array3, s};
use serde_json::{Value, json};

use crate::served::{Answer, Served};

const SIZE: Option<[f64; 3]> = Some([40.0, 5.0, 5.0]);

/// Two squares that a bridge joins as object 3, one with a hole as 5, and 9.
fn labels(shape: [usize; 3]) -> Voxels {
    let mut labels = Array3::<u32>::zeros(shape);
    labels.slice_mut(s![.., 4..24, 4..24]).fill(3);
    labels.slice_mut(s![.., 12..15, 24..30]).fill(3);
    labels.slice_mut(s![.., 4..24, 30..54]).fill(3);
    labels.slice_mut(s![.., 40..60, 4..24]).fill(5);
    labels.slice_mut(s![1.., 48..52, 10..14]).fill(0);
    labels.slice_mut(s![.., 40..50, 40..50]).fill(9);
    labels.into()
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let shape = [3, 70, 80];
    let raw = folder.path().join("raw.tif");
    em_io::write_volume(&raw, &Voxels::from(Array3::<u8>::zeros(shape)), SIZE).unwrap();
    let cells = folder.path().join("cells.tif");
    em_io::write_volume(&cells, &labels(shape), SIZE).unwrap();
    let mut request = ViewRequest::new(raw);
    request.overlays = vec![OverlayFile::new("cells", cells, Some(Kind::Objects))];
    let view = View::open(&request, &mut Observer::new(&mut silent)).unwrap();
    Served::view(folder, view)
}

/// Waits until objects are measured, and returns their table.
fn measured(served: &Served, root: &str, layer: &str) -> Value {
    for _ in 0..400 {
        let table = served.get(&format!("{root}api/objects/{layer}")).json();
        if table["state"] != "measuring" {
            assert_eq!(table["state"], "ready", "{table}");
            return table;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("nothing is measured");
}

struct Editor<'a> {
    served: &'a Served,
    path: &'a str,
    count: usize,
    /// What the table says of its labels.
    labels: Value,
}

impl Editor<'_> {
    fn edit(&mut self, edit: Value) -> Answer {
        self.count += 1;
        let asked =
            json!({"client": "me", "id": self.count.to_string(), "edit": edit, "labels": self.labels});
        self.served.post(self.path, &asked)
    }

    fn done(&mut self, edit: Value) -> Value {
        let answer = self.edit(edit.clone());
        assert_eq!(answer.status, 200, "{edit}: {}", answer.message());
        answer.json()
    }
}

fn value(served: &Served, root: &str, layer: &str, [z, y, x]: [usize; 3]) -> Value {
    served.get(&format!("{root}api/value/{z}/{y}/{x}")).json()["values"][layer].clone()
}

#[test]
fn objects_are_split_merged_filled_deleted_and_brought_back() {
    let served = served();
    assert_eq!(served.get("api/edits/cells").json()["edits"], json!([]));
    let table = measured(&served, "", "cells");
    let column = |name: &str| table["columns"].as_array().unwrap().iter().position(|c| c == name).unwrap();
    let mut editor =
        Editor { served: &served, path: "api/edits/cells", count: 0, labels: table["labels"].clone() };
    let at = |voxel| value(&served, "", "cells", voxel);

    let split = editor.done(json!({"kind": "split", "object": 3, "points": [[1, 12, 12], [1, 12, 45]]}));
    assert_eq!((&split["can_undo"], &split["removed"]), (&json!(true), &json!([])));
    let rows = split["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row[column("id")].clone()).collect::<Vec<_>>(), [3, 10]);
    assert_eq!((at([1, 5, 5]), at([1, 5, 50])), (json!(10), json!(3)));
    let merged = editor.done(json!({"kind": "merge", "objects": [9, 10]}));
    assert_eq!((&merged["removed"], at([0, 5, 5])), (&json!([10]), json!(9)));
    editor.done(json!({"kind": "fill", "object": 5}));
    assert_eq!(at([2, 50, 12]), json!(5));
    editor.done(json!({"kind": "keep", "object": 5}));
    editor.done(json!({"kind": "delete", "object": 5}));
    assert_eq!(at([2, 50, 12]), json!(0));
    let undone = editor.done(json!({"kind": "undo"}));
    assert_eq!((at([2, 50, 12]), &undone["can_redo"]), (json!(5), &json!(true)));
    let revision = undone["revision"].as_u64().unwrap();
    assert_eq!(revision, 5, "what keeps an object changes no voxel");
    assert_eq!(served.get(&format!("data/cells/{revision}/info")).status, 200);
    assert_eq!(served.get(&format!("data/cells/{}/info", revision + 1)).status, 404);

    let refused = editor.edit(json!({"kind": "delete", "object": 77}));
    assert_eq!((refused.status, refused.message().as_str()), (400, "there is no object 77"));
    assert_eq!(editor.edit(json!({"kind": "devour"})).status, 422);
    let mut other = json!({"client": "you", "id": "1", "edit": {"kind": "undo"}, "labels": table["labels"]});
    assert_eq!(served.post("api/edits/cells", &other).status, 409, "another window corrects");
    (other["client"], other["labels"]) = (json!("me"), json!("those before"));
    other["id"] = json!("other labels");
    let refused = served.post("api/edits/cells", &other);
    assert!(refused.status == 400 && refused.message().contains("measured anew"), "{}", refused.message());
    assert_eq!(
        served
            .post(
                "api/edits/raw",
                &json!({"client": "me", "id": "x", "edit": {"kind": "undo"}, "labels": ""})
            )
            .status,
        400
    );
    assert_eq!(
        served.post("api/edits/cells/region", &json!({"client": "me", "object": 5})).status,
        400,
        "there is no project"
    );
    let told = served.get("api/edits/cells").json();
    let texts: Vec<&str> =
        told["edits"].as_array().unwrap().iter().filter_map(|edit| edit["text"].as_str()).collect();
    assert_eq!(texts, ["split 3, which made 10", "merged 10 into 9", "filled 5", "kept 5", "deleted 5"]);

    let saved = served.post("api/edits/cells/save", &json!({"client": "me"})).json();
    let folder = served.folder.path().join("cells-corrected");
    assert_eq!(saved["paths"], json!([folder]));
    let written = em_io::open(folder.join("labels.tif")).unwrap().read_all().unwrap();
    let Voxels::U32(written) = written else { panic!("labels are 32-bit") };
    assert_eq!([[1, 5, 5], [1, 5, 50], [2, 50, 12]].map(|voxel| written[voxel]), [9, 3, 5]);
    assert_eq!(measured(&served, "", "cells")["rows"].as_array().unwrap().len(), 3);
}

/// What a prediction and a measurement leave in a project.
fn result_of(project: &Path) {
    let folder = project.join("result/objects");
    std::fs::create_dir_all(&folder).unwrap();
    let shape = [4, 600, 700];
    em_io::write_volume(folder.join("labels_nuclei.tif"), &labels(shape), SIZE).unwrap();
    let mut axons = Array3::<u32>::zeros(shape);
    axons.slice_mut(s![.., 26..30, 10..20]).fill(1);
    em_io::write_volume(folder.join("labels_axons.tif"), &Voxels::from(axons), SIZE).unwrap();
    std::fs::write(folder.join("objects.csv"), "class,id\n").unwrap();
    std::fs::write(folder.join("summary.json"), r#"{"classes": {"axons": {}, "nuclei": {}}}"#).unwrap();
}

#[test]
fn a_corrected_object_of_a_result_becomes_a_reviewed_region() {
    let served = Served::new();
    assert_eq!(served.get("result/").status, 404, "nothing is predicted yet");
    assert_eq!(served.get("api/project").json()["state"]["has_objects"], json!(false));
    result_of(&served.folder.path().join("project"));
    assert_eq!(served.get("api/project").json()["state"]["has_objects"], json!(true));
    let page = served.get("result/");
    assert!(page.status == 200 && page.head.to_lowercase().contains("worker-src"), "{}", page.head);
    assert_eq!(served.get("result/main.js").status, 200);
    let view = served.get("result/api/view").json();
    assert_eq!(view["is_project"], json!(true));
    let names: Vec<&Value> = view["layers"].as_array().unwrap().iter().map(|layer| &layer["name"]).collect();
    assert_eq!(names, ["raw", "axons", "nuclei"]);
    // Nobody looks at the axons, which are measured for the region.
    let labels = measured(&served, "result/", "nuclei")["labels"].clone();
    let mut editor = Editor { served: &served, path: "result/api/edits/nuclei", count: 0, labels };
    editor.done(json!({"kind": "delete", "object": 9}));
    let answer = served.post("result/api/edits/nuclei/region", &json!({"client": "me", "object": 3}));
    assert_eq!(answer.status, 200, "{}", answer.message());
    let state = served.get("api/project").json()["state"].clone();
    // The box of the object with a margin of 32 voxels within its sections.
    assert_eq!(state["regions"], json!([{"name": "1", "start": [0, 0, 0], "shape": [4, 56, 86]}]));
    let stored = |class: &str| {
        let path = served.folder.path().join(format!("project/labels/{class}.zarr"));
        let Voxels::U8(voxels) = em_io::open(path).unwrap().read_all().unwrap() else { panic!("bytes") };
        voxels
    };
    let nuclei = stored("nuclei");
    let at = [[1, 5, 5], [1, 30, 30], [1, 45, 45], [1, 55, 5], [1, 58, 60]];
    assert_eq!(
        at.map(|voxel| nuclei[voxel]),
        [2, 1, 1, 2, 0],
        "foreground, and what is not; unknown outside"
    );
    let axons = stored("axons");
    assert_eq!(
        [[1, 27, 12], [1, 5, 5]].map(|voxel| axons[voxel]),
        [2, 1],
        "labels of all classes are complete"
    );
}

#[test]
fn a_region_needs_the_objects_of_all_classes() {
    let served = Served::new();
    let folder = served.folder.path().join("project/result/objects");
    std::fs::create_dir_all(&folder).unwrap();
    // Of one class, labels have no name.
    em_io::write_volume(folder.join("labels.tif"), &labels([4, 600, 700]), SIZE).unwrap();
    std::fs::write(folder.join("objects.csv"), "class,id\n").unwrap();
    std::fs::write(folder.join("summary.json"), r#"{"classes": {"axons": {}}}"#).unwrap();
    let view = served.get("result/api/view").json();
    let names: Vec<&Value> = view["layers"].as_array().unwrap().iter().map(|layer| &layer["name"]).collect();
    assert_eq!(names, ["raw", "axons"]);
    measured(&served, "result/", "axons");
    let answer = served.post("result/api/edits/axons/region", &json!({"client": "me", "object": 3}));
    assert_eq!((answer.status, answer.message().contains("no objects of nuclei")), (400, true));
    assert_eq!(served.get("api/project").json()["state"]["regions"], json!([]));
}
