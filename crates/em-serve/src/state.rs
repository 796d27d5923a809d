//! What the page is told of a project each second.

use std::sync::{Mutex, MutexGuard, PoisonError};

use em_io::Roi;
use em_pipeline::annotate::Project;
use em_pipeline::report::RunScores;
use em_pipeline::scores::MEASURES;
use serde::Serialize;
use serde_json::{Value, json};

use crate::jobs::Jobs;
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
    /// Of the network that suggested when it was trained, on all regions.
    now: Option<f64>,
}

/// What is remembered beside the project's files.
#[derive(Debug, Default)]
pub struct Memory {
    /// Notes and warnings, in order.
    pub messages: Mutex<Vec<String>>,
    /// Of each training of this session, what the network before scored, by class.
    pub before: Mutex<Vec<(usize, Vec<Option<f64>>)>>,
}

/// The most messages that are kept.
const MESSAGES: usize = 50;

impl Memory {
    /// Keeps something to be told.
    pub fn tell(&self, message: String) {
        let mut messages = locked(&self.messages);
        if messages.len() < MESSAGES {
            messages.push(message);
        }
    }
}

/// A thread that panicked left what is within whole.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the state of a project.
pub fn state(project: &Project, worker: &Worker, jobs: &Jobs, memory: &Memory) -> Value {
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
    let mut messages = locked(&memory.messages).clone();
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
        "runs": runs(project, memory),
        "messages": messages,
    })
}

/// The boxes of the reviewed regions.
pub fn region_boxes(project: &Project) -> Vec<Roi> {
    project.regions().into_iter().map(|region| region.roi).collect()
}

/// The trained networks that have a report.
fn runs(project: &Project, memory: &Memory) -> Vec<Run> {
    let before = locked(&memory.before);
    let numbers = (1..).take_while(|&number| project.run(number).path().exists());
    let runs = numbers.filter_map(|number| {
        let scores = RunScores::read(&project.run(number)).ok()?;
        let now = before.iter().find(|(run, _)| *run == number).map(|(_, scores)| scores);
        Some(Run {
            name: number.to_string(),
            scores: run_scores(project, &scores, now),
            in_use: project.description().in_use == Some(number),
        })
    });
    runs.collect()
}

fn run_scores(project: &Project, scores: &RunScores, now: Option<&Vec<Option<f64>>>) -> Vec<RunScore> {
    let dice = &MEASURES[1];
    let place = |class: &String| project.description().classes.iter().position(|known| known == class);
    let of_class = scores.validation.iter();
    of_class
        .map(|(class, scores)| RunScore {
            dice: (dice.get)(&scores.pooled),
            interval: scores.interval(dice).map(|interval| [interval.low, interval.high]),
            now: now.and_then(|now| *now.get(place(class)?)?),
            class: class.clone(),
        })
        .collect()
}
