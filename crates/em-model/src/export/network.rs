//! A run that is exported: its weights, what it computes, and its files.

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use tch::Tensor;

use super::ends::computed;
use super::{Interface, onnx, torchscript};
use crate::error::Computed;
use crate::infer::ensemble::{load_unfolded, rule_of};
use crate::network::{Mode, Network, UNet};
use crate::run::Tuning;
use crate::{Device, Error, MaskRule, ModelCard, Result, RunFolder};

/// What goes into an exported network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Grey values as they are in files; what is exported normalises them by the training's statistics.
    GreyValues,
    /// Grey values that whoever uses the network has normalised.
    Normalized,
}

/// The network of a run with its best weights, to be written for other programs.
///
/// It computes probabilities of one input, as the bare network does: no mirrored border, no tiles,
/// no views, and no masks.
#[derive(Debug)]
pub struct ExportedNetwork {
    card: ModelCard,
    rules: Vec<MaskRule>,
    net: UNet,
}

impl ExportedNetwork {
    /// Loads the best weights of a run.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing or damaged, or if weights and model card do not belong together.
    pub fn load(run: &RunFolder) -> Result<Self> {
        let card = ModelCard::read(run)?;
        let tuning = Tuning::read(run, &card)?;
        let rules = card.classes.iter().map(|class| rule_of(class, &card, &tuning)).collect();
        let Network::UNet(net) = load_unfolded(run, &card, Device::Cpu)? else {
            let problem =
                "tells of a network that was imported, expected one that was trained here".to_owned();
            return Err(Error::RunFile { path: run.card(), problem });
        };
        Ok(Self::of(card, rules, net))
    }

    pub(super) fn of(card: ModelCard, rules: Vec<MaskRule>, net: UNet) -> Self {
        Self { card, rules, net }
    }

    /// Returns what is known about the network.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Returns, for each class, what makes its probabilities a mask: as the model was tuned, else what is
    /// more likely than not.
    pub fn rules(&self) -> &[MaskRule] {
        &self.rules
    }

    /// Returns the axes and sizes of what goes in and comes out.
    pub fn interface(&self) -> Interface {
        Interface::of(&self.card)
    }

    /// Computes probabilities `[batch, class, (z,) y, x]` of an input `[batch, section, (z,) y, x]`, on
    /// the processor.
    ///
    /// # Errors
    ///
    /// Fails if the input has other axes or sizes than the [interface](Self::interface) tells, or memory runs out.
    pub fn probabilities(&self, input: ArrayViewD<'_, f32>, takes: Takes) -> Result<ArrayD<f32>> {
        Ok(self.on_tensors(input, takes)?)
    }

    fn on_tensors(&self, input: ArrayViewD<'_, f32>, takes: Takes) -> Computed<ArrayD<f32>> {
        let _guard = tch::no_grad_guard();
        let flat: Vec<f32> = input.iter().copied().collect();
        let shape: Vec<i64> = input.shape().iter().map(|&edge| edge as i64).collect();
        let input = Tensor::f_from_slice(&flat)?.f_view(shape.as_slice())?;
        let output = computed(&self.net, &self.card, takes, &mut Mode::Inference, input)?;
        let shape: Vec<usize> = output.size().iter().map(|&edge| edge as usize).collect();
        let flat = Vec::try_from(output.f_contiguous()?.f_view(-1)?)?;
        Ok(ArrayD::from_shape_vec(IxDyn(&shape), flat).expect("a tensor has as many numbers as its shape"))
    }

    /// Returns the network as an ONNX file of opset [`OPSET`](super::OPSET), whose input `grey` or `normalized` may
    /// have any batch and any of the sizes that the [interface](Self::interface) tells.
    ///
    /// The file's `metadata_props` hold the model card and what else is needed for its use.
    ///
    /// # Errors
    ///
    /// Fails if the weights are larger than an ONNX file can be, 2 GiB.
    pub fn onnx(&self, takes: Takes) -> Result<Vec<u8>> {
        Ok(onnx::written(&self.net, &self.card, &self.rules, takes)?)
    }

    /// Returns the network as an archive of TorchScript, with its weights as parameters and the model
    /// card as the extra file `model.json`.
    ///
    /// # Errors
    ///
    /// Fails if the weights cannot be read.
    pub fn torchscript(&self, takes: Takes) -> Result<Vec<u8>> {
        Ok(torchscript::written(&self.net, &self.card, takes)?)
    }
}
