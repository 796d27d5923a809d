//! `cargo xtask test`: every check of the workspace, in the order in which they fail fastest.
//!
//! All steps use the release profile and one target folder, so that torch-sys compiles once.

mod deny;
mod examples;
mod foreign;
mod layers;
mod napari;
mod page;
mod public_api;
mod python;
mod slowest;

use std::env;
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::slowest::TestTime;
use crate::book;
use crate::interop::has_hdf5;
use crate::libtorch;
use crate::workspace::{cargo, run as run_command};

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
    /// Licences and sources of dependencies
    Deny,
    /// Lints, warnings denied
    Clippy,
    /// Documentation builds, warnings denied
    Doc,
    /// Who depends on whom, and no libtorch in public signatures
    Layers,
    /// Unit, property, snapshot, integration and end-to-end tests
    Test,
    /// Examples in the documentation
    Doctest,
    /// The examples of the library crates run
    Examples,
    /// A package outside the workspace builds and predicts
    Foreign,
    /// The Python package: its tests, its types, its plugin in napari, and the wheel, installed
    Python,
    /// The pages are built from their sources, and work in a browser
    Page,
    /// The documentation is built as a book, and its links lead somewhere
    Book,
}

/// The package of the fuzz targets, which are linted and not built.
const FUZZ: &str = "em-fuzz";

/// What the steps leave to be said at the end.
#[derive(Default)]
struct Notes {
    /// What was not checked, and why.
    skipped: Vec<String>,
    tests: Vec<TestTime>,
}

/// Runs the steps until one fails, and prints how long each took, what was skipped, and the slowest tests.
pub fn run(args: &Args) -> Result<()> {
    let steps = args.only.map_or_else(|| Step::value_variants().to_vec(), |step| vec![step]);
    if steps.iter().any(|step| step.needs_libtorch()) {
        libtorch::ensure()?;
    }
    let mut times = Vec::new();
    let mut notes = Notes::default();
    let mut outcome = Ok(());
    for step in steps {
        println!("\n== {} ==", step.name());
        let started = Instant::now();
        outcome = step.run(&mut notes).with_context(|| format!("the step `{}` failed", step.name()));
        times.push((step, started.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    print!("\n{}{}", summary(&times, outcome.is_ok()), notes.render());
    outcome
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    fn needs_libtorch(self) -> bool {
        !matches!(self, Self::Fmt | Self::Deny | Self::Book)
    }

    fn run(self, notes: &mut Notes) -> Result<()> {
        let release = |verb: &str, more: &[&str]| {
            let mut command = cargo([verb, "--release", "--workspace", "--exclude", FUZZ]);
            // Snapshots are compared and never written; nothing asks a question.
            command.args(more).env("INSTA_UPDATE", "no").env("CI", "1");
            command
        };
        match self {
            Self::Fmt => format_is_right(),
            Self::Deny => deny::check(notes),
            Self::Clippy => lint(),
            Self::Doc => run_command(release("doc", &["--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
            Self::Layers => layers::check(),
            Self::Test => {
                slowest::run(release("test", &["--all-targets"]), notes)?;
                let feature = hdf5_feature(notes);
                // Within the workspace, whose dependencies are compiled already with the features that it has.
                slowest::run(release("test", &["--features", feature, "--test", "hdf5"]), notes)
            }
            Self::Doctest => run_command(&mut with_libtorch_path(release("test", &["--doc"]))?),
            Self::Examples => examples::run(),
            Self::Foreign => foreign::run(),
            Self::Python => python::check(notes),
            Self::Page => page::check(notes),
            Self::Book => documentation(notes),
        }
    }
}

/// Builds the program and the Python module, with the features that all members and examples together ask of their
/// dependencies, as the tests do, so that nothing compiles twice; `workspace::build_em_cli` asks for those of the
/// program alone.
fn build_program() -> Result<()> {
    let workspace = ["build", "--release", "--workspace", "--exclude", FUZZ];
    run_command(cargo(workspace).args(["--lib", "--bin", "em-cli", "--bin", "xtask", "--examples"]))
}

/// Lints all targets, those of the fuzzer too, for which nothing is linked: libFuzzer itself, half a
/// minute of C++, need not be there.
fn lint() -> Result<()> {
    let mut command = cargo(["clippy", "--release", "--workspace", "--all-targets"]);
    command.args(["--features", "em-fuzz/config", "--", "-D", "warnings"]);
    run_command(command.env("CUSTOM_LIBFUZZER_PATH", "/dev/null"))
}

/// Checks the format of the workspace and of the package outside it.
fn format_is_right() -> Result<()> {
    run_command(&mut cargo(["fmt", "--all", "--check"]))?;
    run_command(&mut cargo(["fmt", "--check", "--manifest-path", foreign::MANIFEST]))
}

/// Checks the links of Markdown files and, where mdBook is there or can be installed, builds the book and checks those of its pages.
fn documentation(notes: &mut Notes) -> Result<()> {
    book::links_of_markdown()?;
    match book::program() {
        Ok(program) => book::build(&program).map(drop),
        Err(reason) => {
            notes.skip(format!("the book of the documentation, since {reason:#}"));
            Ok(())
        }
    }
}

/// The feature of HDF5 that is tested: its writing, too, where the system has its library.
fn hdf5_feature(notes: &mut Notes) -> &'static str {
    if has_hdf5() {
        return "em-io/hdf5-write";
    }
    notes.skip("the tests of writing HDF5, since pkg-config finds no libhdf5");
    "em-io/hdf5"
}

/// Adds libtorch to the search path: rustdoc gives the programs that it builds no rpath.
fn with_libtorch_path(mut command: Command) -> Result<Command> {
    const VARIABLE: &str = "LD_LIBRARY_PATH";
    let before: OsString = env::var_os(VARIABLE).unwrap_or_default();
    let folders = std::iter::once(libtorch::library_folder()).chain(env::split_paths(&before));
    command.env(VARIABLE, env::join_paths(folders).context("the workspace's path contains a colon")?);
    Ok(command)
}

impl Notes {
    /// Says at once, and again at the end, that something is not checked.
    fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("skipped: {what}");
        self.skipped.push(what);
    }

    fn render(&self) -> String {
        let skipped: String = self.skipped.iter().map(|what| format!("skipped: {what}\n")).collect();
        skipped + &slowest::render(&self.tests)
    }
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
    fn the_summary_marks_the_last_step_as_failed() {
        let times = [(Step::Fmt, Duration::from_millis(500)), (Step::Clippy, Duration::from_secs(75))];
        assert_eq!(
            summary(&times, false),
            "fmt      ok          0.5 s\nclippy   FAILED     75.0 s\ntotal               75.5 s\n"
        );
    }

    #[test]
    fn the_last_line_names_the_slowest_tests_and_those_before_it_what_was_skipped() {
        let tests = vec![TestTime { name: "cli::a".into(), seconds: 2.0 }];
        let notes = Notes { skipped: vec!["HDF5".into()], tests };
        assert_eq!(notes.render(), "skipped: HDF5\nslowest tests: cli::a 2.0 s\n");
    }
}
