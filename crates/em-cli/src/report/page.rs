//! The page of a report: one HTML file with everything in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use em_model::ModelCard;

use super::{Picture, RunScores, SideScores};
use crate::output;
use crate::scores::Scores;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:right}\
td:first-child,th:first-child{text-align:left}img{max-width:100%;height:auto}figure{margin:1.5rem 0}\
figcaption{color:#555}.warning{background:#fff3cd;padding:.75rem 1rem;border-left:4px solid #e69f00}\
pre{background:#f6f6f6;padding:1rem;overflow-x:auto}";

/// Writes the page.
pub fn html(card: &ModelCard, scores: &RunScores, pictures: &[Picture], config: &str) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(&card.classes.join(" and ")));
    if card.leaking_split {
        body += "<p class=\"warning\">This run was split by random tiles. Neighbouring tiles are nearly alike, so the \
                 scores on validation are too good: they say nothing about new volumes.</p>\n";
    }
    body += &side("Validation", &scores.validation, &scores.thresholds);
    if let Some(test) = &scores.test {
        body += &side("Test", test, &scores.thresholds);
    }
    for picture in pictures {
        let caption = escape(&picture.caption);
        let bytes = STANDARD.encode(&picture.png);
        body += &format!(
            "<figure><img alt=\"{caption}\" src=\"data:image/png;base64,{bytes}\"><figcaption>{caption}</figcaption></figure>\n"
        );
    }
    body += &format!("<h2>Model</h2>\n{}", model(card));
    body += &format!("<h2>Configuration</h2>\n<pre>{}</pre>\n", escape(config));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Report: {}</title><style>{STYLE}</style></head>\n\
         <body>\n{body}</body></html>\n",
        escape(&card.classes.join(" and "))
    )
}

fn side(title: &str, scores: &SideScores, thresholds: &std::collections::BTreeMap<String, f32>) -> String {
    let mut text = format!("<h2>{title}</h2>\n");
    for (class, scores) in scores {
        let threshold = thresholds.get(class).copied().unwrap_or(0.5);
        text += &format!(
            "<h3>{} (threshold {threshold})</h3>\n<table><tr><th>section</th><th>IoU</th><th>Dice</th>\
             <th>accuracy</th><th>precision</th><th>recall</th>\
             <th>boundary F1</th><th>Hausdorff 95 %, {}</th></tr>\n",
            escape(class),
            scores.ruler.unit.name()
        );
        text += &row("all, pooled", &scores.pooled);
        for section in &scores.sections {
            text += &row(&section.z.to_string(), &section.scores);
        }
        text += "</table>\n";
    }
    text
}

fn row(name: &str, s: &Scores) -> String {
    let cells: String = [s.iou, s.dice, s.accuracy, s.precision, s.recall, s.boundary_f1]
        .map(|score| format!("<td>{}</td>", output::score(score)))
        .concat();
    let distance = s.hausdorff_95.map_or("none".into(), |d| format!("{d:.1}"));
    format!("<tr><td>{name}</td>{cells}<td>{distance}</td></tr>\n")
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
    let rows = rows.map(|(name, value)| format!("<tr><td>{name}</td><td>{}</td></tr>\n", escape(&value)));
    format!("<table>{}</table>\n", rows.concat())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_users_is_escaped() {
        assert_eq!(escape("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
