//! What the page is told of a project each second.

use std::collections::BTreeMap;
use std::sync::Mutex;

use em_io::Roi;
use em_pipeline::annotate::Project;
use em_pipeline::report::RunScores;
use em_pipeline::scores::MEASURES;
use serde::Serialize;
use serde_json::{Value, json};

use crate::jobs::Jobs;
use crate::locks::locked;
use crate::result::has_objects;
use crate::worker::Worker;

/// A trained network of the project.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    name: String,
    scores: Vec<RunScore>,
    in_use: bool,
}

#[derive(Clone, Debug, Serialize)]
struct RunScore {
    class: String,
    dice: Option<f64>,
    interval: Option<[f64; 2]>,
    /// Of the network that suggested when it was trained, on all regions, where it had learned from none.
    before: Option<f64>,
}

/// What the person should read, once.
#[derive(Debug, Default)]
pub struct Messages(Mutex<Vec<String>>);

/// The most messages that are kept.
const MESSAGES: usize = 50;

impl Messages {
    /// Keeps something to be told.
    pub fn tell(&self, message: String) {
        let mut messages = locked(&self.0);
        if messages.len() < MESSAGES {
            messages.push(message);
        }
    }
}

/// Returns the state of a project.
pub fn state(project: &Project, worker: &Worker, jobs: &Jobs, messages: &Messages) -> Value {
    let ledger = project.ledger();
    let regions: Vec<Value> = project
        .regions()
        .iter()
        .map(|region| json!({"name": region.name, "start": region.roi.start, "shape": region.roi.shape}))
        .collect();
    let classes = &project.description().classes;
    let painted: serde_json::Map<String, Value> =
        classes.iter().map(|class| (class.clone(), ledger.painted_sections(class).into())).collect();
    let sources = worker.sources();
    let mut messages = locked(&messages.0).clone();
    messages.extend(sources.problem.clone());
    let known: Vec<Value> = sources
        .known
        .iter()
        .map(|source| {
            let classes: Vec<&String> = source.thresholds.keys().collect();
            json!({
                "name": source.name, "title": source.title, "version": source.version,
                "classes": classes, "thresholds": source.thresholds,
            })
        })
        .collect();
    json!({
        "revision": project.revision(),
        "can_undo": ledger.last().is_some(),
        "can_redo": ledger.undone().is_some(),
        "regions": regions,
        "painted": painted,
        "sources": known,
        "loading": sources.is_loading,
        "job": jobs.now(),
        "runs": runs(project),
        "has_objects": has_objects(project.folder()),
        "messages": messages,
    })
}

/// The boxes of the reviewed regions.
pub fn region_boxes(project: &Project) -> Vec<Roi> {
    project.regions().into_iter().map(|region| region.roi).collect()
}

/// The trained networks that have a report.
fn runs(project: &Project) -> Vec<Run> {
    let numbers = (1..).take_while(|&number| project.run(number).path().exists());
    let runs = numbers.filter_map(|number| {
        let scores = RunScores::read(&project.run(number)).ok()?;
        Some(Run {
            name: number.to_string(),
            scores: run_scores(&scores, project.ledger().before(number)),
            in_use: project.in_use() == Some(number),
        })
    });
    runs.collect()
}

fn run_scores(scores: &RunScores, before: Option<&BTreeMap<String, f64>>) -> Vec<RunScore> {
    let dice = &MEASURES[1];
    let of_class = scores.validation.iter();
    of_class
        .map(|(class, scores)| RunScore {
            dice: (dice.get)(&scores.pooled),
            interval: scores.interval(dice).map(|interval| [interval.low, interval.high]),
            before: before.and_then(|before| before.get(class).copied()),
            class: class.clone(),
        })
        .collect()
}
