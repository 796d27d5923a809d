//! A network with every choice made, and the numbers that follow.

mod problems;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Imported, Preset};

/// Normalisation after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// None; the convolution has a bias.
    None,
    /// Batch normalisation (Ioffe and Szegedy 2015); the convolution has no bias.
    Batch,
    /// Group normalisation (Wu and He 2018) of [`CHANNELS_PER_GROUP`] channels each.
    Group,
    /// Instance normalisation (Ulyanov et al. 2016) with gain and shift, of each tile's own statistics.
    Instance,
}

/// Channels that share their statistics under group norm; half as many where they do not divide
/// the filters, and so on.
pub const CHANNELS_PER_GROUP: usize = 8;

impl Norm {
    /// Returns the number of groups of a group or instance norm over `filters` channels.
    pub fn groups(self, filters: usize) -> usize {
        match self {
            Self::Group => {
                let channels = [CHANNELS_PER_GROUP, 4, 2].into_iter().find(|n| filters.is_multiple_of(*n));
                filters / channels.unwrap_or(1)
            }
            _ => filters,
        }
    }
}

/// What follows each norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x`, and `exp(x) - 1` below 0 (Clevert et al. 2016).
    Elu,
    /// `x`, and `0.01 x` below 0.
    LeakyRelu,
    /// `x` times its sigmoid.
    Silu,
}

/// Padding of the 3 x 3 convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros around, so that the output has the size of the input.
    Same,
    /// None: each convolution takes one voxel from each border.
    Valid,
}

/// A network with every choice made; saved with the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Channels read.
    pub in_channels: usize,
    /// Sections that the network sees, one channel each. Absent in the cards of networks that see one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub context_sections: usize,
    /// Axes of the convolutions: 2, or 3. Absent in the cards of networks of sections.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub dimensions: usize,
    /// In 3D, levels from the top that do not look or pool along z. Absent where there are none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub flat_levels: usize,
    /// Whether each level of the decoder has an output, for training. Absent where only the first has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deep_supervision: bool,
    /// Channels written.
    pub out_channels: usize,
    /// Filters per level, full resolution first, bottleneck last.
    pub filters: Vec<usize>,
    /// Padding of the 3 x 3 convolutions.
    pub padding: Padding,
    /// Normalisation after each 3 x 3 convolution.
    pub norm: Norm,
    /// What follows each norm. Absent in the cards of networks with ReLU.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// Whether blocks are residual. Absent in the cards of networks that are not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub residual: bool,
    /// Dropout per level; empty for none.
    pub dropout: Vec<f64>,
    /// Whether a ReLU follows each transposed convolution.
    pub relu_after_up: bool,
    /// Whether the classes exclude each other: channel 0 is background, channel k + 1 class k.
    pub exclusive: bool,
    /// What another program made, in place of all of the above but the channels and the axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Box<Imported>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

// serde passes fields by reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_two(value: &usize) -> bool {
    *value == 2
}

// serde passes fields by reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_one(value: &usize) -> bool {
    *value == 1
}

impl Architecture {
    /// A network that another program made, over these axes, with as many sections as channels where that is
    /// more than one.
    pub(crate) fn of_imported(
        dimensions: usize,
        in_channels: usize,
        context: usize,
        imported: Imported,
    ) -> Self {
        Self {
            in_channels,
            context_sections: context,
            dimensions,
            out_channels: imported.classes.len(),
            filters: Vec::new(),
            norm: Norm::None,
            imported: Some(Box::new(imported)),
            ..Preset::Unet.architecture()
        }
    }

    /// Returns how many times the network halves the resolution; 0 where that is not known.
    pub fn depth(&self) -> usize {
        self.filters.len().saturating_sub(1)
    }

    /// Returns what a tile's edge must be a multiple of: 2^depth.
    pub fn stride(&self) -> usize {
        match &self.imported {
            Some(imported) => imported.stride[1].max(imported.stride[2]),
            None => 1 << self.depth(),
        }
    }

    /// Whether convolutions at `level`, and the pooling below it, go along z.
    pub(crate) fn is_deep(&self, level: usize) -> bool {
        self.dimensions == 3 && level >= self.flat_levels
    }

