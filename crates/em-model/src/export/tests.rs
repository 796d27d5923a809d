//! What exported files compute, and what is in them.

use std::collections::BTreeMap;
use std::io::Cursor;

use em_data::Normalization;
use ndarray::ArrayD;
use prost::Message;
use tch::{CModule, Kind, Tensor};

use super::proto::{Length, ModelProto, TensorProto};
use super::{ExportedNetwork, OPSET, Takes};
use crate::network::UNet;
use crate::network::onnx::OnnxNetwork;
use crate::run::FORMAT_VERSION;
use crate::run::checkpoint::bytes_of;
use crate::{
    Activation, Architecture, Device, MaskRule, ModelCard, ModelConfig, Norm, PredictConfig, Preset,
};

const GREY: Normalization = Normalization::Zscore { mean: 120.0, std: 30.0 };

fn exported(config: ModelConfig, classes: usize, normalization: Normalization) -> ExportedNetwork {
    let architecture = config.architecture(classes).unwrap();
    let net = UNet::new(&architecture, Device::Cpu, 3).unwrap();
    tch::no_grad(|| {
        // Norms that change something.
        for parameter in net.parameters().iter().filter(|parameter| parameter.tensor.dim() == 1) {
            let spread = if parameter.name.ends_with("bias") { (-0.2, 0.2) } else { (0.6, 1.4) };
            let _ = parameter.tensor.shallow_clone().uniform_(spread.0, spread.1);
        }
    });
    let classes = (0..classes).map(|number| format!("class-{number}")).collect::<Vec<_>>();
    let rules = vec![MaskRule::default(); classes.len()];
    ExportedNetwork::of(card(architecture, classes, normalization), rules, net)
}

fn card(architecture: Architecture, classes: Vec<String>, normalization: Normalization) -> ModelCard {
    ModelCard {
        format_version: FORMAT_VERSION,
        weights_sha256: None,
        architecture,
        classes,
        fitting: None,
        normalization,
        predict: Some(PredictConfig::default()),
        thresholds_of_version_1: BTreeMap::new(),
        tile_size: 32,
        training_voxels: None,
        voxel_size_nm: Some([8.0; 3]),
        seed: 3,
        epoch: 1,
        em_model: "0".into(),
        libtorch: "0".into(),
        leaking_split: false,
        validation: BTreeMap::new(),
    }
}

/// Small networks of each preset, over sections, with neighbours, and over volumes.
fn each_preset() -> Vec<(String, ModelConfig)> {
    let mut configs = Vec::new();
    for preset in [Preset::Unet, Preset::Notebook, Preset::Residual, Preset::Ronneberger, Preset::Unet3d] {
        let small = ModelConfig { preset, filters: Some(vec![4, 6, 8]), ..Default::default() };
        let sections = ModelConfig { dimensions: Some(2), ..small.clone() };
        configs.push((format!("{preset:?} 2D"), sections.clone()));
        configs.push((format!("{preset:?} 2.5D"), ModelConfig { context_sections: Some(3), ..sections }));
        if preset != Preset::Ronneberger {
            let volumes = ModelConfig { dimensions: Some(3), ..small };
            let flat = ModelConfig { flat_levels: 1, ..volumes.clone() };
            configs.push((format!("{preset:?} 3D"), volumes));
            configs.push((format!("{preset:?} 3D, flat"), flat));
        }
    }
    configs
}

