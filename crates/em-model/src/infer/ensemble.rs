//! The members of a prediction: whether several models can be averaged, their weights and their rules.

use super::{MaskRule, PredictConfig};
use crate::error::Computed;
use crate::network::{FoldedNetwork, Network};
use crate::run::{TuningOnDisk, checkpoint};
use crate::{Device, Error, ModelCard, RunFolder};

/// Loads the weights of a run that is averaged with one of `card`.
pub(super) fn load_net(
    run: &RunFolder,
    card: &ModelCard,
    device: Device,
    config: &PredictConfig,
) -> Computed<FoldedNetwork> {
    let member = ModelCard::read(run)?;
    if let Some(problem) = difference(card, &member) {
        return Err(Error::RunFile { path: run.card(), problem }.into());
    }
    Ok(load_unfolded(run, &member, device)?.folded()?.with_features(config.precision.kind(device)))
}

/// Loads the weights of a run with their norms as they were trained.
pub(crate) fn load_unfolded(run: &RunFolder, card: &ModelCard, device: Device) -> Computed<Network> {
    let weights = checkpoint::read_weights(run, card, device.torch())?;
    let mut net = Network::unfilled(&card.architecture, device)?;
    if let Some(difference) = net.parameters_mut().load(&weights)? {
        return Err(Error::OtherArchitecture { path: run.weights(), difference }.into());
    }
    Ok(net)
}

/// The rule of a class: as it was tuned for these weights, or as a card of version 1 says.
pub(crate) fn rule_of(class: &str, card: &ModelCard, tuning: &TuningOnDisk) -> MaskRule {
    let tuned = match tuning {
        TuningOnDisk::Valid(tuning) => tuning.classes.get(class),
        TuningOnDisk::Missing | TuningOnDisk::ForOtherWeights => None,
    };
    match (tuned, card.thresholds_of_version_1.get(class)) {
        (Some(tuned), _) => MaskRule { threshold: tuned.threshold, cleaning: tuned.postprocess },
        (None, Some(&threshold)) => MaskRule { threshold, ..Default::default() },
        (None, None) => MaskRule::default(),
    }
}

/// In what a model cannot be averaged with another.
fn difference(first: &ModelCard, other: &ModelCard) -> Option<String> {
    let context = |card: &ModelCard| card.architecture.context_sections;
    let boxes = |card: &ModelCard| {
        let architecture = &card.architecture;
        (architecture.dimensions == 3).then(|| (architecture.stride(), architecture.stride_z()))
    };
    if first.classes != other.classes {
        return Some(format!("has the classes {:?}, and the first run {:?}", other.classes, first.classes));
    }
    if (first.normalization, &first.fitting) != (other.normalization, &other.fitting) {
        return Some("normalises otherwise than the first run".into());
    }
    if let (Some(size), Some(of_first)) = (other.voxel_size(), first.voxel_size())
        && let [_, y, x] = of_first.is_close_to(size)
        && !(y && x)
    {
        return Some(format!("was trained at {size} [z, y, x], and the first run at {of_first}"));
    }
    if boxes(first) != boxes(other) {
        return Some("takes other boxes of voxels than the first run".into());
    }
    (context(first) != context(other))
        .then(|| format!("sees {} sections at once, and the first run {}", context(other), context(first)))
}
