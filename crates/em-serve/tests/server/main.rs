//! The server as a browser meets it, and as it meets whoever else asks.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod corrections;
mod hostile;
mod served;
mod view;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::served::{PATIENCE, Served, grey};

fn stroke(z: usize) -> Value {
    json!({"kind": "stroke", "class": "axons", "value": 2, "z": z, "radius": 8, "points": [[300, 300], [320, 400]]})
}

#[test]
fn the_page_and_its_pictures_are_served_with_what_they_may_do() {
    let served = Served::new();
    let page = served.get("");
    assert_eq!(page.status, 200);
    let head = page.head.to_lowercase();
    for expected in ["content-security-policy: default-src 'self'", "cache-control: no-store", "text/html"] {
        assert!(head.contains(expected), "{head}");
    }
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("main.js") && !text.contains("https://"), "nothing comes from elsewhere");
    assert_eq!(served.get("main.js").status, 200);
    assert_eq!(served.get("nothing.js").status, 404);

    let project = served.get("api/project").json();
    assert_eq!((&project["shape"], &project["levels"]), (&json!([4, 600, 700]), &json!(2)));
    let tile = served.get("api/raw/xy/0/3/1/1");
    assert!(tile.head.to_lowercase().contains("immutable"));
    let picture = image::load_from_memory(&tile.body).unwrap().to_luma8();
    assert_eq!((picture.width(), picture.height()), (188, 88));
    assert_eq!(picture.get_pixel(5, 7)[0], grey(3, 519, 517));
    assert_eq!(served.get("api/value/3/519/517").json()["value"], json!(f32::from(grey(3, 519, 517))));
    assert_eq!(image::load_from_memory(&served.get("api/raw/xz/1/9/0/0").body).unwrap().height(), 4);
    for missing in ["api/raw/xy/0/4/0/0", "api/raw/xy/2/0/0/0", "api/raw/zz/0/0/0/0", "api/labels/0/0/2/0"] {
        assert_eq!(served.get(missing).status, 404, "{missing}");
    }
    assert_eq!(served.get("api/suggestions/network/0/0/0/0").status, 404, "no network knows these classes");
}

#[test]
fn what_is_done_is_in_the_log_when_it_is_acknowledged() {
    let served = Served::new();
    let done = served.act("a", stroke(2)).json();
    assert_eq!((done["state"]["revision"].as_u64(), &done["state"]["can_undo"]), (Some(1), &json!(true)));
    assert_eq!(served.log().lines().count(), 1);
    let tile = served.get("api/labels/0/2/0/0");
    assert!(tile.head.to_lowercase().contains("x-shape: 2,512,512"));
    let at = |class: usize, y: usize, x: usize| tile.body[(class * 512 + y) * 512 + x];
    assert_eq!((at(1, 300, 300), at(0, 300, 300), at(1, 330, 300)), (2, 0, 0));
    served.act("a", stroke(2));
    assert_eq!(served.log().lines().count(), 1, "the same action is done once");

    let refused = served.act("b", stroke(4));
    assert_eq!((refused.status, refused.message().as_str()), (400, "there is no section 4: the stack has 4"));
    let visited = served.act("c", json!({"kind": "visited", "start": [0, 0, 0], "shape": [1, 1, 1]}));
    assert_eq!(visited.status, 400);
    assert_eq!(served.act("d", json!({"kind": "undo"})).json()["state"]["can_redo"], json!(true));

    // As after a kill: the same address, and all that was acknowledged.
    let (port, secret) = (served.port, served.secret.clone());
    let again = Served::again(served.stopped());
    assert_eq!((again.port, &again.secret), (port, &secret));
    assert_eq!(again.act("e", json!({"kind": "redo"})).status, 200);
    assert_eq!(again.get("api/labels/0/2/0/0").body, tile.body);
}

#[test]
fn a_second_window_is_told_why_and_takes_over_when_the_first_is_closed() {
    let served = Served::new();
    let session = |client: &str| served.post("api/session", &json!({"client": client}));
    assert_eq!(session("me").status, 200);
    let refused = session("other");
    assert_eq!((refused.status, refused.message().contains("another window")), (409, true));
    let path = format!("/{}/api/session/end", served.secret);
    served.ask("POST", &path, "Content-Type: text/plain\r\n", br#"{"client":"me"}"#);
    assert_eq!(session("other").status, 200);
    assert_eq!(served.act("a", stroke(0)).status, 409);
    assert_eq!(served.log(), "");
}

#[test]
fn work_that_cannot_be_done_says_why() {
    let served = Served::new();
    let me = json!({"client": "me"});
    for (path, reason) in [
        ("api/train", "no region is reviewed yet"),
        ("api/next", "nothing to propose"),
        ("api/predict", "no network to predict with"),
        ("api/measure", "predict the whole stack first"),
    ] {
        let refused = served.post(path, &me);
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.message().contains(reason), "{}", refused.message());
    }
    let export = |class: &str, ending: &str| {
        served.post("api/export", &json!({"client": "me", "class": class, "ending": ending}))
    };
    assert!(export("axons", "../x").message().contains("is not written"));
    assert!(export("../axons", "tif").message().contains("no class"));
    assert_eq!(export("axons", "tif").status, 200);
    let done = || served.post("api/session", &me).json()["job"]["state"].clone();
    for _ in 0..100 {
        if done() != json!("running") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(done(), json!("done"));
    let exported = em_io::open(served.folder.path().join("project/exports/axons.tif")).unwrap();
    assert_eq!((exported.shape(), exported.voxel_size_nm()), ([4, 600, 700], Some([40.0, 5.0, 5.0])));
    let used = served.post("api/use", &json!({"client": "me", "run": "7"}));
    assert_eq!((used.status, used.message().as_str()), (400, "there is no trained network 7"));
    for record in [json!({"kind": "used", "run": null}), json!({"kind": "trained", "run": 1, "before": {}})] {
        assert_eq!(served.act("r", record).status, 400, "records are the program's own");
    }
}

/// Numbers that look random, always the same.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % below
    }

    pub(crate) fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next(all.len())]
    }
}

