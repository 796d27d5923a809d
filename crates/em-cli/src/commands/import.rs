//! `em-cli import`: a network of another program as a run.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use em_io::VoxelSize;
use em_model::em_data::{Fitting, Normalization, NormalizationKind};
use em_model::network::Imported;
use em_model::{ClassOutput, ImportedNetwork, Raw, Sizes};
use em_pipeline::import::class_output;
use em_pipeline::import::weights::Network;
use em_pipeline::{ImportRequest, Normalizing};
use serde_json::json;

use crate::arguments::voxel_size;
use crate::cli::EventArgs;
use crate::console::{self, observed, say, shown_path};

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The network: ONNX (.onnx), TorchScript (.pt), a package of the BioImage Model Zoo (.zip), or weights of PyTorch (.pt, .pth, .safetensors).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder of the run that becomes of it.
    #[arg(short, long, value_name = "RUN")]
    output: PathBuf,
    /// A class, and the channels that it is: mitochondria=1, cells=min(0,1,2), cells=not 3. Without channels, they are taken in their order.
    #[arg(long = "class", value_name = "NAME=CHANNELS", value_parser = class_output)]
    classes: Vec<(String, Option<ClassOutput>)>,
    /// Replace a network that was imported there before.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    output_options: OutputOptions,
    #[command(flatten)]
    weights: WeightsOptions,
    #[command(flatten)]
    pub events: EventArgs,
}

/// What goes into the network.
#[derive(Debug, Args)]
#[command(next_help_heading = "What goes in")]
struct InputOptions {
    /// Axes of the input: b (batch), c (channel), z, y, x; asked from the file if absent.
    #[arg(long, value_name = "AXES")]
    axes: Option<String>,
    /// The one size that it takes, in voxels, where it takes no other, as networks with attention often do.
    #[arg(long, value_name = "[Z,]Y,X", value_parser = edges)]
    size: Option<[usize; 3]>,
    /// Channels of the input are neighbouring sections, the predicted one in the middle; without it, the grey value is repeated in them.
    #[arg(long)]
    sections: bool,
    /// How many channels the input has, where a script does not tell.
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// How grey values are normalised, by the statistics of each stack that is predicted.
    #[arg(long, value_name = "KIND", conflicts_with_all = ["mean", "scale"])]
    normalization: Option<Kind>,
    /// Grey values are normalised as (v - MEAN) / STD.
    #[arg(long, value_name = "MEAN", requires = "std", allow_negative_numbers = true)]
    mean: Option<f64>,
    /// See --mean.
    #[arg(long, value_name = "STD", requires = "mean")]
    std: Option<f64>,
    /// Grey values are normalised as v / DIVISOR; 1 for none at all.
    #[arg(long, value_name = "DIVISOR", conflicts_with = "mean")]
    scale: Option<f64>,
    /// Voxel size in nm of what the network was trained on; stacks of other pixels are then brought to it.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
}

/// What comes out of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "What comes out")]
struct OutputOptions {
    /// Which output is used, where there are several: its name in an ONNX file, or its number from 0.
    #[arg(long, value_name = "NAME|N")]
    tensor: Option<String>,
    /// Axes of the output; those of the input if absent.
    #[arg(long, value_name = "AXES")]
    output_axes: Option<String>,
    /// What the numbers of the output are; found out where that is possible.
    #[arg(long, value_name = "VALUES")]
    values: Option<Values>,
    /// How far an output voxel sees, in voxels along z, y and x, or y and x: what tiles overlap by. Found out if absent.
    #[arg(long, value_name = "[Z,]Y,X", value_parser = edges)]
    halo: Option<[usize; 3]>,
    /// The largest edge of what goes through the network at once; that of the training for a network with instance or group norm.
    #[arg(long, value_name = "VOXELS")]
    tile: Option<usize>,
}

/// Weights of PyTorch alone.
#[derive(Debug, Args)]
#[command(next_help_heading = "Weights without their network")]
struct WeightsOptions {
    /// Which network they are of: torch-unet, monai-basic-unet, monai-dyn-unet or nnunet; guessed from their names if absent.
    #[arg(long, value_name = "NETWORK")]
    network: Option<Network>,
    /// What its activation multiplies values below 0 by, where it is not the network's default; 0 is ReLU.
    #[arg(long, value_name = "SLOPE", requires = "network")]
    negative_slope: Option<f32>,
    /// The groups of its group norm, whose weights look like those of instance norm.
    #[arg(long, value_name = "N", requires = "network")]
    groups: Option<usize>,
}

/// By what statistics a stack is normalised.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Mean 0 and deviation 1.
    Zscore,
    /// The smallest value is 0, the largest 1.
    Minmax,
    /// The 0.5th percentile is 0, the 99.5th 1; what lies beyond is clipped.
    Percentile,
    /// As zscore, with the medians of tiles.
    Robust,
}

/// What the numbers of an output are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Values {
    /// Logits, each of its own sigmoid.
    Sigmoid,
    /// Logits of a softmax over all channels.
    Softmax,
    /// Numbers from -1 to 1, as of a tanh.
    Tanh,
    /// Probabilities from 0 to 1.
    Probabilities,
}

