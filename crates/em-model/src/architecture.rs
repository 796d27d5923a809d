//! What a network looks like: presets, overrides, and the numbers that follow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Section `[model]` of a configuration: a preset, and what differs from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The network that is meant, with its parameters and the multiply-adds of a tile of 256 x 256: `residual` (the default recipe: residual blocks, batch norm; 2.0 M, 3.2 billion), `unet` (the same without the residual connections; 1.9 M, 3.0 billion), `notebook` (the same filters with dropout instead of norm; 1.9 M, 3.0 billion), `ronneberger` (the original U-Net of 2015, valid convolutions; 31 M, 151 billion at 572 x 572), `unet-3d` (`unet` over volumes; 5.6 M, 7.5 billion at 32 x 64 x 64; set `tiling.tile_depth` and, where sections are thicker than voxels are wide, `flat_levels`).
    pub preset: Preset,
    /// Classes exclude each other: softmax over background and classes, instead of one sigmoid per class.
    pub exclusive: bool,
    /// What the network's convolutions go over: 2 (sections) or 3 (volumes, with tiles of `tiling.tile_depth` sections). The preset decides where this is absent.
    pub dimensions: Option<usize>,
    /// In 3D, how many levels from the top have kernels of one section and do not pool along z: 0 for isotropic voxels, 3 for sections 8 to 16 times as thick as voxels are wide.
    pub flat_levels: usize,
    /// Train every level of the decoder against the labels at its resolution, each with half the weight of the level above it (Lee et al. 2015). Prediction is the same size and speed.
    pub deep_supervision: bool,
    /// What is learned of each class: `mask`, and with `boundary` also the outlines of its objects, as a further class `<class>_boundary`, by which `em-cli measure --boundary` tells touching objects apart. Labels may then number their objects; in labels of 0 and 255, or 0 and 1, the connected parts are the objects.
    #[serde(default = "only_mask")]
    pub targets: Vec<Target>,
    /// How wide, in voxels, the outlines of `boundary` are.
    #[serde(default = "two")]
    pub boundary_width: usize,
    /// Channels that the network reads; the grey value is repeated in each. The preset decides where this is absent.
    pub in_channels: Option<usize>,
    /// Neighbouring sections that the network sees as channels, the labelled one in the middle: 1 (2D), or an odd number (2.5D). Stacks must then be contiguous in z.
    pub context_sections: Option<usize>,
    /// Channels that the network writes, at least as many as the classes need. The preset decides where this is absent.
    pub out_channels: Option<usize>,
    /// Filters of each level, from the full resolution to the bottleneck. The preset decides where this is absent.
    pub filters: Option<Vec<usize>>,
    /// Normalisation after each convolution: `none`, `batch`, `group` (8 channels a group) or `instance`. Group and instance norm take their statistics from all that goes through the network at once, so that sections above `predict.tile_size` show seams. The preset decides where this is absent.
    pub norm: Option<Norm>,
    /// What follows each norm: `relu`, `elu`, `leaky-relu` (slope 0.01) or `silu`. The preset decides where this is absent.
    pub activation: Option<Activation>,
    /// Whether the input of each pair of convolutions is added to its output, through a 1 x 1 convolution where their channels differ. The preset decides where this is absent.
    pub residual: Option<bool>,
    /// Dropout between the two convolutions of each level, one probability per level. The preset decides where this is absent.
    pub dropout: Option<Vec<f64>>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            exclusive: false,
            dimensions: None,
            flat_levels: 0,
            deep_supervision: false,
            targets: only_mask(),
            boundary_width: two(),
            in_channels: None,
            context_sections: None,
            out_channels: None,
            filters: None,
            norm: None,
            activation: None,
            residual: None,
            dropout: None,
        }
    }
}

fn only_mask() -> Vec<Target> {
    vec![Target::Mask]
}

/// What is learned of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Which voxels belong to it.
    Mask,
    /// The outlines of its objects.
    Boundary,
}

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

impl ModelConfig {
    /// Whether the outlines of objects are learned besides.
    pub fn learns_boundaries(&self) -> bool {
        self.targets.contains(&Target::Boundary)
    }

    /// Returns what the network learns of `classes`: these, and the outlines of each behind them.
    pub fn learned(&self, classes: &[String]) -> Vec<String> {
        let outlined = if self.learns_boundaries() { classes } else { &[] };
        classes.iter().cloned().chain(outlined.iter().map(|class| boundary_of(class))).collect()
    }

