//! Scores of masks against labels, per section, pooled, and as a volume, in the form that `--json` prints.
//!
//! [`Collector`] takes blocks of voxels one by one and keeps counts; [`ClassScores`] is what follows from them.

mod collector;
pub mod intervals;
mod table;
pub mod units;

use std::collections::BTreeMap;

use em_metrics::calibration::ReliabilityBin;
use em_metrics::{BoundaryCounts, Calibration, ConfusionCounts, InstanceCounts, Interval, SurfaceDistances};
use serde::{Deserialize, Serialize};

pub use collector::{Collector, Labelled, outside};
pub use table::{COLUMNS, brief, cell, csv, interval, intervals_of, ruler, text};
pub(crate) use table::{distance, notes, spread};

/// Scores that follow from the counts of one section, or of several together; `null` where a score does not exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// F1 of the boundaries within the tolerance, in 2D.
    pub boundary_f1: Option<f64>,
    /// 95th percentile of the distances between the boundaries, in 2D.
    pub hausdorff_95: Option<f64>,
    /// Mean of these distances.
    pub surface_distance: Option<f64>,
    /// The counts of voxels behind them.
    pub counts: ConfusionCounts,
    /// The counts of boundary voxels behind them.
    pub boundary: BoundaryCounts,
}

impl Scores {
    /// Computes the scores of counts.
    pub fn new(
        counts: ConfusionCounts,
        boundary: BoundaryCounts,
        distances: Option<&SurfaceDistances>,
    ) -> Self {
        Self {
            iou: counts.iou(),
            dice: counts.dice(),
            accuracy: counts.accuracy(),
            precision: counts.precision(),
            recall: counts.recall(),
            boundary_f1: boundary.f1(),
            hausdorff_95: distances.map(SurfaceDistances::hausdorff95),
            surface_distance: distances.map(SurfaceDistances::mean),
            counts,
            boundary,
        }
    }
}

/// One of the scores: its names, and where it stands.
pub struct Measure {
    /// Its name in JSON and CSV.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Takes it out of the scores.
    pub get: fn(&Scores) -> Option<f64>,
    /// Whether it is a distance: less is better, and it has a unit.
    pub distance: bool,
}

/// All scores of a section, in the order of tables.
pub const MEASURES: [Measure; 8] = [
    Measure { key: "iou", title: "IoU", get: |s| s.iou, distance: false },
    Measure { key: "dice", title: "Dice", get: |s| s.dice, distance: false },
    Measure { key: "accuracy", title: "accuracy", get: |s| s.accuracy, distance: false },
    Measure { key: "precision", title: "precision", get: |s| s.precision, distance: false },
    Measure { key: "recall", title: "recall", get: |s| s.recall, distance: false },
    Measure { key: "boundary_f1", title: "boundary F1", get: |s| s.boundary_f1, distance: false },
    Measure { key: "hausdorff_95", title: "Hausdorff 95 %", get: |s| s.hausdorff_95, distance: true },
    Measure { key: "surface_distance", title: "mean distance", get: |s| s.surface_distance, distance: true },
];

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
    /// 95 % intervals of the pooled scores, by name, from a bootstrap over sections; `null` for too few
    /// sections.
    #[serde(default)]
    pub intervals: Option<BTreeMap<String, Interval>>,
    /// Why there are no intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_intervals: Option<String>,
    /// Whether the intervals are over blocks of few sections, and not over sections.
    #[serde(default, skip_serializing_if = "is_false")]
    pub over_blocks: bool,
    /// How distances were measured.
    #[serde(default)]
    pub ruler: Ruler,
    /// Boundaries in 3D; `null` where there are only sections.
    #[serde(default)]
    pub volume: Option<VolumeScores>,
    /// Objects, which are connected components.
    #[serde(default)]
    pub objects: ObjectScores,
    /// Whether probabilities mean what they say; `null` where they were not at hand.
    #[serde(default)]
    pub calibration: Option<CalibrationScores>,
    /// Of each section by itself.
    pub sections: Vec<SectionScores>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Scores of boundaries in 3D.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeScores {
    /// F1 of the boundaries within the tolerance.
    pub boundary_f1: Option<f64>,
    /// 95th percentile of the distances between the boundaries.
    pub hausdorff_95: Option<f64>,
    /// Mean of these distances.
    pub surface_distance: Option<f64>,
    /// The counts of boundary voxels behind them.
    pub boundary: BoundaryCounts,
}

