//! What the script of a page draws as charts: lines and bars, in numbers.

use std::collections::BTreeMap;

use em_model::History;
use em_model::run::{HistoryRow, HistoryScores};
use serde::Serialize;

use crate::drawing::bins::{Bins, counts};

/// Charts by the place on the page where they stand.
pub type Charts = BTreeMap<String, Vec<Chart>>;

/// A chart.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Chart {
    /// Lines over an axis.
    Lines(Lines),
    /// How many values are within each bin.
    Bars(Bars),
}

/// Lines over one axis.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Lines {
    pub title: String,
    /// A sentence below the title.
    pub note: String,
    /// What is along x.
    pub x: Axis,
    /// What is along y.
    pub y: Axis,
    pub series: Vec<Series>,
    /// Places along x that are marked, with what they are.
    pub marks: Vec<(f64, String)>,
    /// Whether the line of y = x is drawn, on which a perfect series lies.
    pub diagonal: bool,
}

/// An axis.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Axis {
    pub title: String,
    /// Whether there is nothing between whole numbers.
    pub whole: bool,
    /// Its ends, where they do not follow from the values.
    pub range: Option<[f64; 2]>,
}

impl Axis {
    /// An axis whose ends follow from the values.
    pub fn new(title: &str) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Epochs, of which there are no halves.
    pub fn epochs() -> Self {
        Self { whole: true, ..Self::new("epoch") }
    }

    /// Shares and scores, from 0 to 1.
    pub fn unit(title: &str) -> Self {
        Self { range: Some([0.0, 1.0]), ..Self::new(title) }
    }
}

/// A line.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    pub name: String,
    /// Place along x and value; `null` is a value that does not exist.
    pub points: Vec<(f64, Option<f64>)>,
}

/// A histogram of one or several sets of values in the same bins.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Bars {
    pub title: String,
    pub note: String,
    /// What is along x, with its unit.
    pub axis: String,
    /// The edges of the bins, one more than there are bins; of their logarithms to base 10 where
    /// `by_powers` says so.
    pub edges: Vec<f64>,
    /// Whether the axis is one of powers of ten.
    pub by_powers: bool,
    /// Names of sets and how many values of each are within each bin.
    pub series: Vec<(String, Vec<u32>)>,
}

impl Bars {
    /// Counts sets of values in common bins, of powers of ten where values differ by far.
    pub fn of(title: &str, axis: &str, sets: &[(&str, &[f64])]) -> Self {
        let all: Vec<f64> = sets.iter().flat_map(|(_, values)| values.iter().copied()).collect();
        let Bins { edges, by_powers, .. } = Bins::new(&all);
        let counted = |values: &[f64]| match by_powers {
            true => counts(&values.iter().map(|value| value.log10()).collect::<Vec<_>>(), &edges),
            false => counts(values, &edges),
        };
        let series = sets.iter().map(|(name, values)| ((*name).to_owned(), counted(values))).collect();
        Self { title: title.into(), note: String::new(), axis: axis.into(), edges, by_powers, series }
    }
}

/// One line for each run, under its name.
type OfRuns<'a> = [(&'a str, &'a History)];

/// The value of an epoch.
type Value<'a> = &'a dyn Fn(&HistoryRow) -> Option<f64>;

fn series(name: impl Into<String>, history: &History, value: Value<'_>) -> Series {
    let points = history.rows.iter().map(|row| (row.epoch as f64, value(row)));
    Series { name: name.into(), points: points.collect() }
}

