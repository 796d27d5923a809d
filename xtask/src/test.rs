//! `cargo xtask test`: every check of the workspace, in the order in which they fail fastest.
//!
//! All steps use the release profile, so that torch-sys compiles once.

use std::env;
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::interop::has_hdf5;
use crate::libtorch;
use crate::workspace::{capture, cargo, run as run_command};

/// Crates that build and pass their tests on a machine without libtorch.
const WITHOUT_LIBTORCH: [&str; 4] = ["em-io", "em-data", "em-metrics", "em-objects"];

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run this step alone
    #[arg(long, value_name = "STEP")]
    only: Option<Step>,
}

/// A step of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Step {
    /// Formatting, checked
    Fmt,
    /// The lower crates do not depend on libtorch
    Layers,
    /// Lints, warnings denied
    Clippy,
    /// Documentation builds, warnings denied
    Doc,
    /// Unit, property, snapshot, integration and end-to-end tests
    Test,
    /// Examples in the documentation
    Doctest,
}

/// Runs the steps until one fails, and prints how long each took.
pub fn run(args: &Args) -> Result<()> {
    let steps = args.only.map_or_else(|| Step::value_variants().to_vec(), |step| vec![step]);
    if steps.iter().any(|step| step.needs_libtorch()) {
        libtorch::ensure()?;
    }
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for step in steps {
        println!("\n== {} ==", step.name());
        let started = Instant::now();
        outcome = step.run().with_context(|| format!("the step `{}` failed", step.name()));
        times.push((step, started.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    print!("\n{}", summary(&times, outcome.is_ok()));
    outcome
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    fn needs_libtorch(self) -> bool {
        !matches!(self, Self::Fmt | Self::Layers)
    }

    fn run(self) -> Result<()> {
        let release = |verb: &str, more: &[&str]| {
            let mut command = cargo([verb, "--release", "--workspace"]);
            // Snapshots are compared and never written; nothing asks a question.
            command.args(more).env("INSTA_UPDATE", "no").env("CI", "1");
            command
        };
        match self {
            Self::Fmt => run_command(&mut cargo(["fmt", "--all", "--check"])),
            Self::Layers => WITHOUT_LIBTORCH.iter().try_for_each(|name| check_without_libtorch(name)),
            Self::Clippy => run_command(&mut release("clippy", &["--all-targets", "--", "-D", "warnings"])),
            Self::Doc => run_command(release("doc", &["--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
            Self::Test => run_command(&mut release("test", &["--all-targets"])).and_then(|()| test_hdf5()),
            Self::Doctest => run_command(&mut with_libtorch_path(release("test", &["--doc"]))?),
        }
    }
}

/// Tests HDF5 where the system has its library, and says so where it has not.
fn test_hdf5() -> Result<()> {
    if !has_hdf5() {
        println!("skipped: the tests of HDF5, since pkg-config finds no libhdf5");
        return Ok(());
    }
    run_command(&mut cargo([
        "test",
        "--release",
        "--package",
        "em-io",
        "--features",
        "hdf5",
        "--test",
        "hdf5",
    ]))
}

/// Adds libtorch to the search path: rustdoc gives the programs that it builds no rpath.
fn with_libtorch_path(mut command: Command) -> Result<Command> {
    const VARIABLE: &str = "LD_LIBRARY_PATH";
    let before: OsString = env::var_os(VARIABLE).unwrap_or_default();
    let folders = std::iter::once(libtorch::library_folder()).chain(env::split_paths(&before));
    command.env(VARIABLE, env::join_paths(folders).context("the workspace's path contains a colon")?);
    Ok(command)
}

/// Checks that nothing a crate or its tests depend on, however far away, is libtorch.
fn check_without_libtorch(name: &str) -> Result<()> {
    let tree =
        capture(&mut cargo(["tree", "--package", name, "--edges", "normal,dev,build", "--prefix", "none"]))?;
    ensure!(
        !depends_on_libtorch(&tree),
        "`{name}` depends on libtorch, expected only em-model and what uses it"
    );
    Ok(())
}

/// Looks for libtorch's crates in the output of `cargo tree --prefix none`.
fn depends_on_libtorch(tree: &str) -> bool {
    tree.lines().any(|line| matches!(line.split(' ').next(), Some("tch" | "torch-sys")))
}

fn summary(times: &[(Step, Duration)], passed: bool) -> String {
    let mut text = String::new();
    for (index, (step, time)) in times.iter().enumerate() {
        let failed = !passed && index + 1 == times.len();
        let verdict = if failed { "FAILED" } else { "ok" };
        text += &format!("{:<8} {verdict:<7} {:>7.1} s\n", step.name(), time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| time).sum();
    text + &format!("{:<16} {:>7.1} s\n", "total", total.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_is_found_in_a_dependency_tree_by_its_exact_name() {
        assert!(depends_on_libtorch("em-data v0.1.0 (/w)\nrand v0.10.4\ntorch-sys v0.24.0\n"));
        assert!(depends_on_libtorch("tch v0.24.0 (*)\n"));
        assert!(!depends_on_libtorch("em-data v0.1.0 (/tch)\nmatch v1.0.0\ntch-like v1.0.0\n"));
    }

    #[test]
    fn the_summary_marks_the_last_step_as_failed() {
        let times = [(Step::Fmt, Duration::from_millis(500)), (Step::Clippy, Duration::from_secs(75))];
        assert_eq!(
            summary(&times, false),
            "fmt      ok          0.5 s\nclippy   FAILED     75.0 s\ntotal               75.5 s\n"
        );
    }
}
