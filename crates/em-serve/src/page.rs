//! The page: files within the program.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::answer::Failure;

/// What `npm run build` in `web/` made.
#[derive(RustEmbed)]
#[folder = "page"]
struct Page;

/// Returns a file of the page.
pub fn file(name: &str) -> Result<Response, Failure> {
    let file = Page::get(name).ok_or_else(|| Failure::not_found(format!("there is no `{name}`")))?;
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind)], file.data).into_response())
}
