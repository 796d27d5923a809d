//! What each epoch brought: as a training counts it, and as `history.csv` holds it.

use std::collections::BTreeMap;

use em_metrics::ConfusionCounts;
use serde::{Deserialize, Serialize};

use super::RunFolder;
use crate::{Error, Result};

/// Loss and pooled counts of one side, training or validation, in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochScores {
    /// Mean loss.
    pub loss: f64,
    /// Counts at the threshold 0.5, one per class.
    pub counts: Vec<ConfusionCounts>,
}

impl EpochScores {
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

    /// Returns the mean loss, or `None` where nothing was scored.
    pub fn known_loss(&self) -> Option<f64> {
        (!self.counts.is_empty()).then_some(self.loss)
    }

    /// The scores of the classes that have foreground in the labels, the only ones that tell how well
    /// it is found.
    pub(crate) fn of_present(&self) -> Self {
        let is_present = |counts: &&ConfusionCounts| counts.true_positives + counts.false_negatives > 0;
        Self { loss: self.loss, counts: self.counts.iter().filter(is_present).copied().collect() }
    }

    fn mean(&self, score: impl Fn(&ConfusionCounts) -> Option<f64>) -> Option<f64> {
        let scores: Vec<f64> = self.counts.iter().filter_map(score).collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// What a training counts in an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// On the augmented training tiles, while the weights change.
    pub train: EpochScores,
    /// On the validation regions, at the end of the epoch; without counts where there are none.
    pub validation: EpochScores,
    /// Duration of the epoch with its validation.
    pub seconds: f64,
    /// Training tiles per second, without the validation.
    pub tiles_per_second: f64,
}

/// `history.csv` of a run as it was read; also one of an earlier version, which may lack columns.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The classes, in the order of their columns.
    pub classes: Vec<String>,
    /// The epochs, in the order of the file.
    pub rows: Vec<HistoryRow>,
}

/// An epoch of a [`History`]; `None` is what the file does not tell, or a score that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HistoryRow {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the last step.
    pub learning_rate: Option<f64>,
    /// On the training tiles.
    pub train: HistoryScores,
    /// On validation.
    pub validation: HistoryScores,
    /// Duration of the epoch with its validation.
    pub seconds: Option<f64>,
    /// Training tiles per second, without the validation.
    pub tiles_per_second: Option<f64>,
}

/// The scores of one side in an epoch of a [`History`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HistoryScores {
    /// Mean loss.
    pub loss: Option<f64>,
    /// Mean accuracy of the classes.
    pub accuracy: Option<f64>,
    /// Mean foreground IoU of the classes that occur.
    pub iou: Option<f64>,
    /// Mean foreground Dice of the classes that occur.
    pub dice: Option<f64>,
    /// Foreground IoU of each class that has one.
    pub class_iou: BTreeMap<String, f64>,
}

/// What the columns of training and of validation begin with.
const SIDES: [&str; 2] = ["train", "val"];

impl History {
    /// Reads the history of a run.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where it is missing, or a cell is no number.
    pub fn read(run: &RunFolder) -> Result<Self> {
        let path = run.history();
        let problem = |problem: String| Error::RunFile { path: path.clone(), problem };
        let bytes = std::fs::read(&path).map_err(|error| problem(format!("cannot be read: {error}")))?;
        let damaged = |error: csv::Error| problem(format!("is damaged: {error}"));
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let columns: Vec<String> = reader.headers().map_err(damaged)?.iter().map(str::to_owned).collect();
        let rows = reader.records().map(|record| {
            let record = record.map_err(damaged)?;
            let mut cells = BTreeMap::new();
            for (column, cell) in columns.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()) {
                let value: f64 = cell
                    .parse()
                    .map_err(|_| problem(format!("holds `{cell}` as {column}, expected a number")))?;
                cells.insert(column.as_str(), value);
            }
            Ok(HistoryRow::of(&cells))
        });
        let rows = rows.collect::<Result<_>>()?;
        let classes = columns.iter().filter_map(|column| column.strip_prefix("val_iou_"));
        Ok(Self { classes: classes.map(str::to_owned).collect(), rows })
    }
}

impl HistoryRow {
    /// Computes the scores of an epoch from its counts, which are those of `classes`.
    pub fn of_record(record: &EpochRecord, classes: &[String]) -> Self {
        Self {
            epoch: record.epoch,
            learning_rate: Some(record.learning_rate),
            train: HistoryScores::of_counts(&record.train, classes),
            validation: HistoryScores::of_counts(&record.validation, classes),
            seconds: Some(record.seconds),
            tiles_per_second: Some(record.tiles_per_second),
        }
    }

