//! The fixtures are read to the numbers that went in.

use em_data::Normalization;

use super::super::layout::SpaceAxis;
use super::super::normalizing::{Fitting, Over, Statistics};
use super::super::{Activation, LayoutAxis, LayoutSize, Normalizing, OutputKind, WeightsFormat};
use super::*;

fn batch() -> LayoutAxis {
    LayoutAxis::Batch { size: None }
}

fn channel(names: &[&str]) -> LayoutAxis {
    LayoutAxis::Channel { names: names.iter().map(|&name| name.to_owned()).collect() }
}

fn space(axis: usize, size: LayoutSize) -> LayoutAxis {
    LayoutAxis::Space(SpaceAxis { axis, size, voxel_size_nm: None, halo: 0 })
}

fn sized(axis: usize, size: LayoutSize, nm: f64, halo: usize) -> LayoutAxis {
    LayoutAxis::Space(SpaceAxis { axis, size, voxel_size_nm: Some(nm), halo })
}

fn like(axis: usize, factor: f64, offset: i64) -> LayoutSize {
    LayoutSize::Like { tensor: "raw".into(), axis, factor, offset }
}

/// As `volume_of_05` of the script.
#[test]
fn a_volume_of_05_with_fixed_statistics_and_voxel_sizes() {
    let package = read(&fixture("volume-0.5.zip")).unwrap();
    assert_eq!(
        (package.name.as_str(), package.description.as_str()),
        ("Volume (new)", "Volume (new), made for tests")
    );
    assert_eq!((package.format_version.as_str(), package.license.as_deref()), ("0.5.14", Some("CC-BY-4.0")));
    let authors: Vec<_> = package.authors.iter().map(|author| author.name.as_str()).collect();
    assert_eq!(authors, ["Ada Lovelace", "B. Ö."]);
    assert_eq!(package.authors[0].affiliation.as_deref(), Some("Analytical Engines"));
    assert_eq!(package.citations[0].doi.as_deref(), Some("10.1000/182"));
    assert_eq!(package.citations[1].url.as_deref(), Some("https://example.org/"));
    // ONNX before TorchScript.
    assert_eq!(
        (package.weights.format, package.weights.name.as_str()),
        (WeightsFormat::Onnx, "network.onnx")
    );
    assert_eq!((package.weights.bytes.len(), &package.weights.external), (288, &None));

    assert_eq!((package.input.name.as_str(), package.input.data_type.as_str()), ("raw", "float32"));
    let min = |min, step| LayoutSize::AtLeast { min, step };
    assert_eq!(
        package.input.axes,
        [
            batch(),
            channel(&["grey"]),
            sized(0, LayoutSize::Fixed(8), 40.0, 0),
            sized(1, min(64, 16), 8.0, 0),
            sized(2, min(96, 32), 8.0, 0),
        ]
    );
    assert_eq!(package.input.voxel_size_nm(), [Some(40.0), Some(8.0), Some(8.0)]);
    assert_eq!(package.outputs.len(), 1);
    let output = &package.outputs[0];
    assert_eq!(
        output.layout.axes,
        [
            batch(),
            channel(&["mitochondria", "membrane"]),
            sized(0, like(0, 1.0, 0), 40.0, 0),
            sized(1, like(1, 1.0, -2), 8.0, 12),
            sized(2, like(2, 1.0, -2), 8.0, 16),
        ]
    );
    assert_eq!((output.kind, output.halo), (OutputKind::Logits(Activation::Sigmoid), [0, 12, 16]));
    assert_eq!(package.normalizing, Normalizing::Fixed(Normalization::Zscore { mean: 103.5, std: 13.7 }));
    assert!(package.notes.is_empty(), "{:?}", package.notes);
}

/// As `sections_of_05`.
#[test]
fn sections_of_05_with_percentiles_and_softmax() {
    let package = read(&fixture("sections-0.5.zip")).unwrap();
    assert_eq!(package.weights.format, WeightsFormat::TorchScript);
    assert_eq!(package.weights.bytes, b"no TorchScript");
    let fixed = || LayoutSize::Fixed(128);
    let one = || LayoutAxis::Batch { size: Some(1) };
    assert_eq!(package.input.axes, [one(), space(1, fixed()), space(2, fixed()), channel(&["grey"])]);
    assert_eq!((package.input.data_type.as_str(), package.input.channels()), ("uint8", 1));
    let output = &package.outputs[0];
    let classes = channel(&["background", "vesicle", "membrane"]);
    assert_eq!(output.layout.axes, [one(), space(1, fixed()), space(2, fixed()), classes]);
    assert_eq!(output.kind, OutputKind::Logits(Activation::Softmax));
    assert_eq!(output.thresholds, [0.5, 0.25, 0.75]);
    let statistics = Statistics::Percentiles { lower: 1.5, upper: 99.8 };
    let fitting = Fitting { statistics, eps: 1e-3, clips: true, over: Over::Dataset };
    assert_eq!(package.normalizing, Normalizing::Fitted(fitting));
    assert!(package.notes[0].contains("a data set together"), "{:?}", package.notes);
}

