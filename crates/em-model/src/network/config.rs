//! The choice of a network: a preset, and what differs from it.

use std::path::{Path, PathBuf};

use em_data::SettingError;
use em_data::settings::{self, Checks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, Architecture, Norm, Preset};
use crate::{ModelCard, Result, RunFolder};

/// Section `[model]` of a configuration: a preset, and what differs from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The network that is meant, with its parameters and the multiply-adds of a tile of 256 x 256: `residual` (the default recipe: residual blocks, batch norm; 2.0 M, 3.2 billion), `unet` (the same without the residual connections; 1.9 M, 3.0 billion), `notebook` (the same filters with dropout instead of norm; 1.9 M, 3.0 billion), `ronneberger` (the original U-Net of 2015, valid convolutions; 31 M, 151 billion at 572 x 572), `unet-3d` (`unet` over volumes; 5.6 M, 7.5 billion at 32 x 64 x 64; set `tiling.tile_depth` and, where sections are thicker than voxels are wide, `flat_levels`).
    pub preset: Preset,
    /// Classes exclude each other: softmax over background and classes, instead of one sigmoid per class.
    pub exclusive: bool,
    /// The folder of a run whose network was imported (`em-cli import`): that network is trained, whatever else is set here. `train.init` is where its weights come from.
    pub imported: Option<PathBuf>,
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
            imported: None,
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

    /// Returns all settings that are out of range or do not fit each other, for a number of classes.
    pub fn problems(&self, classes: usize) -> Vec<SettingError> {
        let mut checks = Checks::of("ModelConfig");
        let learns_masks = self.targets.contains(&Target::Mask);
        checks.require("targets", format!("{:?}", self.targets), learns_masks, "a list with \"mask\"");
        if self.learns_boundaries() {
            let expected = "false with boundaries, which are part of their class";
            checks
                .require("exclusive", self.exclusive, !self.exclusive, expected)
                .at_least_1("boundary_width", self.boundary_width);
        }
        match self.resolved(classes) {
            Ok(architecture) => checks.extend(architecture.problems(classes)),
            Err(problem) => checks.extend(vec![problem]),
        };
        checks.finish()
    }

    /// Resolves the preset and its overrides to a network for a number of classes.
    ///
    /// # Errors
    ///
    /// Fails if a list has the wrong length, a number is 0, or the channels do not hold the classes.
    pub fn architecture(&self, classes: usize) -> Result<Architecture> {
        settings::first(self.problems(classes))?;
        Ok(self.resolved(classes)?)
    }

    fn resolved(&self, classes: usize) -> Result<Architecture, SettingError> {
        if let Some(folder) = &self.imported {
            return imported(folder);
        }
        let preset = self.preset.architecture();
        let needed = classes + usize::from(self.exclusive);
        let own = if self.preset == Preset::Ronneberger { preset.out_channels } else { needed };
        let filters = self.filters.clone().unwrap_or(preset.filters);
        let context_sections = self.context_sections.unwrap_or(1);
        let own_channels = if context_sections > 1 { context_sections } else { preset.in_channels };
        Ok(Architecture {
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
        })
    }
}

/// The network of a run that was imported.
fn imported(folder: &Path) -> Result<Architecture, SettingError> {
    let found = folder.display().to_string();
    let problem = |expected: String| SettingError::new("ModelConfig", "imported", found, expected);
    match ModelCard::read(&RunFolder::new(folder)) {
        Ok(card) if card.architecture.imported.is_some() => Ok(card.architecture),
        Ok(_) => Err(problem("a network of another program, which `em-cli import` made a run of".into())),
        Err(error) => Err(problem(format!("the folder of an imported network ({error})"))),
    }
}

/// The name of the class of a class's outlines.
pub fn boundary_of(class: &str) -> String {
    format!("{class}_boundary")
}

fn two() -> usize {
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_checked() {
        let config = ModelConfig { dropout: Some(vec![0.1]), ..Default::default() };
        let error = config.architecture(1).unwrap_err();
        assert!(
            error.to_string().starts_with("`ModelConfig::dropout` is [0.1], expected 5 numbers"),
            "{error}"
        );
        let config = ModelConfig { exclusive: true, out_channels: Some(2), ..Default::default() };
        assert!(config.architecture(2).unwrap_err().to_string().contains("at least 3"));
        let config = ModelConfig { preset: Preset::Ronneberger, residual: Some(true), ..Default::default() };
        assert!(config.architecture(1).unwrap_err().to_string().contains("`ModelConfig::residual` is true"));
        let config = ModelConfig { context_sections: Some(4), ..Default::default() };
        assert!(config.architecture(1).unwrap_err().to_string().contains("an odd number"));
        let config = ModelConfig { context_sections: Some(3), in_channels: Some(1), ..Default::default() };
        assert!(config.architecture(1).unwrap_err().to_string().contains("one per section"));
        let config = ModelConfig { filters: Some(vec![8, 16]), ..Default::default() };
        assert_eq!(config.architecture(2).unwrap().out_channels, 2);
    }
}
