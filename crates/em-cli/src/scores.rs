//! Scores of masks against labels, pooled and per section, in the form that `--json` prints.

use em_metrics::ConfusionCounts;
use serde::{Deserialize, Serialize};

use crate::output;

/// Scores that follow from one confusion count; `null` where a score does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Intersection over union of the foreground (Jaccard index).
    pub iou: Option<f64>,
    /// Dice coefficient of the foreground (F1).
    pub dice: Option<f64>,
    /// Share of voxels that agree.
    pub accuracy: Option<f64>,
    /// Share of predicted foreground that is right.
    pub precision: Option<f64>,
    /// Share of labelled foreground that is found.
    pub recall: Option<f64>,
    /// The counts behind them.
    pub counts: ConfusionCounts,
}

impl From<ConfusionCounts> for Scores {
    fn from(counts: ConfusionCounts) -> Self {
        Self {
            iou: counts.iou(),
            dice: counts.dice(),
            accuracy: counts.accuracy(),
            precision: counts.precision(),
            recall: counts.recall(),
            counts,
        }
    }
}

/// Scores of one section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SectionScores {
    /// Number of the section, from 0.
    pub z: usize,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
}

/// Scores of one class in one volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Of the counts of all sections together.
    pub pooled: Scores,
    /// Of each section by itself.
    pub sections: Vec<SectionScores>,
}

impl ClassScores {
    /// Pools counts of sections, numbered from 0.
    pub fn from_sections(counts: &[ConfusionCounts]) -> Self {
        let sections =
            counts.iter().enumerate().map(|(z, &counts)| SectionScores { z, scores: counts.into() });
        Self { pooled: counts.iter().copied().sum::<ConfusionCounts>().into(), sections: sections.collect() }
    }

    /// Prints the pooled scores as a line, and each section's if asked.
    pub fn print(&self, per_section: bool) {
        let line = |name: String, s: &Scores| {
            let numbers = [s.iou, s.dice, s.accuracy, s.precision, s.recall].map(output::score);
            println!("{name:>8}  {}", numbers.map(|number| format!("{number:>11}")).join(""));
        };
        println!(
            "{:>8}  {:>11}{:>11}{:>11}{:>11}{:>11}",
            "section", "IoU", "Dice", "accuracy", "precision", "recall"
        );
        for section in self.sections.iter().filter(|_| per_section) {
            line(section.z.to_string(), &section.scores);
        }
        line("pooled".into(), &self.pooled);
    }
}
