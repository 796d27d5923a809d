//! Networks of other programs: what becomes of them, what has to be told, what is refused.

use std::path::PathBuf;

use insta::assert_snapshot;
use serde_json::Value;

use crate::lab::Lab;

/// A file of the fixtures, as it is typed.
fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/import");
    folder.canonicalize().unwrap().join(name).display().to_string()
}

/// With networks beside the stacks.
fn with_networks(names: &[&str]) -> Lab {
    let lab = Lab::with_stacks();
    for name in names {
        let file = PathBuf::from(fixture(name));
        std::fs::copy(&file, lab.path(&file.file_name().unwrap().to_string_lossy())).unwrap();
    }
    lab
}

#[test]
fn a_network_of_pytorch_predicts_is_tuned_and_learns() {
    for name in ["valid.onnx", "valid.pt"] {
        let lab = with_networks(&[&format!("networks/{name}")]);
        let told = lab.ok(&format!("import {name} -o theirs --class mitochondria --normalization zscore"));
        assert!(told.contains("`theirs` is a run of mitochondria with 659 weights"), "{told}");
        assert!(told.contains("takes  `bcyx`, of 10+2n x 10+2n voxels"), "{told}");
        assert!(told.contains("tiles  overlap by [8, 8] voxels, on a grid of [2, 2]"), "{told}");

        lab.ok("predict val.tif --model theirs -o mask.tif --probabilities p.tif --device cpu");
        let tuned = lab.ok("tune theirs --set data.folder=.");
        assert!(tuned.contains("`theirs/tune.json` holds the choice"), "{tuned}");
        lab.ok("predict val.tif --model theirs -o tuned.tif --device cpu");
        let settings = "--set train.epochs=2 --set tiling.tile_size=32 --set tiling.tiles_per_epoch=8";
        let adapted = lab.ok(&format!("adapt theirs train.tif -o adapted --device cpu {settings}"));
        assert!(adapted.contains("starts with 10 tensors of the other network"), "{adapted}");
        lab.ok("predict val.tif --model adapted -o adapted.tif --device cpu");
        assert_ne!(lab.bytes("adapted/model.safetensors"), lab.bytes("theirs/model.safetensors"));
        // The mean of two, as of any runs.
        lab.ok("predict val.tif --model theirs --model theirs -o both.tif --device cpu");
        assert_eq!(lab.bytes("both.tif"), lab.bytes("tuned.tif"));
        let refused = lab.mistake("export theirs -o again.onnx");
        assert!(refused.starts_with("error: `theirs` holds a network that was imported\n"), "{refused}");
    }
}

#[test]
fn which_of_several_outputs_is_taken_is_told() {
    let lab = with_networks(&["networks/resnet.onnx", "networks/valid.onnx"]);
    let told = lab.ok("import resnet.onnx -o first --scale 255 --class a --class b --values softmax");
    assert!(told.contains("in its output out0; --tensor takes another of out0, out1\n"), "{told}");
    let told = lab.ok("import resnet.onnx -o second --scale 255 --class a=0 --class b=1 --tensor out1");
    assert!(told.contains("in its output out1;"), "{told}");
    assert!(!lab.ok("import valid.onnx -o one --scale 255 --class a").contains("--tensor"));
}

#[test]
fn the_folder_of_an_imported_network_may_be_moved() {
    let lab = with_networks(&["networks/valid.onnx"]);
    lab.ok("import valid.onnx -o theirs --class mitochondria --normalization zscore");
    lab.ok("predict val.tif --model theirs -o before.tif --device cpu");
    std::fs::rename(lab.path("theirs"), lab.path("moved")).unwrap();
    lab.ok("predict val.tif --model moved -o after.tif --device cpu");
    assert_eq!(lab.bytes("before.tif"), lab.bytes("after.tif"));
    lab.ok("tune moved --set data.folder=.");
    let settings = "--set train.epochs=1 --set tiling.tile_size=32 --set tiling.tiles_per_epoch=8";
    lab.ok(&format!("adapt moved train.tif -o adapted --device cpu {settings}"));
}

