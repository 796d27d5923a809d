//! The page of a run.

use em_model::ModelCard;

use super::page::{escape, figure, html, made_by, table};
use super::{Picture, RunScores, SideScores};
use crate::display;
use crate::inputs::Input;
use crate::scores::Scores;

/// Writes the page; the configuration begins with the commands that the run was made by.
pub fn of_run(
    card: &ModelCard,
    scores: &RunScores,
    pictures: &[Picture],
    inputs: &[Input],
    config: &str,
) -> String {
    let mut body = String::new();
    if card.leaking_split {
        body += "<p class=\"warning\">This run was split by random tiles. Neighbouring tiles are nearly alike, so the \
                 scores on validation are too good: they say nothing about new volumes.</p>\n";
    }
    if scores.tuned_on_validation {
        body += "<p class=\"warning\">Thresholds and cleaning were chosen on validation, whose scores are therefore \
                 too good: judge this run on a test stack.</p>\n";
    }
    if let Some(regions) = scores.regions.filter(|_| scores.folds > 0) {
        let (networks, each) = match scores.folds {
            1 => ("a network".to_owned(), "which"),
            folds => (format!("{folds} networks"), "each of which"),
        };
        body += &format!(
            "<p>This run learned from all of its {regions} reviewed regions. The scores of validation are those of \
             {networks} beside it, {each} left some regions out and is scored on these.</p>\n"
        );
    }
    body += &side("Validation", &scores.validation, &scores.thresholds);
    if let Some(test) = &scores.test {
        body += &side("Test", test, &scores.thresholds);
    }
    for picture in pictures {
        body += &figure(&picture.caption, &picture.png);
    }
    body += &format!("<h2>Model</h2>\n{}", model(card));
    body += &made_by(None, inputs);
    body += &format!("<h2>Configuration</h2>\n<pre>{}</pre>\n", escape(config));
    html(&card.classes.join(" and "), &body)
}

fn side(title: &str, scores: &SideScores, thresholds: &std::collections::BTreeMap<String, f32>) -> String {
    let mut text = format!("<h2>{title}</h2>\n");
    for (class, scores) in scores {
        let threshold = thresholds.get(class).copied().unwrap_or(0.5);
        let distance = format!("Hausdorff 95 %, {}", scores.ruler.unit.name());
        let head =
            ["section", "IoU", "Dice", "accuracy", "precision", "recall", "boundary F1", distance.as_str()];
        let sections = scores.sections.iter().map(|section| row(&section.z.to_string(), &section.scores));
        let rows = std::iter::once(row("all, pooled", &scores.pooled)).chain(sections);
        text += &format!("<h3>{} (threshold {threshold})</h3>\n{}", escape(class), table(&head, rows));
    }
    text
}

fn row(name: &str, s: &Scores) -> Vec<String> {
    let scores = [s.iou, s.dice, s.accuracy, s.precision, s.recall, s.boundary_f1].map(display::score);
    let distance = s.hausdorff_95.map_or("none".into(), |d| format!("{d:.1}"));
    std::iter::once(name.to_owned()).chain(scores).chain([distance]).collect()
}

fn model(card: &ModelCard) -> String {
    let a = &card.architecture;
    let size = card
        .voxel_size_nm
        .map_or("unknown".into(), |s| format!("{} x {} x {} nm [z, y, x]", s[0], s[1], s[2]));
    let rows = [
        ("parameters", a.parameter_count().to_string()),
        ("filters", format!("{:?}", a.filters)),
        ("normalisation", serde_json::to_string(&card.normalization).unwrap_or_default()),
        ("voxel size", size),
        ("best epoch", card.epoch.to_string()),
        ("seed", card.seed.to_string()),
        ("em-model, libtorch", format!("{}, {}", card.em_model, card.libtorch)),
    ];
    table(&[], rows.map(|(name, value)| vec![name.to_owned(), value]))
}
