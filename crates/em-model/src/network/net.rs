//! A network with its weights: a U-Net, or what another program made.

use tch::{Kind, Tensor};

use super::imported::ImportedNet;
use super::layers::Mode;
use super::parameters::Parameters;
use super::{Architecture, UNet};
use crate::Device;
use crate::error::Computed;

/// A network with its weights.
#[derive(Debug)]
pub(crate) enum Network {
    UNet(UNet),
    Imported(ImportedNet),
}

impl Network {
    /// Makes a network whose weights follow from `seed`; those of an imported one are to be loaded.
    pub fn new(architecture: &Architecture, device: Device, seed: u64) -> Computed<Self> {
        match &architecture.imported {
            None => Ok(Self::UNet(UNet::new(architecture, device, seed)?)),
            Some(_) => Self::unfilled(architecture, device),
        }
    }

    /// Makes a network whose weights are to be loaded. Draws no number.
    pub fn unfilled(architecture: &Architecture, device: Device) -> Computed<Self> {
        Ok(match &architecture.imported {
            None => Self::UNet(UNet::unfilled(architecture, device)?),
            Some(_) => Self::Imported(ImportedNet::unfilled(architecture, device)?),
        })
    }

    pub fn architecture(&self) -> &Architecture {
        match self {
            Self::UNet(net) => net.architecture(),
            Self::Imported(net) => net.architecture(),
        }
    }

    pub fn parameters(&self) -> &Parameters {
        match self {
            Self::UNet(net) => net.parameters(),
            Self::Imported(net) => net.parameters(),
        }
    }

    pub fn parameters_mut(&mut self) -> &mut Parameters {
        match self {
            Self::UNet(net) => net.parameters_mut(),
            Self::Imported(net) => net.parameters_mut(),
        }
    }

    /// Lets each class start at its share of the voxels, where the last layer is known.
    pub fn expect(&mut self, shares: &[f64]) -> Computed<()> {
        match self {
            Self::UNet(net) => net.expect(shares),
            Self::Imported(_) => Ok(()),
        }
    }

    /// Maps `[n, in_channels, y, x]` to logits `[n, out_channels, y - 2 margin, x - 2 margin]`; in 3D
    /// `[n, in_channels, z, y, x]` to `[n, out_channels, z, y, x]`.
    pub fn forward(&self, input: &Tensor, mode: Mode<'_>) -> Computed<Tensor> {
        Ok(self.levels(input, mode)?.swap_remove(0))
    }

    /// The logits of each level that has an output, the full resolution first.
    pub fn levels(&self, input: &Tensor, mode: Mode<'_>) -> Computed<Vec<Tensor>> {
        match self {
            Self::UNet(net) => net.levels(input, mode),
            Self::Imported(net) => Ok(vec![net.forward(input)?]),
        }
    }

    /// Returns the same network for inference, with batch norm folded into the convolutions of a U-Net.
    pub fn folded(&self) -> Computed<FoldedNetwork> {
        let net = match self {
            Self::UNet(net) => Self::UNet(net.folded()?),
            Self::Imported(net) => Self::Imported(net.detached()?),
        };
        Ok(FoldedNetwork { net, features: Kind::Float })
    }
}

/// A network that can only infer.
#[derive(Debug)]
pub(crate) struct FoldedNetwork {
    net: Network,
    /// The numbers that features are kept in.
    features: Kind,
}

impl FoldedNetwork {
    /// Keeps features in other numbers; logits stay 32-bit floats, and so does all of an imported network.
    pub fn with_features(self, features: Kind) -> Self {
        let features = if self.architecture().imported.is_some() { Kind::Float } else { features };
        Self { features, ..self }
    }

    pub fn architecture(&self) -> &Architecture {
        self.net.architecture()
    }

    pub fn forward(&self, input: &Tensor) -> Computed<Tensor> {
        let _guard = tch::no_grad_guard();
        self.net.forward(&input.f_to_kind(self.features)?, Mode::Inference)
    }
}
