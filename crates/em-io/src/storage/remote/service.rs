//! What passes between object_store and its HTTP client: it waits as long as a server asks for, notes why
//! a request was refused, and gives a length to answers that come without one.

use futures_util::TryStreamExt;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService, ReqwestConnector,
};
use object_store::{HeaderValue, Result};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The longest that a server is waited for at its own wish, `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The most bytes of the text of an error, and of an answer without a length.
const ERROR_BYTES: usize = 1 << 16;
const ANSWER_BYTES: usize = 1 << 26;

/// Why the last request of a task was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// The word that S3 and Google Cloud Storage have for it, such as `NoSuchBucket`.
    pub code: Option<String>,
}

tokio::task_local! {
    /// What was refused last to the task that asks.
    pub(super) static REFUSAL: RefCell<Option<Refusal>>;
}

/// Connects as object_store does by itself, and watches.
#[derive(Debug, Default)]
pub(super) struct Connector(ReqwestConnector);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = self.0.connect(options)?;
        Ok(HttpClient::new(Watched {
            client,
            has_answered: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
        }))
    }
}

/// A client, and whether its server ever answered.
#[derive(Debug)]
struct Watched {
    client: HttpClient,
    has_answered: AtomicBool,
    failures: AtomicUsize,
}

/// How often a server is called that never answered: its name is more likely wrong than its machine busy.
const CALLS: usize = 3;

/// A failure to connect that is not to be tried again.
#[derive(Debug, thiserror::Error)]
#[error("the server never answered")]
struct NeverAnswered(#[source] HttpError);

impl Watched {
    /// Sorts out servers that are not there.
    fn failed(&self, error: HttpError) -> HttpError {
        let is_there = error.kind() != HttpErrorKind::Connect || self.has_answered.load(Ordering::Relaxed);
        if is_there || self.failures.fetch_add(1, Ordering::Relaxed) + 1 < CALLS {
            return error;
        }
        HttpError::new(HttpErrorKind::Unknown, NeverAnswered(error))
    }
}

/// What the trait's macro makes of an asynchronous function.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Watched {
    fn call<'a, 'async_trait>(&'a self, request: HttpRequest) -> Answer<'async_trait>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let is_head = request.method().as_str() == "HEAD";
            let response = self.client.execute(request).await.map_err(|error| self.failed(error))?;
            self.has_answered.store(true, Ordering::Relaxed);
            let status = response.status();
            if status.is_client_error() || status.is_server_error() {
                return refused(response).await;
            }
            let has_length = response.headers().contains_key("content-length");
            if status.as_u16() == 200 && !is_head && !has_length {
                with_length(response).await
            } else {
                Ok(response)
            }
        })
    }
}

/// Notes why a request was refused, and waits where the server says for how long.
async fn refused(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let status = response.status().as_u16();
    let wait =
        response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let (parts, body) = response.into_parts();
    let text = start_of(body.bytes_stream(), ERROR_BYTES).await.unwrap_or_default();
    let code = code_in(&String::from_utf8_lossy(&text));
    // Credentials and regions are asked for outside of a task of ours.
    let _ = REFUSAL.try_with(|last| last.replace(Some(Refusal { status, code })));
    if let (429 | 503, Some(seconds)) = (status, wait) {
        tokio::time::sleep(Duration::from_secs(seconds).min(LONGEST_WAIT)).await;
    }
    // The text may quote a key, and nobody needs it any more.
    Ok(HttpResponse::from_parts(parts, Vec::new().into()))
}

/// Returns the word for an error in XML such as `<Code>NoSuchBucket</Code>`.
fn code_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = code.len() < 64 && code.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

/// Reads an answer that is sent in pieces without its length, which object_store has to know.
async fn with_length(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (mut parts, body) = response.into_parts();
    let bytes = start_of(body.bytes_stream(), ANSWER_BYTES + 1).await?;
    if bytes.len() > ANSWER_BYTES {
        let reason = format!("an answer without a length of more than {ANSWER_BYTES} bytes");
        return Err(HttpError::new(HttpErrorKind::Decode, io::Error::other(reason)));
    }
    parts.headers.insert("content-length", HeaderValue::from(bytes.len()));
    Ok(HttpResponse::from_parts(parts, bytes.into()))
}

/// Reads the first bytes of a body.
async fn start_of<B: AsRef<[u8]>>(
    stream: impl futures_util::Stream<Item = Result<B, HttpError>>,
    most: usize,
) -> Result<Vec<u8>, HttpError> {
    let mut stream = std::pin::pin!(stream);
    let mut bytes = Vec::new();
    while bytes.len() < most
        && let Some(part) = stream.try_next().await?
    {
        let part = part.as_ref();
        bytes.extend_from_slice(&part[..part.len().min(most - bytes.len())]);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_of_an_error_is_kept() {
        let xml = "<?xml?><Error><Code>AccessDenied</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>";
        assert_eq!(code_in(xml).as_deref(), Some("AccessDenied"));
        for text in ["", "<Code>", "<Code>a secret</Code>", "<html>404</html>"] {
            assert_eq!(code_in(text), None, "{text}");
        }
    }
}
