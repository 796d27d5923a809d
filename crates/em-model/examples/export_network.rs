//! Trains a network for a moment, writes it as ONNX and TorchScript, and beside it what the files have to compute.
//!
//! ```sh
//! cargo run --release -p em-model --example export_network -- FOLDER
//! ```
//!
//! The folder gets networks of each preset, over sections, with neighbours and over volumes; in
//! `crates/em-cli/tests/interop/export.py`, other libraries are held against them. Without an argument it is one
//! small network, in a folder that is gone afterwards.

use std::error::Error;
use std::fs;
use std::iter::successors;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use em_data::{LabelledVolume, Normalization, Region, Split, TrainingSet};
use em_io::{Mask, Roi, Voxels};
use em_model::{
    Activation, Device, ExportedNetwork, LossKind, ModelConfig, Norm, Precision, Preset, RunFolder, Takes,
    Training,
};
use ndarray::{Array3, ArrayD};

const ZSCORE: Normalization = Normalization::Zscore { mean: 140.0, std: 40.0 };

type Done = Result<(), Box<dyn Error>>;

fn run() -> Done {
    let Some(folder) = std::env::args_os().nth(1) else {
        let folder = tempfile::tempdir()?;
        let config = ModelConfig { filters: Some(vec![4, 8]), ..Default::default() };
        return export(folder.path(), &config, ZSCORE);
    };
    let normalizations = [
        Normalization::L2Axis1 { tile_size: 32 },
        Normalization::Percentile { low: 60.0, high: 180.0 },
        Normalization::MinMax { min: 0.0, max: 200.0 },
    ];
    let presets = presets().into_iter().map(|network| (network, ZSCORE));
    let layers = layers().into_iter().zip(normalizations.into_iter().cycle());
    for ((name, config), normalization) in layers.chain(presets) {
        println!("{name}");
        export(&Path::new(&folder).join(name), &config, normalization)?;
    }
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}

/// Each preset in each number of dimensions that it has.
fn presets() -> Vec<(String, ModelConfig)> {
    let mut networks = Vec::new();
    for (name, preset) in [
        ("unet", Preset::Unet),
        ("notebook", Preset::Notebook),
        ("residual", Preset::Residual),
        ("ronneberger", Preset::Ronneberger),
        ("unet-3d", Preset::Unet3d),
    ] {
        let config = |dimensions, context| ModelConfig {
            preset,
            dimensions: Some(dimensions),
            context_sections: Some(context),
            ..Default::default()
        };
        networks.push((format!("{name}-sections"), config(2, 1)));
        networks.push((format!("{name}-context"), config(2, 3)));
        if preset != Preset::Ronneberger {
            networks.push((format!("{name}-volumes"), config(3, 1)));
        }
    }
    networks
}

/// Small networks of layers that the presets have not.
fn layers() -> Vec<(String, ModelConfig)> {
    let small = ModelConfig { filters: Some(vec![8, 12]), ..Default::default() };
    let mut networks = Vec::new();
    for (name, norm, activation) in [
        ("group-elu", Norm::Group, Activation::Elu),
        ("instance-silu", Norm::Instance, Activation::Silu),
        ("plain-leaky", Norm::None, Activation::LeakyRelu),
    ] {
        for dimensions in [2, 3] {
            let config = ModelConfig {
                norm: Some(norm),
                activation: Some(activation),
                dimensions: Some(dimensions),
                flat_levels: dimensions - 2,
                exclusive: true,
                deep_supervision: true,
                ..small.clone()
            };
            networks.push((format!("{name}-{dimensions}"), config));
        }
    }
    networks
}

