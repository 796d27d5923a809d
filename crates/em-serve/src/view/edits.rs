//! The addresses by which objects are corrected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use em_io::Roi;
use em_pipeline::annotate::Runs;
use em_pipeline::correct::{Corrections, Edit, Refusal};
use em_pipeline::view::{Kind, Layer, TableState};
use em_pipeline::{Observer, silent};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::{Answer, Shown};
use crate::answer::Failure;
use crate::locks::locked;
use crate::session::Client;

/// Makes a box a reviewed region, with the foreground of each class in it; returns what is said then.
pub type Review = Box<dyn Fn(Roi, Vec<(String, Vec<Runs>)>) -> Result<String, Refusal> + Send + Sync>;

/// How often it is asked whether objects are measured.
const PATIENCE: Duration = Duration::from_millis(50);
/// Voxels around an object within its sections that are reviewed with it.
const MARGIN: usize = 32;

/// All addresses of corrections.
pub fn routes() -> Router<Arc<Shown>> {
    Router::new()
        .route("/api/session", post(session))
        .route("/api/session/end", post(end_session))
        .route("/api/edits/{layer}", get(edits).post(edit))
        .route("/api/edits/{layer}/save", post(save))
        .route("/api/edits/{layer}/region", post(region))
}

#[derive(Deserialize)]
struct Asked {
    client: String,
    id: String,
    edit: Edit,
    /// The labels that the page has shown.
    labels: String,
}

#[derive(Deserialize)]
struct OfObject {
    client: String,
    object: u32,
}

impl Shown {
    /// Refuses a window while another one corrects.
    fn hear(&self, client: &str) -> Answer<()> {
        match locked(&self.session).hear(client, Instant::now()) {
            true => Ok(()),
            false => Err(Failure::taken()),
        }
    }
}

async fn session(
    State(shown): State<Arc<Shown>>,
    Json(Client { client }): Json<Client>,
) -> Answer<Json<Value>> {
    shown.hear(&client)?;
    Ok(Json(json!({})))
}

/// As a window sends it that is being closed: JSON without its type.
async fn end_session(State(shown): State<Arc<Shown>>, body: String) -> Json<Value> {
    if let Ok(Client { client }) = serde_json::from_str(&body) {
        locked(&shown.session).end(&client);
    }
    Json(json!({}))
}

async fn edits(State(shown): State<Arc<Shown>>, Path(name): Path<String>) -> Answer<Json<Value>> {
    let described = shown.reading(shown.layer(&name)?, |layer| Ok::<_, Failure>(described(layer))).await?;
    Ok(Json(described.unwrap_or_else(|| json!({"edits": [], "can_undo": false, "can_redo": false}))))
}

fn described(layer: &Layer) -> Option<Value> {
    layer.with_corrections(|corrections| {
        let lines = corrections.edits().filter(|(line, _)| !line.objects().is_empty());
        let lines: Vec<Value> = lines
            .map(|(line, counts)| {
                json!({"number": line.number, "time": line.time, "text": line.text(), "counts": counts})
            })
            .collect();
        with_steps(corrections, json!({ "edits": lines }))
    })
}

fn with_steps(corrections: &Corrections, mut answer: Value) -> Value {
    let [can_undo, can_redo] = corrections.can_undo_redo();
    (answer["can_undo"], answer["can_redo"]) = (can_undo.into(), can_redo.into());
    answer
}

async fn edit(
    State(shown): State<Arc<Shown>>,
    Path(name): Path<String>,
    Json(Asked { client, id, edit, labels }): Json<Asked>,
) -> Answer<Json<Value>> {
    shown.hear(&client)?;
    let layer = shown.layer(&name)?;
    let answer = shown.reading(layer, move |layer| edited(layer, &labels, &id, edit)).await?;
    Ok(Json(answer))
}

fn edited(layer: &Layer, labels: &str, id: &str, edit: Edit) -> Result<Value, Refusal> {
    // The same number may be another object in labels that were made since.
    if layer.labels_digest().is_some_and(|digest| digest != labels) {
        let reason = "the objects were measured anew since this page was opened: reload it";
        return Err(Refusal::Senseless(reason.into()));
    }
    let done = layer.edit(id, edit)?;
    let answer = json!({
        "revision": layer.revision(),
        "removed": done.removed,
        "rows": done.table.rows_of(&done.changed),
        "message": null,
    });
    Ok(layer.with_corrections(|corrections| with_steps(corrections, answer)).unwrap_or_default())
}

async fn save(
    State(shown): State<Arc<Shown>>,
    Path(name): Path<String>,
    Json(Client { client }): Json<Client>,
) -> Answer<Json<Value>> {
    shown.hear(&client)?;
    let folder = shown
        .reading(shown.layer(&name)?, |layer| {
            let mut hear = silent;
            layer.save_corrections(&mut Observer::new(&mut hear))
        })
        .await?;
    let message = format!("Corrected labels and their tables are in {}", folder.display());
    Ok(Json(json!({ "paths": [folder], "message": message })))
}

async fn region(
    State(shown): State<Arc<Shown>>,
    Path(name): Path<String>,
    Json(OfObject { client, object }): Json<OfObject>,
) -> Answer<Json<Value>> {
    shown.hear(&client)?;
    if shown.review.is_none() {
        return Err(Failure::senseless("There is no project of annotate that a region could be of."));
    }
    // Classes that nobody has looked at are measured now.
    for measuring in shown.view.layers.iter().filter_map(|layer| layer.measuring.as_ref()) {
        while let TableState::Measuring(..) = measuring.state() {
            tokio::time::sleep(PATIENCE).await;
        }
    }
    let of = Arc::clone(&shown);
    let message = shown
        .reading(shown.layer(&name)?, move |layer| {
            let part = layer.surroundings(object, MARGIN)?;
            // Within a reviewed region the labels of all classes are complete.
            let all = of.view.layers.iter().filter(|layer| layer.kind == Kind::Objects);
            let found = all.map(|layer| Ok((layer.name.clone(), layer.foreground(part)?)));
            let found = found.collect::<Result<Vec<_>, Refusal>>()?;
            match &of.review {
                Some(review) => review(part, found),
                None => Err(Refusal::Senseless("there is no project".into())),
            }
        })
        .await?;
    Ok(Json(json!({ "message": message })))
}
