//! What the ranks of a training do together beside its steps: they check that they train the same, start from
//! the weights of rank 0, and go on as it decides.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Training;
use super::average::tensors;
use super::data_digest::DataDigest;
use super::learner::Learner;
use super::state::State;
use crate::error::Computed;
use crate::{Error, LIBTORCH_VERSION, Ranks, Result};

/// All that decides on what a training comes to.
#[derive(Debug, Serialize, Deserialize)]
struct Outline {
    program: String,
    /// By the name of the Rust type.
    settings: BTreeMap<String, Value>,
    data: DataDigest,
}

impl Outline {
    fn of(training: &Training<'_>, data: &DataDigest) -> Self {
        let settings = &training.settings;
        let values = [
            ("AugmentationConfig", serde_json::to_value(&settings.augmentation)),
            ("Architecture", serde_json::to_value(&training.architecture)),
            ("LossConfig", serde_json::to_value(&settings.loss)),
            ("Normalization", serde_json::to_value(training.normalization)),
            ("PredictConfig", serde_json::to_value(&settings.predict)),
            ("TilingConfig", serde_json::to_value(&settings.tiling)),
            ("TrainConfig", serde_json::to_value(&settings.train)),
        ];
        let settings = values.into_iter().map(|(name, value)| {
            let value = value.expect("settings are JSON");
            (name.to_owned(), value)
        });
        Self {
            program: format!("em-model {} on libtorch {LIBTORCH_VERSION}", env!("CARGO_PKG_VERSION")),
            settings: settings.collect(),
            data: data.clone(),
        }
    }

    /// Says how another rank differs from rank 0, which this is of.
    fn difference(&self, other: &Self) -> Option<String> {
        if self.program != other.program {
            return Some(format!("runs {}, and rank 0 {}", other.program, self.program));
        }
        for (name, value) in &self.settings {
            let Some(theirs) = other.settings.get(name) else {
                return Some(format!("has no `{name}`"));
            };
            if value != theirs {
                return Some(differing_key(name, value, theirs));
            }
        }
        self.data.difference(&other.data).map(|what| format!("has other data: {what} on rank 0"))
    }
}

/// Names the first key of two settings whose values differ.
fn differing_key(name: &str, first: &Value, other: &Value) -> String {
    let keys = first.as_object().into_iter().flatten();
    let differs = keys.map(|(key, value)| (key, value, &other[key])).find(|(_, a, b)| a != b);
    match differs {
        Some((key, first, other)) => format!("has `{name}::{key}` {other}, and rank 0 {first}"),
        None => format!("has another `{name}`"),
    }
}

/// Checks that all ranks train the same, and brings all of them to where rank 0 is.
pub(super) fn begin(
    training: &Training<'_>,
    data: &DataDigest,
    learner: &mut Learner,
    state: &mut State,
) -> Result<()> {
    let Some(ranks) = training.ranks else { return Ok(()) };
    let own = serde_json::to_vec(&Outline::of(training, data)).expect("an outline is JSON");
    let all: Vec<Outline> = ranks.exchange(own)?.iter().map(|said| read(said)).collect::<Result<_>>()?;
    for (rank, other) in all.iter().enumerate() {
        if let Some(difference) = all[0].difference(other) {
            return Err(Error::RanksDiffer { rank, of: ranks.size(), difference });
        }
    }
    // With as many steps of the optimiser as rank 0 has done, of which the moments are.
    let (moments, steps) = learner.optimizer.moments();
    let (first_state, first_steps): (State, i32) = of_first(ranks, &(&*state, *steps))?;
    *steps = first_steps;
    if !ranks.is_first() {
        *state = first_state;
    }
    Ok(ranks.spread(&moments).and_then(|()| align(learner, Some(ranks)))?)
}

/// Gives all ranks the weights of rank 0, from which they would drift apart in the last digits on processors
/// of several kinds.
pub(super) fn align(learner: &Learner, ranks: Option<&Ranks>) -> Computed<()> {
    let Some(ranks) = ranks else { return Ok(()) };
    let _guard = tch::no_grad_guard();
    let averaged = learner.average.iter().flat_map(|average| tensors(average.net()).into_values());
    let all: Vec<_> = tensors(&learner.net).into_values().chain(averaged).collect();
    ranks.spread(&all)
}

/// Goes on after a step, unless the observer of a rank ends the training.
pub(super) fn go_on(ranks: Option<&Ranks>, answer: ControlFlow<()>) -> Result<()> {
    match ranks {
        Some(ranks) => ranks.agree(answer),
        None if answer.is_break() => Err(Error::Stopped),
        None => Ok(()),
    }
}

/// Takes over what rank 0 has decided at the end of an epoch.
pub(super) fn decide(ranks: Option<&Ranks>, state: &mut State) -> Result<()> {
    let Some(ranks) = ranks else { return Ok(()) };
    let decided = of_first(ranks, state)?;
    // Rank 0 keeps the bits of its own.
    if !ranks.is_first() {
        *state = decided;
    }
    Ok(())
}

/// What rank 0 says; what the others would is not asked.
fn of_first<Said: Serialize, Heard: for<'a> Deserialize<'a>>(ranks: &Ranks, own: &Said) -> Result<Heard> {
    let own = match ranks.is_first() {
        true => serde_json::to_vec(own).expect("what ranks say is JSON"),
        false => Vec::new(),
    };
    read(&ranks.exchange(own)?[0])
}

fn read<T: for<'a> Deserialize<'a>>(said: &[u8]) -> Result<T> {
    serde_json::from_slice(said).map_err(|error| Error::Ranks {
        doing: "the ranks do not understand each other".into(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_setting_that_differs_is_named() {
        let (first, other) = (json!({"a": 1, "seed": 0}), json!({"a": 1, "seed": 7}));
        let told = differing_key("TrainConfig", &first, &other);
        assert_eq!(told, "has `TrainConfig::seed` 7, and rank 0 0");
        assert_eq!(differing_key("Normalization", &json!("a"), &json!("b")), "has another `Normalization`");
    }
}
