//! Networks from weights of Python: state dicts by a written mapping.
//!
//! A state dict tells the shapes of all layers and not how they are put together; that follows the source of the
//! network, which each mapping names. What neither shapes nor names tell is taken as the network has it by default,
//! and can be set in [`Choices`].
//!
//! | file | owns |
//! |---|---|
//! | `weights/mod.rs` | the networks that are known, and the way to each |
//! | `weights/state_dict.rs` | tensors by their names, and where files keep them |
//! | `weights/archive.rs` | the archive that `torch.save` writes |
//! | `weights/pickle.rs`, `weights/pickle/calls.rs` | the tables in it, without running them |
//! | `weights/kinds.rs` | the kinds of numbers |
//! | `weights/checked.rs` | that each tensor is there, of its shape, and none is left |
//! | `weights/torch_unet.rs` | `torch_unet.py`, as a network of our own |
//! | `weights/basic_unet.rs`, `weights/dyn_unet.rs` | MONAI's, as ONNX |
//! | `weights/nnunet.rs` | those of nnU-Net v2, as ONNX |
//! | `weights/graph.rs` | layers as nodes of that ONNX |

mod archive;
mod basic_unet;
mod checked;
mod dyn_unet;
mod graph;
mod kinds;
mod nnunet;
mod pickle;
mod state_dict;
#[cfg(test)]
mod tests;
mod torch_unet;

use std::collections::BTreeMap;
use std::str::FromStr;

use em_model::Architecture;
use em_model::export::proto::ModelProto;

pub use self::state_dict::{StateDict, Tensor, read};
use crate::error::Result;

/// A network whose layers are known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The U-Net of `torch_unet.py`: two 3 x 3 convolutions a level, with ReLU, with or without batch norm.
    TorchUnet,
    /// MONAI's `BasicUNet`, over sections or volumes.
    MonaiBasicUnet,
    /// MONAI's `DynUNet`, over sections or volumes, residual or not.
    MonaiDynUnet,
    /// nnU-Net v2's `PlainConvUNet` and `ResidualEncoderUNet`.
    Nnunet,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::TorchUnet, Self::MonaiBasicUnet, Self::MonaiDynUnet, Self::Nnunet];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TorchUnet => "torch-unet",
            Self::MonaiBasicUnet => "monai-basic-unet",
            Self::MonaiDynUnet => "monai-dyn-unet",
            Self::Nnunet => "nnunet",
        }
    }

    /// Guesses the network from the names of its first and last layers.
    pub fn of(dict: &StateDict) -> Option<Self> {
        let ends = |network: Self| match network {
            Self::TorchUnet => ["down.0.0.weight", "head.weight"],
            Self::MonaiBasicUnet => ["conv_0.conv_0.conv.weight", "final_conv.weight"],
            Self::MonaiDynUnet => ["input_block.conv1.conv.weight", "output_block.conv.conv.weight"],
            Self::Nnunet => ["decoder.transpconvs.0.weight", "decoder.seg_layers.0.weight"],
        };
        let is_there = |network: &Self| ends(*network).iter().all(|name| dict.get(name).is_some());
        Self::ALL.into_iter().find(is_there)
    }

    /// What its weights may look like, for hints.
    fn choices(self) -> &'static str {
        match self {
            Self::TorchUnet => "the weights of any base, depth and channels are taken, over sections",
            Self::MonaiBasicUnet => {
                "taken are BasicUNet with `upsample=\"deconv\"`, LeakyReLU or ReLU, and instance, batch or group norm"
            }
            Self::MonaiDynUnet => {
                "taken is DynUNet with `upsample_kernel_size` equal to `strides[1:]`, LeakyReLU or ReLU, and \
                 instance, batch or group norm"
            }
            Self::Nnunet => "taken are PlainConvUNet and ResidualEncoderUNet with blocks of two convolutions",
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|network| network.name() == name);
        found.ok_or_else(|| format!("there is no network `{name}`, expected one of {}", names()))
    }
}

/// What the weights of a network do not tell, where it is not the network's default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Choices {
    /// What the activation multiplies values below 0 by; 0 is ReLU.
    /// Without it, that of the network: BasicUNet 0.1, DynUNet and nnU-Net 0.01.
    pub negative_slope: Option<f32>,
    /// The groups of group norm. Its weights look as those of instance norm, which is taken without it.
    pub groups: Option<usize>,
}

/// A network that was built from weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Built {
    /// One of our own, with its tensors by the names of `model.safetensors`.
    Own {
        /// The network.
        architecture: Box<Architecture>,
        /// Its tensors.
        tensors: BTreeMap<String, Tensor>,
    },
    /// Any other: `input` of `[batch, channels, (z,) y, x]`, `output` with the logits. The entry `step` of
    /// `metadata_props` is what lengths of the input have to be multiples of, `[z, y, x]` as JSON.
    Onnx(Box<ModelProto>),
}

/// Builds a network from its weights, with what they do not tell as the network has it by default.
///
/// # Errors
///
/// Fails where a tensor is missing, of another shape, or belongs to no layer.
pub fn network(dict: &StateDict, kind: Network) -> Result<Built> {
    network_with(dict, kind, Choices::default())
}

/// Builds a network from its weights and from what they do not tell.
///
/// # Errors
///
/// Fails as [`network`] does, and where the choices do not fit the network.
pub fn network_with(dict: &StateDict, kind: Network, choices: Choices) -> Result<Built> {
    match kind {
        Network::TorchUnet => torch_unet::built(dict),
        Network::MonaiBasicUnet => basic_unet::built(dict, choices),
        Network::MonaiDynUnet => dyn_unet::built(dict, choices),
        Network::Nnunet => nnunet::built(dict, choices),
    }
}
