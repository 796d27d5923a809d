//! Runs side by side as a page.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::Serialize;

use super::{ComparedRun, differing_keys, value_of};
use crate::display;
use crate::error::Result;
use crate::report::charts::{Charts, of_histories};
use crate::report::page::{self, Table};
use crate::scores::{self, MEASURES, intervals};

/// What the template takes.
#[derive(Serialize)]
struct Content<'a> {
    title: String,
    facts: Vec<String>,
    sections: [(&'static str, &'static str); 4],
    warnings: Vec<String>,
    runs: Table,
    differences: Table,
    classes: Vec<Class>,
    charts: &'a Charts,
}

/// The scores of a class in all runs.
#[derive(Serialize)]
struct Class {
    name: String,
    table: Table,
    notes: BTreeSet<String>,
}

/// What the script draws.
#[derive(Serialize)]
struct Data<'a> {
    charts: &'a Charts,
}

/// Writes the page.
///
/// # Errors
///
/// Fails if an interval cannot be computed.
pub fn html(runs: &[ComparedRun]) -> Result<String> {
    let names: Vec<String> = (1..).zip(runs).map(|(number, run)| name(number, run)).collect();
    let histories: Vec<_> =
        names.iter().map(String::as_str).zip(runs.iter().map(|run| &run.history)).collect();
    let charts = Charts::from([("curves".to_owned(), of_histories(&histories))]);
    let classes: BTreeSet<&String> = runs.iter().flat_map(|run| run.scores.keys()).collect();
    let content = Content {
        title: format!("{} runs: {}", runs.len(), names.join(", ")),
        facts: vec![page::day(SystemTime::now()), format!("em-cli {}", env!("CARGO_PKG_VERSION"))],
        sections: [
            ("runs", "Runs"),
            ("differences", "What differs"),
            ("scores", "Scores"),
            ("curves", "Curves"),
        ],
        warnings: warnings(runs, &names),
        runs: overview(runs, &names),
        differences: differences(runs, &names),
        classes: classes.into_iter().map(|class| of_class(runs, &names, class)).collect::<Result<_>>()?,
        charts: &charts,
    };
    page::html("compare.html", &content, &Data { charts: &charts })
}

/// A run as it is called on the page: its number, and the folder that it is in.
fn name(number: usize, run: &ComparedRun) -> String {
    let absolute = std::path::absolute(&run.path).unwrap_or_default();
    let folder = absolute.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    format!("{number} {folder}")
}

fn warnings(runs: &[ComparedRun], names: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (run, name) in runs.iter().zip(names) {
        if run.card.leaking_split {
            warnings.push(format!(
                "{name}: its validation leaks, tiles were split at random: its scores are too good."
            ));
        }
        if run.is_tuned {
            warnings.push(format!("{name}: its masks were tuned on validation: its scores are too good."));
        }
    }
    warnings
}

fn overview(runs: &[ComparedRun], names: &[String]) -> Table {
    let head = ["run", "folder", "parameters", "epochs", "kept", "time", "reviewed regions"];
    let row = |(run, name): (&ComparedRun, &String)| {
        vec![
            name.clone(),
            run.path.display().to_string(),
            run.card.architecture.parameter_count().to_string(),
            run.history.rows.len().to_string(),
            run.card.epoch.to_string(),
            display::duration(run.seconds()),
            run.regions.map_or("none".into(), |regions| regions.to_string()),
        ]
    };
    Table { head: head.map(str::to_owned).to_vec(), rows: runs.iter().zip(names).map(row).collect() }
}

fn differences(runs: &[ComparedRun], names: &[String]) -> Table {
    let row = |key: &String| {
        let values = runs.iter().map(|run| value_of(run, key));
        std::iter::once(key.clone()).chain(values).collect()
    };
    Table {
        head: std::iter::once("key".to_owned()).chain(names.iter().cloned()).collect(),
        rows: differing_keys(runs).into_iter().map(row).collect(),
    }
}

/// A row for each score and run.
fn of_class(runs: &[ComparedRun], names: &[String], class: &str) -> Result<Class> {
    let head = ["score", "run", "all sections", "95 % interval", "less run 1, 95 % interval", "told"];
    let mut table = Table { head: head.map(str::to_owned).to_vec(), rows: Vec::new() };
    let mut notes = BTreeSet::new();
    for measure in &MEASURES {
        for (number, (run, name)) in runs.iter().zip(names).enumerate() {
            let Some(of_run) = run.scores.get(class) else { continue };
            let difference = match runs[0].scores.get(class) {
                Some(first) if number > 0 => intervals::of_difference(first, of_run, measure)?,
                _ => None,
            };
            let told = match difference {
                Some(d) if d.low > 0.0 => "more than run 1",
                Some(d) if d.high < 0.0 => "less than run 1",
                Some(_) => "may be chance",
                None => "",
            };
            table.rows.push(vec![
                measure.title.to_owned(),
                name.clone(),
                scores::cell(measure, &of_run.pooled),
                scores::interval(measure, of_run.interval(measure)),
                difference.map_or(String::new(), |d| format!("{:+.4} to {:+.4}", d.low, d.high)),
                told.to_owned(),
            ]);
            notes.insert(scores::ruler(of_run));
            notes.extend(scores::intervals_of(of_run));
        }
    }
    Ok(Class { name: class.to_owned(), table, notes })
}
