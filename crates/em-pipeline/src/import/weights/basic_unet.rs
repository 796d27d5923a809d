//! MONAI's BasicUNet as ONNX, as `monai/networks/nets/basic_unet.py` of MONAI 1.6.1 has it: `BasicUNet`, `TwoConv`,
//! `Down` and `UpCat`.
//!
//! Five levels of two 3 x 3 convolutions (`conv_0`, `down_1` … `down_4`), max pooling of 2 between them, transposed
//! convolutions of 2 on the way up (`upcat_4` … `upcat_1`), where the skip stands before what comes from below.
//! Behind each convolution follow norm and activation (`adn.N` and `adn.A` of `monai/networks/blocks/acti_norm.py`,
//! `ADN`).
//!
//! Not told by the weights, and as by default: LeakyReLU of slope 0.1; instance norm where there are no running
//! statistics, with gain and shift where they are there; `upsample="deconv"`. Inputs are of a multiple of 16 voxels
//! along each axis: for others `UpCat` repeats voxels at the borders, which is left out here.

use super::graph::{Features, Graph, Window};
use super::state_dict::StateDict;
use super::{Built, Choices, Network};
use crate::error::Result;

/// `BasicUNet.__init__`'s default of `act`.
const NEGATIVE_SLOPE: f32 = 0.1;
/// Levels below the first one.
const DEPTH: usize = 4;

/// Builds the network.
pub(super) fn built(dict: &StateDict, choices: Choices) -> Result<Built> {
    let negative_slope = choices.negative_slope.or(Some(NEGATIVE_SLOPE));
    let choices = Choices { negative_slope, ..choices };
    let (mut graph, input) = Graph::new(dict, Network::MonaiBasicUnet, "conv_0.conv_0.conv", choices)?;
    let twos = vec![2; graph.axes];
    let mut features = two_convolutions(&mut graph, "conv_0", &input)?;
    let mut skips = Vec::new();
    for level in 1..=DEPTH {
        let pooled = graph.pooled(&features, &twos);
        skips.push(features);
        features = two_convolutions(&mut graph, &format!("down_{level}.convs"), &pooled)?;
    }
    for (place, skip) in skips.iter().enumerate().rev() {
        let level = place + 1;
        let up = format!("upcat_{level}.upsample.deconv");
        let strides = graph.strides_of(&up)?;
        if strides != twos {
            let problem = format!("`{up}.weight` has a kernel {strides:?}, expected {twos:?}");
            return Err(graph.weights.problem(problem));
        }
        let raised = graph.up(&up, &features)?;
        let joined = graph.joined(skip, &raised);
        features = two_convolutions(&mut graph, &format!("upcat_{level}.convs"), &joined)?;
    }
    let logits = convolution(&mut graph, "final_conv", &features)?;
    let step = vec![1 << DEPTH; graph.axes];
    Ok(Built::Onnx(graph.finish(&logits, &step)?))
}

/// `TwoConv`.
fn two_convolutions(graph: &mut Graph<'_>, name: &str, input: &Features) -> Result<Features> {
    let mut features = input.clone();
    for part in ["conv_0", "conv_1"] {
        features = convolution(graph, &format!("{name}.{part}.conv"), &features)?;
        features = graph.norm(&format!("{name}.{part}.adn.N"), &features)?;
        features = graph.activated(&features);
    }
    Ok(features)
}

fn convolution(graph: &mut Graph<'_>, name: &str, input: &Features) -> Result<Features> {
    let ones = vec![1; graph.axes];
    graph.convolution(name, input, Window { strides: &ones, padding })
}

/// 1 for kernels of 3, and 0 for the last one, of 1; others do not exist.
fn padding(edge: usize, _: usize) -> Option<usize> {
    matches!(edge, 1 | 3).then_some(edge / 2)
}
