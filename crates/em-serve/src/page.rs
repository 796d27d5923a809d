//! The pages: files within the program, which `npm run build` in `web/` made.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::answer::Failure;

#[derive(RustEmbed)]
#[folder = "page"]
struct Annotate;

#[derive(RustEmbed)]
#[folder = "view"]
struct View;

/// Returns a file of the page of `annotate`.
pub fn of_annotate(name: &str) -> Result<Response, Failure> {
    answer(name, Annotate::get(name))
}

/// Returns a file of the page of `view`.
pub fn of_view(name: &str) -> Result<Response, Failure> {
    answer(name, View::get(name))
}

fn answer(name: &str, file: Option<EmbeddedFile>) -> Result<Response, Failure> {
    let file = file.ok_or_else(|| Failure::not_found(format!("there is no `{name}`")))?;
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind)], file.data).into_response())
}
