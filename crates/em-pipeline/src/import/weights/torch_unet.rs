//! The U-Net of `torch_unet.py`, which this program is measured against, as a network of our own.
//!
//! Its names count the layers of `nn.Sequential`, where dropout has a place though it has no weights:
//!
//! | `torch_unet.py` | here |
//! |---|---|
//! | `down.0` … `down.4` | `enc1` … `enc5` |
//! | `up.0` … `up.3`, the lowest first | `up4` … `up1` |
//! | `dec.0` … `dec.3`, the lowest first | `dec4` … `dec1` |
//! | `head` | `head` |
//! | first and second convolution of a block | `conv1`, `conv2` |
//! | batch norm behind them | `norm1`, `norm2` |
//!
//! `xtask/src/bench/to_torch_unet.py` goes the other way.

use std::collections::BTreeMap;

use em_model::{Architecture, Norm, Preset};

use super::checked::Checked;
use super::state_dict::{StateDict, Tensor};
use super::{Built, Network};
use crate::error::Result;

/// `UNet.__init__`'s default of `dropout`, by level.
const DROPOUT: [f64; 5] = [0.1, 0.1, 0.2, 0.2, 0.3];

/// Builds the network.
pub(super) fn built(dict: &StateDict) -> Result<Built> {
    let mut mapping = Mapping { weights: Checked::new(dict, Network::TorchUnet), tensors: BTreeMap::new() };
    let depth = mapping.weights.count(|place| format!("up.{place}.weight"));
    if depth == 0 {
        return Err(mapping.weights.problem("`up.0.weight` is missing, expected [any, any, 2, 2]".into()));
    }
    let norm = if mapping.weights.has("down.0.1.running_mean") { Norm::Batch } else { Norm::None };
    let mut filters = Vec::new();
    let (mut in_channels, mut dropout) = (0, Vec::new());
    for level in 0..=depth {
        let block = Block { from: format!("down.{level}"), to: format!("enc{}", level + 1), norm };
        let [inputs, outputs] = mapping.block(&block, filters.last().copied(), None)?;
        if level == 0 {
            in_channels = inputs;
        }
        filters.push(outputs);
        let is_dropped = block.has_dropout(&mapping.weights);
        dropout.push(if is_dropped { DROPOUT.get(level).copied().unwrap_or(DROPOUT[4]) } else { 0.0 });
    }
    for (place, level) in (0..depth).rev().enumerate() {
        let count = filters[level];
        let up = [Some(filters[level + 1]), Some(count), Some(2), Some(2)];
        mapping.layer(&format!("up.{place}"), &format!("up{}", level + 1), &up, Some(count))?;
        let block = Block { from: format!("dec.{place}"), to: format!("dec{}", level + 1), norm };
        mapping.block(&block, Some(2 * count), Some(count))?;
    }
    let head = mapping.layer("head", "head", &[None, Some(filters[0]), Some(1), Some(1)], None)?;
    mapping.weights.finish()?;
    let dropout = if dropout.iter().all(|&share| share == 0.0) { Vec::new() } else { dropout };
    let architecture = Architecture {
        in_channels,
        out_channels: head[0],
        filters,
        norm,
        dropout,
        ..Preset::Unet.architecture()
    };
    Ok(Built::Own { architecture: Box::new(architecture), tensors: mapping.tensors })
}

/// A `double_conv`, by its name there and here.
struct Block {
    from: String,
    to: String,
    norm: Norm,
}

impl Block {
    /// How many layers there are from one convolution to the next without dropout.
    fn step(&self) -> usize {
        if self.norm == Norm::None { 2 } else { 3 }
    }

    fn has_dropout(&self, weights: &Checked<'_>) -> bool {
        weights.has(&format!("{}.{}.weight", self.from, self.step() + 1))
            && !weights.has(&format!("{}.{}.weight", self.from, self.step()))
    }
}

struct Mapping<'a> {
    weights: Checked<'a>,
    tensors: BTreeMap<String, Tensor>,
}

impl Mapping<'_> {
    /// Maps a block; returns its channels.
    fn block(&mut self, block: &Block, inputs: Option<usize>, outputs: Option<usize>) -> Result<[usize; 2]> {
        let second = block.step() + usize::from(block.has_dropout(&self.weights));
        let first = self.convolution(block, [0, 1], inputs, outputs)?;
        self.convolution(block, [second, 2], Some(first[0]), Some(first[0]))?;
        Ok([first[1], first[0]])
    }

    /// Maps a convolution and the norm behind it, by its places there and here.
    fn convolution(
        &mut self,
        block: &Block,
        [place, number]: [usize; 2],
        inputs: Option<usize>,
        outputs: Option<usize>,
    ) -> Result<Vec<usize>> {
        let (from, to) = (&block.from, &block.to);
        let (convolution, kernel) = (format!("{to}.conv{number}"), [outputs, inputs, Some(3), Some(3)]);
        if block.norm == Norm::None {
            return self.layer(&format!("{from}.{place}"), &convolution, &kernel, outputs);
        }
        let weight = format!("{from}.{place}.weight");
        let shape = self.tensor(&weight, format!("{convolution}.weight"), &kernel)?;
        for name in ["weight", "bias", "running_mean", "running_var"] {
            let from = format!("{from}.{}.{name}", place + 1);
            self.tensor(&from, format!("{to}.norm{number}.{name}"), &[Some(shape[0])])?;
        }
        Ok(shape)
    }

    /// Maps a weight, and a bias of as many numbers as the layer has outputs.
    fn layer(
        &mut self,
        from: &str,
        to: &str,
        expected: &[Option<usize>],
        outputs: Option<usize>,
    ) -> Result<Vec<usize>> {
        let shape = self.tensor(&format!("{from}.weight"), format!("{to}.weight"), expected)?;
        let outputs = outputs.unwrap_or(shape[0]);
        self.tensor(&format!("{from}.bias"), format!("{to}.bias"), &[Some(outputs)])?;
        Ok(shape)
    }

    fn tensor(&mut self, from: &str, to: String, expected: &[Option<usize>]) -> Result<Vec<usize>> {
        let tensor = self.weights.take(from, expected)?;
        self.tensors.insert(to, tensor.clone());
        Ok(tensor.shape.clone())
    }
}
