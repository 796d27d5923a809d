//! A small HTTP server on 127.0.0.1 that can misbehave on purpose.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

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
}

impl Reply {
    /// A refusal.
    pub fn status(status: &'static str) -> Self {
        Self { status, headers: "Content-Length: 0\r\n".into(), body: Vec::new(), cut_after: None }
    }

    /// The whole file, whatever was asked for.
    pub fn whole(file: &[u8]) -> Self {
        let headers = format!("Content-Length: {}\r\n", file.len());
        Self { status: "200 OK", headers, body: file.to_vec(), cut_after: None }
    }

    /// What the request asks for.
    pub fn ranged(request: &Request, file: &[u8]) -> Self {
        let Some((from, to)) = request.range.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
        else {
            return Self::whole(file);
        };
        let from: usize = from.parse().unwrap();
        let to: usize = to.parse().map_or(file.len() - 1, |to: usize| to.min(file.len() - 1));
        let body = file[from..=to].to_vec();
        let headers =
            format!("Content-Length: {}\r\nContent-Range: bytes {from}-{to}/{}\r\n", body.len(), file.len());
        Self { status: "206 Partial Content", headers, body, cut_after: None }
    }

    /// Closes the connection after so many bytes of the body.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }
}

/// A running server; it ends with the process.
pub struct Server {
    /// Its address, without a slash at the end.
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server; `reply` gets each request and how many came before it.
    pub fn start(reply: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &reply, &log);
            }
        });
        Self { url, requests }
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the ranges asked for so far.
    pub fn ranges(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.range).collect()
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, reply: &impl Fn(&Request, usize) -> Reply, log: &Mutex<Vec<Request>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let Some(first) = lines.next() else { return };
    let mut request = Request { path: first.split(' ').nth(1).unwrap().to_owned(), range: String::new() };
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("range")
        {
            request.range = value.to_owned();
        }
    }
    let before = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let reply = reply(&request, before);
    let head = format!("HTTP/1.1 {}\r\nConnection: close\r\n{}\r\n", reply.status, reply.headers);
    let body = &reply.body[..reply.cut_after.unwrap_or(reply.body.len()).min(reply.body.len())];
    // A client may hang up first.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let _ = stream.shutdown(Shutdown::Both);
}
