//! The addresses of a view and what stands behind each.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use em_pipeline::view::{Kind, Layer, ObjectTable, TableState, View};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::edits::Review;
use super::{edits, precomputed};
use crate::answer::Failure;
use crate::page;
use crate::session::Session;

pub type Answer<T> = Result<T, Failure>;

/// Chunks and surfaces that are read at once: each takes some megabytes, and a disk does no more.
const READ_AT_ONCE: usize = 4;
/// Above this probability, something is shown at first.
const THRESHOLD: f64 = 0.5;
/// What is below a revision never changes.
const UNCHANGING: &str = "private, max-age=86400, immutable";

/// What the routes share.
pub struct Shown {
    pub view: View,
    /// Which window corrects.
    pub session: Mutex<Session>,
    /// Makes what is around an object a reviewed region, where there is a project.
    pub review: Option<Review>,
    turns: Semaphore,
}

impl Shown {
    pub fn new(view: View, review: Option<Review>) -> Self {
        Self { view, session: Mutex::default(), review, turns: Semaphore::new(READ_AT_ONCE) }
    }

    pub fn layer(&self, name: &str) -> Answer<&Arc<Layer>> {
        self.view.layer(name).ok_or_else(|| Failure::not_found(format!("there is no layer `{name}`")))
    }

    /// Returns a layer, of a revision that it has or had: what was asked for before an edit is answered as it is
    /// after it, and the page asks again.
    fn revised(&self, name: &str, revision: u64) -> Answer<&Arc<Layer>> {
        let layer = self.layer(name)?;
        match revision <= layer.revision() {
            true => Ok(layer),
            false => Err(Failure::not_found(format!("`{name}` has no revision {revision}"))),
        }
    }

    /// Reads beside what is answered, a few at a time; what nobody waits for any more is not begun.
    pub async fn reading<T, E>(
        &self,
        layer: &Arc<Layer>,
        read: impl FnOnce(&Layer) -> Result<T, E> + Send + 'static,
    ) -> Answer<T>
    where
        T: Send + 'static,
        E: Send + 'static,
        Failure: From<E>,
    {
        let layer = Arc::clone(layer);
        let turn = self.turns.acquire().await;
        let read = tokio::task::spawn_blocking(move || read(&layer)).await;
        drop(turn);
        Ok(read.map_err(|error| Failure::given_up(&error))??)
    }
}

/// All addresses below the secret.
pub fn routes() -> Router<Arc<Shown>> {
    Router::new()
        .route("/", get(async || page::of_view("index.html")))
        .route("/{file}", get(async |Path(file): Path<String>| page::of_view(&file)))
        .route("/api/view", get(view))
        .route("/api/objects/{layer}", get(objects))
        .route("/api/value/{z}/{y}/{x}", get(value))
        .merge(edits::routes())
        .route("/data/{layer}/{revision}/info", get(info))
        .route("/data/{layer}/{revision}/{level}/{chunk}", get(chunk))
        .route("/data/{layer}/{revision}/mesh/{file}", get(mesh))
}

async fn view(State(shown): State<Arc<Shown>>) -> Json<Value> {
    let View { name, shape, voxel_size_nm, layers } = &shown.view;
    let described: Vec<Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "name": layer.name,
                "kind": layer.kind,
                "type": layer.served_type().name(),
                "range": layer.range,
                "revision": layer.revision(),
                "has_table": layer.measuring.is_some(),
                // As soon as they are measured, which asking for the table begins.
                "can_correct": layer.kind == Kind::Objects,
                "threshold": (layer.kind == Kind::Probabilities).then_some(THRESHOLD),
            })
        })
        .collect();
    Json(json!({
        "name": name,
        "shape": shape,
        "voxel_size_nm": voxel_size_nm.unwrap_or([1.0; 3]),
        "voxel_size_known": voxel_size_nm.is_some(),
        "layers": described,
        "is_project": shown.review.is_some(),
    }))
}

