//! Weights from another network to start with, where names and shapes match.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::error::Computed;
use crate::network::UNet;
use crate::run::checkpoint;
use crate::{Device, ModelCard, RunFolder};

/// The layer whose rows are classes, and the one whose columns are sections or channels.
const HEAD: &str = "head.";
const FIRST: [&str; 2] = ["enc1.conv1.weight", "enc1.conv3.weight"];

/// What a training took from another network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TakenWeights {
    /// Tensors that were taken, in whole or in part.
    pub taken: usize,
    /// Tensors that keep their random start.
    pub fresh: Vec<String>,
    /// Classes whose output was taken.
    pub classes: Vec<String>,
}

/// Takes over what fits: tensors of the same name and shape, the outputs of the same classes, and first
/// convolutions of another number of channels, over which the sum of the weights is spread.
pub(super) fn take(
    net: &mut UNet,
    classes: &[String],
    from: &RunFolder,
    device: Device,
) -> Computed<TakenWeights> {
    let card = ModelCard::read(from)?;
    let mut weights = checkpoint::read_weights(from, &card, device.torch())?;
    let mut fitting = BTreeMap::new();
    let (mut fresh, mut rows_of) = (Vec::new(), Vec::new());
    for parameter in net.parameters().iter() {
        let (name, own) = (&parameter.name, &parameter.tensor);
        let fitted = match weights.remove(name) {
            Some(other) if name.starts_with(HEAD) => {
                let (rows, taken) = rows(own, &other, classes, &card.classes)?;
                rows_of = taken;
                (!rows_of.is_empty()).then_some(rows)
            }
            Some(other) if other.size() == own.size() => Some(other),
            Some(other) if FIRST.contains(&name.as_str()) => spread(own, &other)?,
            _ => None,
        };
        if fitted.is_none() {
            fresh.push(name.clone());
        }
        fitting.insert(name.clone(), fitted.unwrap_or_else(|| own.detach()));
    }
    let taken = fitting.len() - fresh.len();
    let difference = net.parameters_mut().load(&fitting)?;
    debug_assert_eq!(difference, None, "every tensor has its own name and shape");
    Ok(TakenWeights { taken, fresh, classes: rows_of })
}

/// The rows of `own`, those of classes that `other` has in their place.
fn rows(
    own: &Tensor,
    other: &Tensor,
    classes: &[String],
    of_other: &[String],
) -> Computed<(Tensor, Vec<String>)> {
    let _guard = tch::no_grad_guard();
    let mixed = own.f_detach_copy()?;
    // Exclusive classes have the background before them.
    let [before, before_other] = [(own, classes), (other, of_other)]
        .map(|(tensor, classes)| tensor.size()[0].saturating_sub(classes.len() as i64));
    let mut taken = Vec::new();
    if own.size()[1..] == other.size()[1..] {
        for (row, class) in classes.iter().enumerate() {
            if let Some(place) = of_other.iter().position(|name| name == class) {
                let source = other.f_get(before_other + place as i64)?;
                mixed.f_get(before + row as i64)?.f_copy_(&source)?;
                taken.push(class.clone());
            }
        }
    }
    Ok((mixed, taken))
}

/// A convolution of as many inputs as `own`, of the same sum over them as `other`.
fn spread(own: &Tensor, other: &Tensor) -> Computed<Option<Tensor>> {
    let (to, from) = (own.size(), other.size());
    if to[0] != from[0] || to.get(2..) != from.get(2..) {
        return Ok(None);
    }
    let sum = other.f_sum_dim_intlist([1_i64].as_slice(), true, None)?;
    Ok(Some((sum / to[1] as f64).f_expand(&to, false)?.f_contiguous()?))
}
