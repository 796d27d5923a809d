//! `fetch-data` of a small source from a slow server of our own.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::trial::{Ended, Trial};
use super::victims::Start;
use crate::fetch::{self, server};

/// How long the server thinks before each answer, so that there is time to kill.
const THINKS: Duration = Duration::from_millis(150);

/// Fetches from a server that lives as long as this start.
pub fn start(_: &Lab, folder: &Path, _: Start, limit: Option<Duration>) -> Result<Ended> {
    let server = server::Server::start(|request, _| {
        sleep(THINKS);
        server::Reply::ranged(request, fetch::synthetic::file(&request.path)).slowly()
    });
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "faults", "--fetch", &server.url]).arg(folder.join("data"));
    Trial::start(&mut command, limit)?.wait()
}

/// What the child does: stacks, and then an archive.
pub fn fetch(url: &str, folder: &Path) -> Result<()> {
    fetch::synthetic::fetch(url, folder)
}