/// As `several_of_05`.
#[test]
fn several_outputs_of_05_with_numbers_beside_the_network() {
    let package = read(&fixture("several-0.5.zip")).unwrap();
    let external = package.weights.external.as_ref().unwrap();
    assert_eq!((external.name.as_str(), external.bytes.len()), ("network.onnx.data", 324));
    let y = space(1, LayoutSize::AtLeast { min: 32, step: 2 });
    // x = y * 0.5 / 0.25 + 4.
    let x = space(2, like(1, 2.0, 4));
    assert_eq!(package.input.axes, [batch(), channel(&["before", "middle", "behind"]), y, x]);
    let fixed = |length| space(2, LayoutSize::Fixed(length));
    assert_eq!(
        package.outputs[0].layout.axes,
        [batch(), channel(&["p"]), space(1, like(1, 1.0, 0)), fixed(68)]
    );
    assert_eq!(package.outputs[0].kind, OutputKind::Probabilities);
    let half = &package.outputs[1];
    assert_eq!(half.layout.axes, [batch(), channel(&["dy", "dx"]), space(1, like(1, 0.5, 0)), fixed(34)]);
    assert_eq!((half.layout.name.as_str(), half.kind), ("half", OutputKind::Unknown));
    // v * gain + offset for each channel.
    let Normalizing::FixedPerChannel(channels) = &package.normalizing else {
        panic!("{:?}", package.normalizing)
    };
    for (channel, (gain, offset)) in channels.iter().zip([(0.5, -1.0), (0.25, 0.0), (0.125, 2.0)]) {
        let linear = channel.linear().unwrap();
        assert_eq!((linear.gain, linear.shift, linear.clip), (gain, offset, None));
    }
}

/// As `sections_of_04`.
#[test]
fn sections_of_04_with_statistics_of_each_sample() {
    let package = read(&fixture("sections-0.4.zip")).unwrap();
    assert_eq!(package.format_version, "0.4.10");
    assert_eq!(package.authors[0].name, "Ada Lovelace");
    let y = space(1, LayoutSize::AtLeast { min: 64, step: 16 });
    let x = space(2, LayoutSize::Fixed(64));
    assert_eq!(package.input.axes, [batch(), channel(&["channel0"]), y, x]);
    let output = &package.outputs[0];
    let halo = |axis, size, halo| LayoutAxis::Space(SpaceAxis { axis, size, voxel_size_nm: None, halo });
    let (y, x) = (halo(1, like(1, 1.0, -2), 8), halo(2, like(2, 1.0, -2), 12));
    assert_eq!(output.layout.axes, [batch(), channel(&["channel0"]), y, x]);
    assert_eq!((output.kind, output.halo), (OutputKind::Logits(Activation::Sigmoid), [0, 8, 12]));
    assert_eq!(output.thresholds, [0.4]);
    let fitting =
        Fitting { statistics: Statistics::MeanAndDeviation, eps: 1e-4, clips: false, over: Over::Section };
    assert_eq!(package.normalizing, Normalizing::Fitted(fitting));
    assert!(package.notes[0].contains("each section by itself"), "{:?}", package.notes);
}

/// As `volume_of_04`.
#[test]
fn a_volume_of_04_with_statistics_of_each_channel() {
    let package = read(&fixture("volume-0.4.zip")).unwrap();
    let fixed = |axis, length| space(axis, LayoutSize::Fixed(length));
    let two = channel(&["channel0", "channel1"]);
    assert_eq!(package.input.axes, [batch(), two, fixed(0, 4), fixed(1, 32), fixed(2, 32)]);
    assert_eq!(package.input.data_type, "uint8");
    // 1 * 2 + 2 * 0.5 channels.
    let three = channel(&["channel0", "channel1", "channel2"]);
    let twice = |axis| space(axis, like(axis, 2.0, 0));
    assert_eq!(
        package.outputs[0].layout.axes,
        [batch(), three, space(0, like(0, 1.0, 0)), twice(1), twice(2)]
    );
    assert_eq!(package.outputs[0].kind, OutputKind::Unknown);
    // (v - mean) / (std + eps), with an eps of 1/16.
    let zscore = |mean, std| Normalization::Zscore { mean, std };
    let channels = vec![zscore(100.0, 10.0625), zscore(120.0, 20.0625)];
    assert_eq!(package.normalizing, Normalizing::FixedPerChannel(channels));
}

#[test]
fn weights_that_need_code_are_refused_with_what_to_do() {
    let error = read(&fixture("code-0.4.zip")).unwrap_err();
    let text = error.to_string();
    assert!(text.ends_with("has weights as pytorch_state_dict, expected onnx or torchscript"), "{text}");
    assert!(error.hint().unwrap().contains("export it as ONNX"));
}