/// Networks that differ in what presets do not.
fn each_layer() -> Vec<(String, ModelConfig)> {
    let small = ModelConfig { filters: Some(vec![6, 8]), ..Default::default() };
    let mut configs = Vec::new();
    for norm in [Norm::None, Norm::Batch, Norm::Group, Norm::Instance] {
        for dimensions in [2, 3] {
            let config = ModelConfig { norm: Some(norm), dimensions: Some(dimensions), ..small.clone() };
            configs.push((format!("{norm:?} {dimensions}D"), config));
        }
    }
    for activation in [Activation::Relu, Activation::Elu, Activation::LeakyRelu, Activation::Silu] {
        configs
            .push((format!("{activation:?}"), ModelConfig { activation: Some(activation), ..small.clone() }));
    }
    configs.push(("exclusive".into(), ModelConfig { exclusive: true, ..small.clone() }));
    configs.push(("deep supervision".into(), ModelConfig { deep_supervision: true, ..small.clone() }));
    configs.push(("spare channels".into(), ModelConfig { out_channels: Some(5), ..small }));
    configs
}

/// Inputs of two sizes, of grey values.
fn inputs(network: &ExportedNetwork) -> [ArrayD<f32>; 2] {
    let interface = network.interface();
    let shapes = [[8, 8, 8], [9, 33, 20]].map(|least: [usize; 3]| {
        // What is cut off at the ends comes on top.
        let least = std::array::from_fn(|axis| least[axis] + 2 * interface.margin[axis]);
        interface.input_shape(interface.fitting(least))
    });
    assert_ne!(shapes[0], shapes[1]);
    shapes.map(|shape| {
        let mut place = 0_u32;
        ArrayD::from_shape_simple_fn(shape, || {
            place += 1;
            (place.wrapping_mul(2_654_435_761) >> 24) as f32
        })
    })
}

fn tensor(array: &ArrayD<f32>) -> Tensor {
    let shape: Vec<i64> = array.shape().iter().map(|&edge| edge as i64).collect();
    Tensor::from_slice(array.as_slice().unwrap()).view(shape.as_slice())
}

/// What the network of an ONNX file computes, by the operators that imported networks have.
fn evaluated(model: &ModelProto, input: &Tensor) -> Tensor {
    let (network, weights) = OnnxNetwork::read(&model.encode_to_vec(), None).unwrap();
    let weights: Vec<Tensor> =
        network.weight_sizes().iter().map(|(name, _)| weights[name].shallow_clone()).collect();
    let inputs = [input.shallow_clone()];
    tch::no_grad(|| network.run(&weights, &inputs).unwrap().swap_remove(0))
}

fn assert_alike(of: &str, expected: &ArrayD<f32>, found: &Tensor) {
    let expected = tensor(expected);
    assert_eq!(expected.size(), found.size(), "{of}");
    let apart = (&expected - found).abs().max().double_value(&[]);
    assert!(apart < 1e-5, "{of}: {apart}");
    // A network that gives the same everywhere would agree with anything.
    assert!(expected.std(false).double_value(&[]) > 1e-3, "{of}");
}

#[test]
fn onnx_and_torchscript_compute_what_the_network_does_at_any_size() {
    for (name, config) in each_preset().into_iter().chain(each_layer()) {
        let network = exported(config, 2, GREY);
        let onnx = ModelProto::decode(&network.onnx(Takes::GreyValues).unwrap()[..]).unwrap();
        let archive = network.torchscript(Takes::GreyValues).unwrap();
        let script = CModule::load_data(&mut Cursor::new(archive)).unwrap();
        for input in inputs(&network) {
            let expected = network.probabilities(input.view(), Takes::GreyValues).unwrap();
            let input = tensor(&input);
            assert_alike(&format!("{name} as ONNX"), &expected, &evaluated(&onnx, &input));
            let found = tch::no_grad(|| script.forward_ts(&[&input]).unwrap());
            assert_alike(&format!("{name} as TorchScript"), &expected, &found);
        }
    }
}

