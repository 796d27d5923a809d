//! Files of the names that the documentation uses, made where a command asks for one that is not there.

use em_io::Voxels;
use ndarray::{Array3, s};

use crate::blocks::root;
use crate::lab::{CONFIG, Lab};

/// Sections, height and width of the part of the tissue in `fixtures/fib25` that is taken.
const SHAPE: [usize; 3] = [16, 128, 160];

/// Where a page says that data were moved to, within the folder of a test.
pub const MOVED: &str = "moved";

/// Makes a training one of a moment; what a line sets itself comes later, and counts.
pub const MOMENT: [&str; 10] = [
    "--set",
    "train.epochs=1",
    "--set",
    "tiling.tiles_per_epoch=8",
    "--set",
    "data.split.folds=0",
    "--set",
    "train.tune=false",
    "--set",
    "train.batch_size=4",
];

/// Makes the files that a command line reads.
pub fn make(lab: &Lab, words: &[String]) {
    let written = written(words);
    for (place, word) in words.iter().enumerate().skip(2) {
        let name = word.rsplit('=').next().unwrap();
        if !written.contains(&place) && !name.starts_with('-') && !lab.path(name).exists() {
            one(lab, name, words[1].as_str());
        }
    }
    let is = |word: &str| words.iter().any(|other| other == word);
    if is("--resume") && !lab.path("runs/run").exists() {
        train(lab, "runs/run");
    }
}

/// Which words of a command line are files that it writes.
fn written(words: &[String]) -> Vec<usize> {
    let mut written: Vec<usize> = (1..words.len()).filter(|&place| words[place - 1] == "-o").collect();
    match words[1].as_str() {
        "convert" => written.push(3),
        "config" => written.push(3),
        "shards" => written.push(2),
        _ => {}
    }
    written
}

/// Makes a file or folder by what its name says; a name that says nothing is none.
fn one(lab: &Lab, name: &str, command: &str) {
    match name {
        "stack.tif" | "stack.mrc" | "raw.zarr" => write(lab, name, tissue()),
        // Files that do not tell their voxel size, which commands with `--voxel-size` are for.
        "new.tif" | "val.tif" => lab.write_volume(name, tissue()),
        "new_mitochondria.tif" | "val_mitochondria.tif" => lab.write_volume(name, dark(100, 255)),
        "mask.tif" | "mito.tif" | "label.tif" | "mask.zarr" => write(lab, name, dark(100, 255)),
        "syn.tif" => write(lab, name, dark(80, 255)),
        "numbered.tif" => write(lab, name, dark(100, 7)),
        "labels.tif" | "objects.tif" => write(lab, name, dark(100, 1)),
        "p.tif" | "probabilities.tif" => write(lab, name, tissue().mapv(|grey| 255 - grey)),
        "float.tif" => {
            let grey = Voxels::F32(tissue().mapv(|grey| f32::from(grey) / 127.5 - 1.0));
            em_io::write_volume(lab.path(name), &grey, Some([10.0; 3])).unwrap();
        }
        "two-channels.ome.tif" => {
            let channels = root().join("fixtures/em-io/ome-channels.ome.tif");
            std::fs::copy(channels, lab.path(name)).unwrap();
        }
        "unet.onnx" => {
            std::fs::copy(root().join("fixtures/import/networks/valid.onnx"), lab.path(name)).unwrap();
        }
        "sections" => sections(lab),
        "run.toml" => configuration(lab),
        "DIR" | MOVED => labelled(lab, name),
        "objects/labels.tif" | "objects/labels.edits.jsonl" => objects(lab),
        "run" | "runs/run" | "runs/epfl" | "runs/adapted" if command != "train" => train(lab, name),
        _ => {}
    }
}

fn write(lab: &Lab, name: &str, voxels: Array3<u8>) {
    em_io::write_volume(lab.path(name), &Voxels::U8(voxels), Some([10.0; 3])).unwrap();
}

/// A part of the tissue that has bodies, light and dark.
fn tissue() -> Array3<u8> {
    let all = em_io::open(root().join("fixtures/fib25/raw.tif")).unwrap().read_all().unwrap();
    let Voxels::U8(all) = all else { panic!("the tissue has 8 bit") };
    let [depth, height, width] = SHAPE;
    all.slice(s![..depth, 150..150 + height, 80..80 + width]).to_owned()
}

/// `value` where the tissue is darker than `below`.
fn dark(below: u8, value: u8) -> Array3<u8> {
    tissue().mapv(|grey| if grey < below { value } else { 0 })
}

/// A folder of images, more of them and wider than the others: a corner is cut from what becomes of them.
fn sections(lab: &Lab) {
    write(
        lab,
        "wide.tif",
        Array3::from_shape_fn([20, 16, 1024], |(z, y, x)| ((z * 31 + y * 17 + x * 13) % 251) as u8),
    );
    lab.ok("extract wide.tif sections");
}

/// A folder with a stack to train on and one to validate on.
fn labelled(lab: &Lab, folder: &str) {
    std::fs::create_dir_all(lab.path(folder)).unwrap();
    for (name, sections) in [("train", 0..8), ("val", 10..16)] {
        let part = |voxels: Array3<u8>| voxels.slice(s![sections.clone(), .., ..]).to_owned();
        write(lab, &format!("{folder}/{name}.tif"), part(tissue()));
        write(lab, &format!("{folder}/{name}_mitochondria.tif"), part(dark(100, 255)));
    }
}

/// `run.toml`, which trains within a second on what is in `data`, into `runs/run`.
fn configuration(lab: &Lab) {
    labelled(lab, "data");
    let text = CONFIG.replace("folder = \".\"", "folder = \"data\"").replace("\"run\"", "\"runs/run\"");
    lab.write("run.toml", &text);
}

/// A run in `folder`.
fn train(lab: &Lab, folder: &str) {
    if !lab.path("run.toml").exists() {
        configuration(lab);
    }
    lab.ok(&format!("train run.toml {} --set output.folder={folder}", MOMENT.join(" ")));
}

/// What `measure` writes, and an edit of it.
fn objects(lab: &Lab) {
    if !lab.path("mask.tif").exists() {
        one(lab, "mask.tif", "measure");
    }
    lab.ok("measure mitochondria=mask.tif -o objects");
    lab.write("objects/labels.edits.jsonl", "{\"kind\": \"delete\", \"object\": 1}\n");
}
