//! Networks of PyTorch, made by `tests/make_networks.py`, against what PyTorch says of them.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{ArrayD, IxDyn};
use serde::Deserialize;

use super::*;
use crate::Predictor;
use crate::network::Combine;

#[derive(Deserialize)]
struct Expected {
    input: Vec<usize>,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    shape: Vec<usize>,
    /// Number `k * 7919 mod n`, for k from 0.
    values: Vec<f32>,
}

/// A network that is described by nothing but what all have.
pub(crate) fn imported_identity() -> Imported {
    Imported {
        engine: Engine::Onnx,
        network: NetworkFile::of(Vec::new()),
        input_axes: "bcyx".into(),
        output_axes: "bcyx".into(),
        output: 0,
        raw: Raw::Sigmoid,
        classes: vec![ClassOutput::channel(0)],
        sizes: [Sizes { smallest: 1, step: 1 }; 3],
        fewer: [0; 3],
        before: [0; 3],
        stride: [1; 3],
        halo: [0; 3],
        one_at_a_time: false,
        parameters: 0,
        trainable: 0,
        untrained: Vec::new(),
        bytes_per_voxel: 1,
        training_bytes_per_voxel: 1,
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/import/networks")
}

fn file(name: &str, engine: Engine) -> NetworkWeights {
    let ending = if engine == Engine::Onnx { "onnx" } else { "pt" };
    let bytes = std::fs::read(folder().join(format!("{name}.{ending}"))).unwrap();
    NetworkWeights { engine, bytes, folder: Some(folder()) }
}

fn expected(name: &str) -> Expected {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str::<BTreeMap<String, Expected>>(&text).unwrap().remove(name).unwrap()
}

/// `picture` of make_networks.py.
fn picture(shape: &[usize]) -> ArrayD<f32> {
    let number = |place: u32| {
        let x = place.wrapping_mul(2_654_435_761);
        let x = (x ^ (x >> 16)).wrapping_mul(0x45D_9F3B);
        (f64::from(x ^ (x >> 16)) / f64::from(1_u32 << 31) - 1.0) as f32
    };
    let count = shape.iter().product::<usize>() as u32;
    ArrayD::from_shape_vec(IxDyn(shape), (1..=count).map(number).collect()).unwrap()
}

fn wishes(classes: &[(&str, Option<ClassOutput>)]) -> Wishes {
    Wishes {
        classes: classes.iter().map(|(name, output)| ((*name).to_owned(), output.clone())).collect(),
        normalization: Some(Normalization::Scale { divisor: 1.0 }),
        ..Wishes::default()
    }
}

const ENGINES: [Engine; 2] = [Engine::Onnx, Engine::Torchscript];

#[test]
fn a_resnet_with_two_outputs_says_what_pytorch_says() {
    let expected = expected("resnet");
    let input = picture(&expected.input);
    for engine in ENGINES {
        // The three channels of a softmax, of which the first is background.
        let wishes = Wishes { raw: Some(Raw::Softmax), ..wishes(&[("mito", None), ("synapse", None)]) };
        let network = import(file("resnet", engine), &wishes).unwrap();
        let found = network.found().unwrap();
        assert_eq!(network.card.architecture.in_channels, 3);
        let names = if engine == Engine::Onnx { ["out0", "out1"] } else { ["0", "1"] };
        assert_eq!(network.outputs(), names, "{engine:?}");
        assert_eq!((found.stride[1..].to_vec(), found.fewer), (vec![4, 4], [0; 3]), "{engine:?}");
        assert!(!network.sees_all() && network.seam().unwrap() < 1e-5, "{engine:?}: {:?}", network.seam());
        // 7 x 7, pooling of 3, and at strides of 2 and 4 three and two kernels of 3; bilinear; one more.
        assert!((24..=48).contains(&found.halo[1]), "{engine:?}: {:?}", found.halo);
        let output = network.probabilities(input.view()).unwrap();
        let logits = &expected.outputs[0];
        assert_eq!(output.shape(), [1, 2, 64, 96]);
        let plane = 64 * 96;
        let flat: Vec<f32> = output.iter().copied().collect();
        let sum: f32 = (0..plane).map(|place| flat[place] + flat[plane + place]).fold(0.0, f32::max);
        assert!(sum < 1.0, "the background takes what the classes leave: {sum}");

        let channels =
            [0, 1, 2].map(|channel| (["a", "b", "c"][channel], Some(ClassOutput::channel(channel))));
        let single = Wishes { raw: Some(Raw::Sigmoid), ..self::wishes(&channels) };
        let output = import(file("resnet", engine), &single).unwrap().probabilities(input.view()).unwrap();
        let found: Vec<f32> = output.iter().copied().collect();
        for (k, logit) in logits.values.iter().enumerate() {
            let probability = 1.0 / (1.0 + (-logit).exp());
            let place = k * 7919 % logits.shape.iter().product::<usize>();
            assert!((found[place] - probability).abs() < 1e-5, "{engine:?}: {} {probability}", found[place]);
        }
        // As e^b / (e^a + e^b + e^c).
        let odds =
            |place: usize| [0, 1, 2].map(|c| found[c * plane + place] / (1.0 - found[c * plane + place]));
        for place in [0, 1000, 6143] {
            let [a, b, c] = odds(place);
            assert!((flat[place] - b / (a + b + c)).abs() < 1e-4);
            assert!((flat[plane + place] - c / (a + b + c)).abs() < 1e-4);
        }
    }
}

#[test]
fn affinities_become_a_class() {
    let expected = expected("resnet");
    let input = picture(&expected.input);
    let affinities = &expected.outputs[1];
    for (engine, output) in [(Engine::Onnx, "out1"), (Engine::Onnx, "1"), (Engine::Torchscript, "1")] {
        let made = ClassOutput { channels: vec![0, 1], combine: Combine::Min, inverted: true };
        let both = [("first", Some(ClassOutput::channel(0))), ("second", Some(ClassOutput::channel(1)))];
        let of = |classes: &[_]| {
            let wishes = Wishes { output: Some(output.into()), ..wishes(classes) };
            let network = import(file("resnet", engine), &wishes).unwrap();
            assert_eq!(network.found().unwrap().raw, Raw::Probabilities, "found out");
            network.probabilities(input.view()).unwrap()
        };
        let (both, outside) = (of(&both), of(&[("outside", Some(made))]));
        let flat: Vec<f32> = both.iter().copied().collect();
        for (k, value) in affinities.values.iter().enumerate() {
            let place = k * 7919 % affinities.shape.iter().product::<usize>();
            assert!((flat[place] - value).abs() < 1e-5, "{engine:?}: {} {value}", flat[place]);
        }
        for (place, outside) in outside.iter().enumerate() {
            let smallest = flat[place].min(flat[64 * 96 + place]);
            assert!((outside - (1.0 - smallest)).abs() < 1e-5);
        }
    }
}

#[test]
fn a_network_of_volumes_and_one_without_padding_say_what_pytorch_says() {
    for engine in ENGINES {
        let expected = expected("unet-3d");
        let network = import(file("unet-3d", engine), &wishes(&[("mito", None)])).unwrap();
        let found = network.found().unwrap();
        assert_eq!((found.raw, found.stride), (Raw::Probabilities, [2, 4, 4]), "{engine:?}");
        assert!(network.sees_all(), "its norms are over all voxels");
        let output = network.probabilities(picture(&expected.input).view()).unwrap();
        let flat: Vec<f32> = output.iter().copied().collect();
        for (k, value) in expected.outputs[0].values.iter().enumerate() {
            let place = k * 7919 % flat.len();
            assert!((flat[place] - value).abs() < 1e-5, "{engine:?}: {} {value}", flat[place]);
        }
    }
    for engine in ENGINES {
        let expected = expected("valid");
        let network = import(file("valid", engine), &wishes(&[("mito", None)])).unwrap();
        let found = network.found().unwrap();
        assert_eq!((found.fewer, found.stride), ([0, 8, 8], [1, 2, 2]), "{engine:?}");
        assert_eq!((found.sizes[1].step, found.sizes[1].smallest % 2), (2, 0), "{engine:?}");
        assert!(network.seam().unwrap() < 1e-5, "{engine:?}: {:?}", network.seam());
        // In goes the picture, whose border is mirrored; PyTorch's output lies within.
        let output = network.probabilities(picture(&expected.input).view()).unwrap();
        assert_eq!(output.shape(), [1, 1, 44, 60]);
        let inner = &expected.outputs[0];
        let (height, width) = (inner.shape[2], inner.shape[3]);
        assert_eq!([height, width], [44 - 8, 60 - 8]);
        for (k, logit) in inner.values.iter().enumerate() {
            let place = k * 7919 % (height * width);
            let found = output[[0, 0, 4 + place / width, 4 + place % width]];
            assert!((found - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-5, "{engine:?}: {found} {logit}");
        }
    }
}

#[test]
fn a_network_that_pools_by_three_takes_one_section_and_cuts_one_side_says_what_pytorch_says() {
    for engine in ENGINES {
        let expected = expected("thirds");
        let wishes = Wishes { axes: Some("yx".into()), raw: Some(Raw::Sigmoid), ..wishes(&[("mito", None)]) };
        let network = import(file("thirds", engine), &wishes).unwrap();
        let found = network.found().unwrap();
        assert!(found.one_at_a_time, "{engine:?}");
        assert_eq!((found.stride, found.sizes[1].step), ([1, 3, 3], 3), "{engine:?}");
        assert_eq!((found.fewer, found.before), ([0, 6, 6], [0; 3]), "{engine:?}");
        assert!(network.seam().unwrap() < 1e-5, "{engine:?}: {:?}", network.seam());
        let [height, width] = [expected.input[0], expected.input[1]];
        let pair = picture(&[1, 1, height, width]);
        let pair = ndarray::concatenate![ndarray::Axis(0), pair, pair];
        let output = network.probabilities(pair.view()).unwrap();
        assert_eq!(output.shape(), [2, 1, height, width]);
        let inner = expected.outputs[0].shape[1];
        for (k, logit) in expected.outputs[0].values.iter().enumerate() {
            let place = k * 7919 % (inner * expected.outputs[0].shape[0]);
            for n in 0..2 {
                let found = output[[n, 0, place / inner, place % inner]];
                assert!((found - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-5, "{engine:?}: {found} {logit}");
            }
        }
    }
}

#[test]
fn a_run_predicts_as_the_network_did_and_its_files_are_checked() {
    for engine in ENGINES {
        let network = import(file("valid", engine), &wishes(&[("mito", None)])).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path().join("run"));
        std::fs::create_dir(run.path()).unwrap();
        network.write(&run).unwrap();
        let predictor = Predictor::load(run.path(), Device::Cpu).unwrap();
        let grey = picture(&[1, 44, 60]);
        let block = grey.view().into_dimensionality().unwrap();
        let predicted = predictor.predict_sections(block, 0..1, network.card.normalization).unwrap();
        let known = network.probabilities(grey.view().insert_axis(ndarray::Axis(0))).unwrap();
        // The border is mirrored further out, which the inner part does not see.
        for (y, x) in [(20, 20), (22, 40), (30, 31)] {
            assert!((predicted[[0, 0, y, x]] - known[[0, 0, y, x]]).abs() < 1e-5);
        }
        assert!(predictor.memory_bytes([44, 60]).unwrap() > 300 << 20);

        let network_file = run.network(engine);
        let mut bytes = std::fs::read(&network_file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&network_file, bytes).unwrap();
        let error = Predictor::load(run.path(), Device::Cpu).unwrap_err().to_string();
        assert!(error.ends_with("does not match its checksum in model.json"), "{error}");
        std::fs::remove_file(&network_file).unwrap();
        let error = Predictor::load(run.path(), Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}

#[test]
fn what_has_to_be_told_is_asked_for() {
    let told = |name: &str, wishes: &Wishes| match import(file(name, Engine::Onnx), wishes).unwrap_err() {
        Error::Import { problem, lacking } => (problem, lacking),
        other => panic!("{other}"),
    };
    let (problem, lacking) = told("valid", &Wishes { normalization: None, ..wishes(&[("a", None)]) });
    assert!(problem.contains("normalised") && lacking == Lacking::Normalization, "{problem}");
    let (problem, lacking) = told("valid", &wishes(&[]));
    assert!(problem == "the import names no class" && lacking == Lacking::Classes, "{problem}");
    let (problem, lacking) = told("resnet", &wishes(&[("a", None), ("b", None)]));
    assert!(problem.contains("logits in 3 channels") && lacking == Lacking::Values, "{problem}");
    let softmax = |classes: &[_]| Wishes { raw: Some(Raw::Softmax), ..wishes(classes) };
    let (problem, lacking) = told("resnet", &softmax(&[("a", None)]));
    assert!(
        problem.contains("3 channels, and the classes are a") && lacking == Lacking::Channels,
        "{problem}"
    );
    let (problem, lacking) = told("resnet", &softmax(&[("a", None), ("b", Some(ClassOutput::channel(0)))]));
    assert!(problem.contains("some are not") && lacking == Lacking::Channels, "{problem}");
    let (problem, _) = told("resnet", &softmax(&[("a", Some(ClassOutput::channel(3)))]));
    assert!(problem.contains("`a` is channel 3, and the network has 3"), "{problem}");
    let (problem, lacking) =
        told("resnet", &Wishes { output: Some("mask".into()), ..softmax(&[("a", None)]) });
    assert!(problem.contains("no output `mask`") && problem.contains("out1"), "{problem}");
    assert_eq!(lacking, Lacking::Output);
    let (problem, lacking) = told("valid", &Wishes { axes: Some("yx".into()), ..wishes(&[("a", None)]) });
    assert!(problem.contains("4 axes, and `yx` 2") && lacking == Lacking::Axes, "{problem}");
    let (problem, lacking) = told("valid", &Wishes { axes: Some("bcqx".into()), ..wishes(&[("a", None)]) });
    assert!(problem.contains("`bcqx`, expected axes `yx`") && lacking == Lacking::Axes, "{problem}");
    let huge = Some([1, 1 << 20, 1 << 20].map(|edge| Sizes { smallest: edge, step: 0 }));
    let (problem, lacking) = told("valid", &Wishes { sizes: huge, ..wishes(&[("a", None)]) });
    assert!(problem.contains("1048576") && lacking == Lacking::Size, "{problem}");
    let (problem, lacking) = told("valid", &Wishes { halo: Some([0, 5000, 0]), ..wishes(&[("a", None)]) });
    assert!(problem.contains("5000") && lacking == Lacking::Halo, "{problem}");
    let (problem, _) = told("valid", &Wishes { raw: Some(Raw::Probabilities), ..wishes(&[("a", None)]) });
    assert!(problem.contains("beyond 0 and 1"), "{problem}");
    let file = NetworkWeights { engine: Engine::Torchscript, bytes: b"PK".to_vec(), folder: None };
    let error = import(file, &wishes(&[("a", None)])).unwrap_err();
    assert!(error.to_string().contains("no TorchScript"), "{error}");
}
