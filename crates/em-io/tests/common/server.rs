//! A web server of a folder that sends ranges, writes down what it is asked, and misbehaves when it is told to.
#![allow(dead_code, reason = "each test file uses a part of it")]

#[path = "bucket.rs"]
mod bucket;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request, as far as the tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Without the slash at its beginning.
    pub path: String,
    pub query: String,
    pub range: Option<String>,
    pub if_match: Option<String>,
    pub is_signed: bool,
    pub body: Vec<u8>,
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Mood {
    Well,
    /// With a status, a header and a text instead of the object.
    Refuses(u16, &'static str, &'static str),
    /// The connection breaks after so many bytes of the body.
    Cuts(usize),
    /// The answer comes late.
    Waits(Duration),
    /// So many bytes are missing, and the length tells of those that are sent.
    Short(usize),
    /// The header tells of another length of the whole object.
    Lies(u64),
    /// Ranges are not known.
    Whole,
    /// The object has another version by its name.
    Tagged(&'static str),
    /// There is neither a version nor a date.
    Bare,
    /// The length is not told.
    Chunked,
}

/// What decides on the mood: the request, and how often its path was asked for before.
type Moods = dyn Fn(&Request, usize) -> Mood + Send + Sync;

/// A server on a port of its own. It goes on until the tests end.
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<(Request, usize)>>>,
}

impl Server {
    /// Serves the files of a folder.
    pub fn start(root: &Path, moods: impl Fn(&Request, usize) -> Mood + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (root, moods): (PathBuf, Arc<Moods>) = (root.to_path_buf(), Arc::new(moods));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, moods, log) = (root.clone(), Arc::clone(&moods), Arc::clone(&log));
                // A client that goes away is no failure of the server.
                thread::spawn(move || drop(serve(stream, &root, &*moods, &log)));
            }
        });
        Self { url, seen }
    }

    /// Returns all requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().iter().map(|(request, _)| request.clone()).collect()
    }

    /// Counts the requests of a path, and the bytes that went out for them.
    pub fn sent(&self, path: &str) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        let of_path = || seen.iter().filter(|(request, _)| request.path == path);
        (of_path().count(), of_path().map(|(_, sent)| sent).sum())
    }
}

fn serve(
    stream: TcpStream,
    root: &Path,
    moods: &Moods,
    log: &Mutex<Vec<(Request, usize)>>,
) -> std::io::Result<()> {
    let request = read_request(&mut BufReader::new(stream.try_clone()?))?;
    let (mood, index) = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|(other, _)| other.path == request.path).count();
        log.push((request.clone(), 0));
        (moods(&request, before), log.len() - 1)
    };
    if let Mood::Waits(time) = mood {
        thread::sleep(time);
    }
    let sent = answer(stream, root, &request, mood)?;
    log.lock().unwrap()[index].1 = sent;
    Ok(())
}

fn read_request(stream: &mut impl BufRead) -> std::io::Result<Request> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.into(),
        path: decoded(path.trim_start_matches('/')),
        query: query.into(),
        range: None,
        if_match: None,
        is_signed: false,
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "range" => request.range = Some(value.into()),
            "if-match" => request.if_match = Some(value.into()),
            "authorization" => request.is_signed = true,
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    Ok(request)
}

/// Takes the percents out of a path.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let code = u8::from_str_radix(&part[..2], 16).unwrap();
        format!("{text}{}{}", char::from(code), &part[2..])
    })
}

/// Answers a request, and returns how many bytes of the object went out.
fn answer(mut stream: TcpStream, root: &Path, request: &Request, mood: Mood) -> std::io::Result<usize> {
    if let Mood::Refuses(status, header, text) = mood {
        let head = format!(
            "HTTP/1.1 {status} No\r\n{header}Connection: close\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(text.as_bytes())?;
        return Ok(0);
    }
    if let Some((status, text)) = bucket::answer(root, request) {
        write!(
            stream,
            "HTTP/1.1 {status} OK\r\nETag: \"1\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        )?;
        return Ok(0);
    }
    let Some((status, head, body)) = object(root, request, &mood) else {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(0);
    };
    let mut body = body.as_slice();
    if let Mood::Short(missing) = mood {
        body = &body[..body.len().saturating_sub(missing)];
    }
    let length = match mood {
        Mood::Chunked => "Transfer-Encoding: chunked".into(),
        _ => format!("Content-Length: {}", body.len()),
    };
    write!(stream, "HTTP/1.1 {status} OK\r\n{head}{length}\r\nConnection: close\r\n\r\n")?;
    if request.method == "HEAD" {
        return Ok(0);
    }
    match mood {
        Mood::Cuts(after) => body = &body[..after.min(body.len())],
        Mood::Chunked => {
            write!(stream, "{:x}\r\n", body.len())?;
            stream.write_all(body)?;
            stream.write_all(b"\r\n0\r\n\r\n")?;
            return Ok(body.len());
        }
        _ => {}
    }
    stream.write_all(body)?;
    Ok(body.len())
}

/// Returns the status, the headers and the bytes of what is asked for, `None` where there is none.
fn object(root: &Path, request: &Request, mood: &Mood) -> Option<(u16, String, Vec<u8>)> {
    let file = root.join(&request.path);
    let bytes = file.is_file().then(|| fs::read(&file).ok())??;
    let time = fs::metadata(&file).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let tag = match mood {
        Mood::Tagged(tag) => format!("\"{tag}\""),
        _ => format!("\"{}-{}\"", bytes.len(), time.as_nanos()),
    };
    let mut head =
        format!("Accept-Ranges: bytes\r\nETag: {tag}\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n");
    if let Mood::Bare = mood {
        head = String::new();
    }
    if request.if_match.as_ref().is_some_and(|wanted| *wanted != tag) {
        return Some((412, String::new(), Vec::new()));
    }
    let range = request.range.as_deref().filter(|_| !matches!(mood, Mood::Whole));
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else {
        return Some((200, head, bytes));
    };
    let (from, to) = range.split_once('-')?;
    let (start, end) = match from.parse::<usize>() {
        Ok(start) => (start, to.parse().map_or(bytes.len(), |last: usize| (last + 1).min(bytes.len()))),
        Err(_) => (bytes.len().saturating_sub(to.parse().ok()?), bytes.len()),
    };
    if start >= bytes.len() {
        return Some((416, format!("Content-Range: bytes */{}\r\n", bytes.len()), Vec::new()));
    }
    let whole = if let Mood::Lies(length) = mood { *length } else { bytes.len() as u64 };
    let head = format!("{head}Content-Range: bytes {start}-{}/{whole}\r\n", end - 1);
    Some((206, head, bytes[start..end].to_vec()))
}
