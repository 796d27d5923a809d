//! Networks for other programs: what is written, what is asked for, what is refused.

use std::fs::File;

use insta::assert_snapshot;
use serde_json::Value;

use crate::lab::Lab;

const WORDS: &str = "--author Ada;Lab --license MIT";

/// With a run of a training of a moment.
fn with_run() -> Lab {
    let lab = Lab::with_stacks();
    lab.ok("train --config run.toml --device cpu");
    lab
}

#[test]
fn the_ending_decides_on_the_format_and_nothing_is_replaced_unasked() {
    let lab = with_run();
    assert_snapshot!(lab.ok("export run -o network.onnx --normalize"), @"
    `network.onnx` is written as onnx
      takes  grey values [batch, 1, y, x], of [2, 2] or longer by multiples of [2, 2]
      gives  probabilities [batch, 1, y, x] of mitochondria
    ");
    assert_snapshot!(lab.ok("export run/model.json --format torchscript -o network"), @"
    `network` is written as torchscript
      takes  normalised values [batch, 1, y, x], of [2, 2] or longer by multiples of [2, 2]
      gives  probabilities [batch, 1, y, x] of mitochondria
    ");
    assert!(lab.bytes("network").starts_with(b"PK\x03\x04"));
    assert_snapshot!(lab.mistake("export run -o network.onnx"), @"
    error: `network.onnx` exists already
    hint: take another path, or replace it with --overwrite
    ");
    let before = lab.bytes("network.onnx");
    lab.ok("export run -o network.onnx --overwrite");
    assert_ne!(lab.bytes("network.onnx"), before, "the normalisation is outside now");
    lab.ok("export run -o again.onnx");
    assert_eq!(lab.bytes("again.onnx"), lab.bytes("network.onnx"), "the same network gives the same bytes");
    let events = lab.ok("export run -o events.onnx --json");
    let done: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(done["format"], "onnx");
    assert_eq!(done["interface"]["step"], serde_json::json!([1, 2, 2]));
}

#[test]
fn mistakes_are_told_and_leave_nothing() {
    let lab = with_run();
    assert_snapshot!(lab.mistake("export run -o network.h5"), @"
    error: the ending of `network.h5` stands for no format
    hint: take .onnx, .zip or .pt, or tell it with --format onnx, bioimageio or torchscript
    ");
    assert_snapshot!(lab.mistake("export nowhere -o network.onnx"), @"
    error: no folder `nowhere`
    hint: name the folder of a run, which `em-cli train` wrote, or a network of `em-cli models`
    ");
    assert_snapshot!(lab.mistake("export run -o run/model.safetensors --format onnx --overwrite"), @"
    error: `run/model.safetensors` is the input and the output
    hint: take another path for the output
    ");
    assert_snapshot!(lab.mistake("export run -o network.zip"), @r#"
    error: a package names its authors, and none is told
    hint: tell who made the network with --author "NAME; AFFILIATION", once for each
    "#);
    assert_snapshot!(lab.mistake("export run -o network.zip --author Ada"), @"
    error: a package tells its licence, and none is told
    hint: decide who may use the network for what, as with --license CC-BY-4.0 or --license MIT
    ");
    assert_snapshot!(lab.mistake("export run -o network.zip --author Ada --license MIT/Apache"), @"
    error: `MIT/Apache` is no licence of the list of SPDX
    hint: take one identifier of spdx.org/licenses, as CC-BY-4.0 or MIT
    ");
    assert_snapshot!(lab.mistake(&format!("export run -o network.zip {WORDS} --name No")), @"
    error: a package cannot be called `No`
    hint: take 5 to 128 letters without accents, digits, spaces, and `_+-()` with --name
    ");
    assert_snapshot!(lab.mistake(&format!("export run -o network.zip {WORDS} --example val.tif")), @"
    error: `val.tif` is 2 x 64 x 64 voxels, expected at least 1 x 256 x 256 for an example
    hint: name a larger stack with --example, or none
    ");
}

#[test]
fn neither_folders_nor_inputs_are_replaced_by_a_network() {
    let lab = with_run();
    std::fs::create_dir(lab.path("masks")).unwrap();
    lab.write("masks/0.png", "");
    assert_snapshot!(lab.mistake("export run -o masks --format onnx --overwrite"), @"
    error: `masks` is a folder, expected a file
    hint: take another path for the output
    ");
    let package = format!("export run -o val.tif --format bioimageio {WORDS} --example val.tif --overwrite");
    assert_snapshot!(lab.mistake(&package), @"
    error: `val.tif` is the input and the output
    hint: take another path for the output
    ");
    // Beside the files of its run it may lie.
    assert!(!lab.path("run/tune.json").exists());
    lab.ok("export run -o run/network.onnx");
}

#[test]
fn words_of_packages_are_those_that_the_zoo_takes() {
    let lab = with_run();
    assert_snapshot!(lab.mistake("export run -o network.zip --author Ada --license mit"), @"
    error: `mit` is no licence of the list of SPDX
    hint: did you mean `MIT`?
    ");
    assert_snapshot!(lab.mistake("export run -o network.onnx --license MIT"), @"
    error: --license is about packages, and `network.onnx` is onnx
    hint: leave it out, or write a package: a path that ends in .zip
    ");
    lab.mistake("export run -o network.zip --author Ada --license FOO-1.0");
}

/// The files of a package, by their names.
fn package(lab: &Lab, name: &str) -> zip::ZipArchive<File> {
    zip::ZipArchive::new(File::open(lab.path(name)).unwrap()).unwrap()
}

#[test]
fn a_package_holds_all_that_its_description_names() {
    let lab = with_run();
    lab.ok(&format!("export run -o network.zip {WORDS}"));
    let mut archive = package(&lab, "network.zip");
    let rdf: Value = serde_json::from_reader(archive.by_name("rdf.yaml").unwrap()).unwrap();
    let (input, output) = (&rdf["inputs"][0], &rdf["outputs"][0]);
    let files = [
        &rdf["documentation"],
        &rdf["covers"][0],
        &rdf["weights"]["onnx"],
        &rdf["weights"]["torchscript"],
        &input["test_tensor"],
        &input["sample_tensor"],
        &output["test_tensor"],
        &output["sample_tensor"],
    ];
    assert_eq!(archive.len(), files.len() + 1);
    for file in files {
        assert!(archive.by_name(file["source"].as_str().unwrap()).is_ok(), "{file}");
        assert_eq!(file["sha256"].as_str().unwrap().len(), 64, "{file}");
    }
    assert_eq!(rdf["authors"], serde_json::json!([{ "name": "Ada", "affiliation": "Lab" }]));
    assert_eq!(output["axes"][1]["channel_names"], serde_json::json!(["mitochondria"]));
    assert_eq!(input["preprocessing"][1]["id"], "fixed_zero_mean_unit_variance");
}

#[test]
fn a_built_in_network_is_exported_by_its_name() {
    let lab = Lab::new();
    lab.ok(&format!("export synapses -o network.zip {WORDS} --name synapses"));
    let mut archive = package(&lab, "network.zip");
    let rdf: Value = serde_json::from_reader(archive.by_name("rdf.yaml").unwrap()).unwrap();
    assert_eq!(rdf["name"], "synapses");
    // Predictions with it fit the statistics on each stack.
    assert_eq!(rdf["inputs"][0]["preprocessing"][1]["id"], "zero_mean_unit_variance");
    let size = &rdf["inputs"][0]["axes"][2]["size"];
    assert_eq!((size["min"].as_u64(), size["step"].as_u64()), (Some(272), Some(16)));
}
