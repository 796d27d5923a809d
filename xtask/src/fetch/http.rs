//! Bytes over HTTP: a download that goes on where it stopped, and single ranges.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{cmp, thread};

use anyhow::{Error, Result, anyhow};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::advice::Advised;
use crate::progress::Progress;

/// How often a request is repeated that fails without getting any further.
pub struct Retry {
    /// Requests in a row.
    pub attempts: u32,
    /// Pause before the second; each further one is twice as long.
    pub first_pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, first_pause: Duration::from_secs(1) }
    }
}

/// A client that does not give up at the first lost connection.
pub struct Client {
    agent: Agent,
    retry: Retry,
}

/// Why a request failed.
enum Failure {
    /// Another attempt may succeed.
    Lost(Error),
    /// No attempt will.
    Final(Error),
}

impl Client {
    /// Makes a client with time-outs for a server that stops answering.
    pub fn new(retry: Retry) -> Self {
        use ureq::tls::{RootCerts, TlsConfig};
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build();
        Self { agent: config.into(), retry }
    }

    /// Downloads a file into `part`, going on after what is there; `bytes` is its length where that is known.
    ///
    /// # Errors
    ///
    /// The address, the attempts and the last reason; what has come stays in `part`.
    pub fn download(&self, url: &str, part: &Path, bytes: Option<u64>) -> Result<()> {
        let name = url.rsplit('/').next().unwrap_or(url);
        if bytes.is_some_and(|bytes| length(part) == bytes) {
            return Ok(());
        }
        let mut progress = Progress::start(&format!("fetching {name}"), bytes);
        let mut furthest = length(part);
        self.persist(url, |note| {
            if let Some(note) = note {
                progress.note(note);
            }
            let outcome = self.continue_download(url, part, bytes, &mut progress);
            let further = length(part) > furthest;
            furthest = cmp::max(furthest, length(part));
            (outcome, further)
        })
    }

    /// Fetches one range of bytes.
    ///
    /// # Errors
    ///
    /// The address, the attempts and the last reason.
    pub fn range(&self, url: &str, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        self.persist(url, |_| (self.fetch_range(url, offset, bytes), false))
    }