#[test]
fn each_normalisation_goes_inside_or_stays_outside() {
    for normalization in [
        GREY,
        Normalization::Robust { mean: 100.0, std: 20.0 },
        Normalization::MinMax { min: 3.0, max: 250.0 },
        Normalization::Percentile { low: 60.0, high: 190.0 },
        Normalization::Scale { divisor: 255.0 },
        Normalization::L2Axis1 { tile_size: 7 },
    ] {
        for dimensions in [2, 3] {
            let config = ModelConfig {
                filters: Some(vec![4, 6]),
                dimensions: Some(dimensions),
                norm: Some(Norm::None),
                ..Default::default()
            };
            let network = exported(config, 1, normalization);
            let name = format!("{normalization:?} {dimensions}D");
            for input in inputs(&network) {
                let mut normalized = input.clone();
                let sections = normalized.shape()[..normalized.ndim() - 2].iter().product();
                let [height, width] =
                    [normalized.ndim() - 2, normalized.ndim() - 1].map(|axis| input.shape()[axis]);
                let mut flat =
                    normalized.view_mut().into_shape_with_order((sections, height, width)).unwrap();
                flat.outer_iter_mut().for_each(|section| normalization.apply(section));
                let expected = network.probabilities(normalized.view(), Takes::Normalized).unwrap();
                for (takes, input) in [(Takes::GreyValues, &input), (Takes::Normalized, &normalized)] {
                    let input = tensor(input);
                    let onnx = ModelProto::decode(&network.onnx(takes).unwrap()[..]).unwrap();
                    assert_alike(&name, &expected, &evaluated(&onnx, &input));
                    let archive = network.torchscript(takes).unwrap();
                    let script = CModule::load_data(&mut Cursor::new(archive)).unwrap();
                    assert_alike(&name, &expected, &script.forward_ts(&[&input]).unwrap());
                }
            }
        }
    }
}

#[test]
fn onnx_holds_each_weight_once_under_its_name() {
    for (name, config) in each_preset().into_iter().chain(each_layer()) {
        let is_deep = config.deep_supervision;
        let architecture = config.architecture(2).unwrap();
        let network = exported(config, 2, GREY);
        let onnx = ModelProto::decode(&network.onnx(Takes::Normalized).unwrap()[..]).unwrap();
        let graph = onnx.graph.unwrap();
        let held: Vec<&TensorProto> = graph.initializer.iter().collect();
        let net = UNet::new(&architecture, Device::Cpu, 0).unwrap();
        let only_for_training =
            |name: &str| is_deep && name.starts_with("head") && !name.starts_with("head.");
        for parameter in net.parameters().iter().filter(|parameter| !only_for_training(&parameter.name)) {
            let found = held.iter().filter(|tensor| tensor.name == parameter.name).count();
            assert_eq!(found, 1, "{name}: {}", parameter.name);
            let used =
                graph.node.iter().flat_map(|node| &node.input).filter(|input| **input == parameter.name);
            assert_eq!(used.count(), 1, "{name}: {}", parameter.name);
        }
        // Each value is there before it is used, and is used or comes out.
        let mut known: Vec<&str> = held.iter().map(|tensor| tensor.name.as_str()).collect();
        known.push(&graph.input[0].name);
        for node in &graph.node {
            assert!(node.input.iter().all(|input| known.contains(&input.as_str())), "{name}: {node:?}");
            assert!(!known.contains(&node.output[0].as_str()), "{name}: {node:?}");
            known.push(&node.output[0]);
        }
        let used: Vec<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
        let idle = known.iter().find(|value| !used.iter().any(|used| used == *value));
        assert_eq!(idle.copied(), Some(graph.output[0].name.as_str()), "{name}");
    }
}

#[test]
fn weights_come_back_from_onnx_to_the_bit() {
    let config = ModelConfig { filters: Some(vec![4, 8]), ..Default::default() };
    let architecture = config.architecture(1).unwrap();
    let network = exported(config, 1, GREY);
    let onnx = ModelProto::decode(&network.onnx(Takes::Normalized).unwrap()[..]).unwrap();
    let net = UNet::new(&architecture, Device::Cpu, 3).unwrap();
    let graph = onnx.graph.unwrap();
    for parameter in net.parameters().iter().filter(|parameter| parameter.tensor.dim() > 1) {
        let found = graph.initializer.iter().find(|tensor| tensor.name == parameter.name).unwrap();
        assert_eq!(found.dims, parameter.tensor.size());
        assert_eq!(found.raw_data, bytes_of(&parameter.tensor).unwrap());
    }
    let card = onnx.metadata_props.iter().find(|entry| entry.key == super::CARD_KEY).unwrap();
    assert_eq!(&serde_json::from_str::<ModelCard>(&card.value).unwrap(), network.card());
}

