#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | `app` | what the routes share, and the jobs that they start |
//! | `guard` | who may ask: this machine, with the secret, from the page itself |
//! | `session` | one window at a time |
//! | `routes`, `answer`, `state` | addresses, answers, and what the page is told each second |
//! | `worker` | the one thread that runs the network |
//! | `jobs` | training, predicting, measuring, exporting: one at a time |
//! | `page` | the files of the page |
//!
//! It has no science of its own: what is labelled, suggested and trained is em-pipeline's.

mod address;
mod answer;
mod app;
mod guard;
mod jobs;
mod locks;
mod page;
mod routes;
mod session;
mod state;
mod worker;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse;
use em_pipeline::annotate::Project;
use em_pipeline::em_model::Device;
use em_pipeline::{Error, Result, UserError};
use tokio::net::TcpListener;

use crate::address::Address;
use crate::app::App;
use crate::guard::Guard;

/// The largest body of a request: a stroke of many points.
const MOST_BODY_BYTES: usize = 8 << 20;
/// How often it is asked whether to end.
const PATIENCE: Duration = Duration::from_millis(200);
/// Threads that answer; what takes long goes to others.
const THREADS: usize = 2;

/// How a project is served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServeRequest {
    /// The port; the project's own, or a free one, if absent.
    pub port: Option<u16>,
    /// Where to compute.
    pub device: Device,
    /// The same, as `em-cli train --device` takes it.
    pub device_option: String,
    /// The program em-cli, which trains.
    pub program: PathBuf,
}

impl ServeRequest {
    /// Asks for a server that trains with a program.
    pub fn new(program: PathBuf, device: Device, device_option: String) -> Self {
        Self { port: None, device, device_option, program }
    }
}

/// Serves a project on the loopback address until `asked_to_end` says so.
///
/// `ready` is told the address of the page, with its secret, when it is answered.
///
/// # Errors
///
/// Fails if the port is taken, or the project cannot be written.
pub fn serve(
    project: Project,
    request: &ServeRequest,
    ready: impl FnOnce(&str),
    asked_to_end: impl Fn() -> bool,
) -> Result<()> {
    let address = Address::of(project.folder(), request.port)?;
    let listener = address.listen(request.port.is_some())?;
    let port = listener.local_addr().map_err(|error| unheard(&error))?.port();
    let address = Address { port, ..address };
    address.keep(project.folder())?;
    let guard = Guard { secret: address.secret.clone(), port };
    let app =
        App::new(project, guard, request.device, request.device_option.clone(), request.program.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|error| unheard(&error))?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).map_err(|error| unheard(&error))?;
        ready(&address.url());
        let serving = axum::serve(listener, router(Arc::clone(&app))).into_future();
        let ending = async {
            while !asked_to_end() {
                tokio::time::sleep(PATIENCE).await;
            }
        };
        tokio::select! {
            served = serving => served.map_err(|error| unheard(&error)),
            () = ending => Ok(()),
        }
    })?;
    app.jobs.stop();
    // What a thread still reads is given up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(())
}

fn router(app: Arc<App>) -> Router {
    let guard = Arc::clone(&app.guard);
    let within = routes::routes().with_state(app);
    Router::new()
        .nest(&format!("/{}", guard.secret), within.clone())
        // A nested router does not answer the path with its last slash.
        .route(&format!("/{}/", guard.secret), axum::routing::get(async || page::file("index.html")))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here\n").into_response())
        .layer(axum::extract::DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(middleware::map_response(answer::as_json))
        .layer(middleware::from_fn_with_state(guard, guard::guarded))
}

fn unheard(error: &std::io::Error) -> Error {
    UserError::new(format!("the page cannot be served: {error}"), "give another port with --port").into()
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
