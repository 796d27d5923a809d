//! What a network is: its settings, its layers and weights, and what it costs.

mod architecture;
mod config;
mod cost;
mod imported;
mod inputs;
mod layers;
mod memory;
mod net;
pub(crate) mod onnx;
mod outputs;
mod parameters;
mod preset;
mod unet;

pub use architecture::{Activation, Architecture, CHANNELS_PER_GROUP, Norm, Padding};
pub use config::{ModelConfig, Target, boundary_of};
pub use imported::{ClassOutput, Combine, Engine, Imported, NetworkFile, Raw, Sizes};
pub(crate) use imported::{Loaded, MOST_EDGE, MOST_SIZE, MOST_VOXELS, canonical, problem_of_axes, with_axes};
pub(crate) use inputs::{context_of, mirrored, normalized};
pub(crate) use layers::{Compute, Convolution, Mode, NORM_EPSILON, NormLayer, UpConvolution};
pub(crate) use memory::inference_bytes;
pub use memory::{training_bytes, validation_bytes};
pub(crate) use net::{FoldedNetwork, Network};
pub(crate) use outputs::class_probabilities;
#[cfg(test)]
pub(crate) use parameters::Start;
pub(crate) use parameters::{Parameter, Parameters, channels_last};
pub use preset::Preset;
pub(crate) use unet::UNet;
