//! Weights that Python wrote, against what Python computes with them.
//!
//! `crates/em-pipeline/tests/interop/make_weights.py` wrote the files of `fixtures/import`.

mod archives;
mod hostile;
mod kernels;
mod own;

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use self::kernels::run;
use super::*;
use crate::Error;

/// A file of `fixtures/import`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/import").join(name)
}

fn dict(name: &str) -> StateDict {
    read(&fixture(name)).unwrap()
}

/// What PyTorch was given, and what it computed.
fn expected(name: &str) -> [Tensor; 2] {
    let dict = dict(&format!("{}.expected.safetensors", name.split('.').next().unwrap()));
    ["input", "output"].map(|side| dict.get(side).unwrap().clone())
}

fn onnx(dict: &StateDict, kind: Network) -> Result<Box<ModelProto>> {
    match network(dict, kind)? {
        Built::Onnx(model) => Ok(model),
        Built::Own { .. } => panic!("{kind:?} is none of ours"),
    }
}

#[track_caller]
fn assert_near(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.shape, expected.shape);
    let apart = found.values.iter().zip(&expected.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 2e-5, "{apart} apart");
    let largest = expected.values.iter().copied().fold(f32::MIN, f32::max);
    let smallest = expected.values.iter().copied().fold(f32::MAX, f32::min);
    assert!(largest - smallest > 0.3, "from {smallest} to {largest} only");
}

const OTHERS: [(&str, Network, &str); 6] = [
    ("basic-unet.safetensors", Network::MonaiBasicUnet, "[1,16,16]"),
    ("dyn-unet.pt", Network::MonaiDynUnet, "[1,6,6]"),
    ("dyn-unet-batch.safetensors", Network::MonaiDynUnet, "[1,6,6]"),
    ("dyn-unet-residual.safetensors", Network::MonaiDynUnet, "[2,4,4]"),
    ("nnunet.pt", Network::Nnunet, "[1,4,4]"),
    ("nnunet-residual.safetensors", Network::Nnunet, "[1,4,4]"),
];

#[test]
fn networks_of_others_compute_what_pytorch_computes() {
    for (name, kind, step) in OTHERS {
        let dict = dict(name);
        assert_eq!(Network::of(&dict), Some(kind), "{name}");
        let model = onnx(&dict, kind).unwrap();
        let [input, output] = expected(name);
        assert_near(&run(&model, &input), &output);
        let found = model.metadata_props.iter().find(|entry| entry.key == "step").unwrap();
        assert_eq!(found.value, step, "{name}");
    }
}

#[test]
fn weights_keep_their_names_and_numbers() {
    let dict = dict("dyn-unet.pt");
    let graph = onnx(&dict, Network::MonaiDynUnet).unwrap().graph.unwrap();
    for name in ["input_block.conv1.conv.weight", "output_block.conv.conv.bias"] {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).unwrap();
        let values: Vec<f32> =
            tensor.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(values, dict.get(name).unwrap().values, "{name}");
    }
    assert!(!graph.initializer.iter().any(|tensor| tensor.name.starts_with("skip_layers.")));
}

#[test]
fn a_slope_and_groups_are_taken_as_chosen() {
    let dict = dict("basic-unet.safetensors");
    let built = |choices| match network_with(&dict, Network::MonaiBasicUnet, choices) {
        Ok(Built::Onnx(model)) => Ok(model.graph.unwrap().node),
        Ok(Built::Own { .. }) => panic!("it is none of ours"),
        Err(error) => Err(error.to_string()),
    };
    let count = |nodes: &[em_model::export::proto::NodeProto], operator: &str| {
        nodes.iter().filter(|node| node.op_type == operator).count()
    };
    let plain = built(Choices::default()).unwrap();
    let alpha = |node: &em_model::export::proto::NodeProto| node.attribute.first().map(|a| a.f);
    let activation = plain.iter().find(|node| node.op_type == "LeakyRelu").unwrap();
    assert_eq!(alpha(activation), Some(0.1));
    assert_eq!(count(&plain, "LeakyRelu"), 18);
    let relu = built(Choices { negative_slope: Some(0.0), groups: None }).unwrap();
    assert_eq!((count(&relu, "Relu"), count(&relu, "LeakyRelu")), (18, 0));
    let grouped = built(Choices { negative_slope: None, groups: Some(1) }).unwrap();
    assert_eq!((count(&grouped, "InstanceNormalization"), count(&grouped, "Reshape")), (18, 4 * 18));
    let error = built(Choices { negative_slope: None, groups: Some(4) }).unwrap_err();
    assert_eq!(
        error,
        "no weights of `monai-basic-unet`: `conv_0.conv_0.adn.N` has 2 channels, not a multiple of 4 groups"
    );
}