/// Reads edges along y and x, or z, y and x; there is one section without z.
fn edges(text: &str) -> Result<[usize; 3], String> {
    let expected = || "expected 2 or 3 numbers of voxels, as 512,512 or 16,128,128".to_owned();
    let numbers = text.split(',').map(|number| number.trim().parse().map_err(|_| expected()));
    match *numbers.collect::<Result<Vec<usize>, String>>()? {
        [y, x] => Ok([1, y, x]),
        [z, y, x] => Ok([z, y, x]),
        _ => Err(expected()),
    }
}

impl InputOptions {
    fn normalizing(&self) -> Result<Option<Normalizing>> {
        if let (Some(mean), Some(std)) = (self.mean, self.std) {
            if !(std > 0.0 && std.is_finite() && mean.is_finite()) {
                bail!(
                    "--mean {mean} --std {std} are no mean and deviation, expected numbers, the deviation above 0"
                );
            }
            return Ok(Some(Normalizing::Fixed(Normalization::Zscore { mean, std })));
        }
        if let Some(divisor) = self.scale {
            if !(divisor > 0.0 && divisor.is_finite()) {
                bail!("--scale {divisor} is no divisor, expected a number above 0, as 255");
            }
            return Ok(Some(Normalizing::Fixed(Normalization::Scale { divisor })));
        }
        Ok(self.normalization.map(|kind| {
            Normalizing::OfEachStack(Fitting::of(match kind {
                Kind::Zscore => NormalizationKind::Zscore,
                Kind::Minmax => NormalizationKind::MinMax,
                Kind::Percentile => NormalizationKind::Percentile,
                Kind::Robust => NormalizationKind::Robust,
            }))
        }))
    }
}

/// Runs the command.
pub fn run(args: &ImportArgs) -> Result<()> {
    let mut request = ImportRequest::new(&args.file, &args.output);
    request.overwrite = args.overwrite;
    request.classes.clone_from(&args.classes);
    request.axes.clone_from(&args.input.axes);
    request.sees_sections = args.input.sections;
    request.in_channels = args.input.channels;
    request.normalizing = args.input.normalizing()?;
    request.voxel_size = args.input.voxel_size.map(VoxelSize::new).transpose()?;
    let output = &args.output_options;
    request.tensor.clone_from(&output.tensor);
    request.output_axes.clone_from(&output.output_axes);
    request.values = output.values.map(|values| match values {
        Values::Sigmoid => Raw::Sigmoid,
        Values::Softmax => Raw::Softmax,
        Values::Tanh => Raw::Tanh,
        Values::Probabilities => Raw::Probabilities,
    });
    request.halo = output.halo;
    request.size = args.input.size;
    request.tile_size = output.tile;
    request.network = args.weights.network;
    request.choices.negative_slope = args.weights.negative_slope;
    request.choices.groups = args.weights.groups;
    let network = observed("start the command again", |observer| em_pipeline::import(&request, observer))?;
    let card = network.card();
    let parameters = card.architecture.parameter_count();
    if console::tells_events() {
        return console::done(&json!({
            "run": shown_path(&args.output),
            "classes": card.classes,
            "parameters": parameters,
            "found": network.found(),
            "outputs": network.outputs(),
            "seam": network.seam(),
            "sees_all": network.sees_all(),
        }));
    }
    say!("`{}` is a run of {} with {parameters} weights", args.output.display(), card.classes.join(", "));
    if let Some(found) = network.found() {
        tell(&network, found);
    }
    say!("`em-cli predict --model {}` uses it", args.output.display());
    Ok(())
}

/// Says what was found out.
fn tell(network: &ImportedNetwork, found: &Imported) {
    let in_3d = network.card().architecture.dimensions == 3;
    let of_space = |numbers: [usize; 3]| if in_3d { numbers.to_vec() } else { numbers[1..].to_vec() };
    let size = |axis: usize| match found.sizes[axis] {
        Sizes { smallest, step: 0 } => format!("{smallest}"),
        Sizes { smallest, step } => format!("{smallest}+{step}n"),
    };
    let axes = if in_3d { 0..3 } else { 1..3 };
    let sizes = axes.map(size).collect::<Vec<_>>().join(" x ");
    say!("  takes  `{}`, of {sizes} voxels", found.input_axes);
    say!("  gives  `{}`, {}", found.output_axes, describe(found.raw));
    if let outputs @ [_, _, ..] = network.outputs() {
        say!(
            "         in its output {}; --tensor takes another of {}",
            outputs[found.output],
            outputs.join(", ")
        );
    }
    say!("  tiles  overlap by {:?} voxels, on a grid of {:?}", of_space(found.halo), of_space(found.stride));
    match network.seam() {
        Some(seam) => {
            say!("         their probabilities are within {seam:.1e} of those of the whole, on noise")
        }
        None => {
            say!("         how far they are from the whole was not seen: nothing larger than a tile goes in")
        }
    }
    if network.sees_all() {
        say!(
            "         it sees farther than that, or all of a tile: --tile is their size, best that of its training"
        );
    }
    if found.trainable == 0 {
        say!("  learns nothing: no gradient reaches its weights");
    }
}

fn describe(raw: Raw) -> &'static str {
    match raw {
        Raw::Sigmoid => "logits of sigmoids",
        Raw::Softmax => "logits of a softmax",
        Raw::Tanh => "numbers from -1 to 1",
        Raw::Probabilities => "probabilities",
    }
}
