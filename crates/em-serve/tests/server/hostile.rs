//! The server as it meets other hosts, other pages, and whoever wants to keep it busy.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::served::{Answer, PATIENCE, Served};

const JSON: &str = "Content-Type: application/json\r\n";

fn stroke() -> Value {
    json!({"client": "me", "id": "x", "action": {"kind": "stroke", "class": "axons", "value": 2, "z": 0, "radius": 8, "points": [[300, 300]]}})
}

/// Sends the head of a request as it is, which a body may follow.
fn told(served: &Served, head: &str, body: &[u8]) -> String {
    let answer = served.raw(&[head.as_bytes(), body].concat(), Duration::from_secs(5));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn another_host_another_origin_and_two_of_them_are_refused_whatever_is_asked() {
    let served = Served::new();
    let (own, port) = (format!("127.0.0.1:{}", served.port), served.port);
    let body = stroke().to_string();
    let with = |headers: &str| {
        let path = format!("/{}/api/actions", served.secret);
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\n{headers}{JSON}Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        told(&served, &head, body.as_bytes())
    };
    for headers in [
        // A name of somebody else that resolves to this machine.
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}@evil.example\r\n"),
        format!("Host: [::1]:{port}\r\n"),
        "Host: 127.0.0.1\r\n".into(),
        format!("Host: {own}\r\nHost: evil.example\r\n"),
        format!("Host: evil.example\r\nX-Forwarded-Host: {own}\r\nForwarded: host={own}\r\n"),
        // Another page in the same browser.
        format!("Host: {own}\r\nOrigin: http://evil.example\r\n"),
        format!("Host: {own}\r\nOrigin: https://{own}\r\n"),
        format!("Host: {own}\r\nOrigin: http://127.0.0.1:{}\r\n", port ^ 1),
        format!("Host: {own}\r\nOrigin: null\r\n"),
        format!("Host: {own}\r\nOrigin: http://{own}\r\nOrigin: http://evil.example\r\n"),
        format!("Host: {own}\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("Host: {own}\r\nSec-Fetch-Site: same-site\r\n"),
    ] {
        let answer = with(&headers);
        let is_refused = ["HTTP/1.1 403", "HTTP/1.1 400"].iter().any(|status| answer.starts_with(status));
        assert!(is_refused, "{headers}\n{answer}");
        assert!(!answer.to_lowercase().contains("access-control-allow"), "{answer}");
    }
    assert_eq!(served.log(), "");
    // The same request, from the page itself.
    assert!(with(&format!("Host: {own}\r\nOrigin: http://{own}\r\n")).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_form_of_another_page_has_no_type_that_is_taken() {
    let served = Served::new();
    let path = format!("/{}/api/actions", served.secret);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let header = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let Answer { status, .. } = served.ask("POST", &path, &header, stroke().to_string().as_bytes());
        assert_eq!(status, 415, "{kind}");
    }
    assert_eq!(served.log(), "");
}

#[test]
fn nothing_is_changed_by_another_method() {
    let served = Served::new();
    let body = stroke().to_string();
    for path in ["api/actions", "api/train", "api/predict", "api/export", "api/stop"] {
        let path = format!("/{}/{path}", served.secret);
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let headers = format!("{JSON}X-HTTP-Method-Override: POST\r\nX-HTTP-Method: POST\r\n");
            let Answer { status, .. } = served.ask(method, &path, &headers, body.as_bytes());
            assert_eq!(status, 405, "{method} {path}");
        }
    }
    assert_eq!(served.log(), "");
}

#[test]
fn there_is_no_socket_and_no_stream_to_join() {
    let served = Served::new();
    let upgrade =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for path in ["", "api/session", "api/project"] {
        let path = format!("/{}/{path}", served.secret);
        let foreign = format!("{upgrade}Origin: http://evil.example\r\n");
        assert_eq!(served.ask("GET", &path, &foreign, b"").status, 403, "{path}");
        assert_ne!(served.ask("GET", &path, upgrade, b"").status, 101, "{path}");
        let stream = "Accept: text/event-stream\r\nOrigin: http://evil.example\r\n";
        assert_eq!(served.ask("GET", &path, stream, b"").status, 403, "{path}");
    }
}

#[test]
fn no_path_leads_out_of_the_project() {
    let served = Served::new();
    let (outside, run) =
        (served.folder.path().join("outside.csv"), served.folder.path().join("project/runs/1"));
    std::fs::write(&outside, "what nobody may read").unwrap();
    std::fs::create_dir_all(&run).unwrap();
    std::fs::write(run.join("scores.csv"), "what may be read").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, run.join("link.csv")).unwrap();
    assert_eq!(served.get("runs/1/scores.csv").body, b"what may be read");
    for path in [
        "runs/1/link.csv",
        "runs/1/../../../outside.csv",
        "runs/1/%2e%2e/%2e%2e/%2e%2e/outside.csv",
        "runs/1/..%2f..%2f..%2foutside.csv",
        "runs/1/%252e%252e/%252e%252e/%252e%252e/outside.csv",
        "runs/1/....//....//....//outside.csv",
        "runs/1/..\\..\\..\\outside.csv",
        "runs/1/%5c..%5c..%5coutside.csv",
        "runs/1/scores.csv%00.html",
        "runs/%2e%2e/outside.csv",
        "runs/..%2f..%2fx/outside.csv",
        "runs/result/../../outside.csv",
        "%2e%2e/outside.csv",
        "..;/outside.csv",
    ] {
        let answer = served.get(path);
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("nobody may read"), "{path}");
    }
    let absolute = format!("//{}", outside.display());
    assert!(served.get(&format!("runs/1/{absolute}")).status >= 400);
}

