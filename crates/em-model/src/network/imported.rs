//! A network that another program made, as an ONNX or TorchScript file: what it takes and gives, and
//! what its channels mean.
//!
//! Whatever its axes, sizes and borders are, it is made to look like one of our own with same padding
//! (`imported/net.rs`): a tile goes in, and logits of the classes come out, in the tile's size.

mod engine;
mod file;
mod net;

use em_data::SettingError;
use em_data::settings::Checks;
use serde::{Deserialize, Serialize};

pub(crate) use engine::Loaded;
pub use file::{Engine, NetworkFile};
pub(crate) use net::{ImportedNet, canonical, with_axes};

/// What an imported network takes and gives; saved with the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// What runs it.
    pub engine: Engine,
    /// The file of the network, in the folder of the run.
    pub network: NetworkFile,
    /// Axes of its input: each of `y` and `x`, `z` in 3D, and `b` (batch) and `c` (channel) where it has them.
    pub input_axes: String,
    /// Axes of its output, likewise.
    pub output_axes: String,
    /// Which of its outputs is used, from 0.
    pub output: usize,
    /// What the numbers of that output are.
    pub raw: Raw,
    /// What each class is made of, in the order of the classes.
    pub classes: Vec<ClassOutput>,
    /// The sizes that it takes along z, y and x.
    pub sizes: [Sizes; 3],
    /// How many voxels fewer come out than go in, along z, y and x.
    pub fewer: [usize; 3],
    /// How many of these lie before the output, along z, y and x: half of them, unless its border is cut otherwise.
    pub before: [usize; 3],
    /// What tiles have to start at multiples of, along z, y and x, so that pooling meets the same voxels.
    pub stride: [usize; 3],
    /// How far an output voxel sees to each side, along z, y and x.
    pub halo: [usize; 3],
    /// Whether it takes a batch of one alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_at_a_time: bool,
    /// Numbers in its weights.
    pub parameters: usize,
    /// Numbers in those of them that a training changes.
    pub trainable: usize,
    /// Weights that no output depends on, or through which no gradient goes: they stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untrained: Vec<String>,
    /// What a voxel takes in memory while the network infers, as measured.
    pub bytes_per_voxel: u64,
    /// What a voxel takes in a training step, as measured.
    pub training_bytes_per_voxel: u64,
}

/// What the numbers of an output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raw {
    /// Logits, each of its own sigmoid.
    Sigmoid,
    /// Logits of a softmax over all channels.
    Softmax,
    /// Numbers from -1 to 1, as of a tanh.
    Tanh,
    /// Probabilities already.
    Probabilities,
}

/// What a class is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassOutput {
    /// Channels of the output, from 0; at least one.
    pub channels: Vec<usize>,
    /// How their probabilities become one.
    #[serde(default, skip_serializing_if = "is_mean")]
    pub combine: Combine,
    /// Whether the class is where the channels are not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inverted: bool,
}

/// How the probabilities of several channels become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Their mean.
    #[default]
    Mean,
    /// The smallest, as for affinities: a voxel belongs to an object where it does so along each axis.
    Min,
    /// The largest.
    Max,
    /// Their sum, as for exclusive classes that are taken together.
    Sum,
}

// serde passes fields by reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_mean(combine: &Combine) -> bool {
    *combine == Combine::Mean
}

impl ClassOutput {
    /// One channel as it is.
    pub fn channel(number: usize) -> Self {
        Self { channels: vec![number], combine: Combine::Mean, inverted: false }
    }

    /// Whether it is one channel as it is.
    pub fn is_plain(&self) -> bool {
        self.channels.len() == 1 && !self.inverted
    }
}

/// The sizes that a network takes along an axis: `smallest`, and that and any multiple of `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// The smallest.
    pub smallest: usize,
    /// What longer ones differ by; 0 where the size is fixed.
    pub step: usize,
}

impl Sizes {
    /// Returns the smallest size from `voxels` on; `None` where the one size there is is smaller.
    pub fn from(self, voxels: usize) -> Option<usize> {
        match voxels.checked_sub(self.smallest) {
            None | Some(0) => Some(self.smallest),
            Some(_) if self.step == 0 => None,
            Some(more) => Some(self.smallest + more.next_multiple_of(self.step)),
        }
    }
}

/// More than any network pools by, loses at its borders, or is told to see.
pub(crate) const MOST_VOXELS: usize = 1 << 12;
/// More than any network of one size has along an edge, and in all.
pub(crate) const MOST_EDGE: usize = 1 << 16;
pub(crate) const MOST_SIZE: usize = 1 << 28;
/// More channels than any output has.
const MOST_CHANNELS: usize = 1 << 16;

