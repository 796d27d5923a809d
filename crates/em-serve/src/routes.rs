//! The addresses of the server and what stands behind each.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request as Asked, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use em_io::Roi;
use em_pipeline::annotate::pictures::{self, Canvas, Plane, TILE, Tile};
use em_pipeline::annotate::{Request, SourceName, Suggested};
use image::{ImageEncoder, codecs::png};
use ndarray::{Array2, Array3, Axis, s};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::answer::Failure;
use crate::app::{App, EXPORTS};
use crate::locks::locked;
use crate::session::Client;
use crate::state::region_boxes;

type Answer<T> = Result<T, Failure>;

/// Tiles of full resolution that one coarse tile of suggestions takes at most: each takes a network's time.
const MOST_SUGGESTED: usize = 64;

/// All addresses below the secret.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || crate::page::of_annotate("index.html")))
        .route("/{file}", get(async |Path(file): Path<String>| crate::page::of_annotate(&file)))
        .route("/runs/{number}/{*file}", get(report))
        .route("/api/project", get(project))
        .route("/api/session", post(session))
        .route("/api/session/end", post(end_session))
        .route("/api/raw/{plane}/{level}/{index}/{row}/{column}", get(grey))
        .route("/api/value/{z}/{y}/{x}", get(value))
        .route("/api/labels/{level}/{z}/{row}/{column}", get(labels))
        .route("/api/suggestions/{source}/{level}/{z}/{row}/{column}", get(suggestions))
        .route("/api/actions", post(actions))
        .route("/api/next", post(next))
        .route("/api/train", post(train))
        .route("/api/use", post(take_into_use))
        .route("/api/predict", post(predict))
        .route("/api/measure", post(measure))
        .route("/api/export", post(export))
        .route("/api/stop", post(stop))
        .route("/result/", any(result))
        .route("/result/{*rest}", any(result))
}

impl App {
    /// Refuses a window that has not the project.
    fn hear(&self, client: &str) -> Answer<()> {
        match locked(&self.session).hear(client, Instant::now()) {
            true => Ok(()),
            false => Err(Failure::taken()),
        }
    }
}

async fn project(State(app): State<Arc<App>>) -> Json<Value> {
    let project = locked(&app.project);
    let description = project.description();
    let stack = &app.canvas.stack;
    let name = description.stack.file_name().unwrap_or_default().to_string_lossy();
    Json(json!({
        "name": name,
        "stack": description.stack,
        "folder": project.folder(),
        "shape": description.shape,
        "voxel_size_nm": description.voxel_size_nm,
        "voxel_type": stack.voxel_type().to_string(),
        "tile": TILE,
        "levels": pictures::levels(description.shape),
        "cuts": description.shape[0] > 1,
        "classes": description.classes,
        "exports": EXPORTS,
        "state": app.state_of(&project),
    }))
}

async fn session(State(app): State<Arc<App>>, Json(Client { client }): Json<Client>) -> Answer<Json<Value>> {
    app.hear(&client)?;
    // An action that paints much holds the project for a while, and nobody else is to wait for it.
    let state = tokio::task::spawn_blocking(move || app.state()).await;
    Ok(Json(state.map_err(|error| Failure::given_up(&error))?))
}

/// As a window sends it that is being closed: JSON without its type.
async fn end_session(State(app): State<Arc<App>>, body: String) -> Json<Value> {
    if let Ok(Client { client }) = serde_json::from_str(&body) {
        locked(&app.session).end(&client);
    }
    Json(json!({}))
}

type TilePath = (usize, usize, usize, usize);

async fn grey(
    State(app): State<Arc<App>>,
    Path((plane, level, index, row, column)): Path<(String, usize, usize, usize, usize)>,
) -> Answer<Response> {
    let plane = match plane.as_str() {
        "xy" => Plane::Xy,
        "xz" => Plane::Xz,
        "yz" => Plane::Yz,
        other => return Err(Failure::not_found(format!("there is no plane `{other}`"))),
    };
    let tile = Tile { level, index, row, column };
    let picture = blocking(&app, move |canvas| {
        let picture = pictures::grey_tile(canvas, plane, tile)?;
        picture.as_ref().map(png).ok_or_else(no_tile)?
    })
    .await?;
    let headers =
        [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "private, max-age=86400, immutable")];
    Ok((headers, picture).into_response())
}

fn no_tile() -> Failure {
    Failure::not_found("there is no such tile")
}

fn png(picture: &Array2<u8>) -> Answer<Vec<u8>> {
    let (height, width) = picture.dim();
    let sides = [width, height].map(u32::try_from);
    let [Ok(width), Ok(height)] = sides else { return Err(no_tile()) };
    let pixels = picture.as_standard_layout();
    let mut file = Vec::new();
    png::PngEncoder::new_with_quality(&mut file, png::CompressionType::Fast, png::FilterType::Sub)
        .write_image(pixels.as_slice().unwrap_or_default(), width, height, image::ExtendedColorType::L8)
        .map_err(|error| Failure::senseless(format!("the picture cannot be written: {error}")))?;
    Ok(file)
}

