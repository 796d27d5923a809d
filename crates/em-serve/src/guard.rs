//! Who may ask: only this machine, only with the secret, only the page itself.
//!
//! The address is that of loopback, so no other host reaches it. A page of somebody else in the same browser
//! could, by a form or a name that resolves to 127.0.0.1; so the secret is a part of every path, and what a
//! browser says of a request's host and origin has to be this server.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What the page of `annotate` may load: nothing but itself.
pub const ANNOTATE_POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What the page of `view` may load: nothing but itself, too. Neuroglancer runs WebAssembly, starts workers and
/// sets styles on its elements.
pub const VIEW_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What a report may load: its own styles and pictures.
const REPORT_POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'";

/// What every request has to know.
#[derive(Debug)]
pub struct Guard {
    /// The first part of every path.
    pub secret: String,
    /// The port that is listened on.
    pub port: u16,
    /// What the page may load.
    pub policy: &'static str,
}

impl Guard {
    /// Makes a secret of 128 random bits.
    ///
    /// # Errors
    ///
    /// Fails where the operating system has no random numbers.
    pub fn new_secret() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(em_io::hex(&bytes))
    }

    fn allows(&self, path: &str, headers: &HeaderMap) -> bool {
        let known = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        let is_host = |value: &HeaderValue| hosts.iter().any(|host| value.as_bytes() == host.as_bytes());
        let is_origin = |value: &HeaderValue| {
            hosts.iter().any(|host| value.as_bytes() == format!("http://{host}").as_bytes())
        };
        let is_site = |value: &HeaderValue| [b"same-origin".as_slice(), b"none"].contains(&value.as_bytes());
        known.is_some_and(|(secret, _)| is_same(secret, &self.secret))
            && headers.contains_key(header::HOST)
            // Of several, each has to be right: who stands between may look at another one.
            && headers.get_all(header::HOST).iter().all(is_host)
            && headers.get_all(header::ORIGIN).iter().all(is_origin)
            && headers.get_all("sec-fetch-site").iter().all(is_site)
    }
}

/// Compares in a time that does not tell where two texts differ.
fn is_same(found: &str, expected: &str) -> bool {
    let differing = found.bytes().zip(expected.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    found.len() == expected.len() && differing == 0
}

/// Refuses whoever does not know the secret, or asks from elsewhere; closes what is answered to the outside.
pub async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !guard.allows(path, request.headers()) {
        return (StatusCode::FORBIDDEN, "this address is that of somebody else\n").into_response();
    }
    let policy = match path.split('/').nth(2) {
        Some("runs") => REPORT_POLICY,
        Some("result") => VIEW_POLICY,
        _ => guard.policy,
    };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(path: &str, headers: &[(&str, &str)]) -> bool {
        let guard = Guard { secret: "abc".into(), port: 80, policy: ANNOTATE_POLICY };
        let headers = headers.iter().map(|(name, value)| {
            let name: axum::http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        guard.allows(path, &headers.collect())
    }

    #[test]
    fn only_the_page_itself_is_answered() {
        let host = ("host", "127.0.0.1:80");
        assert!(allows("/abc/", &[host]));
        assert!(allows("/abc/api/x", &[("host", "localhost:80"), ("origin", "http://localhost:80")]));
        assert!(allows("/abc/", &[host, ("sec-fetch-site", "none")]));
        for path in ["/", "/abc", "/abd/", "/ab/", "/abcd/", "//abc/", "/api/abc/"] {
            assert!(!allows(path, &[host]), "{path}");
        }
        assert!(!allows("/abc/", &[]));
        assert!(!allows("/abc/", &[("host", "evil.example:80")]));
        assert!(!allows("/abc/", &[("host", "127.0.0.1:81")]));
        assert!(!allows("/abc/", &[host, ("origin", "http://evil.example")]));
        assert!(!allows("/abc/", &[host, ("origin", "null")]));
        assert!(!allows("/abc/", &[host, ("sec-fetch-site", "cross-site")]));
        assert!(!allows("/abc/", &[host, ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn secrets_differ() {
        let [one, other] = [(); 2].map(|()| Guard::new_secret().unwrap());
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
    }
}