/// Scores of objects, matched by their overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectScores {
    /// Whether objects are those of sections (2) or of volumes (3).
    pub dimensions: u8,
    /// Matched at an IoU of at least 0.5.
    pub at_50: MatchScores,
    /// Matched at an IoU of at least 0.75.
    pub at_75: MatchScores,
}

/// Scores of objects at one threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatchScores {
    /// Matched objects over all objects, TP / (TP + FP + FN).
    pub average_precision: Option<f64>,
    /// 2 TP / (2 TP + FP + FN).
    pub f1: Option<f64>,
    /// Share of predicted objects that have a partner.
    pub precision: Option<f64>,
    /// Share of labelled objects that have a partner.
    pub recall: Option<f64>,
    /// The counts behind them.
    pub counts: InstanceCounts,
}

impl ClassScores {
    /// Counts the sections in which anything was labelled.
    pub fn labelled_sections(&self) -> usize {
        self.sections.iter().filter(|section| section.scores.counts.total() > 0).count()
    }

    /// Returns the interval of a score, where it has one.
    pub fn interval(&self, measure: &Measure) -> Option<&Interval> {
        // Files of earlier versions have intervals of fewer sections, too.
        let enough = self.over_blocks || self.labelled_sections() >= intervals::FEWEST_SECTIONS;
        self.intervals.as_ref().filter(|_| enough)?.get(measure.key)
    }
}

impl From<InstanceCounts> for MatchScores {
    fn from(counts: InstanceCounts) -> Self {
        Self {
            average_precision: counts.average_precision(),
            f1: counts.f1(),
            precision: counts.precision(),
            recall: counts.recall(),
            counts,
        }
    }
}

/// How well probabilities fit the label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationScores {
    /// Expected calibration error, over 15 bins.
    pub expected_error: Option<f64>,
    /// Brier score.
    pub brier: Option<f64>,
    /// The reliability bins, from probability 0 up.
    pub bins: Vec<ReliabilityBin>,
}

impl From<Calibration> for CalibrationScores {
    fn from(counts: Calibration) -> Self {
        Self { expected_error: counts.expected_error(), brier: counts.brier(), bins: counts.bins.to_vec() }
    }
}

/// How distances are measured: in nm where the voxel size is known, in voxels where not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruler {
    /// Unit of all distances.
    pub unit: Unit,
    /// Size of a voxel in that unit, `[z, y, x]`.
    pub voxel: [f64; 3],
    /// How far a boundary may be off and still count as right.
    pub tolerance: f64,
}

/// The unit of a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Nanometres.
    Nm,
    /// Voxels, where nobody told their size.
    Voxels,
}

impl Unit {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nm => "nm",
            Self::Voxels => "voxels",
        }
    }
}

/// Two voxels: an annotator's hand is about as steady.
const TOLERANCE_VOXELS: f64 = 2.0;

impl Ruler {
    /// Makes a ruler; the tolerance is 2 voxels of a section where none is given.
    pub fn new(voxel_size_nm: Option<[f64; 3]>, tolerance: Option<f64>) -> Self {
        let (unit, voxel) = voxel_size_nm.map_or((Unit::Voxels, [1.0; 3]), |size| (Unit::Nm, size));
        Self { unit, voxel, tolerance: tolerance.unwrap_or(TOLERANCE_VOXELS * voxel[1].max(voxel[2])) }
    }
}

impl Default for Ruler {
    fn default() -> Self {
        Self::new(None, None)
    }
}