/// Reads where it may take long, beside what is answered.
async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    read: impl FnOnce(&Canvas) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let canvas = Arc::clone(&app.canvas);
    let read = tokio::task::spawn_blocking(move || read(&canvas)).await;
    read.map_err(|error| Failure::given_up(&error))?
}

async fn value(
    State(app): State<Arc<App>>,
    Path((z, y, x)): Path<(usize, usize, usize)>,
) -> Answer<Json<Value>> {
    if [z, y, x].iter().zip(app.canvas.stack.shape()).any(|(&along, side)| along >= side) {
        return Err(Failure::not_found("there is no such voxel"));
    }
    let value = blocking(&app, move |canvas| Ok(pictures::grey_value(canvas, [z, y, x])?)).await?;
    Ok(Json(json!({ "value": value })))
}

async fn labels(
    State(app): State<Arc<App>>,
    Path((level, index, row, column)): Path<TilePath>,
) -> Answer<Response> {
    let tile = Tile { level, index, row, column };
    let shown = blocking(&app, move |canvas| pictures::label_tile(canvas, tile)?.ok_or_else(no_tile)).await?;
    Ok(planes(&shown))
}

/// The planes of classes as bytes, with their shape.
fn planes(planes: &Array3<u8>) -> Response {
    let shape = planes.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let headers = [("x-shape", shape), ("content-type", "application/octet-stream".into())];
    (headers, planes.iter().copied().collect::<Vec<u8>>()).into_response()
}

fn source(name: &str) -> Answer<SourceName> {
    match name {
        "network" => Ok(SourceName::Network),
        "strokes" => Ok(SourceName::Strokes),
        other => Err(Failure::not_found(format!("nothing named `{other}` suggests"))),
    }
}

async fn suggestions(
    State(app): State<Arc<App>>,
    Path((name, level, index, row, column)): Path<(String, usize, usize, usize, usize)>,
) -> Answer<Response> {
    let source = source(&name)?;
    let shape = app.canvas.stack.shape();
    let roi = Tile { level, index, row, column }.roi(shape).ok_or_else(no_tile)?;
    let step = 1 << level;
    let places: Vec<[usize; 3]> = em_pipeline::annotate::chunks_of(roi).collect();
    if places.len() > MOST_SUGGESTED {
        return Err(Failure::not_found("so much is not suggested at once: zoom in"));
    }
    let classes = app.canvas.labels.len();
    let mut shown = Array3::zeros((classes, roi.shape[1].div_ceil(step), roi.shape[2].div_ceil(step)));
    for [z, row, column] in places {
        let none = || Failure::not_found("nothing suggests");
        let tile = app.worker.tile(source, [z, row, column]).await?.ok_or_else(none)?;
        let [top, left] = [(row * TILE - roi.start[1]) / step, (column * TILE - roi.start[2]) / step];
        for (of_tile, mut shown) in tile.axis_iter(Axis(0)).zip(shown.outer_iter_mut()) {
            let small = pictures::largest(of_tile, step);
            let (height, width) = small.dim();
            shown.slice_mut(s![top..top + height, left..left + width]).assign(&small);
        }
    }
    Ok(planes(&shown))
}

#[derive(Deserialize)]
struct Act {
    client: String,
    id: String,
    action: Request,
}

async fn actions(State(app): State<Arc<App>>, Json(act): Json<Act>) -> Answer<Json<Value>> {
    app.hear(&act.client)?;
    if act.action.is_record() {
        return Err(Failure::senseless("that is written by the program itself"));
    }
    let is_suggested = matches!(act.action, Request::Accept { .. } | Request::Reject { .. });
    let suggested = if is_suggested && locked(&app.project).ledger().place(&act.id).is_none() {
        app.worker.suggested(act.action.clone()).await?
    } else {
        Suggested::default()
    };
    let changed = done(&app, act.id, act.action, suggested).await?;
    Ok(Json(json!({ "state": app.state(), "changed": changed })))
}

/// Does an action where waiting for the disk holds up nobody else.
async fn done(app: &Arc<App>, id: String, action: Request, suggested: Suggested) -> Answer<Option<Roi>> {
    let app = Arc::clone(app);
    let act = move || {
        let mut project = locked(&app.project);
        let changed = project.act(&id, action, suggested);
        app.worker.set_strokes(project.strokes_plan());
        changed
    };
    let acted = tokio::task::spawn_blocking(act).await;
    let changed = acted.map_err(|error| Failure::given_up(&error))??;
    Ok(changed)
}

/// Writes down what the program did.
async fn record(app: &Arc<App>, record: Request) -> Answer<()> {
    let id = format!("record {}", locked(&app.project).ledger().actions().len() + 1);
    done(app, id, record, Suggested::default()).await.map(|_| ())
}

