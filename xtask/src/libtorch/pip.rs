//! Unpacks Python packages with the machine's own pip, shows how far it is, and explains how it failed.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::VERSION;
use super::build::Build;
use crate::advice::Advised;
use crate::progress::Progress;
use crate::workspace::create_folder;

/// Lets pip unpack a build's packages into `unpacked`; its temporary files go below `scratch`, on the same disk.
pub fn install(build: Build, unpacked: &Path, scratch: &Path) -> Result<()> {
    check_pip()?;
    let temporary = scratch.join("tmp");
    create_folder(&temporary)?;
    let mut child = Command::new("python3")
        .args(["-m", "pip", "install", "--only-binary=:all:", "--no-compile", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar=off", "--target"])
        .arg(unpacked)
        .args(build.requirements())
        // A user's `user = true` in pip's configuration contradicts `--target`.
        .env("PIP_USER", "0")
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `python3`")?;
    let complaints = collect(child.stderr.take().expect("stderr is piped"));
    watch(&mut child, build, scratch);
    let status = child.wait().context("cannot wait for pip")?;
    if status.success() {
        return Ok(());
    }
    let complaints = complaints.join().unwrap_or_default();
    Err(explain(&complaints).context(format!("pip could not install torch {VERSION} ({status})")))
}

/// Checks that Python and pip are there, which costs less than to learn it from a failed installation.
fn check_pip() -> Result<()> {
    match Command::new("python3").args(["-m", "pip", "--version"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(explain(&String::from_utf8_lossy(&output.stderr)).context("`python3 -m pip` does not run"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "install Python 3 with pip (Debian, Ubuntu: `apt install python3 python3-pip`), \
                        or set LIBTORCH to a libtorch 2.11.0";
            Err(Advised::new("`python3` was not found", hint).into())
        }
        Err(error) => bail!("cannot start `python3`: {error}"),
    }
}

/// Shows pip's phases and the growth of its folder until it closes its output.
fn watch(child: &mut Child, build: Build, scratch: &Path) {
    let lines = lines_of(child.stdout.take().expect("stdout is piped"));
    let mut progress = Progress::start("asking the package index", Some(build.expected_bytes()));
    // pip downloads, unpacks and moves: what it has written in all is the most that the folder ever held.
    let mut written = 0;
    loop {
        match lines.recv_timeout(Duration::from_millis(500)) {
            Ok(line) => {
                if let Some(phase) = phase_of(&line) {
                    progress.phase(&phase);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                written = folder_bytes(scratch).max(written);
                progress.set(written);
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn phase_of(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(file) = line.strip_prefix("Downloading ") {
        return Some(format!("downloading {file}"));
    }
    line.starts_with("Installing collected packages").then(|| "unpacking".to_owned())
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn collect(mut output: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = output.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Adds up the files below a folder; what vanishes meanwhile counts nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Turns pip's complaints into one cause, with a hint where the fix is known.
fn explain(complaints: &str) -> anyhow::Error {
    let says = |parts: &[&str]| parts.iter().any(|part| complaints.contains(part));
    let last =
        complaints.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    let hint = if says(&["No module named pip"]) {
        "install pip (Debian, Ubuntu: `apt install python3-pip`; elsewhere `python3 -m ensurepip --upgrade`)"
            .to_owned()
    } else if says(&["No space left on device", "Errno 28"]) {
        "free some disk space: the CPU build needs 2 GB while it installs and 0.6 GB after, CUDA 8 GB and 4 GB; \
         XDG_CACHE_HOME moves it to another disk"
            .to_owned()
    } else if says(&["Permission denied", "Errno 13"]) {
        "XDG_CACHE_HOME names a folder where you may write".to_owned()
    } else if says(&["Retrying (", "Connection", "name resolution", "ProxyError", "Timeout", "timed out"]) {
        format!(
            "check the network, the proxy and pip's own settings (`python3 -m pip config list`); \
             offline, set LIBTORCH to a libtorch {VERSION}"
        )
    } else if says(&["No matching distribution", "from versions:"]) {
        format!(
            "torch {VERSION} is published for Python 3.10 to 3.14 on Linux x86-64; see `python3 --version`"
        )
    } else {
        return anyhow::Error::msg(last.to_owned());
    };
    Advised::new(last, hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::render;

    fn hint(complaints: &str) -> String {
        render(&explain(complaints))
    }

    #[test]
    fn known_failures_come_with_their_fix() {
        assert!(hint("/usr/bin/python3: No module named pip\n").contains("apt install python3-pip"));
        assert!(
            hint("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n")
                .contains("2 GB")
        );
        let offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
                       ERROR: No matching distribution found for torch==2.11.0\n";
        assert!(hint(offline).contains("check the network"));
        let old_python = "ERROR: Could not find a version that satisfies the requirement torch==2.11.0 (from versions: 2.4.1)\n\
                          ERROR: No matching distribution found for torch==2.11.0\n";
        assert!(hint(old_python).contains("Python 3.10 to 3.14"));
    }

    #[test]
    fn an_unknown_failure_shows_the_last_line() {
        assert_eq!(hint("first\nERROR: something new\n\n"), "error: ERROR: something new\n");
        assert_eq!(hint(""), "error: it said nothing\n");
    }

    #[test]
    fn phases_are_read_from_the_output() {
        assert_eq!(
            phase_of("  Downloading torch.whl (530.6 MB)").as_deref(),
            Some("downloading torch.whl (530.6 MB)")
        );
        assert_eq!(phase_of("Installing collected packages: torch").as_deref(), Some("unpacking"));
        assert_eq!(phase_of("Collecting torch"), None);
    }
}