    /// Repeats a request; `attempt` gets a line about the last failure, and tells whether it got further than ever before.
    fn persist<T>(
        &self,
        url: &str,
        mut attempt: impl FnMut(Option<&str>) -> (Result<T, Failure>, bool),
    ) -> Result<T> {
        let started = Instant::now();
        let (mut failures, mut pause) = (0, self.retry.first_pause);
        let mut note: Option<String> = None;
        loop {
            let (outcome, further) = attempt(note.as_deref());
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Lost(error)) => error,
            };
            if further {
                (failures, pause) = (0, self.retry.first_pause);
            }
            failures += 1;
            if failures >= self.retry.attempts {
                let seconds = started.elapsed().as_secs();
                return Err(error.context(Advised::new(
                    format!("no answer to {failures} requests in {seconds} s from `{url}`"),
                    "check the network and the proxy (HTTPS_PROXY), and run this again: it goes on where it stopped; \
                     or get the files on another machine and pass their folder with --from DIR",
                )));
            }
            note = Some(format!("{error:#}; again in {:.0?} ({failures} of {})", pause, self.retry.attempts));
            thread::sleep(pause);
            pause *= 2;
        }
    }

    fn continue_download(
        &self,
        url: &str,
        part: &Path,
        bytes: Option<u64>,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let have = match (length(part), bytes) {
            // Longer than the file: what is there is something else.
            (have, Some(bytes)) if have > bytes => 0,
            (have, _) => have,
        };
        let mut response = self.request(url, (have > 0).then(|| format!("bytes={have}-")))?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            fs::remove_file(part).map_err(|error| Failure::Final(cannot_write(part, error)))?;
            return Err(Failure::Lost(anyhow!("the server has nothing after byte {have}: starting anew")));
        }
        // A server that ignores the range sends everything.
        let start = if starts_at(&response, have) { have } else { 0 };
        let total = content_length(&response).map(|rest| start + rest);
        if let (Some(total), Some(bytes)) = (total, bytes)
            && total != bytes
        {
            return Err(Failure::Final(refused(url, &format!("offers {total} bytes, expected {bytes}"))));
        }
        progress.resume_at(start);
        let come = append(response.body_mut(), part, start, progress)?;
        match total.or(bytes) {
            Some(total) if come != total => {
                Err(Failure::Lost(anyhow!("the connection ended at byte {come} of {total}")))
            }
            _ => Ok(()),
        }
    }

    fn fetch_range(&self, url: &str, offset: u64, bytes: u64) -> Result<Vec<u8>, Failure> {
        let last = offset + bytes - 1;
        let mut response = self.request(url, Some(format!("bytes={offset}-{last}")))?;
        let skipped = if starts_at(&response, offset) { 0 } else { offset };
        let mut reader = response.body_mut().as_reader();
        let mut body = Vec::new();
        io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())
            .and_then(|_| reader.take(bytes).read_to_end(&mut body))
            .map_err(|error| Failure::Lost(Error::new(error).context("the connection was lost")))?;
        if body.len() as u64 == bytes {
            Ok(body)
        } else {
            Err(Failure::Lost(anyhow!("got {} of the {bytes} bytes from {offset}", body.len())))
        }
    }

    /// Sends a request and sorts out what is no content.
    fn request(&self, url: &str, range: Option<String>) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(url);
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        let response = request.call().map_err(|error| {
            use ureq::Error::{ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
            let may_pass =
                matches!(error, ConnectionFailed | HostNotFound | Io(_) | Protocol(_) | Timeout(_));
            let error = Error::new(error).context(format!("cannot reach `{url}`"));
            if may_pass { Failure::Lost(error) } else { Failure::Final(error) }
        })?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
                Err(Failure::Lost(anyhow!("the server answered {status}")))
            }
            status if status.is_server_error() => Err(Failure::Lost(anyhow!("the server answered {status}"))),
            status => Err(Failure::Final(refused(url, &format!("answered {status}")))),
        }
    }
}

fn refused(url: &str, what: &str) -> Error {
    let hint = "the file may have moved: get it with a browser and pass its folder with --from DIR";
    Advised::new(format!("the server of `{url}` {what}"), hint).into()
}

/// Writes a body into `part` from byte `start` on; returns the file's length then.
fn append(body: &mut Body, part: &Path, start: u64, progress: &mut Progress) -> Result<u64, Failure> {
    let disk = |error| Failure::Final(cannot_write(part, error));
    let mut file = File::options().create(true).append(true).open(part).map_err(disk)?;
    file.set_len(start).map_err(disk)?;
    let mut reader = body.as_reader();
    let mut block = vec![0; 1 << 16];
    let mut come = start;
    loop {
        let length = match reader.read(&mut block) {
            Ok(0) => return Ok(come),
            Ok(length) => length,
            Err(error) => {
                return Err(Failure::Lost(
                    Error::new(error).context(format!("the connection was lost at byte {come}")),
                ));
            }
        };
        file.write_all(&block[..length]).map_err(disk)?;
        come += length as u64;
        progress.set(come);
    }
}

fn cannot_write(part: &Path, error: io::Error) -> Error {
    let full = error.kind() == io::ErrorKind::StorageFull;
    let message = format!("cannot write `{}`", part.display());
    let error = Error::new(error);
    if full {
        error.context(Advised::new(
            message,
            "free some space and run this again, or choose another disk with --to DIR",
        ))
    } else {
        error.context(message)
    }
}

/// Tells whether the server sends just what follows `offset`: `Content-Range: bytes <offset>-...`.
fn starts_at(response: &Response<Body>, offset: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let start = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse::<u64>().ok());
    response.status() == StatusCode::PARTIAL_CONTENT && start == Some(offset)
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns a file's length, 0 where there is none.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}
