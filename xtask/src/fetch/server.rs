//! A small HTTP server on 127.0.0.1 that can misbehave on purpose, for tests and for the bench of faults.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that a slow server sends at a time, and how long it waits before each.
const SLOW: (usize, Duration) = (1 << 16, Duration::from_millis(3));

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path, with its slash.
    pub path: String,
    /// The value of `Range`, empty where there was none.
    pub range: String,
}

/// What to send back.
pub struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    cut_after: Option<usize>,
    is_slow: bool,
}

impl Reply {
    /// A refusal.
    #[cfg(test)]
    pub fn status(status: &'static str) -> Self {
        Self {
            status,
            headers: "Content-Length: 0\r\n".into(),
            body: Vec::new(),
            cut_after: None,
            is_slow: false,
        }
    }

    /// The whole file, whatever was asked for.
    pub fn whole(file: &[u8]) -> Self {
        let headers = format!("Content-Length: {}\r\n", file.len());
        Self { status: "200 OK", headers, body: file.to_vec(), cut_after: None, is_slow: false }
    }

    /// What the request asks for.
    pub fn ranged(request: &Request, file: &[u8]) -> Self {
        let Some((from, to)) = request.range.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
        else {
            return Self::whole(file);
        };
        let Ok(from) = from.parse::<usize>() else { return Self::whole(file) };
        let to: usize = to.parse().map_or(file.len() - 1, |to: usize| to.min(file.len() - 1));
        let body = file.get(from..=to).unwrap_or_default().to_vec();
        let headers =
            format!("Content-Length: {}\r\nContent-Range: bytes {from}-{to}/{}\r\n", body.len(), file.len());
        Self { status: "206 Partial Content", headers, body, cut_after: None, is_slow: false }
    }

    /// Sends the body bit by bit.
    pub fn slowly(mut self) -> Self {
        self.is_slow = true;
        self
    }

    /// Closes the connection after so many bytes of the body.
    #[cfg(test)]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }
}

/// A running server; it ends with the process.
pub struct Server {
    /// Its address, without a slash at the end.
    pub url: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests look at them"))]
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server; `reply` gets each request and how many came before it.
    pub fn start(reply: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
        let url = format!("http://{}", listener.local_addr().expect("what is bound has an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            // A client that is killed between its connection and its request is none.
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = answer(stream, &reply, &log);
            }
        });
        Self { url, requests }
    }

    /// Returns the requests so far.
    #[cfg(test)]
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the ranges asked for so far.
    #[cfg(test)]
    pub fn ranges(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.range).collect()
    }
}

/// Answers one request and closes the connection.
fn answer(
    mut stream: TcpStream,
    reply: &impl Fn(&Request, usize) -> Reply,
    log: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, range: String::new() };
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("range")
        {
            request.range = value.to_owned();
        }
    }
    let before = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(request.clone());
        log.len() - 1
    };
    let reply = reply(&request, before);
    let head = format!("HTTP/1.1 {}\r\nConnection: close\r\n{}\r\n", reply.status, reply.headers);
    let body = &reply.body[..reply.cut_after.unwrap_or(reply.body.len()).min(reply.body.len())];
    stream.write_all(head.as_bytes())?;
    let (at_once, pause) = if reply.is_slow { SLOW } else { (body.len().max(1), Duration::ZERO) };
    for part in body.chunks(at_once) {
        thread::sleep(pause);
        stream.write_all(part)?;
    }
    stream.shutdown(Shutdown::Both)
}
