//! Scores in words, for who has never seen one; every sentence is arithmetic on the counts.

use std::collections::BTreeSet;

use em_model::ModelCard;
use em_objects::{Extent, Postprocess};

use super::RunScores;
use crate::display;
use crate::scores::{ClassScores, MEASURES};

/// What the scores of a class come to.
pub fn of_class(class: &str, scores: &ClassScores) -> Vec<String> {
    let pooled = &scores.pooled;
    let counts = pooled.counts;
    if scores.sections.is_empty() {
        return vec![format!("No section was left out to score {class} on.")];
    }
    let Some(iou) = pooled.iou else {
        return vec![format!(
            "Nothing is labelled as {class}, and nothing was predicted: there is no score."
        )];
    };
    if counts.true_positives + counts.false_negatives == 0 {
        return vec![format!(
            "Nothing is labelled as {class} here, so that all that was predicted is wrong."
        )];
    }
    let interval = scores.interval(&MEASURES[0]).map_or(String::new(), |interval| {
        format!(", with 95 % confidence between {:.3} and {:.3}", interval.low, interval.high)
    });
    let mut sentences = vec![format!("IoU {iou:.3}{interval}: {}.", ratio(iou))];
    let recall = percent(pooled.recall);
    sentences.push(match pooled.precision {
        None => format!("Nothing was predicted as {class}."),
        precision => format!(
            "{recall} of the labelled voxels were found; {} of what was predicted is right.",
            percent(precision)
        ),
    });
    let objects = scores.objects.at_50.counts;
    let labelled = objects.true_positives + objects.false_negatives;
    if labelled > 0 {
        sentences.push(format!(
            "As objects: {} of {labelled} were found, which overlap their label with an IoU of 0.5 or more; {} predicted match none.",
            objects.true_positives, objects.false_positives
        ));
    }
    sentences
}

/// How many voxels are right for each that is not: IoU / (1 - IoU) = TP / (FP + FN).
fn ratio(iou: f64) -> String {
    match iou {
        1.0 => "every voxel is right".into(),
        iou if iou >= 0.5 => {
            format!("{:.1} voxels are right for each that is wrong or missed", iou / (1.0 - iou))
        }
        iou if iou > 0.0 => {
            format!("{:.1} voxels are wrong or missed for each that is right", (1.0 - iou) / iou)
        }
        _ => "no voxel is right".into(),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("none".into(), |share| format!("{:.1} %", 100.0 * share))
}

/// What makes probabilities a mask.
pub fn of_rule(threshold: f32, cleaning: &Postprocess) -> String {
    let mut parts = vec![format!("probability above {threshold}")];
    if cleaning.median_size > 1 {
        parts.push(format!("median of {} voxels along each axis", cleaning.median_size));
    }
    if cleaning.minimum_voxels > 0 {
        parts.push(format!("without components below {} voxels", cleaning.minimum_voxels));
    }
    if cleaning.fill_holes {
        parts.push("holes filled".into());
    }
    if cleaning.extent == Extent::Volume && !cleaning.is_none() {
        parts.push("cleaned as a volume".into());
    }
    parts.join(", ")
}

/// What a reader has to know before the scores.
pub fn warnings(card: &ModelCard, scores: &RunScores) -> Vec<String> {
    let mut warnings = Vec::new();
    if card.leaking_split {
        warnings.push(
            "This run was split by random tiles. Neighbouring tiles are nearly alike, so the scores on validation \
             are too good: they say nothing about new volumes."
                .to_owned(),
        );
    }
    if scores.tuned_on_validation {
        warnings.push(
            "Thresholds and cleaning were chosen on validation, whose scores are therefore too good: judge this \
             run on a test stack."
                .to_owned(),
        );
    }
    if scores.validation.values().all(|class| class.sections.is_empty()) {
        warnings.push("Nothing was left to validate on, so that this run has no score.".to_owned());
        return warnings;
    }
    let few: BTreeSet<&String> =
        scores.validation.values().filter_map(|of_class| of_class.no_intervals.as_ref()).collect();
    warnings.extend(few.into_iter().map(|why| format!("Validation: {why}.")));
    warnings
}

/// What the scores are of, where that is not the network itself.
pub fn of_folds(scores: &RunScores) -> Option<String> {
    let regions = scores.regions.filter(|_| scores.folds > 0)?;
    let (networks, each) = match scores.folds {
        1 => ("a network".to_owned(), "which"),
        folds => (format!("{folds} networks"), "each of which"),
    };
    Some(format!(
        "This run learned from all of its {regions} reviewed regions. The scores of validation are those of \
         {networks} beside it, {each} left some regions out and is scored on these."
    ))
}

/// How good probabilities are as probabilities.
pub fn of_calibration(scores: &ClassScores) -> Option<String> {
    let calibration = scores.calibration.as_ref()?;
    let [error, brier] = [calibration.expected_error, calibration.brier].map(display::score);
    Some(format!(
        "On the dotted line, of the voxels that say 0.7, 70 % are labelled. Expected calibration error {error}, Brier score {brier}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iou_is_told_as_right_voxels_for_each_wrong_one() {
        assert_eq!(ratio(0.8), "4.0 voxels are right for each that is wrong or missed");
        assert_eq!(ratio(0.25), "3.0 voxels are wrong or missed for each that is right");
        assert_eq!([ratio(1.0), ratio(0.0)], ["every voxel is right", "no voxel is right"]);
    }
}