    /// Returns what a tile's number of sections must be a multiple of; 1 in 2D.
    pub fn stride_z(&self) -> usize {
        match (self.dimensions, &self.imported) {
            (3, Some(imported)) => imported.stride[0],
            (3, None) => 1 << (self.depth() - self.flat_levels),
            _ => 1,
        }
    }

    /// Returns how many voxels the output is smaller than the input, on each side.
    ///
    /// 0 with same padding; 92 for the 572 to 388 network of Ronneberger et al. 2015, fig. 1.
    pub fn margin(&self) -> usize {
        match self.padding {
            Padding::Same => 0,
            // Two 3 x 3 convolutions per block, once down and once up each level, once at the bottom.
            Padding::Valid => 4 * (self.stride() - 1) + 2 * self.stride(),
        }
    }

    /// How many voxels the skip of a level is larger, on each side, than what comes from below.
    ///
    /// 0 with same padding; 4 above the bottleneck and 88 at the top in Ronneberger et al. 2015, fig. 1.
    pub(crate) fn skip_inset(&self, level: usize) -> usize {
        match self.padding {
            Padding::Same => 0,
            // Twice what is lost below, and at least the two convolutions of the block there.
            Padding::Valid => 12 * (1 << (self.depth() - 1 - level)) - 8,
        }
    }

    /// Returns an upper bound for how far, in voxels, an output voxel sees to each side.
    ///
    /// Rounded up to a multiple of [`stride`](Self::stride), so that tiles with such a halo keep
    /// their place on the pooling grid.
    pub fn receptive_radius(&self) -> usize {
        match &self.imported {
            Some(imported) => imported.halo[1].max(imported.halo[2]),
            None => radius(self.stride()),
        }
    }

    /// Returns an upper bound for how many sections an output voxel sees to each side, likewise; 0 in 2D.
    pub fn receptive_radius_z(&self) -> usize {
        match (self.dimensions, &self.imported) {
            (3, Some(imported)) => imported.halo[0],
            // Below its flat levels the network is one over cubes.
            (3, None) => radius(self.stride_z()),
            _ => 0,
        }
    }

    /// Returns the largest part, along `axis` (0 for z), of a whole of so many voxels that a tile can be of, where
    /// the network's size is fixed.
    pub(crate) fn largest_core(&self, axis: usize, whole: usize) -> Option<usize> {
        self.imported.as_ref().and_then(|imported| imported.largest_core(axis, whole))
    }

    /// Returns the smallest input edge, in voxels, that the network takes and that is at least `edge`.
    pub fn input_edge(&self, edge: usize) -> usize {
        let stride = self.stride();
        match self.padding {
            Padding::Same => edge.max(stride).next_multiple_of(stride),
            Padding::Valid => {
                // The bottleneck's output is edge b: input = stride * (b + 4) + 4 * (stride - 1).
                let fixed = 4 * (stride - 1) + 4 * stride;
                // The output must keep at least one voxel.
                let smallest = edge.max(2 * self.margin() + 1);
                fixed + (smallest - fixed).next_multiple_of(stride)
            }
        }
    }
}

/// How far a network with same padding sees along an axis that it reduces to 1 / `stride`.
fn radius(stride: usize) -> usize {
    // Convolutions as in `margin`; pooling and upsampling move by at most a voxel per level.
    let convolutions = 4 * (stride - 1) + 2 * stride;
    (convolutions + 2 * (stride - 1)).next_multiple_of(stride)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_of_earlier_networks_are_read_and_written_as_they_were() {
        let text = serde_json::to_string(&Preset::Unet.architecture()).unwrap();
        assert!(!text.contains("activation") && !text.contains("residual"), "{text}");
        assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), Preset::Unet.architecture());
        let text = serde_json::to_string(&Preset::Residual.architecture()).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), Preset::Residual.architecture());
    }

    #[test]
    fn skips_are_cut_as_in_the_figure() {
        let insets = |preset: Preset| [0, 1, 2, 3].map(|level| preset.architecture().skip_inset(level));
        assert_eq!(insets(Preset::Ronneberger), [88, 40, 16, 4]);
        assert_eq!(insets(Preset::Residual), [0; 4]);
    }
}