#[test]
fn large_heads_and_bodies_are_refused_and_cost_nothing() {
    let served = Served::new();
    let (path, host) =
        (format!("/{}/api/actions", served.secret), format!("Host: 127.0.0.1:{}\r\n", served.port));
    let many: String = (0..2000).map(|n| format!("X-{n}: y\r\n")).collect();
    for headers in [format!("X: {}\r\n", "y".repeat(2 << 20)), many] {
        let answer = told(&served, &format!("GET {path} HTTP/1.1\r\n{host}{headers}\r\n"), b"");
        // Some is refused while it is still sent, and the answer is lost with the connection.
        assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
    }
    let long =
        told(&served, &format!("GET /{}{} HTTP/1.1\r\n{host}\r\n", served.secret, "a".repeat(2 << 20)), b"");
    assert!(long.starts_with("HTTP/1.1 4") || long.is_empty(), "{long}");
    // One that only says that it is large, and one that never says where it ends.
    let claimed = told(
        &served,
        &format!("POST {path} HTTP/1.1\r\n{host}{JSON}Content-Length: 99999999999999\r\n\r\n"),
        b"[",
    );
    // What is only claimed costs nothing: it is refused when it comes.
    assert!(claimed.starts_with("HTTP/1.1 413") || claimed.is_empty(), "{claimed}");
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "[".repeat(1 << 20));
    let head = format!("POST {path} HTTP/1.1\r\n{host}{JSON}Transfer-Encoding: chunked\r\n\r\n");
    let endless = told(&served, &head, chunk.repeat(12).as_bytes());
    assert!(endless.starts_with("HTTP/1.1 413") || endless.is_empty(), "{endless}");
    assert_eq!((served.get("api/project").status, served.log().as_str()), (200, ""));
}

#[test]
fn a_request_within_another_one_is_none() {
    let served = Served::new();
    let (path, host) =
        (format!("/{}/api/actions", served.secret), format!("Host: 127.0.0.1:{}\r\n", served.port));
    // Two lengths, or a length and chunks, which two programs might read in two ways.
    for lengths in [
        "Content-Length: 0\r\nContent-Length: 300\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let answer =
            told(&served, &format!("POST {path} HTTP/1.1\r\n{host}{JSON}{lengths}\r\n0\r\n\r\n"), b"");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{lengths}{answer}");
    }
    assert_eq!(served.log(), "");
}

#[test]
fn who_sends_slowly_or_says_nothing_keeps_nobody_waiting() {
    let served = Served::new();
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, served.port)).unwrap();
    // Fewer than the server takes at a time.
    let silent: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    for letter in format!("POST /{}/api/actions HTTP/1.1\r\nContent-Length: 1000\r\n", served.secret).chars()
    {
        slow.iter_mut().for_each(|stream| drop(stream.write_all(&[letter as u8])));
    }
    let started = std::time::Instant::now();
    assert_eq!(served.get("api/project").status, 200);
    assert!(started.elapsed() < PATIENCE, "it was answered while they wait");
    drop((silent, slow));
    assert_eq!(served.get("api/project").status, 200);
}

#[test]
fn the_secret_is_in_no_file_but_the_owners_own() {
    let served = Served::new();
    assert_eq!(served.act("a", stroke()["action"].clone()).status, 200);
    assert_eq!(
        served.post("api/export", &json!({"client": "me", "class": "axons", "ending": "tif"})).status,
        200
    );
    std::thread::sleep(Duration::from_millis(500));
    let mut holders = Vec::new();
    let mut folders = vec![served.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(served.secret.len()).any(|part| part == served.secret.as_bytes()) {
                holders.push(path);
            }
        }
    }
    let address = served.folder.path().join("project/address.json");
    assert_eq!(holders, std::slice::from_ref(&address));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&address).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Nor in what is answered, but for the page's own address.
    for path in ["", "api/project", "nothing"] {
        let answer = served.get(path);
        assert!(!answer.head.contains(&served.secret), "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(&served.secret), "{path}");
    }
}
