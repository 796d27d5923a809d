#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | `host`, `address`, `listener` | listening on the loopback address until somebody ends it |
//! | `guard` | who may ask: this machine, with the secret, from the page itself |
//! | `view` | the page of `em-cli view`: chunks, tables and surfaces for Neuroglancer |
//! | `app` | what the routes of `annotate` share, and the jobs that they start |
//! | `session` | one window at a time |
//! | `routes`, `answer`, `state` | addresses, answers, and what the page is told each second |
//! | `worker` | the one thread that runs the network |
//! | `jobs` | training, predicting, measuring, exporting: one at a time |
//! | `result` | the result of a project, shown and corrected by the page of `view` |
//! | `page` | the files of the pages |
//!
//! It has no science of its own: what is labelled, suggested, trained and shown is em-pipeline's.

mod address;
mod answer;
mod app;
mod guard;
mod host;
mod jobs;
mod listener;
mod locks;
mod page;
mod result;
mod routes;
mod session;
mod state;
mod view;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use em_pipeline::Result;
use em_pipeline::annotate::Project;
use em_pipeline::em_model::Device;

use crate::address::Address;
use crate::app::App;
use crate::host::Host;
pub use crate::view::serve_view;

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
    let host = Host::listen(address, request.port.is_some(), guard::ANNOTATE_POLICY)?;
    host.address().keep(project.folder())?;
    let (device, device_option, program) =
        (request.device, request.device_option.clone(), request.program.clone());
    let app = App::new(project, device, device_option, program);
    let runtime = host.serve(
        routes::routes().with_state(Arc::clone(&app)),
        async || page::of_annotate("index.html"),
        ready,
        asked_to_end,
    )?;
    app.jobs.stop();
    app.close_result();
    host::give_up(runtime);
    Ok(())
}