#[test]
fn what_is_exported_and_imported_again_predicts_the_same() {
    let lab = Lab::with_stacks();
    lab.ok("train --config run.toml --device cpu");
    lab.ok("export run -o own.onnx --normalize");
    // Grey values go in as they are.
    let told = lab.ok("import own.onnx -o again --class mitochondria --scale 1");
    assert!(told.contains("of 2+2n x 2+2n voxels") && told.contains("probabilities"), "{told}");
    for model in ["run", "again"] {
        lab.ok(&format!(
            "predict val.tif --model {model} -o {model}.tif --device cpu --set predict.precision=fp32"
        ));
    }
    assert_eq!(lab.bytes("run.tif"), lab.bytes("again.tif"));
}

#[test]
fn weights_and_packages_tell_what_they_are() {
    let lab = with_networks(&["torch-unet.pt", "nnunet.pt", "packages/sections-0.4.zip"]);
    let told = lab.ok("import torch-unet.pt -o unet --class mitochondria --mean 120 --std 40");
    assert_snapshot!(told, @"
    `unet` is a run of mitochondria with 1923 weights
    `em-cli predict --model unet` uses it
    ");
    lab.ok("predict val.tif --model unet -o unet.tif --device cpu");
    // One of our own is exported as such.
    lab.ok("export unet -o unet.onnx");
    let told =
        lab.ok("import nnunet.pt -o nnunet --class mitochondria --normalization zscore --network nnunet");
    assert!(told.contains("logits of a softmax"), "{told}");

    let events = lab.ok("import sections-0.4.zip -o zoo --class mitochondria=0 --json");
    let done: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(done["classes"], serde_json::json!(["mitochondria"]));
    let notes = events.lines().filter(|line| line.contains("each section by itself")).count();
    assert_eq!(notes, 1, "{events}");
    let source: Value = serde_json::from_str(&lab.read("zoo/import.json")).unwrap();
    assert_eq!(source["file"], "sections-0.4.zip");
    assert_eq!(source["format_version"].as_str().unwrap().split_at(3).0, "0.4");
    let card: Value = serde_json::from_str(&lab.read("zoo/model.json")).unwrap();
    assert_eq!(card["fitting"]["config"]["kind"], "zscore");
    lab.ok("predict val.tif --model zoo -o zoo.tif --device cpu");
}

#[test]
fn mistakes_are_told_and_leave_nothing() {
    let lab = with_networks(&[
        "networks/valid.onnx",
        "networks/resnet.onnx",
        "networks/valid.pt",
        "object.pt",
        "torch-unet.pt",
    ]);
    assert_snapshot!(lab.mistake("import valid.onnx -o theirs --class mitochondria"), @"
    note: the network runs a few times on noise, to find out what it takes
    error: cannot import `valid.onnx`
      because: nothing says how grey values are normalised before they go in
    hint: tell it as the network was trained: --normalization zscore, or --mean and --std, or --scale 255
    ");
    assert_snapshot!(lab.mistake("import valid.onnx -o theirs --scale 255"), @"
    note: the network runs a few times on noise, to find out what it takes
    error: cannot import `valid.onnx`
      because: the import names no class
    hint: name what its channels are: --class mitochondria=0
    ");
    assert_snapshot!(lab.mistake("import resnet.onnx -o theirs --scale 255 --class a --class b"), @"
    note: the network runs a few times on noise, to find out what it takes
    error: cannot import `resnet.onnx`
      because: the network gives logits in 3 channels, and nothing says what they are
    hint: say what they are: logits whose channels exclude each other, --values softmax, or not, --values sigmoid; from -1 to 1, --values tanh; or from 0 to 1, --values probabilities
    ");
    assert_snapshot!(lab.mistake("import resnet.onnx -o theirs --scale 255 --class a --values softmax"), @"
    note: the network runs a few times on noise, to find out what it takes
    error: cannot import `resnet.onnx`
      because: the network has 3 channels, and the classes are a
    hint: tell them for each class, from 0: --class mitochondria=1 --class synapses=2
    ");
    assert_snapshot!(lab.mistake("import valid.onnx -o theirs --scale 0 --class a"), @"
    error: --scale 0 is no divisor, expected a number above 0, as 255
    ");
    assert_snapshot!(lab.mistake("import valid.onnx -o theirs --scale 255 --class a/b"), @r#"
    note: the network runs a few times on noise, to find out what it takes
    error: cannot import `valid.onnx`
      because: the import names a class "a/b", expected a part of a file's name
    hint: name what its channels are: --class mitochondria=0
    "#);
    assert_snapshot!(lab.mistake("import valid.onnx -o theirs --scale 255 --class a --network nnunet"), @"
    error: `valid.onnx` holds its network, and --network nnunet names one
    hint: leave --network out: it is for weights alone
    ");
    assert_snapshot!(lab.mistake("import valid.onnx -o train.tif --scale 255 --class a"), @"
    error: `train.tif` is a file, expected a folder for the run
    hint: take another path for the output
    ");
    assert_snapshot!(lab.mistake("import train.tif -o theirs --scale 255 --class a"), @"
    error: `train.tif` is no network that can be imported
    hint: expected ONNX (.onnx), TorchScript (.pt), a package of the BioImage Model Zoo (.zip) or weights of PyTorch (.pt, .pth, .safetensors)
    ");
    assert_snapshot!(lab.mistake("import nothing.onnx -o theirs --scale 255 --class a"), @"
    error: cannot read `nothing.onnx`
      because: No such file or directory (os error 2)
    ");
    assert_snapshot!(lab.mistake("import object.pt -o theirs --scale 255 --class a"), @r#"
    error: `object.pt` holds an object of `torch.nn.modules.container.Sequential`, expected a state dict: objects are programs, and not loaded
    hint: write one in Python with `torch.save(model.state_dict(), "weights.pt")`
    "#);
    assert_snapshot!(lab.mistake("import torch-unet.pt -o theirs --scale 255 --class a --halo 8,8"), @"
    note: `torch-unet.pt`: weights of `torch-unet`, as the names of its tensors tell
    error: --halo tells of a network what is known of `torch-unet`
    hint: leave --halo out
    ");
    lab.write("broken.onnx", "not a network");
    assert_snapshot!(lab.mistake("import broken.onnx -o theirs --scale 255 --class a"), @"
    note: the network runs a few times on noise, to find out what it takes
    error: cannot import `broken.onnx`
      because: no ONNX network: failed to decode Protobuf message: invalid wire type value: 6
    hint: export it or copy it again: the file is damaged, or not all of it is here
    ");
    let script = lab.bytes("valid.pt");
    std::fs::write(lab.path("half.pt"), &script[..script.len() / 2]).unwrap();
    assert_snapshot!(lab.mistake("import half.pt -o theirs --scale 255 --class a"), @r#"
    error: `half.pt` is no whole archive: invalid Zip archive: Could not find EOCD
    hint: write one in Python with `torch.save(model.state_dict(), "weights.pt")`
    "#);
    assert_snapshot!(lab.mistake("predict val.tif --model valid.onnx -o mask.tif"), @"
    error: `valid.onnx` is a model of another program, expected the folder of a run
    hint: name a folder that `em-cli train` wrote, or make one of it: `em-cli import`
    ");

    lab.ok("import valid.onnx -o theirs --scale 255 --class a");
    assert_snapshot!(lab.mistake("import valid.onnx -o theirs --scale 255 --class a"), @"
    error: `theirs` holds a network that was imported before
    hint: take another folder, or replace it with --overwrite
    ");
    lab.ok("import valid.pt -o theirs --scale 255 --class a --overwrite");
    assert!(!lab.path("theirs/network.onnx").exists(), "the earlier network is gone");
    assert_snapshot!(lab.mistake("adapt theirs train.tif -o adapted --device cpu --set tiling.tile_size=33"), @"
    error: `tiling.tile_size` is 33, expected 32 or 34: the network takes multiples of 2
    ");
    lab.ok("train --config run.toml --device cpu");
    assert_snapshot!(lab.mistake("import valid.onnx -o run --scale 255 --class a --overwrite"), @"
    error: `run` exists already and holds something else
    hint: take another folder for the output
    ");
    assert_snapshot!(lab.mistake("train --config run.toml --device cpu --set model.imported=theirs --set output.folder=other"), @"
    error: `model.imported` is [DIR]/theirs, expected a network whose weights `train.init` names
    ");
}
