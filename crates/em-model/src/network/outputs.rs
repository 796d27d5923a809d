//! From what a network puts out to probabilities.

use tch::{Kind, Tensor};

use crate::error::Computed;

/// Probabilities of `classes` classes from logits `[n, channel, ...]`: sigmoids, or a softmax whose
/// channel 0 is background.
pub(crate) fn class_probabilities(logits: &Tensor, classes: i64, exclusive: bool) -> Computed<Tensor> {
    Ok(if exclusive {
        logits.f_softmax(1, Kind::Float)?.f_narrow(1, 1, classes)?
    } else {
        logits.f_narrow(1, 0, classes)?.f_sigmoid()?
    })
}