#[test]
fn a_thousand_bad_requests_change_nothing_and_are_told_nothing() {
    let served = Served::new();
    let outside = served.folder.path().join("secret.txt");
    std::fs::write(&outside, "what nobody may read").unwrap();
    let before = everything(served.folder.path());
    let (mut draws, mut answered) = (Draws(7), 0);
    let secrets =
        [served.secret.clone(), "0".repeat(32), String::new(), "..".into(), served.secret.to_uppercase()];
    for _ in 0..1000 {
        let secret = &secrets[draws.next(secrets.len())];
        let path = draws.of(&[
            "",
            "../secret.txt",
            "..%2fsecret.txt",
            "%2e%2e/%2e%2e/etc/hostname",
            "runs/1/../../secret.txt",
            "runs/..%2f..%2fsecret.txt/x",
            "runs/result/..%2f..%2fsecret.txt",
            "runs/1/report.html",
            "api/actions",
            "api/session",
            "api/export",
            "api/use",
            "api/train",
            "api/next",
            "api/stop",
            "api/predict",
            "api/raw/xy/99999999999999999999/0/0/0",
            "api/raw/xy/63/0/18446744073709551615/1",
            "api/raw/xy/-1/0/0/0",
            "api/labels/0/18446744073709551615/0/0",
            "api/value/0/0/99999",
            "api/value/4/0/0",
            "api/suggestions/x/0/0/0/0",
            "\u{0}",
            "api/project/../../../secret.txt",
        ]);
        let host =
            draws.of(&["HOST", "HOST", "HOST", "evil.example", "127.0.0.1", "localhost.evil.example:80", ""]);
        let host = host.replace("HOST", &format!("127.0.0.1:{}", served.port));
        let headers = draws.of(&[
            "",
            "Content-Type: application/json\r\n",
            "Content-Type: text/plain\r\n",
            "Origin: http://evil.example\r\n",
            "Origin: null\r\nContent-Type: application/json\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "X: \u{1}\r\n",
        ]);
        let body = draws.of(&[
            "", "{", "null", "[]", r#"{"client":5}"#, r#"{"client":"x","id":"y","action":{"kind":"stroke"}}"#,
            r#"{"client":"x","id":"y","action":{"kind":"fill","class":"axons","value":9,"z":0,"point":[0,0],"tolerance":1}}"#,
            r#"{"client":"x","id":"y","action":{"kind":"region","start":[0,0,0],"shape":[9,18446744073709551615,1]}}"#,
            r#"{"client":"x","id":"y","action":{"kind":"interpolate","class":"axons","from":0,"to":18446744073709551615}}"#,
            r#"{"client":"x","class":"../../secret","ending":"tif"}"#, r#"{"client":"x","run":"../../.."}"#, "\u{fffd}\u{0}",
        ]);
        let method = draws.of(&["GET", "POST", "PUT", "DELETE", "OPTIONS", "get", "POST"]);
        let request = format!(
            "{method} /{secret}/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len() + draws.next(20) / 19
        );
        // Some wait for more of a body than there is, and are not waited for.
        let answer = served.raw(request.as_bytes(), Duration::from_millis(500));
        let answer = String::from_utf8_lossy(&answer);
        answered += usize::from(answer.starts_with("HTTP/1.1 "));
        let is_refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5");
        // What is no HTTP at all, hyper refuses by itself, with an empty body.
        let is_told = answer.contains("\"message\"") || answer.contains("that of somebody else");
        assert!(!is_refused || is_told || answer.ends_with("\r\n\r\n"), "{request}\n{answer}");
        assert!(!answer.contains("nobody may read"), "{request}");
        let is_known = secret == &served.secret && host.ends_with(&served.port.to_string());
        let is_good = answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 204");
        assert!(is_known || !is_good, "{request}\n{answer}");
    }
    assert!(answered > 800, "{answered} of 1000 were answered");
    assert_eq!(everything(served.folder.path()), before);
    assert_eq!(served.get("api/project").status, 200, "it still answers");
    let large = vec![b'['; 9 << 20];
    let path = format!("/{}/api/actions", served.secret);
    let answer = served.raw(
        &[format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", served.port, large.len()).as_bytes(), &large].concat(),
        PATIENCE,
    );
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "so much is not taken");
    assert_eq!(served.get("api/project").status, 200);
}

/// Names and contents of all files, but for the label volumes' own.
fn everything(folder: &std::path::Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(everything(&path));
        } else {
            all.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_page_of_somebody_else_is_refused() {
    let served = Served::new();
    let path = format!("/{}/api/session", served.secret);
    let body = br#"{"client":"me"}"#;
    let json = "Content-Type: application/json\r\n";
    let own = format!("{json}Origin: http://127.0.0.1:{}\r\nSec-Fetch-Site: same-origin\r\n", served.port);
    assert_eq!(served.ask("POST", &path, &own, body).status, 200);
    for foreign in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(served.ask("POST", &path, &format!("{json}{foreign}"), body).status, 403, "{foreign}");
    }
    let rebound = format!("evil.example:{}", served.port);
    assert_eq!(served.ask_host(&rebound, "POST", &path, json, body).status, 403);
    assert_eq!(served.ask("GET", "/", "", b"").status, 403);
    assert_eq!(served.ask("GET", &format!("/{}x/", served.secret), "", b"").status, 403);
}
