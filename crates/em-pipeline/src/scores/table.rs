//! Scores as people read them: a table of 60 columns; and as a CSV with a row per section.

use em_metrics::Interval;

use super::{ClassScores, MEASURES, MatchScores, Measure, Scores};
use crate::display;

/// Columns of [`text`].
pub const COLUMNS: usize = 60;

/// Writes the scores of a class as a table of 60 columns, behind those of each section if asked.
pub fn text(scores: &ClassScores, per_section: bool) -> String {
    if per_section { format!("{}\n{}", sections(scores), summary(scores)) } else { summary(scores) }
}

/// Writes the pooled scores of a class in 20 columns, for a terminal that has no room for [`text`].
pub fn brief(scores: &ClassScores) -> String {
    let line = |title: &str, score: String| format!("{title:<14}{score:>6}\n");
    let pooled: String =
        MEASURES.iter().map(|measure| line(measure.title, cell(measure, &scores.pooled))).collect();
    let objects = [("AP at IoU .5", &scores.objects.at_50), ("AP at IoU .75", &scores.objects.at_75)];
    let objects = objects.map(|(title, of)| line(title, display::score(of.average_precision)));
    pooled + &objects.concat()
}

/// Each section as a row.
fn sections(scores: &ClassScores) -> String {
    let titles = ["IoU", "Dice", "accur.", "prec.", "recall", "b. F1", "HD95"];
    let mut text = row("section", &titles.map(str::to_owned));
    for section in &scores.sections {
        let cells: Vec<String> = MEASURES[..titles.len()].iter().map(|m| cell(m, &section.scores)).collect();
        text += &row(&section.z.to_string(), &cells);
    }
    text
}

fn row(name: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>7}")).collect();
    format!("{name:>7}{cells}\n")
}

/// Pooled scores with their intervals and the spread over sections, then what is no score of sections.
fn summary(scores: &ClassScores) -> String {
    let unit = scores.ruler.unit.name();
    let mut text = format!(
        "{:<14}{:>7}{:>17}{:>7}{:>7}{:>7}\n",
        "sections (2D)", "pooled", "95 % interval", "worst", "median", "best"
    );
    for measure in &MEASURES {
        let [worst, median, best] = spread(scores, measure);
        text += &format!(
            "{:<14}{:>7}{:>17}{worst:>7}{median:>7}{best:>7}\n",
            measure.title,
            cell(measure, &scores.pooled),
            interval(measure, scores.interval(measure)),
        );
    }
    if let Some(volume) = scores.volume {
        let [f1, hausdorff, mean] = [
            display::score(volume.boundary_f1),
            distance(volume.hausdorff_95),
            distance(volume.surface_distance),
        ];
        text += &format!("volume (3D)    boundary F1 {f1}\n");
        text += &format!("{:<15}Hausdorff 95 % {hausdorff}, mean {mean} {unit}\n", "");
    }
    text += &objects(scores);
    if let Some(calibration) = &scores.calibration {
        let [error, brier] = [calibration.expected_error, calibration.brier].map(display::score);
        text += &format!("probabilities: calibration error {error}, Brier score {brier}\n");
    }
    notes(scores).into_iter().fold(text, |text, note| text + &note + "\n")
}

fn objects(scores: &ClassScores) -> String {
    let objects = &scores.objects;
    let line = |name: &str, cells: [String; 7]| {
        let cells: String =
            cells.iter().zip([7, 7, 7, 7, 6, 7, 6]).map(|(c, w)| format!("{c:>w$}")).collect();
        format!("{name:<13}{cells}\n")
    };
    let title = format!("objects ({}D)", objects.dimensions);
    let header = ["AP", "F1", "prec.", "recall", "found", "missed", "wrong"];
    let mut text = line(&title, header.map(str::to_owned));
    for (name, of) in [("at IoU 0.5", &objects.at_50), ("at IoU 0.75", &objects.at_75)] {
        let MatchScores { average_precision, f1, precision, recall, counts } = of;
        let [ap, f1, precision, recall] =
            [average_precision, f1, precision, recall].map(|s| display::score(*s));
        let [found, missed, wrong] =
            [counts.true_positives, counts.false_negatives, counts.false_positives].map(|n| n.to_string());
        text += &line(name, [ap, f1, precision, recall, found, missed, wrong]);
    }
    text
}