async fn objects(State(shown): State<Arc<Shown>>, Path(name): Path<String>) -> Answer<Json<Value>> {
    let layer = shown.layer(&name)?;
    let Some(measuring) = &layer.measuring else {
        return Err(Failure::not_found(format!("`{name}` has no objects")));
    };
    let answer = |state: &str, progress: f64, table: &ObjectTable| {
        let listed = table.rows.len();
        let message = (table.left_out > 0)
            .then(|| format!("{listed} of {} objects are listed", listed + table.left_out));
        Json(json!({
            "state": state, "progress": progress, "message": message, "columns": table.columns,
            "rows": table.rows, "revision": layer.revision(), "labels": layer.labels_digest(),
        }))
    };
    Ok(match measuring.state() {
        TableState::Measuring(progress, table) => {
            answer("measuring", progress, &table.as_deref().cloned().unwrap_or_default())
        }
        TableState::Ready(table) => answer("ready", 1.0, &table),
        TableState::Failed(message) => {
            let mut failed = answer("failed", 1.0, &ObjectTable::default());
            failed.0["message"] = message.into();
            failed
        }
    })
}

/// The value of a voxel in each layer, null where it is no number.
async fn value(
    State(shown): State<Arc<Shown>>,
    Path((z, y, x)): Path<(usize, usize, usize)>,
) -> Answer<Json<Value>> {
    if [z, y, x].iter().zip(shown.view.shape).any(|(&along, side)| along >= side) {
        return Err(Failure::not_found("there is no such voxel"));
    }
    let mut values = Map::new();
    for layer in &shown.view.layers {
        let value = shown.reading(layer, move |layer| layer.value([z, y, x])).await?;
        values.insert(layer.name.clone(), value.map_or(Value::Null, Value::Number));
    }
    Ok(Json(json!({ "value": values[&shown.view.layers[0].name], "values": values })))
}

async fn info(
    State(shown): State<Arc<Shown>>,
    Path((name, revision)): Path<(String, u64)>,
) -> Answer<Json<Value>> {
    Ok(Json(precomputed::info(shown.revised(&name, revision)?)))
}

async fn chunk(
    State(shown): State<Arc<Shown>>,
    Path((name, revision, level, chunk)): Path<(String, u64, usize, String)>,
) -> Answer<Response> {
    let layer = shown.revised(&name, revision)?;
    let missing = || Failure::not_found("there is no such chunk");
    let roi = em_io::precomputed::roi_of_chunk(&chunk).ok_or_else(missing)?;
    let bytes = shown.reading(layer, move |layer| layer.chunk(level, roi)).await?;
    bytes.map(|bytes| shown.answer(bytes)).ok_or_else(missing)
}

/// A surface: the list of its one part as `{id}:0`, and the part as `{id}.m`.
async fn mesh(
    State(shown): State<Arc<Shown>>,
    Path((name, revision, file)): Path<(String, u64, String)>,
) -> Answer<Response> {
    let layer = shown.revised(&name, revision)?;
    let missing = || Failure::not_found("there is no such surface");
    if file == "info" && layer.kind == Kind::Objects {
        return Ok(Json(json!({ "@type": "neuroglancer_legacy_mesh" })).into_response());
    }
    let number = |end: &str| file.strip_suffix(end).and_then(|number| number.parse::<u64>().ok());
    if let Some(id) = number(":0").filter(|_| layer.kind == Kind::Objects) {
        return Ok(Json(json!({ "fragments": [format!("{id}.m")] })).into_response());
    }
    let id = number(".m").ok_or_else(missing)?;
    let bytes = shown.reading(layer, move |layer| layer.mesh(id)).await?;
    bytes.map(|bytes| shown.answer(bytes)).ok_or_else(missing)
}

impl Shown {
    /// What a view shows under an address stays; the result of a project has the same addresses when it was made
    /// anew.
    fn answer(&self, bytes: Vec<u8>) -> Response {
        let kept = if self.review.is_some() { "no-store" } else { UNCHANGING };
        let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, kept)];
        (headers, bytes).into_response()
    }
}
