//! A prediction that goes on and on beside threads that take its processors: its memory stays what it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::lab::Lab;
use super::trial::Trial;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The share of the time after which all that is needed has been taken.
const WARM: f64 = 0.2;
/// Sections of 512 x 512 voxels: more than are predicted in the time.
const SECTIONS_A_MINUTE: usize = 1500;
/// Growth by which a prediction of a day would still fit: 2.4 GB.
const MOST_MB_AN_HOUR: f64 = 100.0;

/// Predicts for so many minutes, and prints how the memory went.
pub fn run(minutes: f64, lab: &Lab) -> Result<()> {
    let depth = (minutes * SECTIONS_A_MINUTE as f64).ceil() as usize;
    let stack = lab.tall_stack("soak.npy", depth.max(16))?;
    let mut command = lab.em_cli(["predict", "--device", "cpu", "--model"]);
    command.arg(lab.path("run")).arg(stack).arg("-o").arg(lab.path("soak.zarr"));
    let is_over = AtomicBool::new(false);
    let samples = thread::scope(|scope| -> Result<Vec<(f64, f64)>> {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..2 * cores {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let samples = sampled(&mut command, Duration::from_secs_f64(minutes * 60.0));
        is_over.store(true, Ordering::Relaxed);
        samples
    })?;
    let warm: Vec<(f64, f64)> =
        samples.iter().copied().filter(|(t, _)| *t >= WARM * minutes * 60.0).collect();
    ensure!(warm.len() > 10, "the prediction ended after {} looks: take a taller stack", samples.len());
    let most = warm.iter().map(|(_, mb)| *mb).fold(0.0, f64::max);
    let least = warm.iter().map(|(_, mb)| *mb).fold(f64::INFINITY, f64::min);
    let slope = slope(&warm) * 3600.0;
    println!(
        "{minutes} minutes under load: {least:.1} to {most:.1} MB after the first fifth, {slope:+.2} MB an hour"
    );
    ensure!(slope < MOST_MB_AN_HOUR, "memory grows by {slope:.0} MB an hour");
    Ok(())
}

/// Seconds and megabytes of a program, until its time is over.
fn sampled(command: &mut std::process::Command, time: Duration) -> Result<Vec<(f64, f64)>> {
    let started = Instant::now();
    let trial = Trial::start(command, Some(time))?;
    let status = format!("/proc/{}/status", trial.id());
    let mut samples = Vec::new();
    while started.elapsed() < time {
        match resident_mb(&status) {
            Some(mb) => samples.push((started.elapsed().as_secs_f64(), mb)),
            None => break,
        }
        sleep(LOOK);
    }
    let ended = trial.wait()?;
    ensure!(ended.killed || ended.status.success(), "{}: {}", ended.status, ended.said.trim());
    Ok(samples)
}

fn resident_mb(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// Least squares: how much the second number grows with the first.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let [mean_x, mean_y] =
        [points.iter().map(|p| p.0).sum::<f64>(), points.iter().map(|p| p.1).sum()].map(|s| s / count);
    let both: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let squares: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    both / squares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope() {
        let line: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), 3.0 - 0.5 * f64::from(x))).collect();
        assert!((slope(&line) + 0.5).abs() < 1e-12);
    }
}
