//! Why a server gave nothing, in words: what object_store says is read here and nowhere else.

use super::service::Refusal;
use crate::storage::address::{Address, Scheme};
use crate::storage::failure::Failure;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use std::io::{self, ErrorKind};

/// Makes an error of what a store says, with what was refused on the way.
pub(super) fn error(address: &Address, error: &Error, refusal: Option<&Refusal>) -> io::Error {
    let (status, code) =
        refusal.map_or((None, None), |refusal| (Some(refusal.status), refusal.code.as_deref()));
    if let (_, Some("NoSuchBucket")) = (status, code) {
        return no_bucket(address);
    }
    match error {
        Error::NotFound { .. } => ErrorKind::NotFound.into(),
        Error::Precondition { .. } => Failure::Changed.into(),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => denied(address, status, code),
        Error::InvalidPath { .. } => {
            server(ErrorKind::InvalidInput, "it is no path of an object".into(), None)
        }
        other => match (http_kind(other), status) {
            (Some((kind, reason)), _) => no_answer(address, kind, &reason),
            (None, Some(401 | 403)) => denied(address, status, code),
            (None, Some(416)) => ErrorKind::UnexpectedEof.into(),
            (None, Some(status @ (429 | 500..))) => busy(status, code),
            (None, Some(status)) => refused(address, status, code),
            (None, None) => unexpected(address, other),
        },
    }
}

fn server(kind: ErrorKind, reason: String, hint: Option<String>) -> io::Error {
    Failure::Server { kind, reason, hint }.into()
}

/// Says how a server answered: `status 403, AccessDenied`.
fn answer(status: Option<u16>, code: Option<&str>) -> String {
    let parts = [status.map(|status| format!("status {status}")), code.map(str::to_owned)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn no_bucket(address: &Address) -> io::Error {
    server(
        ErrorKind::NotFound,
        format!("there is no bucket `{}`", address.place),
        Some("check the name of the bucket, and AWS_ENDPOINT_URL where it is not at Amazon".into()),
    )
}

fn denied(address: &Address, status: Option<u16>, code: Option<&str>) -> io::Error {
    let hint = match address.scheme {
        Scheme::S3 if code == Some("RequestTimeTooSkewed") => "set the clock of this machine",
        Scheme::S3 => {
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to an account that may do this \
             (AWS_SKIP_SIGNATURE=true reads public buckets); without the permission to list, what is missing \
             looks like this, too"
        }
        Scheme::Gs => "set GOOGLE_APPLICATION_CREDENTIALS to the key file of an account that may do this",
        Scheme::Http | Scheme::Https => "the server wants to know who asks: download it, and name the file",
    };
    let reason = format!("access is denied ({})", answer(status, code));
    server(ErrorKind::PermissionDenied, reason, Some(hint.into()))
}

fn busy(status: u16, code: Option<&str>) -> io::Error {
    let reason =
        format!("the server is busy or broken ({}), after several tries", answer(Some(status), code));
    server(ErrorKind::Other, reason, Some("try again later".into()))
}

fn refused(address: &Address, status: u16, code: Option<&str>) -> io::Error {
    let reason = format!("the server refused it ({})", answer(Some(status), code));
    let hint = match (address.scheme, status) {
        (Scheme::S3, 300..=400) => Some("set AWS_REGION to the region of the bucket".into()),
        _ => None,
    };
    server(ErrorKind::Other, reason, hint)
}

fn no_answer(address: &Address, kind: HttpErrorKind, reason: &str) -> io::Error {
    let (kind, what) = match kind {
        HttpErrorKind::Connect => (ErrorKind::NotConnected, "no connection"),
        HttpErrorKind::Timeout => (ErrorKind::TimedOut, "no answer in time"),
        _ => (ErrorKind::ConnectionAborted, "the connection broke"),
    };
    let hint = match address.scheme {
        Scheme::S3 => "check the network, and AWS_ENDPOINT_URL where the bucket is not at Amazon",
        _ => "check the address and the network",
    };
    server(kind, format!("{what} ({reason})"), Some(hint.into()))
}

fn unexpected(address: &Address, error: &Error) -> io::Error {
    let reason = deepest(error);
    if reason.contains("redirect") {
        return refused(address, 301, None);
    }
    server(ErrorKind::Other, reason, None)
}

/// Finds the failure of a connection among the causes, and the deepest reason that it has.
fn http_kind(error: &Error) -> Option<(HttpErrorKind, String)> {
    let causes =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    let failures = causes.filter_map(|error| error.downcast_ref::<HttpError>());
    // The last one is of the client, those around it of whoever watches it.
    failures.last().map(|found| (found.kind(), deepest(found)))
}

/// Returns the last of an error's causes on one line: it says what happened, and quotes no request.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let last = std::iter::successors(Some(error), |error| error.source()).last();
    let text = last.map(ToString::to_string).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
