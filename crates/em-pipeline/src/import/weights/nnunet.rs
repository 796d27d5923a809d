//! The networks of nnU-Net v2 as ONNX: `PlainConvUNet` and `ResidualEncoderUNet` of the package
//! `dynamic_network_architectures` 0.4.4, `building_blocks/` `plain_conv_encoder.py` (`PlainConvEncoder`),
//! `residual_encoders.py` (`ResidualEncoder`), `residual.py` (`BasicBlockD`), `simple_conv_blocks.py`
//! (`ConvDropoutNormReLU`) and `unet_decoder.py` (`UNetDecoder`).
//!
//! Each stage of the encoder has any number of convolutions with norm and activation (`encoder.stages.0.0.convs.0`),
//! or of residual blocks (`encoder.stages.0.blocks.0`), behind a stem (`encoder.stem.convs.0`); its first one has the
//! strides of the stage. Around a residual block goes the mean of each window of its strides, then a convolution of
//! one voxel where the channels differ (`skip.0`, or `skip.1` behind the mean). On the way up (`decoder.stages.0` …,
//! the lowest first) a transposed convolution whose strides are its kernel and those of the stage below, then what
//! comes from below before the skip, then convolutions.
//!
//! Not told by the weights, and as nnU-Net's plans have it: LeakyReLU of PyTorch's slope 0.01, instance norm where
//! there are no running statistics, strided convolutions and not pooling, no stride in the first stage. Heads of the
//! lower levels have a part in training alone; `all_modules` and `decoder.encoder` name layers once more.

use super::graph::{Features, Graph, Window};
use super::state_dict::StateDict;
use super::{Built, Choices, Network};
use crate::error::Result;

/// PyTorch's default of `LeakyReLU`.
const NEGATIVE_SLOPE: f32 = 0.01;

/// Builds the network.
pub(super) fn built(dict: &StateDict, choices: Choices) -> Result<Built> {
    let negative_slope = choices.negative_slope.or(Some(NEGATIVE_SLOPE));
    let choices = Choices { negative_slope, ..choices };
    let stem = "encoder.stem.convs.0.conv";
    let is_residual = dict.get(&format!("{stem}.weight")).is_some();
    let first = if is_residual { stem } else { "encoder.stages.0.0.convs.0.conv" };
    let (mut graph, input) = Graph::new(dict, Network::Nnunet, first, choices)?;
    let levels = graph.weights.count(|place| format!("decoder.transpconvs.{place}.weight"));
    let ones = vec![1; graph.axes];
    let mut step = ones.clone();
    let mut features = input;
    if is_residual {
        features = convolutions(&mut graph, "encoder.stem", &features, &ones)?;
    }
    let mut skips = Vec::new();
    for level in 0..=levels {
        let strides = match level {
            0 => ones.clone(),
            _ => graph.strides_of(&format!("decoder.transpconvs.{}", levels - level))?,
        };
        let below = if is_residual {
            blocks(&mut graph, &format!("encoder.stages.{level}"), &features, &strides)?
        } else {
            convolutions(&mut graph, &format!("encoder.stages.{level}.0"), &features, &strides)?
        };
        skips.push(std::mem::replace(&mut features, below));
        step.iter_mut().zip(&strides).for_each(|(step, &stride)| *step = stride.saturating_mul(*step));
    }
    // The first one is what went into the first stage.
    for (place, skip) in skips[1..].iter().rev().enumerate() {
        let raised = graph.up(&format!("decoder.transpconvs.{place}"), &features)?;
        let joined = graph.joined(&raised, skip);
        features = convolutions(&mut graph, &format!("decoder.stages.{place}"), &joined, &ones)?;
    }
    let head = format!("decoder.seg_layers.{}", levels.saturating_sub(1));
    let logits = graph.convolution(&head, &features, Window { strides: &ones, padding })?;
    graph.weights.leave(|name| {
        let is_again = name.contains(".all_modules.") || name.starts_with("decoder.encoder.");
        is_again || name.starts_with("decoder.seg_layers.")
    });
    Ok(Built::Onnx(graph.finish(&logits, &step)?))
}

/// `StackedConvBlocks`.
fn convolutions(graph: &mut Graph<'_>, name: &str, input: &Features, strides: &[usize]) -> Result<Features> {
    let count = graph.weights.count(|place| format!("{name}.convs.{place}.conv.weight"));
    let ones = vec![1; strides.len()];
    let mut features = input.clone();
    for place in 0..count.max(1) {
        let strides = if place == 0 { strides } else { &ones };
        let normed = normed(graph, &format!("{name}.convs.{place}"), &features, strides)?;
        features = graph.activated(&normed);
    }
    Ok(features)
}

/// `StackedResidualBlocks` of `BasicBlockD`.
fn blocks(graph: &mut Graph<'_>, name: &str, input: &Features, strides: &[usize]) -> Result<Features> {
    let count = graph.weights.count(|place| format!("{name}.blocks.{place}.conv1.conv.weight"));
    let ones = vec![1; strides.len()];
    let mut features = input.clone();
    for place in 0..count.max(1) {
        let (name, strides) = (format!("{name}.blocks.{place}"), if place == 0 { strides } else { &ones });
        let inner = normed(graph, &format!("{name}.conv1"), &features, strides)?;
        let inner = graph.activated(&inner);
        let inner = normed(graph, &format!("{name}.conv2"), &inner, &ones)?;
        let mut around = features;
        let is_strided = strides != ones;
        if is_strided {
            around = graph.averaged(&around, strides);
        }
        if around.channels != inner.channels {
            around = normed(graph, &format!("{name}.skip.{}", usize::from(is_strided)), &around, &ones)?;
        }
        let sum = graph.sum(&name, &inner, &around)?;
        features = graph.activated(&sum);
    }
    Ok(features)
}

/// `ConvDropoutNormReLU` without its activation.
fn normed(graph: &mut Graph<'_>, name: &str, input: &Features, strides: &[usize]) -> Result<Features> {
    let features = graph.convolution(&format!("{name}.conv"), input, Window { strides, padding })?;
    graph.norm(&format!("{name}.norm"), &features)
}

/// That of `ConvDropoutNormReLU`.
fn padding(edge: usize, _: usize) -> Option<usize> {
    Some((edge - 1) / 2)
}
