//! The addresses of a view and what stands behind each.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use em_pipeline::view::{Kind, Layer, TableState, View};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::precomputed;
use crate::answer::Failure;
use crate::page;

type Answer<T> = Result<T, Failure>;

/// Chunks and surfaces that are read at once: each takes some megabytes, and a disk does no more.
const READ_AT_ONCE: usize = 4;
/// Above this probability, something is shown at first.
const THRESHOLD: f64 = 0.5;
/// What is below a revision never changes.
const UNCHANGING: &str = "private, max-age=86400, immutable";

/// What the routes share.
#[derive(Debug)]
pub struct Shown {
    pub view: View,
    turns: Semaphore,
}

impl Shown {
    pub fn new(view: View) -> Self {
        Self { view, turns: Semaphore::new(READ_AT_ONCE) }
    }

    fn layer(&self, name: &str) -> Answer<&Arc<Layer>> {
        self.view.layer(name).ok_or_else(|| Failure::not_found(format!("there is no layer `{name}`")))
    }

    /// Returns a layer as it is now.
    fn revised(&self, name: &str, revision: u64) -> Answer<&Arc<Layer>> {
        let layer = self.layer(name)?;
        match layer.revision == revision {
            true => Ok(layer),
            false => Err(Failure::not_found(format!("`{name}` has changed since revision {revision}"))),
        }
    }

    /// Reads beside what is answered, a few at a time; what nobody waits for any more is not begun.
    async fn reading<T: Send + 'static>(
        &self,
        layer: &Arc<Layer>,
        read: impl FnOnce(&Layer) -> em_pipeline::Result<T> + Send + 'static,
    ) -> Answer<T> {
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
                "revision": layer.revision,
                "has_table": layer.measuring.is_some(),
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
    }))
}

async fn objects(State(shown): State<Arc<Shown>>, Path(name): Path<String>) -> Answer<Json<Value>> {
    let layer = shown.layer(&name)?;
    let Some(measuring) = &layer.measuring else {
        return Err(Failure::not_found(format!("`{name}` has no objects")));
    };
    let answer = |state: &str, progress: f64, message: Option<String>| {
        json!({
            "state": state, "progress": progress, "message": message, "columns": [], "rows": [],
            "revision": layer.revision,
        })
    };
    Ok(Json(match measuring.state() {
        TableState::Measuring(progress) => answer("measuring", progress, None),
        TableState::Failed(message) => answer("failed", 1.0, Some(message)),
        TableState::Ready(table) => {
            let shown = table.rows.len();
            let message = (table.left_out > 0)
                .then(|| format!("{shown} of {} objects are listed", shown + table.left_out));
            let mut answer = answer("ready", 1.0, message);
            answer["columns"] = json!(table.columns);
            answer["rows"] = json!(table.rows);
            answer
        }
    }))
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
    let roi = precomputed::chunk(&chunk).ok_or_else(missing)?;
    let bytes = shown.reading(layer, move |layer| layer.chunk(level, roi)).await?;
    bytes.map(unchanging).ok_or_else(missing)
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
    bytes.map(unchanging).ok_or_else(missing)
}

fn unchanging(bytes: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, UNCHANGING)];
    (headers, bytes).into_response()
}
