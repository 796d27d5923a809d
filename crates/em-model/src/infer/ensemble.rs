//! Whether several models can be averaged.

use crate::ModelCard;

/// In what a model cannot be averaged with another.
pub(super) fn difference(first: &ModelCard, other: &ModelCard) -> Option<String> {
    let context = |card: &ModelCard| card.architecture.context_sections;
    let boxes = |card: &ModelCard| {
        let architecture = &card.architecture;
        (architecture.dimensions == 3).then(|| (architecture.stride(), architecture.stride_z()))
    };
    if first.classes != other.classes {
        return Some(format!("has the classes {:?}, and the first run {:?}", other.classes, first.classes));
    }
    if first.normalization != other.normalization {
        return Some("normalises otherwise than the first run".into());
    }
    if boxes(first) != boxes(other) {
        return Some("takes other boxes of voxels than the first run".into());
    }
    (context(first) != context(other))
        .then(|| format!("sees {} sections at once, and the first run {}", context(other), context(first)))
}
