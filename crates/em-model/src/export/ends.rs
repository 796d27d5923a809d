//! What stands before and behind the layers of a network: normalisation and channels, classes and probabilities.

use em_data::Normalization;
use tch::Tensor;

use super::Takes;
use crate::ModelCard;
use crate::error::Computed;
use crate::network::{Compute, Mode, UNet, class_probabilities, normalized};

/// The ends of a network, computed as its layers are.
pub(super) trait Ends: Compute {
    /// Inputs of grey values.
    fn normalized(&mut self, grey: Self::Value, normalization: Normalization) -> Computed<Self::Value>;

    /// The one channel that there is, so many times.
    fn repeated(&mut self, input: Self::Value, channels: usize) -> Computed<Self::Value>;

    /// Probabilities of the classes: sigmoids, or a softmax whose channel 0 is background.
    fn probabilities(
        &mut self,
        logits: Self::Value,
        classes: usize,
        exclusive: bool,
    ) -> Computed<Self::Value>;
}

/// All that an exported file computes, from its input `[batch, section, (z,) y, x]` to probabilities
/// `[batch, class, (z,) y, x]`.
pub(super) fn computed<C: Ends>(
    net: &UNet,
    card: &ModelCard,
    takes: Takes,
    compute: &mut C,
    mut input: C::Value,
) -> Computed<C::Value> {
    let architecture = &card.architecture;
    if takes == Takes::GreyValues {
        input = compute.normalized(input, card.normalization)?;
    }
    // A section alone is seen by each channel.
    let input = compute.repeated(input, architecture.in_channels / architecture.context_sections)?;
    let logits = net.walk(compute, &input)?.swap_remove(0);
    compute.probabilities(logits, card.classes.len(), architecture.exclusive)
}

/// The rows of a band of the one normalisation that is not linear.
pub(super) fn rows_of_bands(normalization: Normalization) -> i64 {
    match normalization {
        Normalization::L2Axis1 { tile_size } => tile_size.max(1) as i64,
        _ => unreachable!("only l2-axis1 has no linear form"),
    }
}

impl Ends for Mode<'_> {
    fn normalized(&mut self, grey: Tensor, normalization: Normalization) -> Computed<Tensor> {
        normalized(&grey, normalization)
    }

    fn repeated(&mut self, input: Tensor, channels: usize) -> Computed<Tensor> {
        if channels == 1 {
            return Ok(input);
        }
        Ok(Tensor::f_cat(&vec![&input; channels], 1)?)
    }

    fn probabilities(&mut self, logits: Tensor, classes: usize, exclusive: bool) -> Computed<Tensor> {
        class_probabilities(&logits, classes as i64, exclusive)
    }
}
