//! MONAI's DynUNet as ONNX, as `monai/networks/nets/dynunet.py` (`DynUNet`) and
//! `monai/networks/blocks/dynunet_block.py` (`UnetBasicBlock`, `UnetResBlock`, `UnetUpBlock`, `UnetOutBlock`) of
//! MONAI 1.6.1 have it.
//!
//! A block of two convolutions, each with a norm, per level (`input_block`, `downsamples.0` …, `bottleneck`), whose
//! first convolution has the strides of the level; in residual networks the input is added, through `conv3` and
//! `norm3` where channels or strides differ. On the way up (`upsamples.0` …, the lowest first) a transposed
//! convolution, whose strides are its kernel (`UnetUpBlock`: `upsample_stride = upsample_kernel_size`), then what
//! comes from below before the skip, then a block that is never residual.
//!
//! Not told by the weights: strides of the levels are the kernels of the way up, as the docstring of `DynUNet` asks
//! (`upsample_kernel_size` "should equal to strides[1:]"), and the first level has none. By default the activation is
//! LeakyReLU of slope 0.01, and the norm instance norm where there are no running statistics, with gain and shift
//! where they are there. Padding is that of `get_padding`. Deep supervision has a part in training alone; its heads,
//! and `skip_layers`, which names all layers once more, are passed over.

use super::graph::{Features, Graph, Window};
use super::state_dict::StateDict;
use super::{Built, Choices, Network};
use crate::error::Result;

/// `DynUNet.__init__`'s default of `act_name`.
const NEGATIVE_SLOPE: f32 = 0.01;

/// Builds the network.
pub(super) fn built(dict: &StateDict, choices: Choices) -> Result<Built> {
    let negative_slope = choices.negative_slope.or(Some(NEGATIVE_SLOPE));
    let choices = Choices { negative_slope, ..choices };
    let (mut graph, input) = Graph::new(dict, Network::MonaiDynUnet, "input_block.conv1.conv", choices)?;
    let levels = graph.weights.count(|place| format!("upsamples.{place}.transp_conv.conv.weight"));
    if levels == 0 {
        let problem = "`upsamples.0.transp_conv.conv.weight` is missing, expected a transposed convolution";
        return Err(graph.weights.problem(problem.into()));
    }
    let is_residual = graph.weights.any(|name| name.ends_with(".conv3.conv.weight"));
    let mut step = vec![1; graph.axes];
    let mut features = block(&mut graph, "input_block", &input, &step.clone(), is_residual)?;
    let mut skips = Vec::new();
    for level in 1..=levels {
        let name =
            if level == levels { "bottleneck".to_owned() } else { format!("downsamples.{}", level - 1) };
        let strides = graph.strides_of(&format!("upsamples.{}.transp_conv.conv", levels - level))?;
        let below = block(&mut graph, &name, &features, &strides, is_residual)?;
        skips.push(std::mem::replace(&mut features, below));
        step.iter_mut().zip(&strides).for_each(|(step, &stride)| *step = stride.saturating_mul(*step));
    }
    let ones = vec![1; graph.axes];
    for (place, skip) in skips.iter().rev().enumerate() {
        let raised = graph.up(&format!("upsamples.{place}.transp_conv.conv"), &features)?;
        let joined = graph.joined(&raised, skip);
        features = block(&mut graph, &format!("upsamples.{place}.conv_block"), &joined, &ones, false)?;
    }
    let logits =
        graph.convolution("output_block.conv.conv", &features, Window { strides: &ones, padding })?;
    graph
        .weights
        .leave(|name| ["skip_layers.", "deep_supervision_heads."].iter().any(|part| name.starts_with(part)));
    Ok(Built::Onnx(graph.finish(&logits, &step)?))
}

/// `UnetBasicBlock`, or `UnetResBlock`.
fn block(
    graph: &mut Graph<'_>,
    name: &str,
    input: &Features,
    strides: &[usize],
    is_residual: bool,
) -> Result<Features> {
    let ones = vec![1; strides.len()];
    let normed = |graph: &mut Graph<'_>, number: usize, input: &Features, strides: &[usize]| {
        let window = Window { strides, padding };
        let features = graph.convolution(&format!("{name}.conv{number}.conv"), input, window)?;
        graph.norm(&format!("{name}.norm{number}"), &features)
    };
    let features = normed(graph, 1, input, strides)?;
    let features = graph.activated(&features);
    let mut features = normed(graph, 2, &features, &ones)?;
    if is_residual {
        let is_changed = input.channels != features.channels || strides != ones;
        let around = if is_changed { &normed(graph, 3, input, strides)? } else { input };
        features = graph.sum(name, &features, around)?;
    }
    Ok(graph.activated(&features))
}

/// `get_padding`.
fn padding(edge: usize, stride: usize) -> Option<usize> {
    (edge + 1).checked_sub(stride).map(|both| both / 2)
}