/// What a reader has to know about distances and intervals.
pub(crate) fn notes(scores: &ClassScores) -> Vec<String> {
    let mut notes = vec![ruler(scores)];
    let without = scores.sections.iter().filter(|s| s.scores.hausdorff_95.is_none()).count();
    if without > 0 {
        let of = scores.sections.len();
        notes.push(format!("{without} of {of} sections have no distance: a mask is empty there"));
    }
    if scores.ruler.unit == super::Unit::Voxels {
        notes.push("no file tells the voxel size".into());
    }
    notes.extend(intervals_of(scores));
    notes
}

/// What a reader has to know about intervals of few sections.
pub fn intervals_of(scores: &ClassScores) -> Option<String> {
    if scores.over_blocks {
        return Some("intervals over blocks of few sections, 4 x 4 of each".into());
    }
    super::intervals::missing(scores.labelled_sections())
}

/// What distances are in, and how far a boundary may be off.
pub fn ruler(scores: &ClassScores) -> String {
    let (unit, tolerance) = (scores.ruler.unit.name(), number(scores.ruler.tolerance));
    format!("distances in {unit}; boundaries within {tolerance} {unit}")
}

/// The worst, the median and the best section's score.
pub(crate) fn spread(scores: &ClassScores, measure: &Measure) -> [String; 3] {
    let mut values: Vec<f64> = scores.sections.iter().filter_map(|s| (measure.get)(&s.scores)).collect();
    values.sort_unstable_by(f64::total_cmp);
    if measure.distance {
        values.reverse();
    }
    let last = values.len().saturating_sub(1);
    let show = |place: usize| show(measure, values.get(place).copied());
    [show(0), show(last / 2), show(last)]
}

/// A score in the digits of its measure.
pub fn cell(measure: &Measure, scores: &Scores) -> String {
    show(measure, (measure.get)(scores))
}

fn show(measure: &Measure, value: Option<f64>) -> String {
    if measure.distance { distance(value) } else { display::score(value) }
}

/// The ends of an interval, in the digits of its measure.
pub fn interval(measure: &Measure, interval: Option<&Interval>) -> String {
    interval.map_or("none".into(), |Interval { low, high }| {
        format!("{} to {}", show(measure, Some(*low)), show(measure, Some(*high)))
    })
}

/// A distance with one digit behind the point, where there is room for it, or `none`.
pub(crate) fn distance(value: Option<f64>) -> String {
    let digits = |value: f64| if value < 9999.95 { 1 } else { 0 };
    value.map_or("none".into(), |value| format!("{value:.0$}", digits(value)))
}

/// A number without digits that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A row per section, with all its scores and counts; an empty cell is a score that does not exist.
pub fn csv(scores: &ClassScores) -> String {
    let mut columns = vec!["z".to_owned()];
    let unit = scores.ruler.unit.name();
    columns.extend(
        MEASURES.iter().map(|m| if m.distance { format!("{}_{unit}", m.key) } else { m.key.to_owned() }),
    );
    columns.extend(
        ["true_positives", "false_positives", "false_negatives", "true_negatives"].map(str::to_owned),
    );
    let mut text = columns.join(",") + "\n";
    for section in &scores.sections {
        let mut cells = vec![section.z.to_string()];
        cells.extend(MEASURES.iter().map(|measure| {
            (measure.get)(&section.scores).map_or(String::new(), |value| format!("{value:.6}"))
        }));
        let counts = section.scores.counts;
        cells.extend(
            [counts.true_positives, counts.false_positives, counts.false_negatives, counts.true_negatives]
                .map(|count| count.to_string()),
        );
        text += &(cells.join(",") + "\n");
    }
    text
}