#[test]
fn onnx_tells_axes_and_sizes() {
    let shapes = |config: ModelConfig| {
        let network = exported(config, 2, GREY);
        let onnx = ModelProto::decode(&network.onnx(Takes::Normalized).unwrap()[..]).unwrap();
        assert_eq!(onnx.opset_import[0].version, OPSET);
        let graph = onnx.graph.unwrap();
        [&graph.input[0], &graph.output[0]].map(|value| {
            let shape = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap().shape.as_ref().unwrap();
            let axes = shape.dim.iter().map(|dimension| match dimension.value.as_ref().unwrap() {
                Length::Value(length) => length.to_string(),
                Length::Param(name) => name.clone(),
            });
            format!("{} [{}]", value.name, axes.collect::<Vec<_>>().join(", "))
        })
    };
    let context = ModelConfig { context_sections: Some(3), ..Default::default() };
    assert_eq!(
        shapes(context),
        ["normalized [batch, 3, height, width]", "probabilities [batch, 2, height, width]"]
    );
    let small = Some(vec![4, 8]);
    let volume = ModelConfig { preset: Preset::Unet3d, filters: small.clone(), ..Default::default() };
    assert_eq!(
        shapes(volume),
        ["normalized [batch, 1, depth, height, width]", "probabilities [batch, 2, depth, height, width]"]
    );
    let valid = ModelConfig { preset: Preset::Ronneberger, filters: small, ..Default::default() };
    assert_eq!(
        shapes(valid),
        ["normalized [batch, 1, height, width]", "probabilities [batch, 2, output_height, output_width]"]
    );
}

#[test]
fn the_interface_is_that_of_the_network() {
    let interface = |config| exported(config, 1, GREY).interface();
    let sections = interface(ModelConfig::default());
    assert_eq!((sections.smallest, sections.step), ([1, 16, 16], [1, 16, 16]));
    assert_eq!((sections.margin, sections.halo), ([0; 3], [0, 128, 128]));
    assert_eq!(sections.fitting([1, 100, 17]), [1, 112, 32]);
    let valid = interface(ModelConfig { preset: Preset::Ronneberger, ..Default::default() });
    assert_eq!((valid.smallest, valid.margin, valid.halo), ([1, 188, 188], [0, 92, 92], [0; 3]));
    let volume = ModelConfig { preset: Preset::Unet3d, flat_levels: 2, ..Default::default() };
    let volume = interface(volume);
    assert_eq!((volume.smallest, volume.halo), ([4, 16, 16], [4, 16, 16]));
}

#[test]
fn an_input_of_another_size_is_an_error_and_no_panic() {
    let network = exported(ModelConfig { filters: Some(vec![4, 8]), ..Default::default() }, 1, GREY);
    let odd = ArrayD::zeros(vec![1, 1, 7, 8]);
    assert!(network.probabilities(odd.view(), Takes::Normalized).is_err());
}

#[test]
fn torchscript_holds_weights_as_parameters() {
    let network = exported(ModelConfig { filters: Some(vec![4, 8]), ..Default::default() }, 1, GREY);
    let archive = network.torchscript(Takes::Normalized).unwrap();
    let script = CModule::load_data(&mut Cursor::new(archive)).unwrap();
    let found = script.named_parameters().unwrap();
    let head = found.iter().find(|(name, _)| name == "head_weight").unwrap();
    assert_eq!((head.1.size(), head.1.kind()), (vec![1, 4, 1, 1], Kind::Float));
}
