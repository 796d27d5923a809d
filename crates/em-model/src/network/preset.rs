//! The named networks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, Architecture, Norm, Padding};

/// The named networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Filters 16 to 256, same padding, batch norm.
    Unet,
    /// Filters 16 to 256, same padding, dropout .1 .1 .2 .2 .3, no norm.
    Notebook,
    /// Filters 64 to 1024, valid convolutions, ReLU after transposed convolutions, 3 channels in, 4 out.
    Ronneberger,
    /// As `unet`, with residual blocks (He et al. 2016; Zhang et al. 2018, ResUNet).
    #[default]
    Residual,
    /// As `unet`, over volumes (Çiçek et al. 2016).
    #[serde(rename = "unet-3d")]
    Unet3d,
}

impl Preset {
    /// Returns the preset's network with as many output channels as it has by itself.
    pub fn architecture(self) -> Architecture {
        let small = Architecture {
            in_channels: 1,
            context_sections: 1,
            dimensions: 2,
            flat_levels: 0,
            deep_supervision: false,
            out_channels: 1,
            filters: vec![16, 32, 64, 128, 256],
            padding: Padding::Same,
            norm: Norm::Batch,
            activation: Activation::Relu,
            residual: false,
            dropout: Vec::new(),
            relu_after_up: false,
            exclusive: false,
            imported: None,
        };
        match self {
            Self::Unet => small,
            Self::Residual => Architecture { residual: true, ..small },
            Self::Unet3d => Architecture { dimensions: 3, ..small },
            Self::Notebook => {
                Architecture { norm: Norm::None, dropout: vec![0.1, 0.1, 0.2, 0.2, 0.3], ..small }
            }
            Self::Ronneberger => Architecture {
                in_channels: 3,
                out_channels: 4,
                filters: vec![64, 128, 256, 512, 1024],
                padding: Padding::Valid,
                norm: Norm::None,
                relu_after_up: true,
                ..small
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_their_published_sizes() {
        assert_eq!(Preset::Ronneberger.architecture().parameter_count(), 31_031_940);
        assert_eq!(Preset::Notebook.architecture().parameter_count(), 1_940_817);
        assert_eq!(Preset::Ronneberger.architecture().margin() * 2, 572 - 388);
    }
}