/// Curves of one training: loss, IoU of all and of each class, accuracy, learning rate; `kept` is the epoch
/// whose weights are in the run's folder.
pub fn of_history(history: &History, kept: usize) -> Vec<Chart> {
    let both = |score: fn(&HistoryScores) -> Option<f64>| {
        let train = series("training", history, &|row| score(&row.train));
        vec![train, series("validation", history, &|row| score(&row.validation))]
    };
    let class_iou = |class: &String| {
        series(class, history, &|row: &HistoryRow| row.validation.class_iou.get(class).copied())
    };
    let mut charts = vec![
        ("Loss", "What training makes small; less is better", both(|scores| scores.loss)),
        ("IoU", "Mean of the classes, at a threshold of 0.5", both(|scores| scores.iou)),
    ];
    if history.classes.len() > 1 {
        let of_classes = history.classes.iter().map(class_iou).collect();
        charts.push(("IoU of each class", "On validation, at a threshold of 0.5", of_classes));
    }
    charts.push(("Accuracy", "Share of voxels that agree", both(|scores| scores.accuracy)));
    let rate = series("learning rate", history, &|row| row.learning_rate);
    charts.push(("Learning rate", "Of the last step of each epoch", vec![rate]));
    let marks = vec![(kept as f64, format!("kept: epoch {kept}"))];
    charts.into_iter().filter_map(|(title, note, lines)| over_epochs(title, note, lines, &marks)).collect()
}

/// Curves of several trainings, laid over each other.
pub fn of_histories(runs: &OfRuns<'_>) -> Vec<Chart> {
    let of_runs = |value: Value<'_>| -> Vec<Series> {
        runs.iter().map(|(name, history)| series(*name, history, value)).collect()
    };
    let mut classes: Vec<&String> = runs.iter().flat_map(|(_, history)| &history.classes).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut charts = vec![
        ("Loss on validation".to_owned(), of_runs(&|row| row.validation.loss)),
        ("Loss on training tiles".to_owned(), of_runs(&|row| row.train.loss)),
        ("IoU on validation".to_owned(), of_runs(&|row| row.validation.iou)),
    ];
    for class in classes {
        let lines = of_runs(&|row| row.validation.class_iou.get(class).copied());
        charts.push((format!("IoU of {class} on validation"), lines));
    }
    charts.push(("Learning rate".to_owned(), of_runs(&|row| row.learning_rate)));
    charts.into_iter().filter_map(|(title, lines)| over_epochs(&title, "", lines, &[])).collect()
}

/// A chart over epochs; `None` where no line has a value.
fn over_epochs(title: &str, note: &str, series: Vec<Series>, marks: &[(f64, String)]) -> Option<Chart> {
    let series: Vec<Series> =
        series.into_iter().filter(|line| line.points.iter().any(|(_, value)| value.is_some())).collect();
    (!series.is_empty()).then(|| {
        Chart::Lines(Lines {
            title: title.into(),
            note: note.into(),
            x: Axis::epochs(),
            series,
            marks: marks.to_vec(),
            ..Lines::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_differ_by_far_share_bins_of_powers_of_ten() {
        let large: Vec<f64> = (0..30).map(|n| 10_f64.powf(f64::from(n) / 10.0)).collect();
        let bars = Bars::of("sizes", "nm", &[("large", &large), ("one", &[10.0])]);
        assert!(bars.by_powers && bars.edges[0] == 0.0, "{bars:?}");
        let in_bins: Vec<u32> = bars.series.iter().map(|(_, counts)| counts.iter().sum()).collect();
        assert_eq!(in_bins, [30, 1]);
        let bin = bars.series[1].1.iter().position(|&count| count == 1).unwrap();
        assert!((bars.edges[bin]..bars.edges[bin + 1]).contains(&1.0), "{bars:?}");
        assert!(!Bars::of("sizes", "nm", &[("few", &[1.0, 1000.0])]).by_powers);
    }

    #[test]
    fn what_a_history_does_not_tell_has_no_chart() {
        let mut history = History::default();
        let mut row = HistoryRow::default();
        (row.epoch, row.learning_rate) = (1, Some(0.1));
        history.rows = vec![row];
        let charts = of_history(&history, 1);
        let [Chart::Lines(rate)] = &charts[..] else { panic!("{charts:?}") };
        assert_eq!((rate.title.as_str(), rate.marks[0].0), ("Learning rate", 1.0));
        assert_eq!(rate.series[0].points, [(1.0, Some(0.1))]);
    }
}
