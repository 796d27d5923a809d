//! Agreement with PyTorch: networks, losses and training steps on weights and inputs that both
//! sides compute from a hash. `tests/make_golden.py` makes `tests/golden/golden.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tch::{Kind, Tensor};

use crate::augment::Targets;
use crate::network::{Mode, Network};
use crate::ranks::Share;
use crate::train::loss::{Loss, LossConfig, LossKind, Overlap};
use crate::train::optimizer::{Optimizer, OptimizerConfig};
use crate::{Architecture, Device, Preset};

#[derive(Deserialize)]
struct Golden {
    logits: BTreeMap<String, Logits>,
    losses: BTreeMap<String, LossValue>,
    training: Vec<f64>,
    /// Parameters, and multiply-adds of one tile.
    costs: BTreeMap<String, [u64; 2]>,
    gradients: BTreeMap<String, Gradients>,
}

#[derive(Deserialize)]
struct Gradients {
    /// Every 17th logit.
    logits: Vec<f64>,
    /// L2 norm of the gradient of each parameter.
    norms: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Logits {
    input: Vec<i64>,
    output: Vec<i64>,
    /// Logit number `k * 7919 mod n`, for k from 0.
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct LossValue {
    value: f64,
    gradient: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../tests/golden/golden.json")).unwrap()
}

/// `uniform` of make_golden.py.
fn uniform(name: &str, count: usize) -> Vec<f64> {
    let seed =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let number = |place: u32| {
        let x = place.wrapping_mul(2_654_435_761).wrapping_add(seed);
        let x = (x ^ (x >> 16)).wrapping_mul(0x45D_9F3B);
        f64::from(x ^ (x >> 16)) / 4_294_967_296.0
    };
    (1..=count as u32).map(number).collect()
}

/// `value_of` of make_golden.py.
fn value_of(name: &str, shape: &[i64]) -> Tensor {
    let place = if name.ends_with("running_mean") {
        |u: f64, _: f64| (u - 0.5) * 0.5
    } else if name.ends_with("running_var") || (name.contains("norm") && name.ends_with("weight")) {
        |u: f64, _: f64| u + 0.5
    } else if name.ends_with("bias") {
        |u: f64, _: f64| (u - 0.5) * 0.2
    } else {
        |u: f64, fan_in: f64| (u - 0.5) * 12.0_f64.sqrt() * (2.0 / fan_in).sqrt()
    };
    let fan_in = if name.starts_with("up") { shape[0] } else { shape[1..].iter().product() };
    let count: i64 = shape.iter().product();
    let values: Vec<f32> =
        uniform(name, count as usize).into_iter().map(|u| place(u, fan_in as f64) as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

fn filled(architecture: &Architecture) -> Network {
    let mut net = Network::new(architecture, Device::Cpu, 0).unwrap();
    let values: BTreeMap<String, Tensor> =
        net.parameters().iter().map(|p| (p.name.clone(), value_of(&p.name, &p.tensor.size()))).collect();
    assert_eq!(net.parameters_mut().load(&values).unwrap(), None);
    net
}

fn inputs(shape: &[i64]) -> Tensor {
    let count: i64 = shape.iter().product();
    let values: Vec<f32> =
        uniform("input", count as usize).iter().map(|u| ((u - 0.5) * 4.0) as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

fn masks(shape: &[i64]) -> Tensor {
    let count: i64 = shape.iter().product();
    let values: Vec<f32> =
        uniform("masks", count as usize).iter().map(|&u| if u > 0.6 { 1.0 } else { 0.0 }).collect();
    Tensor::from_slice(&values).view(shape)
}

fn all_of(masks: Tensor) -> Targets {
    Targets { masks, counted: None }
}

const PRESETS: [(&str, Preset); 4] = [
    ("unet", Preset::Unet),
    ("notebook", Preset::Notebook),
    ("ronneberger", Preset::Ronneberger),
    ("residual", Preset::Residual),
];

#[test]
fn parameters_and_multiply_adds_equal_what_pytorch_counts() {
    for (name, preset) in PRESETS {
        let architecture = preset.architecture();
        let tile_size = if preset == Preset::Ronneberger { 572 } else { 256 };
        let counted =
            [architecture.parameter_count() as u64, architecture.multiply_adds(1, tile_size).unwrap()];
        assert_eq!(counted, golden().costs[name], "{name}");
    }
}

#[test]
fn gradients_of_each_norm_and_activation_equal_pytorch() {
    let expected = golden().gradients;
    assert_eq!(expected.len(), 7);
    for (name, expected) in expected {
        let words: Vec<&str> = name.split(' ').collect();
        let architecture = Architecture {
            filters: vec![4, 12, 16],
            out_channels: 2,
            norm: serde_json::from_value(words[0].into()).unwrap(),
            activation: serde_json::from_value(words[1].into()).unwrap(),
            residual: words[2] == "residual",
            ..Preset::Unet.architecture()
        };
        let net = filled(&architecture);
        let logits =
            net.forward(&inputs(&[2, 1, 24, 32]), Mode::Training(Kind::Float, &Share::whole(2))).unwrap();
        logits.square().mean(Kind::Float).backward();
        let flat: Vec<f32> = Vec::try_from(logits.detach().contiguous().view(-1)).unwrap();
        for (found, expected) in flat.iter().step_by(17).zip(&expected.logits) {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{name}: {found}, expected {expected}");
        }
        assert_eq!(net.parameters().trainable().count(), expected.norms.len(), "{name}");
        for parameter in net.parameters().trainable() {
            let found = parameter.tensor.grad().to_kind(Kind::Double).norm().double_value(&[]);
            let expected = expected.norms[&parameter.name];
            let difference = (found - expected).abs();
            assert!(difference < 1e-3 * expected + 1e-5, "{name}, {}: {found}, {expected}", parameter.name);
        }
    }
}

/// By tests/make_volumes.py.
#[derive(Deserialize)]
struct Volumes {
    shapes: Vec<Vec<i64>>,
    /// Every 97th logit of each level.
    logits: Vec<Vec<f64>>,
    /// L2 norm of the gradient of each parameter.
    norms: BTreeMap<String, f64>,
    /// Parameters, and multiply-adds of a tile of 16 x 32 x 32 voxels.
    cost: [u64; 2],
}

#[test]
fn networks_of_volumes_equal_pytorch() {
    let expected: BTreeMap<String, Volumes> =
        serde_json::from_str(include_str!("../tests/golden/volumes.json")).unwrap();
    assert_eq!(expected.len(), 4);
    for (name, expected) in expected {
        let words: Vec<&str> = name.split(' ').collect();
        let architecture = Architecture {
            filters: vec![4, 6, 8, 12],
            out_channels: 2,
            norm: serde_json::from_value(words[0].into()).unwrap(),
            flat_levels: words[1].parse().unwrap(),
            residual: words[2] == "residual",
            deep_supervision: words[3] == "supervised",
            ..Preset::Unet3d.architecture()
        };
        let counted = [architecture.parameter_count() as u64, architecture.multiply_adds(16, 32).unwrap()];
        assert_eq!(counted, expected.cost, "{name}");
        let net = filled(&architecture);
        let levels =
            net.levels(&inputs(&[2, 1, 16, 24, 32]), Mode::Training(Kind::Float, &Share::whole(2))).unwrap();
        let shapes: Vec<Vec<i64>> = levels.iter().map(Tensor::size).collect();
        assert_eq!(shapes, expected.shapes, "{name}");
        levels.iter().map(|logits| logits.square().mean(Kind::Float)).sum::<Tensor>().backward();
        for (logits, expected) in levels.iter().zip(&expected.logits) {
            let flat: Vec<f32> = Vec::try_from(logits.detach().contiguous().view(-1)).unwrap();
            for (found, expected) in flat.iter().step_by(97).zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{name}: {found}, expected {expected}");
            }
        }
        assert_eq!(net.parameters().trainable().count(), expected.norms.len(), "{name}");
        for parameter in net.parameters().trainable() {
            let found = parameter.tensor.grad().to_kind(Kind::Double).norm().double_value(&[]);
            let expected = expected.norms[&parameter.name];
            let difference = (found - expected).abs();
            assert!(difference < 1e-3 * expected + 1e-5, "{name}, {}: {found}, {expected}", parameter.name);
        }
    }
}

#[test]
fn logits_of_each_preset_equal_pytorch() {
    let golden = golden();
    for (name, preset) in PRESETS {
        let expected = &golden.logits[name];
        let net = filled(&preset.architecture());
        let x = inputs(&expected.input);
        let plain = tch::no_grad(|| net.forward(&x, Mode::Inference).unwrap());
        let folded = net.folded().unwrap().forward(&x).unwrap();
        for (way, logits) in [("plain", plain), ("folded", folded)] {
            assert_eq!(logits.size(), expected.output);
            let flat: Vec<f32> = Vec::try_from(logits.contiguous().view(-1)).unwrap();
            // 32-bit floats, added in another order, agree by a share of the largest.
            let largest = expected.values.iter().fold(0.0, |largest, value| f64::max(largest, value.abs()));
            let tolerance = f64::max(1e-4, 5e-6 * largest);
            for (k, value) in expected.values.iter().enumerate() {
                let found = f64::from(flat[k * 7919 % flat.len()]);
                assert!((found - value).abs() < tolerance, "{name}, {way}: {found}, expected {value}");
            }
        }
    }
}

#[test]
fn losses_and_their_gradients_equal_pytorch() {
    let classes = ["a".to_owned(), "b".to_owned()];
    let expected = golden().losses;
    assert_eq!(expected.len(), 16);
    for (name, expected) in expected {
        let words: Vec<&str> = name.split(' ').collect();
        let kind: LossKind = serde_json::from_value(words[0].into()).unwrap();
        let overlap: Overlap = serde_json::from_value(words[1].into()).unwrap();
        let exclusive = words[2] == "softmax";
        let weights = BTreeMap::from([("a".to_owned(), 3.0), ("b".to_owned(), 0.5)]);
        let config = LossConfig { kind, overlap, class_weights: weights, ..Default::default() };
        let loss = Loss::new(&config, &classes, exclusive, tch::Device::Cpu).unwrap();
        let numbers: Vec<f32> = uniform("logits", 120).iter().map(|u| ((u - 0.5) * 6.0) as f32).collect();
        let logits = Tensor::from_slice(&numbers).view([2, 3, 5, 4]).set_requires_grad(true);
        let value = loss.of(&logits, &all_of(masks(&[2, 2, 5, 4]))).unwrap();
        value.backward();
        assert!((value.double_value(&[]) - expected.value).abs() < 1e-6, "{name}: {value:?}");
        let gradient: Vec<f32> = Vec::try_from(logits.grad().view(-1)).unwrap();
        for (found, expected) in gradient.iter().zip(&expected.gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{name}: {found}, expected {expected}");
        }
    }
}

#[test]
fn weighted_and_partial_losses_equal_pytorch() {
    // By tests/make_losses.py.
    let expected: BTreeMap<String, LossValue> =
        serde_json::from_str(include_str!("../tests/golden/losses.json")).unwrap();
    assert_eq!(expected.len(), 12);
    let uncounted: Vec<f32> =
        uniform("ignored", 40).iter().map(|&u| if u > 0.8 { 1.0 } else { 0.0 }).collect();
    let ignored = Tensor::from_slice(&uncounted).view([2, 1, 5, 4]);
    for (name, expected) in expected {
        let words: Vec<&str> = name.split(' ').collect();
        let config = LossConfig {
            kind: serde_json::from_value(words[0].into()).unwrap(),
            overlap: serde_json::from_value(words[1].into()).unwrap(),
            boundary_weight: 3.0,
            boundary_width: 1,
            ..Default::default()
        };
        let loss = Loss::new(&config, &["a".into(), "b".into()], false, tch::Device::Cpu).unwrap();
        let numbers: Vec<f32> = uniform("logits", 120).iter().map(|u| ((u - 0.5) * 6.0) as f32).collect();
        let logits = Tensor::from_slice(&numbers).view([2, 3, 5, 4]).set_requires_grad(true);
        let counted = (words[2] == "counted").then(|| 1.0 - &ignored);
        let value = loss.of(&logits, &Targets { masks: masks(&[2, 2, 5, 4]), counted }).unwrap();
        value.backward();
        assert!((value.double_value(&[]) - expected.value).abs() < 1e-6, "{name}: {value:?}");
        let gradient: Vec<f32> = Vec::try_from(logits.grad().view(-1)).unwrap();
        for (found, expected) in gradient.iter().zip(&expected.gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{name}: {found}, expected {expected}");
        }
    }
}

#[test]
fn training_steps_equal_pytorch() {
    let architecture = Architecture { filters: vec![4, 8, 16], ..Preset::Unet.architecture() };
    let net = filled(&architecture);
    let mut optimizer = Optimizer::new(&OptimizerConfig::default(), net.parameters()).unwrap();
    let loss = Loss::new(&LossConfig::default(), &["a".to_owned()], false, tch::Device::Cpu).unwrap();
    let (x, y) = (inputs(&[2, 1, 32, 32]), all_of(masks(&[2, 1, 32, 32])));
    for (step, expected) in golden().training.iter().enumerate() {
        let value =
            loss.of(&net.forward(&x, Mode::Training(Kind::Float, &Share::whole(2))).unwrap(), &y).unwrap();
        value.backward();
        optimizer.step(1e-3).unwrap();
        let found = value.double_value(&[]);
        assert!((found - expected).abs() < 1e-4, "step {step}: {found}, expected {expected}");
    }
}
