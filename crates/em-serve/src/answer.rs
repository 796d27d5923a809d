//! Answers that are failures: a status, a message and a hint, as JSON.

use axum::Json;
use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use em_pipeline::annotate::Refusal;
use serde_json::json;

/// Why a request has no better answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The request makes no sense.
    pub fn senseless(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), hint: None }
    }

    /// There is nothing of that name.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into(), hint: None }
    }

    /// A thread has ended before its work.
    pub fn given_up(error: &tokio::task::JoinError) -> Self {
        Self::senseless(format!("the work was given up: {error}"))
    }

    /// Another window has the project.
    pub fn taken() -> Self {
        Self {
            status: StatusCode::CONFLICT,
            message: "The project is open in another window.".into(),
            hint: Some("Close that window, and this one goes on by itself.".into()),
        }
    }
}

impl From<em_pipeline::Error> for Failure {
    fn from(error: em_pipeline::Error) -> Self {
        let hint = em_pipeline::hint_of(&error);
        let message = em_pipeline::with_causes(&error);
        let is_mistake = matches!(error, em_pipeline::Error::User(_) | em_pipeline::Error::Setting(_));
        let status = if is_mistake { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self { status, message, hint }
    }
}

impl From<em_io::Error> for Failure {
    fn from(error: em_io::Error) -> Self {
        em_pipeline::Error::from(error).into()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Senseless(message) => Self::senseless(message),
            Refusal::Unwritten(message) => Self {
                status: StatusCode::INSUFFICIENT_STORAGE,
                message,
                hint: Some("Free some space: what you did is kept, and is sent again.".into()),
            },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = json!({ "message": self.message });
        if let Some(hint) = self.hint {
            body["hint"] = hint.into();
        }
        (self.status, Json(body)).into_response()
    }
}

/// Gives answers of the framework, which are plain text, the form of all others.
pub async fn as_json(response: Response) -> Response {
    const LONGEST: usize = 1 << 16;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let text = to_bytes(response.into_body(), LONGEST).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let message = if text.is_empty() { status.to_string() } else { text };
    Failure { status, message, hint: None }.into_response()
}
