//! A person at `em-cli annotate`, over HTTP: what is not acknowledged is sent again, as the page does.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::lab::{Lab, raw};
use super::trial::{Ended, Trial};
use super::victims::Start;

/// What is done in all.
const ACTIONS: usize = 60;
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves the project and does what is not done yet; then asks the program to end.
pub fn start(lab: &Lab, folder: &Path, _: Start, limit: Option<Duration>) -> Result<Ended> {
    serve(lab, folder, limit, |answer| bail!("refused: {answer}"))
}

/// The same without a limit; what is refused is sent again after `refused`.
pub fn paint(lab: &Lab, folder: &Path, refused: impl FnMut(&str) -> Result<()>) -> Result<Ended> {
    serve(lab, folder, None, refused)
}

fn serve(
    lab: &Lab,
    folder: &Path,
    limit: Option<Duration>,
    refused: impl FnMut(&str) -> Result<()>,
) -> Result<Ended> {
    let project = folder.join("project");
    let mut command = lab.em_cli(["annotate", "--no-browser", "--device", "cpu"]);
    if project.join("project.json").is_file() {
        command.arg(&project);
    } else {
        command.arg(raw()).arg("-o").arg(&project).args(["--classes", "nuclei,axons"]);
    }
    let trial = Trial::start(&mut command, limit)?;
    let worked = work(&trial, refused);
    // One that is killed, or has ended by itself, is no longer there to be asked.
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &trial.id().to_string()]).stderr(Stdio::null());
    interrupt.status().context("cannot start `kill`")?;
    let ended = trial.wait()?;
    // A killed program breaks the connection; any other refusal is an error.
    if ended.killed || !ended.status.success() {
        return Ok(ended);
    }
    worked.map(|()| ended)
}

/// Of a project: all but the time of each action and the address of the page.
pub fn same(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    match name.rsplit('/').next().unwrap_or(name) {
        "address.json" => Ok(Vec::new()),
        "actions.jsonl" => {
            let text = String::from_utf8(bytes).context("`actions.jsonl` is no UTF-8")?;
            let line = |line: &str| -> Result<String> {
                let mut action: Value = serde_json::from_str(line)?;
                action["time"] = Value::Null;
                Ok(format!("{action}\n"))
            };
            Ok(text.lines().map(line).collect::<Result<String>>()?.into_bytes())
        }
        _ => Ok(bytes),
    }
}

/// Sends all actions, those that were acknowledged before too: an action of a known name is done once.
fn work(trial: &Trial, mut refused: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut lines = trial.output()?.lines();
    let address = loop {
        match lines.next().transpose()? {
            Some(line) if line.starts_with("http://") => break line,
            Some(_) => {}
            None => bail!("the program ends before it tells its address"),
        }
    };
    for (number, action) in (0..ACTIONS).map(|number| (number, action(number))) {
        let body = json!({ "client": "bench", "id": format!("a{number}"), "action": action });
        loop {
            let answer = post(&address, "api/actions", &body.to_string())?;
            if answer.starts_with("HTTP/1.1 200") {
                break;
            }
            refused(&answer).with_context(|| format!("action {number}"))?;
        }
    }
    Ok(())
}

/// Strokes, polygons, floods, interpolations, regions and what takes them back.
fn action(number: usize) -> Value {
    let (z, at) = (number % 16, (number * 37 % 250) as f64 + 20.0);
    let class = if number.is_multiple_of(2) { "axons" } else { "nuclei" };
    match number % 8 {
        0..=3 => {
            let points = json!([[at, at], [at + 20.0, at + 40.0], [at, at + 60.0]]);
            json!({ "kind": "stroke", "class": class, "value": 2, "z": z, "radius": 6, "points": points })
        }
        4 => {
            let points = json!([[at, at], [at + 30.0, at], [at + 30.0, at + 30.0]]);
            json!({ "kind": "polygon", "class": class, "value": 1, "z": z, "points": points })
        }
        5 => json!({ "kind": "fill", "class": class, "value": 2, "z": z, "point": [at, at], "tolerance": 9 }),
        6 => json!({ "kind": "region", "start": [z, 0, 0], "shape": [1, 100, 100] }),
        _ => json!({ "kind": "undo" }),
    }
}

/// Sends JSON to an address, and returns the answer, whole.
pub fn post(address: &str, path: &str, body: &str) -> Result<String> {
    let rest = address.strip_prefix("http://").context("an address without `http://`")?;
    let (host, secret) = rest.split_once('/').context("an address without a path")?;
    let mut stream = TcpStream::connect(host).context("nobody listens")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "POST /{secret}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