/// Says what is wrong with the axes of a network that goes over so many.
pub(crate) fn problem_of_axes(axes: &str, dimensions: usize) -> Option<String> {
    let space = if dimensions == 3 { "zyx" } else { "yx" };
    let is_known = axes.chars().all(|axis| "bc".contains(axis) || space.contains(axis));
    let is_whole = space.chars().all(|axis| axes.contains(axis));
    let is_single = axes.chars().enumerate().all(|(place, axis)| axes.find(axis) == Some(place));
    let is_right = axes.is_ascii() && is_known && is_whole && is_single;
    (!is_right).then(|| format!("axes `{space}`, each once, with `b` and `c` where there are such"))
}

impl Imported {
    /// Returns the weights that no training changes.
    pub fn is_untrained(&self, weight: &str) -> bool {
        self.untrained.iter().any(|name| name == weight)
    }

    /// Returns the largest part, along an axis (0 for z), of a whole of so many voxels that a tile can be of, where
    /// the network's size is fixed: all of it, or what is left between halos.
    pub(super) fn largest_core(&self, axis: usize, whole: usize) -> Option<usize> {
        let Sizes { smallest, step } = self.sizes[axis];
        let (all, stride) = (smallest.saturating_sub(self.fewer[axis]), self.stride[axis]);
        let core = if whole <= all { all } else { all.saturating_sub(2 * self.halo[axis]) };
        (step == 0).then(|| core / stride * stride)
    }

    /// Returns the sizes, `[z, y, x]`, at which a tile goes through the network.
    pub(super) fn run_sizes(&self, tile: [usize; 3]) -> Option<[usize; 3]> {
        let mut sizes = [0; 3];
        for axis in 0..3 {
            sizes[axis] = self.sizes[axis].from(tile[axis].saturating_add(self.fewer[axis]))?;
        }
        Some(sizes)
    }

    /// Returns a tile to train with, its sections and its edge: about `edge` voxels along each of these axes, or
    /// what goes into a network of one size.
    pub fn training_tile(&self, depth: usize, edge: usize) -> [usize; 2] {
        [(0, depth), (1, edge)].map(|(axis, wanted)| {
            let (Sizes { smallest, step }, stride) = (self.sizes[axis], self.stride[axis]);
            let most = if step == 0 { smallest.saturating_sub(self.fewer[axis]) } else { wanted };
            (wanted.min(most) / stride * stride).max(stride)
        })
    }

    /// Returns what keeps the network from being used for a number of classes, over that many axes.
    pub(super) fn problems(&self, classes: usize, dimensions: usize) -> Vec<SettingError> {
        let mut checks = Checks::of("ModelConfig");
        let found = format!("of {} classes", self.classes.len());
        let expected = format!("{classes} classes, as the data have");
        checks.require("imported", found, self.classes.len() == classes, expected);
        for axes in [&self.input_axes, &self.output_axes] {
            if let Some(expected) = problem_of_axes(axes, dimensions) {
                checks.require("imported", axes, false, expected);
            }
        }
        let channels = |class: &ClassOutput| {
            !class.channels.is_empty() && class.channels.iter().all(|channel| *channel < MOST_CHANNELS)
        };
        let found = format!("{:?}", self.classes);
        checks.require("imported", found, self.classes.iter().all(channels), "channels of each class");
        let size = self.sizes.iter().fold(1, |product: usize, sizes| product.saturating_mul(sizes.smallest));
        checks.require("imported", size, size <= MOST_SIZE, format!("at most {MOST_SIZE} voxels at once"));
        for axis in 0..3 {
            let (sizes, stride, halo) = (self.sizes[axis], self.stride[axis], self.halo[axis]);
            let found = format!("{sizes:?}, {stride}, {halo}");
            let numbers = [stride, halo + 1, self.fewer[axis] + 1, sizes.step + 1];
            let are_sizes = numbers.iter().all(|number| (1..=MOST_VOXELS).contains(number))
                && (1..=MOST_EDGE).contains(&sizes.smallest)
                && self.before[axis] <= self.fewer[axis];
            let is_grid = halo.is_multiple_of(stride.max(1));
            // Of a fixed size, something has to be left between the halos.
            let leaves = self
                .largest_core(axis, usize::MAX)
                .is_none_or(|core| core > 0 || (axis == 0 && dimensions == 2));
            checks.require("imported", found, are_sizes && is_grid && leaves, "sizes that tiles can have");
        }
        checks.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_go_up_by_steps_or_not_at_all() {
        let stepped = Sizes { smallest: 28, step: 16 };
        assert_eq!([1, 28, 29, 44, 45].map(|size| stepped.from(size)), [28, 28, 44, 44, 60].map(Some));
        let fixed = Sizes { smallest: 64, step: 0 };
        assert_eq!([1, 64, 65].map(|size| fixed.from(size)), [Some(64), Some(64), None]);
    }
}
