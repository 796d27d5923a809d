//! Weights from another network to start with, where names and shapes match.

use std::collections::BTreeMap;

use tch::Tensor;

use super::Training;
use crate::error::Computed;
use crate::network::Network;
use crate::run::checkpoint;
use crate::{Architecture, Error, ModelCard, RunFolder};

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
pub(super) fn take(net: &mut Network, training: &Training<'_>, from: &RunFolder) -> Computed<TakenWeights> {
    let card = ModelCard::read(from)?;
    let mut weights = checkpoint::read_weights(from, &card, training.device.torch())?;
    if training.architecture.imported.is_some() {
        // Its classes are what the network itself says that they are.
        let taken = weights.len();
        if let Some(difference) = net.parameters_mut().load(&weights)? {
            return Err(Error::OtherArchitecture { path: from.weights(), difference }.into());
        }
        return Ok(TakenWeights { taken, fresh: Vec::new(), classes: card.classes });
    }
    let mut fitting = BTreeMap::new();
    let (mut fresh, mut rows_of) = (Vec::new(), Vec::new());
    for parameter in net.parameters().iter() {
        let (name, own) = (&parameter.name, &parameter.tensor);
        let fitted = match weights.remove(name) {
            Some(other) if name.starts_with(HEAD) => {
                let own = (own, &training.architecture, training.set.classes());
                let (rows, taken) = rows(own, (&other, &card.architecture, &card.classes))?;
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
    if let Some(difference) = net.parameters_mut().load(&fitting)? {
        return Err(Error::OtherArchitecture { path: from.weights(), difference }.into());
    }
    Ok(TakenWeights { taken, fresh, classes: rows_of })
}

/// An output layer's tensor, the network that it is of, and its classes.
type Output<'a> = (&'a Tensor, &'a Architecture, &'a [String]);

/// The rows of the first output, those of classes that the second has in their place; and these classes.
fn rows(
    (own, architecture, classes): Output<'_>,
    (other, of_other, classes_of_other): Output<'_>,
) -> Computed<(Tensor, Vec<String>)> {
    let _guard = tch::no_grad_guard();
    let mixed = own.f_detach_copy()?;
    // Exclusive classes have the background before them.
    let [before, before_other] = [architecture, of_other].map(|network| i64::from(network.exclusive));
    let mut taken = Vec::new();
    if own.size()[1..] == other.size()[1..] {
        for (row, class) in classes.iter().enumerate() {
            if let Some(place) = classes_of_other.iter().position(|name| name == class) {
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