    /// Resolves the preset and its overrides to a network for a number of classes.
    ///
    /// # Errors
    ///
    /// Fails if a list has the wrong length, a number is 0, or the channels do not hold the classes.
    pub fn architecture(&self, classes: usize) -> Result<Architecture> {
        let refuse = |key, found: String, expected: &str| {
            Err(Error::Setting { key, found, expected: expected.into() })
        };
        if !self.targets.contains(&Target::Mask) {
            return refuse("model.targets", format!("{:?}", self.targets), "a list with \"mask\"");
        }
        if self.learns_boundaries() && self.exclusive {
            let expected = "false with boundaries, which are part of their class";
            return refuse("model.exclusive", "true".into(), expected);
        }
        if self.learns_boundaries() && self.boundary_width == 0 {
            return refuse("model.boundary_width", "0".into(), "at least 1");
        }
        let preset = self.preset.architecture();
        let needed = classes + usize::from(self.exclusive);
        let own = if self.preset == Preset::Ronneberger { preset.out_channels } else { needed };
        let filters = self.filters.clone().unwrap_or(preset.filters);
        let context_sections = self.context_sections.unwrap_or(1);
        let own_channels = if context_sections > 1 { context_sections } else { preset.in_channels };
        let architecture = Architecture {
            in_channels: self.in_channels.unwrap_or(own_channels),
            context_sections,
            dimensions: self.dimensions.unwrap_or(preset.dimensions),
            flat_levels: self.flat_levels,
            deep_supervision: self.deep_supervision,
            out_channels: self.out_channels.unwrap_or(own),
            // Overridden filters may have another depth, which the preset's dropout does not fit.
            dropout: match &self.dropout {
                Some(dropout) => dropout.clone(),
                None if filters.len() == preset.dropout.len() => preset.dropout,
                None => Vec::new(),
            },
            filters,
            norm: self.norm.unwrap_or(preset.norm),
            activation: self.activation.unwrap_or(preset.activation),
            residual: self.residual.unwrap_or(preset.residual),
            exclusive: self.exclusive,
            ..preset
        };
        architecture.check(needed)?;
        Ok(architecture)
    }
}

impl Architecture {
    fn check(&self, needed: usize) -> Result<()> {
        let refuse = |key, found: String, expected: &str| {
            Err(Error::Setting { key, found, expected: expected.into() })
        };
        if self.in_channels == 0 {
            return refuse("model.in_channels", "0".into(), "at least 1");
        }
        if self.context_sections.is_multiple_of(2) {
            let found = self.context_sections.to_string();
            return refuse("model.context_sections", found, "an odd number, so that one is in the middle");
        }
        if self.context_sections > 1 && self.in_channels != self.context_sections {
            let expected = format!("{}, one per section of model.context_sections", self.context_sections);
            return refuse("model.in_channels", self.in_channels.to_string(), &expected);
        }
        if self.out_channels < needed {
            let expected = format!(
                "at least {needed} for the classes{}",
                if self.exclusive { " and background" } else { "" }
            );
            return refuse("model.out_channels", self.out_channels.to_string(), &expected);
        }
        if self.filters.len() < 2 || self.filters.contains(&0) {
            return refuse("model.filters", format!("{:?}", self.filters), "at least two numbers above 0");
        }
        if self.padding == Padding::Valid {
            let same_only = [
                ("model.residual", self.residual),
                ("model.deep_supervision", self.deep_supervision),
                ("model.dimensions", self.dimensions != 2),
            ];
            if let Some((key, _)) = same_only.into_iter().find(|(_, set)| *set) {
                let (found, expected) =
                    if key == "model.dimensions" { ("3", "2") } else { ("true", "false") };
                let expected = format!("{expected} with valid convolutions, as in `ronneberger`");
                return refuse(key, found.into(), &expected);
            }
        }
        if !(2..=3).contains(&self.dimensions) {
            return refuse("model.dimensions", self.dimensions.to_string(), "2 or 3");
        }
        if self.dimensions == 3 && self.context_sections > 1 {
            let found = self.context_sections.to_string();
            return refuse("model.context_sections", found, "1 in 3D, where the network sees a volume");
        }
        let flat = if self.dimensions == 3 { self.depth() } else { 0 };
        if self.flat_levels > flat {
            let expected = format!("0 to {flat} for {} levels in {}D", self.filters.len(), self.dimensions);
            return refuse("model.flat_levels", self.flat_levels.to_string(), &expected);
        }
        if !self.dropout.is_empty() && self.dropout.len() != self.filters.len() {
            let expected = format!("{} numbers, one per level of model.filters, or none", self.filters.len());
            return refuse("model.dropout", format!("{:?}", self.dropout), &expected);
        }
        if self.dropout.iter().any(|p| !(0.0..1.0).contains(p)) {
            return refuse("model.dropout", format!("{:?}", self.dropout), "numbers from 0 to below 1");
        }
        Ok(())
    }

    /// Returns how many times the network halves the resolution.
    pub fn depth(&self) -> usize {
        self.filters.len() - 1
    }

    /// Returns what a tile's edge must be a multiple of: 2^depth.
    pub fn stride(&self) -> usize {
        1 << self.depth()
    }

    /// Whether convolutions at `level`, and the pooling below it, go along z.
    pub(crate) fn is_deep(&self, level: usize) -> bool {
        self.dimensions == 3 && level >= self.flat_levels
    }

