//! One way to serve a page: on the loopback address, guarded, until somebody ends it.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse;
use em_pipeline::{Error, Result, UserError};
use tokio::runtime::{Builder, Runtime};

use crate::address::Address;
use crate::answer;
use crate::guard::{self, Guard};
use crate::listener::Patient;

/// The largest body of a request: a stroke of many points.
const MOST_BODY_BYTES: usize = 8 << 20;
/// How often it is asked whether to end.
const PATIENCE: Duration = Duration::from_millis(200);
/// Threads that answer; what takes long goes to others.
const THREADS: usize = 2;

/// A port that is listened on, and who may ask there.
#[derive(Debug)]
pub struct Host {
    listener: TcpListener,
    address: Address,
    policy: &'static str,
}

impl Host {
    /// Listens on the port of an address, or on a free one where it is taken and was not asked for; the page
    /// may load what `policy` says.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be listened on.
    pub fn listen(address: Address, is_asked_for: bool, policy: &'static str) -> Result<Self> {
        let listener = address.listen(is_asked_for)?;
        let port = listener.local_addr().map_err(|error| unheard(&error))?.port();
        Ok(Self { listener, address: Address { port, ..address }, policy })
    }

    /// Returns the address, with the port that is listened on.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Answers by `within`, all of whose paths are below the secret, until `asked_to_end` says so; `index` is
    /// the page, and `ready` is told its address when it is answered. What is returned still works on what was
    /// asked for last: see [`give_up`].
    ///
    /// # Errors
    ///
    /// Fails if nothing can be answered.
    pub fn serve<T: 'static>(
        self,
        within: Router,
        index: impl Handler<T, ()>,
        ready: impl FnOnce(&str),
        asked_to_end: impl Fn() -> bool,
    ) -> Result<Runtime> {
        let Self { listener, address, policy } = self;
        let guard = Guard { secret: address.secret.clone(), port: address.port, policy };
        let router = router(guard, within, index);
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|error| unheard(&error))?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| unheard(&error))?;
            let listener = Patient::new(listener);
            ready(&address.url());
            let serving = axum::serve(listener, router).into_future();
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
        Ok(runtime)
    }
}

/// Gives up what a thread still reads.
pub fn give_up(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_secs(1));
}

fn router<T: 'static>(guard: Guard, within: Router, index: impl Handler<T, ()>) -> Router {
    Router::new()
        .nest(&format!("/{}", guard.secret), within)
        // A nested router does not answer the path with its last slash.
        .route(&format!("/{}/", guard.secret), axum::routing::get(index))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here\n").into_response())
        .layer(axum::extract::DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(middleware::map_response(answer::as_json))
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::guarded))
}

/// Says why nothing can be served.
pub fn unheard(error: &std::io::Error) -> Error {
    UserError::new(format!("the page cannot be served: {error}"), "give another port with --port").into()
}