#[test]
fn an_unzipped_package_is_that_package() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["volume-0.5.zip", "sections-0.4.zip"] {
        let unzipped = folder.path().join(name);
        zip::ZipArchive::new(fs::File::open(fixture(name)).unwrap()).unwrap().extract(&unzipped).unwrap();
        assert_eq!(read(&unzipped).unwrap(), read(&fixture(name)).unwrap());
        fs::rename(unzipped.join("rdf.yaml"), unzipped.join("bioimageio.yaml")).unwrap();
        assert_eq!(read(&unzipped).unwrap(), read(&fixture(name)).unwrap());
    }
}

#[test]
fn a_package_in_a_folder_of_its_zip_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("package.zip");
    let mut archive = ZipWriter::new(fs::File::create(&path).unwrap());
    archive.add_directory("inner/", SimpleFileOptions::default()).unwrap();
    let text = description().to_string();
    for (name, bytes) in [
        ("inner/rdf.yaml", text.as_bytes()),
        ("inner/network.onnx", b"w"),
        ("__MACOSX/inner/._rdf.yaml", b"x"),
    ] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    assert_eq!(read(&path).unwrap().weights.bytes, b"w");
}

/// As people and other programs write them.
#[test]
fn yaml_is_read_with_what_is_special_in_it() {
    let text = r#"
%YAML 1.2
---
format_version: 0.5.0
type: model
name: 'no: 1.10'
description: |
  Several
  lines
authors: [{name: "A", orcid: null}]
license: &licence 1.5
cite: []
timestamp: 2019-12-11T12:22:32
documentation: {source: README.md, sha256: null}
tags: [1.5, yes]
inputs:
- id: raw
  axes: &axes
  - {type: batch, id: batch, size: null}
  - {type: space, id: y, size: 64, unit: angstrom, scale: 40, concatenable: false}
  - {type: space, size: 64, unit: furlong}
  data: {type: float32, range: [-.inf, .inf]}
  preprocessing:
  - {id: zero_mean_unit_variance, kwargs: {axes: null, eps: 1e-03}}
  - {id: ensure_dtype, kwargs: {dtype: float32}}
outputs:
- {id: out, axes: *axes, data: {values: [0, 1]}}
weights:
  torchscript: {source: ./network.onnx, pytorch_version: 1.10, sha256: null}
  pytorch_state_dict: null
"#;
    let folder = tempfile::tempdir().unwrap();
    let package = read(&zipped(&folder, text.trim_start(), &[("network.onnx", b"w")])).unwrap();
    assert_eq!((package.name.as_str(), package.description.as_str()), ("no: 1.10", "Several\nlines\n"));
    assert_eq!(package.license.as_deref(), Some("1.5"));
    assert_eq!(package.input.axes.len(), 3);
    assert_eq!(package.input.voxel_size_nm(), [None, Some(4.0), None]);
    let statistics = Statistics::MeanAndDeviation;
    let fitting = Fitting { statistics, eps: 1e-3, clips: false, over: Over::Dataset };
    assert_eq!(package.normalizing, Normalizing::Fitted(fitting));
    assert_eq!(package.outputs[0].layout.data_type, "uint8");
    assert_eq!(package.outputs[0].kind, OutputKind::Unknown);
}

#[test]
fn what_comes_out_is_named_only_where_the_package_says_so() {
    let of = |steps: Value, range: Value| {
        let mut description = description();
        description["outputs"][0]["postprocessing"] = steps;
        description["outputs"][0]["data"] = json!({ "type": "float32", "range": range });
        let package = read_of(&description).unwrap();
        (package.outputs[0].kind, package.outputs[0].thresholds.clone(), package.notes.len())
    };
    let binarize = json!({ "id": "binarize", "kwargs": { "threshold": 0.5 } });
    let clip = json!({ "id": "clip", "kwargs": { "min": 0.0, "max": 1.0 } });
    let sigmoid = json!({ "id": "sigmoid" });
    assert_eq!(of(json!([]), json!([0, 1])), (OutputKind::Probabilities, vec![], 0));
    assert_eq!(of(json!([]), json!([0, null])), (OutputKind::Unknown, vec![], 0));
    // What is within 0..1 is what comes out behind the threshold.
    assert_eq!(of(json!([binarize]), json!([0, 1])), (OutputKind::Unknown, vec![0.5], 0));
    let logits = OutputKind::Logits(Activation::Sigmoid);
    assert_eq!(of(json!([sigmoid, clip, binarize]), json!([0, 1])), (logits, vec![0.5], 0));
    // Likewise behind a clip, which is told.
    assert_eq!(of(json!([clip]), json!([0, 1])), (OutputKind::Unknown, vec![], 1));
}