/// The error of a network without a tensor, or with another one of that name.
fn error_with(file: &str, kind: Network, name: &str, tensor: Option<Tensor>) -> Error {
    let dict = dict(file);
    let rest = dict.iter().filter(|(other, _)| *other != name);
    let rest = rest.map(|(name, tensor)| (name.to_owned(), tensor.clone()));
    let changed: StateDict = rest.chain(tensor.map(|tensor| (name.to_owned(), tensor))).collect();
    network(&changed, kind).map(drop).unwrap_err()
}

#[test]
fn a_missing_an_odd_and_a_left_tensor_are_named() {
    let zeros =
        |shape: &[usize]| Some(Tensor { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] });
    let basic = |name, tensor| error_with("basic-unet.safetensors", Network::MonaiBasicUnet, name, tensor);
    let weight = "down_2.convs.conv_1.conv.weight";
    let missing = basic(weight, None);
    assert_eq!(
        missing.to_string(),
        format!("no weights of `monai-basic-unet`: `{weight}` is missing, expected [any, 2, any, any]")
    );
    assert!(missing.hint().unwrap().contains("upsample=\"deconv\""));
    let odd = basic(weight, zeros(&[2, 5, 3, 3])).to_string();
    assert!(
        odd.ends_with(&format!("`{weight}` is of shape [2, 5, 3, 3], expected [any, 2, any, any]")),
        "{odd}"
    );
    let left = basic("other.weight", zeros(&[3])).to_string();
    assert!(left.contains("`other.weight` of shape [3] belongs to no layer"), "{left}");
    let kernel = basic(weight, zeros(&[2, 2, 5, 5])).to_string();
    assert!(kernel.contains("a kernel [5, 5], which does not fit strides [1, 1]"), "{kernel}");

    let plain = |name, tensor| error_with("torch-unet.pt", Network::TorchUnet, name, tensor).to_string();
    let up = plain("up.0.weight", zeros(&[8, 4, 3, 3]));
    assert!(up.ends_with("`up.0.weight` is of shape [8, 4, 3, 3], expected [8, 4, 2, 2]"), "{up}");
    let bias = plain("dec.1.5.running_var", None);
    assert!(bias.ends_with("`dec.1.5.running_var` is missing, expected [2]"), "{bias}");
}

#[test]
fn the_network_that_the_names_are_of_is_advised() {
    let error = network(&dict("dyn-unet.pt"), Network::MonaiBasicUnet).unwrap_err();
    let hint = error.hint().unwrap();
    assert_eq!(hint, "the names are those of `monai-dyn-unet`: try --network monai-dyn-unet");
    for kind in Network::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
        assert!(network(&StateDict::default(), kind).is_err());
    }
    let unknown = "unet".parse::<Network>().unwrap_err();
    assert!(unknown.ends_with("expected one of torch-unet, monai-basic-unet, monai-dyn-unet, nnunet"));
}

proptest! {
    /// Shapes that no network has end in an error, whatever they are.
    #[test]
    fn odd_shapes_never_panic(
        which in 0..OTHERS.len() + 2,
        place in any::<prop::sample::Index>(),
        shape in prop::collection::vec(0_usize..5, 0..6),
    ) {
        let (name, kind) = OTHERS.get(which).map_or(("torch-unet.pt", Network::TorchUnet), |o| (o.0, o.1));
        let dict = dict(name);
        let odd = place.index(dict.len());
        let changed: StateDict = dict.iter().enumerate().map(|(place, (name, tensor))| {
            let values = vec![0.0; shape.iter().product()];
            let odd = (place == odd).then(|| Tensor { shape: shape.clone(), values });
            (name.to_owned(), odd.unwrap_or_else(|| tensor.clone()))
        }).collect();
        drop(network(&changed, kind));
    }
}
