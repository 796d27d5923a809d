//! A program, timed as a whole, with the most memory that it had.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often the memory of a program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Seconds and peak memory in MB of a program; the memory is known on Linux only.
pub fn measured(command: &mut Command) -> Result<(f64, f64)> {
    let started = Instant::now();
    let mut child =
        command.stdout(Stdio::null()).spawn().with_context(|| format!("cannot run {command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = f64::NAN;
    loop {
        if let Some(exit) = child.try_wait()? {
            ensure!(exit.success(), "{command:?} failed: {exit}");
            return Ok((started.elapsed().as_secs_f64(), peak));
        }
        // The kernel keeps the peak itself, so that only the last look counts.
        peak = peak_mb(&status).unwrap_or(peak);
        sleep(LOOK);
    }
}

fn peak_mb(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}
