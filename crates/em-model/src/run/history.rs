//! What each epoch brought.

use em_metrics::ConfusionCounts;
use serde::{Deserialize, Serialize};

/// Loss and pooled counts of one side, training or validation, in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Mean loss.
    pub loss: f64,
    /// Counts at the threshold 0.5, one per class.
    pub counts: Vec<ConfusionCounts>,
}

impl Scores {
    /// Returns the mean foreground IoU of the classes that occur, or `None` if none does.
    pub fn iou(&self) -> Option<f64> {
        self.mean(ConfusionCounts::iou)
    }

    /// Returns the mean foreground Dice of the classes that occur, or `None` if none does.
    pub fn dice(&self) -> Option<f64> {
        self.mean(ConfusionCounts::dice)
    }

    /// Returns the mean accuracy of the classes.
    pub fn accuracy(&self) -> Option<f64> {
        self.mean(ConfusionCounts::accuracy)
    }

    fn mean(&self, score: impl Fn(&ConfusionCounts) -> Option<f64>) -> Option<f64> {
        let scores: Vec<f64> = self.counts.iter().filter_map(score).collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// One row of `history.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// On the augmented training tiles, while the weights change.
    pub train: Scores,
    /// On the validation regions, at the end of the epoch.
    pub validation: Scores,
    /// Duration of the epoch with its validation.
    pub seconds: f64,
    /// Training tiles per second, without the validation.
    pub tiles_per_second: f64,
}

/// Writes records as CSV, one row per epoch; a score that does not exist is empty.
pub fn to_csv(records: &[EpochRecord], classes: &[String]) -> String {
    let sides = ["train", "val"];
    let mut columns = vec!["epoch".to_owned(), "learning_rate".to_owned()];
    for side in sides {
        columns.extend(["loss", "accuracy", "iou", "dice"].map(|score| format!("{side}_{score}")));
    }
    for side in sides {
        columns.extend(classes.iter().map(|class| format!("{side}_iou_{class}")));
    }
    columns.extend(["seconds".to_owned(), "tiles_per_second".to_owned()]);
    let mut text = columns.join(",") + "\n";
    for record in records {
        let score = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.6}"));
        let sides = [&record.train, &record.validation];
        let mut row = vec![record.epoch.to_string(), format!("{:.6e}", record.learning_rate)];
        for side in sides {
            row.extend([
                score(Some(side.loss)),
                score(side.accuracy()),
                score(side.iou()),
                score(side.dice()),
            ]);
        }
        for side in sides {
            row.extend(side.counts.iter().map(|counts| score(counts.iou())));
        }
        row.extend([format!("{:.2}", record.seconds), format!("{:.2}", record.tiles_per_second)]);
        text += &(row.join(",") + "\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_class_has_no_score_and_no_weight_in_the_mean() {
        let counts = |tp| ConfusionCounts { true_positives: tp, true_negatives: 10, ..Default::default() };
        let record = EpochRecord {
            epoch: 1,
            learning_rate: 0.001,
            train: Scores { loss: 0.5, counts: vec![counts(3), counts(0)] },
            validation: Scores { loss: 0.25, counts: vec![counts(0), counts(0)] },
            seconds: 1.0,
            tiles_per_second: 2.0,
        };
        assert_eq!(record.train.iou(), Some(1.0));
        assert_eq!(record.validation.iou(), None);
        let csv = to_csv(&[record], &["a".into(), "b".into()]);
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(
            rows[0],
            "epoch,learning_rate,train_loss,train_accuracy,train_iou,train_dice,val_loss,val_accuracy,val_iou,val_dice,\
             train_iou_a,train_iou_b,val_iou_a,val_iou_b,seconds,tiles_per_second"
        );
        assert_eq!(
            rows[1],
            "1,1.000000e-3,0.500000,1.000000,1.000000,1.000000,0.250000,1.000000,,,1.000000,,,,1.00,2.00"
        );
    }
}
