//! What the numbers that come out are, from the steps behind a network.

use serde_json::Value;

use super::Place;
use super::layout::TensorLayout;
use crate::error::{Error, Result};
use crate::export::rdf::{OutputTensor, Step};

const SUPPORTED: &str = "networks whose outputs become probabilities by sigmoid or softmax, or are such, can be \
                         imported";

/// One of a network's outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// Its axes; its channels are classes.
    pub layout: TensorLayout,
    /// What the numbers are.
    pub kind: OutputKind,
    /// Where the package tells objects from background: one number, or one for each channel, of the
    /// probabilities or of what comes out.
    pub thresholds: Vec<f64>,
    /// Voxels at each end of z, y and x that should be cut off.
    pub halo: [usize; 3],
}

/// What the numbers are that come out of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// Logits, which the package makes probabilities of.
    Logits(Activation),
    /// Probabilities: the package says that they are within 0..1, and does nothing with them.
    Probabilities,
    /// The package does not say.
    Unknown,
}

/// How probabilities are made of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Of each by itself.
    Sigmoid,
    /// Of all channels.
    Softmax,
}

/// Follows the steps behind a network.
pub(super) fn of(
    tensor: &OutputTensor,
    layout: TensorLayout,
    notes: &mut Vec<String>,
    place: Place<'_>,
) -> Result<Output> {
    let problem = |problem: String| -> Error {
        place.problem(format!("the postprocessing of `{}` {problem}", tensor.id), SUPPORTED)
    };
    let (mut activation, mut thresholds) = (None, Vec::new());
    for step in &tensor.postprocessing {
        let is_behind = activation.is_some() || !thresholds.is_empty();
        match step.id.as_str() {
            "ensure_dtype" => {}
            "sigmoid" if !is_behind => activation = Some(Activation::Sigmoid),
            "softmax" if !is_behind && is_of_channels(step) => activation = Some(Activation::Softmax),
            "binarize" if thresholds.is_empty() => {
                let found = step.kwargs.get("threshold");
                thresholds = found
                    .map(numbers)
                    .filter(|numbers| [1, layout.channels()].contains(&numbers.len()))
                    .ok_or_else(|| {
                        problem(format!("has `binarize` {}, expected a threshold", step.kwargs))
                    })?;
            }
            // Probabilities are within 0..1 already.
            "clip" if activation.is_some() && keeps_probabilities(step) => {}
            "clip" if !is_behind => {
                let told =
                    format!("the package clips `{}` ({}), which is not done here", tensor.id, step.kwargs);
                notes.push(told);
            }
            other => {
                let found = format!("has the step `{other}` {}, which is not done here", step.kwargs);
                return Err(problem(found));
            }
        }
    }
    // Behind the steps, which may be what keeps it there.
    let is_within = tensor.data.range == Some([Some(0.0), Some(1.0)]);
    let is_as_it_comes = tensor.postprocessing.iter().all(|step| step.id == "ensure_dtype");
    let kind = match activation {
        Some(activation) => OutputKind::Logits(activation),
        None if is_within && is_as_it_comes && layout.data_type.starts_with("float") => {
            OutputKind::Probabilities
        }
        None => OutputKind::Unknown,
    };
    let halo = [0, 1, 2].map(|axis| layout.space(axis).map_or(0, |space| space.halo));
    Ok(Output { layout, kind, thresholds, halo })
}

fn is_of_channels(step: &Step) -> bool {
    step.kwargs.get("axis").and_then(Value::as_str).is_none_or(|axis| ["channel", "c"].contains(&axis))
}

fn keeps_probabilities(step: &Step) -> bool {
    let limit = |key: &str| step.kwargs.get(key).and_then(Value::as_f64);
    let is_plain = ["min_percentile", "max_percentile"].iter().all(|key| step.kwargs.get(key).is_none());
    is_plain && limit("min").is_none_or(|min| min <= 0.0) && limit("max").is_none_or(|max| max >= 1.0)
}

/// A number, or several.
fn numbers(value: &Value) -> Vec<f64> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_f64).collect()
}