async fn next(State(app): State<Arc<App>>, Json(Client { client }): Json<Client>) -> Answer<Json<Value>> {
    app.hear(&client)?;
    let (regions, visited) = {
        let project = locked(&app.project);
        (region_boxes(&project), project.ledger().visited())
    };
    let Some(proposal) = app.worker.propose(regions, visited).await? else {
        return Err(Failure::senseless(
            "There is nothing to propose: no network suggests, or every place was looked at.",
        ));
    };
    let Roi { start, shape } = proposal.roi;
    record(&app, Request::Visited { start, shape }).await?;
    Ok(Json(json!({ "start": start, "shape": shape, "why": proposal.why })))
}

async fn train(State(app): State<Arc<App>>, Json(Client { client }): Json<Client>) -> Answer<Json<Value>> {
    app.hear(&client)?;
    let app_of_plan = Arc::clone(&app);
    let plan = move || {
        let project = locked(&app_of_plan.project);
        // A network of this project has learned from regions that it would be scored on.
        let regions = if project.in_use().is_none() { region_boxes(&project) } else { Vec::new() };
        Ok::<_, em_pipeline::Error>((regions, app_of_plan.next_training(&project)?))
    };
    let planned = tokio::task::spawn_blocking(plan).await;
    let (regions, (run, config)) = planned.map_err(|error| Failure::given_up(&error))??;
    let scores = app.worker.score(regions).await.unwrap_or_default();
    app.train(run, config)?;
    let classes = locked(&app.project).description().classes.clone();
    let before = classes.into_iter().zip(scores).filter_map(|(class, dice)| Some((class, dice?))).collect();
    record(&app, Request::Trained { run, before }).await?;
    Ok(Json(app.state()))
}

#[derive(Deserialize)]
struct Use {
    client: String,
    run: Option<String>,
}

async fn take_into_use(State(app): State<Arc<App>>, Json(wanted): Json<Use>) -> Answer<Json<Value>> {
    app.hear(&wanted.client)?;
    let number =
        wanted.run.map(|run| run.parse::<usize>().map_err(|_| Failure::not_found("there is no such run")));
    record(&app, Request::Used { run: number.transpose()? }).await?;
    app.load_network();
    Ok(Json(app.state()))
}

async fn predict(State(app): State<Arc<App>>, Json(Client { client }): Json<Client>) -> Answer<Json<Value>> {
    app.hear(&client)?;
    // A result that is shown has to end first.
    let answered = tokio::task::spawn_blocking(move || app.predict().map(|()| app.state())).await;
    Ok(Json(answered.map_err(|error| Failure::given_up(&error))??))
}

async fn measure(State(app): State<Arc<App>>, Json(Client { client }): Json<Client>) -> Answer<Json<Value>> {
    app.hear(&client)?;
    // A result that is shown has to end first.
    let answered = tokio::task::spawn_blocking(move || app.measure().map(|()| app.state())).await;
    Ok(Json(answered.map_err(|error| Failure::given_up(&error))??))
}

#[derive(Deserialize)]
struct Export {
    client: String,
    class: String,
    ending: String,
}

async fn export(State(app): State<Arc<App>>, Json(wanted): Json<Export>) -> Answer<Json<Value>> {
    app.hear(&wanted.client)?;
    app.export(&wanted.class, &wanted.ending)?;
    Ok(Json(app.state()))
}

async fn stop(State(app): State<Arc<App>>, Json(Client { client }): Json<Client>) -> Answer<Json<Value>> {
    app.hear(&client)?;
    app.jobs.stop();
    Ok(Json(app.state()))
}

/// Hands a request for the result on to what answers for it, without the first part of its path.
async fn result(State(app): State<Arc<App>>, request: Asked) -> Answer<Response> {
    let opened = tokio::task::spawn_blocking(move || app.result()).await;
    let router = opened.map_err(|error| Failure::given_up(&error))??;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let within = path.strip_prefix("/result").unwrap_or(path);
    let within = within.parse().map_err(|_| Failure::not_found("there is no such file"))?;
    // A new one: what this one carries was found in its whole path.
    let (parts, body) = request.into_parts();
    let mut handed = Asked::new(body);
    (*handed.method_mut(), *handed.headers_mut(), *handed.uri_mut()) = (parts.method, parts.headers, within);
    // A router refuses nothing by itself.
    let Ok(response) = router.oneshot(handed).await;
    Ok(response)
}

/// A file of a training, or of what was measured: nothing outside of its folder.
async fn report(
    State(app): State<Arc<App>>,
    Path((number, file)): Path<(String, String)>,
) -> Answer<Response> {
    let missing = || Failure::not_found("there is no such file");
    let folder = {
        let project = locked(&app.project);
        match number.as_str() {
            "result" => project.folder().join("result"),
            number => project.run(number.parse().map_err(|_| missing())?).path().to_owned(),
        }
    };
    let folder = folder.canonicalize().map_err(|_| missing())?;
    let path = folder.join(&file).canonicalize().map_err(|_| missing())?;
    let kind = match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("png") => "image/png",
        Some("csv") => "text/csv; charset=utf-8",
        _ => return Err(missing()),
    };
    if !path.starts_with(&folder) || !path.is_file() {
        return Err(missing());
    }
    let bytes = std::fs::read(&path).map_err(|_| missing())?;
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}
