//! Scores as tables of a page.

use serde::Serialize;

use super::page::Table;
use crate::display;
use crate::scores::{self, ClassScores, MEASURES, MatchScores, Measure};

/// Pooled scores of a class, with their intervals, the spread over sections, and what each one means.
pub fn pooled(scores: &ClassScores) -> Table {
    let head = ["score", "all sections", "95 % interval", "worst", "median", "best", "what it is"];
    let row = |measure: &Measure| {
        let [worst, median, best] = scores::spread(scores, measure);
        let interval = scores::interval(measure, scores.interval(measure));
        let value = scores::cell(measure, &scores.pooled);
        vec![title(measure, scores), value, interval, worst, median, best, meaning(measure).to_owned()]
    };
    Table { head: head.map(str::to_owned).to_vec(), rows: MEASURES.iter().map(row).collect() }
}

/// The name of a score, with the unit of a distance.
fn title(measure: &Measure, scores: &ClassScores) -> String {
    if measure.distance {
        return format!("{}, {}", measure.title, scores.ruler.unit.name());
    }
    measure.title.to_owned()
}

/// What a score is, for who has never seen it.
fn meaning(measure: &Measure) -> &'static str {
    match measure.key {
        "iou" => "voxels that label and prediction share, of all in either",
        "dice" => "the same, where shared voxels count twice; always above IoU",
        "accuracy" => "voxels that agree, background included: high wherever a class is rare",
        "precision" => "what was predicted and is right",
        "recall" => "what was labelled and was found",
        "boundary_f1" => "outlines that lie within the tolerance",
        "hausdorff_95" => "95 % of the outlines are no farther apart",
        "surface_distance" => "how far outlines are apart on average",
        _ => "",
    }
}

/// Objects found, missed and made up, at two overlaps.
pub fn objects(scores: &ClassScores) -> Table {
    let head = ["objects", "found", "missed", "made up", "F1", "precision", "recall", "AP"];
    let row = |name: &str, of: &MatchScores| {
        let counts = of.counts;
        let counts = [counts.true_positives, counts.false_negatives, counts.false_positives];
        let of = [of.f1, of.precision, of.recall, of.average_precision].map(display::score);
        let cells = counts.map(|count| count.to_string()).into_iter().chain(of);
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let objects = &scores.objects;
    let rows = vec![row("IoU of 0.5 or more", &objects.at_50), row("IoU of 0.75 or more", &objects.at_75)];
    Table { head: head.map(str::to_owned).to_vec(), rows }
}

/// What is said below the tables of a class.
pub fn notes(scores: &ClassScores) -> Vec<String> {
    let mut notes = scores::notes(scores);
    if let Some(volume) = scores.volume {
        notes.push(format!(
            "as a volume: boundary F1 {}, Hausdorff 95 % {}, mean distance {}",
            display::score(volume.boundary_f1),
            scores::distance(volume.hausdorff_95),
            scores::distance(volume.surface_distance),
        ));
    }
    notes
}

/// The scores of each section.
#[derive(Debug, Serialize)]
pub struct SectionTable {
    /// Names of the scores.
    pub head: Vec<String>,
    /// The sections.
    pub rows: Vec<SectionRow>,
}

/// The scores of one section.
#[derive(Debug, Serialize)]
pub struct SectionRow {
    /// Where it is from.
    pub name: String,
    /// Its place among the sections of the browser, where it is one of them.
    pub embedded: Option<usize>,
    /// Its scores.
    pub cells: Vec<String>,
}

/// The scores of each section of a class; `named` tells where a section is from, and its place in the browser.
pub fn sections(scores: &ClassScores, named: impl Fn(usize) -> (String, Option<usize>)) -> SectionTable {
    let rows = scores.sections.iter().map(|section| {
        let (name, embedded) = named(section.z);
        let cells = MEASURES.iter().map(|measure| scores::cell(measure, &section.scores)).collect();
        SectionRow { name, embedded, cells }
    });
    SectionTable {
        head: MEASURES.iter().map(|measure| title(measure, scores)).collect(),
        rows: rows.collect(),
    }
}
