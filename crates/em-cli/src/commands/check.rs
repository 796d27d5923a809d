//! `em-cli check`: what would make a training fail or go wrong, before it starts.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use em_model::Device;
use em_pipeline::check::finding::{Finding, Severity, counts};
use em_pipeline::{RunConfig, check};
use serde::Serialize;

use crate::cli::{ConfigFile, DeviceArgs};
use crate::console::{self, Stream, observed, say, wrapped};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Override a key, as in train.epochs=5.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Measure a few steps, to tell how long the training will take.
    #[arg(long)]
    time: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl CheckArgs {
    /// Tells whether steps are measured.
    pub fn computes(&self) -> bool {
        self.time
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    format_version: u32,
    findings: Vec<Finding>,
}

/// Runs the command; returns whether a training can start.
pub fn run(args: &CheckArgs) -> Result<bool> {
    let device = if args.time { Some(args.device.get()?) } else { None };
    let findings = find(args.config.path(), &args.set, device)?;
    if args.json {
        let is_good = is_good(&findings);
        console::json(&Report { format_version: 1, findings })?;
        return Ok(is_good);
    }
    print(&findings);
    Ok(is_good(&findings))
}

/// Checks a configuration and prints what was found; returns whether a training can start.
pub fn run_untimed(config: &Path, set: &[String]) -> Result<bool> {
    let findings = find(config, set, None)?;
    print(&findings);
    Ok(is_good(&findings))
}

/// Finds what is wrong, the worst first.
fn find(config: &Path, set: &[String], timed_on: Option<Device>) -> Result<Vec<Finding>> {
    let config = RunConfig::load(config, set)?;
    let mut findings =
        observed("start the command again", |observer| check::findings(&config, timed_on, observer))?;
    findings.sort_by_key(|finding| finding.severity);
    Ok(findings)
}

fn is_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

fn print(findings: &[Finding]) {
    let width = Stream::Out.width();
    for finding in findings {
        match width {
            Some(width) => say!("{}", wrapped(&finding.to_string(), width, INDENT)),
            None => say!("{finding}"),
        }
    }
    say!("{}", counts(findings));
}

/// What a line that goes on starts with.
const INDENT: &str = "            ";