/// Trains, and writes the network, inputs and outputs.
fn export(folder: &Path, config: &ModelConfig, normalization: Normalization) -> Done {
    let run = RunFolder::new(folder.join("run"));
    train(&run, config, normalization)?;
    let network = ExportedNetwork::load(&run)?;
    for (takes, name) in [(Takes::GreyValues, "grey"), (Takes::Normalized, "normalized")] {
        fs::write(folder.join(format!("{name}.onnx")), network.onnx(takes)?)?;
        fs::write(folder.join(format!("{name}.pt")), network.torchscript(takes)?)?;
        for (size, least) in [[9, 40, 50], [20, 90, 70]].into_iter().enumerate() {
            let margin = network.interface().margin;
            let input = input(&network, std::array::from_fn(|axis| least[axis] + 2 * margin[axis]), takes);
            let output = network.probabilities(input.view(), takes)?;
            write(&folder.join(format!("{name}_input_{size}")), &input)?;
            write(&folder.join(format!("{name}_output_{size}")), &output)?;
        }
    }
    Ok(())
}

/// Numbers that look like noise, as a network takes them.
fn input(network: &ExportedNetwork, least: [usize; 3], takes: Takes) -> ArrayD<f32> {
    let interface = network.interface();
    let mut place = 0_u32;
    ArrayD::from_shape_simple_fn(interface.input_shape(interface.fitting(least)), || {
        place += 1;
        let byte = (place.wrapping_mul(2_654_435_761) >> 24) as f32;
        if takes == Takes::GreyValues { byte } else { byte / 64.0 - 2.0 }
    })
}

/// Writes an array as its shape, in JSON, and its 32-bit floats.
fn write(path: &Path, array: &ArrayD<f32>) -> Done {
    fs::write(path.with_extension("json"), format!("{:?}", array.shape()))?;
    let bytes: Vec<u8> = array.iter().flat_map(|number| number.to_le_bytes()).collect();
    Ok(fs::write(path.with_extension("f32"), bytes)?)
}

/// Trains some steps on a stack with a dark disc in each section.
fn train(run: &RunFolder, config: &ModelConfig, normalization: Normalization) -> Done {
    const SHAPE: [usize; 3] = [33, 240, 240];
    let is_inside = |(_, y, x): (usize, usize, usize)| y.abs_diff(120).pow(2) + x.abs_diff(120).pow(2) < 3000;
    let raw = Array3::from_shape_fn(SHAPE, |(z, y, x)| {
        let texture = ((z * 31 + y * 17 + x * 13) % 29) as u8;
        if is_inside((z, y, x)) { 60 + texture } else { 160 + texture }
    });
    let mask = Mask::new(Array3::from_shape_fn(SHAPE, is_inside), None);
    let volume = LabelledVolume::new("discs", Voxels::from(raw), vec![("disc".into(), mask)])?;
    let set = TrainingSet::new(vec!["disc".into()], vec![volume])?;
    let sections = |z| Region { volume: 0, roi: Roi::sections(SHAPE, z) };
    let split = Split { train: vec![sections(0..16)], validation: vec![sections(17..33)], leaks: false };
    let architecture = config.architecture(1)?;
    let mut training = Training::new(&set, &split, architecture.clone())?;
    training.device = Device::Cpu;
    training.normalization = normalization;
    // The same weights on every processor.
    training.settings.train.precision = Precision::Fp32;
    if architecture.exclusive {
        training.settings.loss.kind = LossKind::CrossEntropy;
    }
    training.settings.tiling.tile_size = architecture.input_edge(32 + 2 * architecture.margin());
    if architecture.norm == Norm::None {
        // Without a norm, a few large steps leave the same answer everywhere.
        training.settings.train.learning_rate = 1e-4;
    }
    training.settings.tiling.tile_depth = architecture.stride_z();
    // Enough steps for the statistics of batch norm: from far off ones, features are huge and rounded coarsely; and
    // for probabilities that differ from voxel to voxel.
    training.settings.tiling.tiles_per_epoch = 32;
    training.settings.train.batch_size = 2;
    training.settings.train.epochs = 1;
    em_model::train(&training, &run.lock()?, &mut |_| ControlFlow::Continue(()))?;
    Ok(())
}