    fn of(cells: &BTreeMap<&str, f64>) -> Self {
        let cell = |column: &str| cells.get(column).copied();
        let [train, validation] = SIDES.map(|side| {
            let prefix = format!("{side}_iou_");
            let classes =
                cells.iter().filter_map(|(column, iou)| Some((column.strip_prefix(&prefix)?, *iou)));
            HistoryScores {
                loss: cell(&format!("{side}_loss")),
                accuracy: cell(&format!("{side}_accuracy")),
                iou: cell(&format!("{side}_iou")),
                dice: cell(&format!("{side}_dice")),
                class_iou: classes.map(|(class, iou)| (class.to_owned(), iou)).collect(),
            }
        });
        Self {
            // A number of an epoch is small and whole; `as` saturates where a file says otherwise.
            epoch: cell("epoch").map_or(0, |epoch| epoch as usize),
            learning_rate: cell("learning_rate"),
            train,
            validation,
            seconds: cell("seconds"),
            tiles_per_second: cell("tiles_per_second"),
        }
    }
}

impl HistoryScores {
    fn of_counts(scores: &EpochScores, classes: &[String]) -> Self {
        let of_classes = classes.iter().zip(&scores.counts);
        Self {
            loss: scores.known_loss(),
            accuracy: scores.accuracy(),
            iou: scores.iou(),
            dice: scores.dice(),
            class_iou: of_classes
                .filter_map(|(class, counts)| Some((class.clone(), counts.iou()?)))
                .collect(),
        }
    }
}

/// Writes the history of a run, one row per epoch; a score that does not exist is empty.
pub(crate) fn write_history(run: &RunFolder, records: &[EpochRecord], classes: &[String]) -> Result<()> {
    let text = to_csv(records, classes);
    Ok(em_io::write_atomically(&run.history(), |file| file.write_all(&text))?)
}

fn to_csv(records: &[EpochRecord], classes: &[String]) -> Vec<u8> {
    let mut columns = vec!["epoch".to_owned(), "learning_rate".to_owned()];
    for side in SIDES {
        columns.extend(["loss", "accuracy", "iou", "dice"].map(|score| format!("{side}_{score}")));
    }
    for side in SIDES {
        columns.extend(classes.iter().map(|class| format!("{side}_iou_{class}")));
    }
    columns.extend(["seconds".to_owned(), "tiles_per_second".to_owned()]);
    let rows = records.iter().map(|record| {
        let score = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.6}"));
        let HistoryRow { train, validation, .. } = HistoryRow::of_record(record, classes);
        let sides = [train, validation];
        let mut row = vec![record.epoch.to_string(), format!("{:.6e}", record.learning_rate)];
        for side in &sides {
            row.extend([side.loss, side.accuracy, side.iou, side.dice].map(score));
        }
        for side in &sides {
            row.extend(classes.iter().map(|class| score(side.class_iou.get(class).copied())));
        }
        row.extend([format!("{:.2}", record.seconds), format!("{:.2}", record.tiles_per_second)]);
        row
    });
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(columns).chain(rows) {
        writer.write_record(row).expect("memory takes all rows, which are of one length");
    }
    writer.into_inner().expect("memory takes all rows")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> EpochRecord {
        let counts = |tp| ConfusionCounts { true_positives: tp, true_negatives: 10, ..Default::default() };
        EpochRecord {
            epoch: 1,
            learning_rate: 0.001,
            train: EpochScores { loss: 0.5, counts: vec![counts(3), counts(0)] },
            validation: EpochScores { loss: 0.25, counts: vec![counts(0), counts(0)] },
            seconds: 1.0,
            tiles_per_second: 2.0,
        }
    }

    #[test]
    fn an_empty_class_has_no_score_and_no_weight_in_the_mean() {
        assert_eq!(record().train.iou(), Some(1.0));
        assert_eq!(record().validation.iou(), None);
        let csv = String::from_utf8(to_csv(&[record()], &["a".into(), "b".into()])).unwrap();
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

    #[test]
    fn an_epoch_without_validation_leaves_its_cells_empty() {
        let record = EpochRecord { validation: EpochScores::default(), ..record() };
        let row = read(&to_csv(&[record], &["a".into(), "b".into()])).unwrap().rows.remove(0);
        assert_eq!((row.validation, row.train.loss), (HistoryScores::default(), Some(0.5)));
    }

    fn read(text: &[u8]) -> Result<History> {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        std::fs::write(run.history(), text).unwrap();
        History::read(&run)
    }

    #[test]
    fn what_is_written_is_read_whatever_classes_are_named() {
        let classes = ["a, b \"c\"".to_owned(), "d".to_owned()];
        let history = read(&to_csv(&[record()], &classes)).unwrap();
        assert_eq!(history.classes, classes);
        let row = &history.rows[0];
        assert_eq!((row.epoch, row.learning_rate, row.seconds), (1, Some(0.001), Some(1.0)));
        assert_eq!((row.train.iou, row.validation.iou), (Some(1.0), None));
        assert_eq!(row.train.class_iou, BTreeMap::from([(classes[0].clone(), 1.0)]));
    }

    #[test]
    fn columns_of_earlier_versions_may_be_missing_and_words_are_no_numbers() {
        let history = read(b"epoch,val_loss\n1,0.5\n2,0.25\n").unwrap();
        assert_eq!(history.rows.len(), 2);
        assert_eq!((history.rows[1].validation.loss, history.rows[1].seconds), (Some(0.25), None));
        let error = read(b"epoch,val_loss\n1,low\n").unwrap_err();
        assert!(error.to_string().ends_with("holds `low` as val_loss, expected a number"), "{error}");
    }
}
