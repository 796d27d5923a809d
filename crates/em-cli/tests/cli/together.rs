//! Two programs at one output: the second is refused, or both are whole; bytes are never mixed.

use std::process::Output;

use em_io::FileLock;
use ndarray::Array3;

use crate::lab::Lab;

const TRAIN: &str = "train --config run.toml --device cpu";

#[test]
fn what_another_program_writes_is_left_to_it() {
    let lab = Lab::with_stacks();
    lab.ok(TRAIN);
    lab.ok("measure train_mitochondria.tif --voxel-size 5,5,5 -o objects");
    lab.write("edits.jsonl", "{\"kind\": \"delete\", \"object\": 1}\n");
    let holder = format!("is in use by process {}", std::process::id());
    for (output, command) in [
        ("mask.tif", "predict --model run val.tif -o mask.tif --device cpu"),
        ("mask.zarr", "predict --model run val.tif -o mask.zarr --device cpu"),
        ("p.tif", "predict --model run val.tif -o m.tif --probabilities p.tif --device cpu"),
        ("copy.tif", "convert train.tif copy.tif"),
        ("sections", "extract train.tif sections"),
        ("tiles", "tile train.tif tiles"),
        ("labels.zarr", "measure train_mitochondria.tif --voxel-size 5,5,5 -o more --labels labels.zarr"),
        ("page.html", "compare run run --page page.html"),
    ] {
        let held = FileLock::beside(&lab.path(output)).unwrap();
        let message = lab.mistake(command);
        assert!(message.contains(&format!("`{output}` {holder}")), "{command}: {message}");
        assert!(message.contains("hint: wait until it is done, or write to another path"), "{message}");
        drop(held);
        lab.ok(command);
    }
    for (folder, command) in [
        ("results", "measure train_mitochondria.tif --voxel-size 5,5,5 -o results"),
        ("corrected", "correct objects/labels.tif --voxel-size 5,5,5 --edits edits.jsonl -o corrected"),
    ] {
        std::fs::create_dir(lab.path(folder)).unwrap();
        let held = FileLock::hold(&lab.path(folder).join(".results.lock"), &lab.path(folder)).unwrap();
        let message = lab.mistake(command);
        assert!(message.contains(&format!("`{folder}` {holder}")), "{command}: {message}");
        drop(held);
        lab.ok(command);
    }
}

/// Starts a command for each input at once, and returns how they ended.
fn at_once(lab: &Lab, commands: &[String]) -> Vec<Output> {
    let start = |command: &String| {
        let mut command = lab.em_cli(command);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = commands.iter().map(start).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[test]
fn of_several_programs_at_one_output_the_files_are_those_of_one() {
    let lab = Lab::new();
    for n in 0..4_u8 {
        lab.write_volume(&format!("v{n}.tif"), Array3::from_elem((24, 200, 200), 50 * n + 1));
        let mask = Array3::from_shape_fn((24, 200, 200), |(_, y, x)| y > 40 * usize::from(n) && x > 100);
        lab.write_mask(&format!("m{n}.tif"), mask);
    }
    for round in 0..3 {
        for ending in ["tif", "zarr"] {
            let output = format!("out.{ending}");
            let commands: Vec<String> =
                (0..4).map(|n| format!("convert v{n}.tif {output} --overwrite")).collect();
            let ended = at_once(&lab, &commands);
            assert!(ended.iter().any(|ended| ended.status.success()), "round {round}");
            for ended in ended.into_iter().filter(|ended| !ended.status.success()) {
                let message = lab.message(ended);
                assert!(message.contains("is in use by"), "{message}");
            }
            let voxels = lab.volume(&output);
            let first = voxels[[0, 0, 0]];
            assert!(voxels.iter().all(|&voxel| voxel == first), "of two volumes");
        }
        let commands: Vec<String> = (0..4)
            .map(|n| format!("measure m={}.tif -o results --overwrite", format_args!("m{n}")))
            .collect();
        let ended = at_once(&lab, &commands);
        assert!(ended.iter().any(|ended| ended.status.success()), "round {round}");
        let summary: serde_json::Value = serde_json::from_str(&lab.read("results/summary.json")).unwrap();
        // The table and the labels are those of the summary.
        let of = summary["inputs"][0]["path"].as_str().unwrap().to_owned();
        lab.ok(&format!("measure m={of} -o alone --overwrite"));
        for file in ["objects.csv", "objects.parquet", "labels.tif"] {
            assert!(
                lab.bytes(&format!("results/{file}")) == lab.bytes(&format!("alone/{file}")),
                "{file} of {of}"
            );
        }
    }
    let left: Vec<String> =
        lab.files().into_keys().filter(|name| name.ends_with(".part") || name.ends_with(".lock")).collect();
    assert_eq!(left, Vec::<String>::new());
}