    /// Returns what a tile's number of sections must be a multiple of; 1 in 2D.
    pub fn stride_z(&self) -> usize {
        match self.dimensions {
            3 => 1 << (self.depth() - self.flat_levels),
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

    /// Returns an upper bound for how far, in voxels, an output voxel sees to each side.
    ///
    /// Rounded up to a multiple of [`stride`](Self::stride), so that tiles with such a halo keep
    /// their place on the pooling grid.
    pub fn receptive_radius(&self) -> usize {
        radius(self.stride())
    }

    /// Returns an upper bound for how many sections an output voxel sees to each side, likewise; 0 in 2D.
    pub fn receptive_radius_z(&self) -> usize {
        // Below its flat levels the network is one over cubes.
        if self.dimensions == 3 { radius(self.stride_z()) } else { 0 }
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

    /// Checks that tiles of edge `tile_size` go through the network whole.
    ///
    /// # Errors
    ///
    /// Fails with the two nearest sizes that do.
    pub fn check_tile_size(&self, tile_size: usize) -> Result<()> {
        let above = self.input_edge(tile_size);
        if above == tile_size {
            return Ok(());
        }
        let below = above.saturating_sub(self.stride());
        let nearest =
            if self.input_edge(below) == below { format!("{below} or {above}") } else { above.to_string() };
        Err(Error::Setting {
            key: "tiling.tile_size",
            found: tile_size.to_string(),
            expected: format!("{nearest}: the network halves tiles {} times", self.depth()),
        })
    }

    /// Checks that tiles of so many sections go through the network whole.
    ///
    /// # Errors
    ///
    /// Fails with what the number of sections may be.
    pub fn check_tile_depth(&self, tile_depth: usize) -> Result<()> {
        let fits = match self.dimensions {
            3 => tile_depth > 0 && tile_depth.is_multiple_of(self.stride_z()),
            _ => tile_depth == 1,
        };
        let expected = match self.dimensions {
            3 => format!("a multiple of {}, by which the 3D network halves tiles", self.stride_z()),
            _ => "1 for a network of sections".into(),
        };
        if fits {
            return Ok(());
        }
        Err(Error::Setting { key: "tiling.tile_depth", found: tile_depth.to_string(), expected })
    }
}

/// The name of the class of a class's outlines.
pub fn boundary_of(class: &str) -> String {
    format!("{class}_boundary")
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
    fn presets_have_their_published_sizes() {
        assert_eq!(Preset::Ronneberger.architecture().parameter_count(), 31_031_940);
        assert_eq!(Preset::Notebook.architecture().parameter_count(), 1_940_817);
        assert_eq!(Preset::Ronneberger.architecture().margin() * 2, 572 - 388);
    }

    #[test]
    fn cards_of_earlier_networks_are_read_and_written_as_they_were() {
        let text = serde_json::to_string(&Preset::Unet.architecture()).unwrap();
        assert!(!text.contains("activation") && !text.contains("residual"), "{text}");
        assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), Preset::Unet.architecture());
        let text = serde_json::to_string(&Preset::Residual.architecture()).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), Preset::Residual.architecture());
    }

    #[test]
    fn tile_sizes_that_do_not_fit_name_the_nearest() {
        let same = Preset::Unet.architecture();
        assert!(same.check_tile_size(256).is_ok());
        let error = same.check_tile_size(250).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`tiling.tile_size` is 250, expected 240 or 256: the network halves tiles 4 times"
        );
        let valid = Preset::Ronneberger.architecture();
        assert!(valid.check_tile_size(572).is_ok());
        assert!(valid.check_tile_size(256).is_err());
    }

    #[test]
    fn overrides_are_checked() {
        let config = ModelConfig { dropout: Some(vec![0.1]), ..Default::default() };
        let error = config.architecture(1).unwrap_err();
        assert!(error.to_string().starts_with("`model.dropout` is [0.1], expected 5 numbers"), "{error}");
        let config = ModelConfig { exclusive: true, out_channels: Some(2), ..Default::default() };
        assert!(config.architecture(2).unwrap_err().to_string().contains("at least 3"));
        let config = ModelConfig { preset: Preset::Ronneberger, residual: Some(true), ..Default::default() };
        assert!(config.architecture(1).unwrap_err().to_string().contains("`model.residual` is true"));
        let config = ModelConfig { context_sections: Some(4), ..Default::default() };
        assert!(config.architecture(1).unwrap_err().to_string().contains("an odd number"));
        let config = ModelConfig { context_sections: Some(3), in_channels: Some(1), ..Default::default() };
        assert!(config.architecture(1).unwrap_err().to_string().contains("one per section"));
        let config = ModelConfig { filters: Some(vec![8, 16]), ..Default::default() };
        assert_eq!(config.architecture(2).unwrap().out_channels, 2);
    }
}
