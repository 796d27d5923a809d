//! One start of a program: it ends by itself, or is killed when its time is over.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::workspace::display;

/// How often it is asked whether a program has ended.
const LOOK: Duration = Duration::from_millis(2);

/// How a start went.
pub struct Ended {
    /// Whether it was killed, by us.
    pub killed: bool,
    /// Its exit status; that of the signal where it was killed.
    pub status: ExitStatus,
    /// What it said on standard error.
    pub said: String,
    /// Seconds from its start.
    pub seconds: f64,
}

/// A program that runs, and is killed when its time is over.
pub struct Trial {
    child: Arc<Mutex<Child>>,
    started: Instant,
    said: JoinHandle<String>,
    /// Its end tells the killer that nobody is to be killed any more.
    over: Sender<()>,
    killer: JoinHandle<bool>,
    shown: String,
}

impl Trial {
    /// Starts a program; it is killed after `patience`, where there is a limit.
    pub fn start(command: &mut Command, patience: Option<Duration>) -> Result<Self> {
        let shown = display(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
        let started = Instant::now();
        let mut stderr = child.stderr.take().context("a child has no standard error")?;
        let said = thread::spawn(move || {
            let mut text = Vec::new();
            // What a killed program leaves in the pipe is read to its end.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let child = Arc::new(Mutex::new(child));
        let doomed = Arc::clone(&child);
        let (over, is_over) = channel::<()>();
        let killer = thread::spawn(move || {
            let Some(patience) = patience else { return false };
            match is_over.recv_timeout(patience) {
                // SIGKILL, on Unix.
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    let mut child = doomed.lock().unwrap_or_else(PoisonError::into_inner);
                    matches!(child.try_wait(), Ok(None)) && child.kill().is_ok()
                }
                _ => false,
            }
        });
        Ok(Self { child, started, said, over, killer, shown })
    }

    /// Returns its standard output, once.
    pub fn output(&self) -> Result<BufReader<ChildStdout>> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.stdout.take().map(BufReader::new).context("the output of a child is taken once")
    }

    /// Returns the number of the process.
    pub fn id(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Waits until it ends.
    pub fn wait(self) -> Result<Ended> {
        if let Ok(output) = self.output() {
            // A full pipe would let it wait for us.
            thread::spawn(move || output.lines().map_while(Result::ok).for_each(drop));
        }
        let status = loop {
            let ended = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            if let Some(status) = ended.with_context(|| format!("cannot wait for `{}`", self.shown))? {
                break status;
            }
            sleep(LOOK);
        };
        let seconds = self.started.elapsed().as_secs_f64();
        drop(self.over);
        let killed = self.killer.join().unwrap_or(false);
        let said = self.said.join().unwrap_or_default();
        // It may have ended between the last look and the kill.
        Ok(Ended { killed: killed && !status.success(), status, said, seconds })
    }
}
