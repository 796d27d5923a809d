//! Runs `cargo test`, shows its output, and reads from it how long each test took and what a test skipped.
//!
//! Libtest tells times only with an option that it calls unstable; it takes it where RUSTC_BOOTSTRAP is set.
//! The variable is set for the test programs alone: set for cargo, it would have half of the dependencies compiled again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Notes;
use crate::workspace::display;

/// How many tests are named.
const NAMED: usize = 5;

/// Every test program is started through `env`, with the variable.
const RUNNER: &str = r#"target."cfg(all())".runner=["env","RUSTC_BOOTSTRAP=1"]"#;

/// Libtest's own options: times, and the output of tests that pass, in which they say what they skipped.
const LIBTEST: [&str; 5] = ["--", "-Z", "unstable-options", "--report-time", "--show-output"];

/// How long a test took.
#[derive(Clone, Debug, PartialEq)]
pub struct TestTime {
    pub name: String,
    pub seconds: f64,
}

/// Runs a command line of `cargo test`, and notes times and what was skipped.
pub fn run(mut command: Command, notes: &mut Notes) -> Result<()> {
    println!("$ {}", display(&command));
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command.args(["--config", RUNNER]).args(LIBTEST);
    command.stdout(writer.try_clone().context("no pipe")?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", display(&command)))?;
    let shown = display(&command);
    // The command holds the writing ends of the pipe, which has to end with the child.
    drop(command);
    let mut output = Output::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.context("cannot read the output of the tests")?;
        let line = String::from_utf8_lossy(&line);
        if output.take(&line) {
            println!("{line}");
        }
    }
    let status = child.wait().context("cannot wait for the tests")?;
    notes.tests.append(&mut output.times);
    notes.skipped.append(&mut output.skipped);
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Names the slowest tests in one line, or in none without tests.
pub fn render(tests: &[TestTime]) -> String {
    let mut sorted = tests.to_vec();
    sorted.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    sorted.truncate(NAMED);
    let named: Vec<String> =
        sorted.iter().map(|test| format!("{} {:.1} s", test.name, test.seconds)).collect();
    if named.is_empty() { String::new() } else { format!("slowest tests: {}\n", named.join(", ")) }
}

/// What was read so far.
#[derive(Default)]
struct Output {
    program: String,
    /// Within the output of tests that passed, which is not shown.
    in_successes: bool,
    times: Vec<TestTime>,
    skipped: Vec<String>,
}

impl Output {
    /// Takes a line in, and tells whether it is to be shown.
    fn take(&mut self, line: &str) -> bool {
        self.in_successes = match line {
            "successes:" => true,
            "failures:" => false,
            _ => self.in_successes && !line.starts_with("test result:"),
        };
        if self.in_successes {
            self.skipped.extend(line.strip_prefix("skipped: ").map(str::to_owned));
            return false;
        }
        if let Some(program) = program_of(line) {
            self.program = program;
        } else if let Some((name, verdict)) = test_of(line) {
            let name = format!("{}::{name}", self.program);
            if verdict.starts_with("ignored") {
                self.skipped.push(format!("the test {name}, which is {verdict}"));
            } else if let Some(seconds) = seconds_of(verdict) {
                self.times.push(TestTime { name, seconds });
            }
        }
        true
    }
}

/// Reads the name of a test program from `Running tests/a.rs (target/release/deps/a-0123456789abcdef)`.
fn program_of(line: &str) -> Option<String> {
    let (_, path) = line.trim_start().strip_prefix("Running ")?.rsplit_once(" (")?;
    let stem = Path::new(path.strip_suffix(')')?).file_stem()?.to_str()?;
    Some(stem.rsplit_once('-').map_or(stem, |(name, _)| name).to_owned())
}

/// Reads name and verdict from `test NAME ... VERDICT`.
fn test_of(line: &str) -> Option<(&str, &str)> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some((name.trim_end_matches(" - should panic"), verdict))
}

/// Reads the seconds of `ok <0.123s>`.
fn seconds_of(verdict: &str) -> Option<f64> {
    verdict.rsplit_once('<')?.1.strip_suffix("s>")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What cargo 1.95 and libtest print.
    const PRINTED: &str = "   Compiling em-io v0.1.0 (/w/crates/em-io)
     Running unittests src/lib.rs (target/release/deps/em_io-6edf0132a4bd1cb5)

running 3 tests
test roi::tests::slow ... ok <12.345s>
test roi::tests::panics - should panic ... ok <0.001s>
test roi::tests::later ... ignored, needs a GPU

successes:

---- roi::tests::slow stdout ----
skipped: no /dev/full


successes:
    roi::tests::slow

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 12.35s

     Running tests/golden.rs (/w/target/release/deps/golden-0a0a0a0a0a0a0a0a)
test wrong ... FAILED <1.500s>
";

    #[test]
    fn times_carry_the_program_and_what_tests_skip_is_found() {
        let mut output = Output::default();
        let shown = PRINTED.lines().filter(|line| output.take(line)).count();
        assert_eq!(shown, 12, "all but the section of successes");
        let times: Vec<(&str, f64)> =
            output.times.iter().map(|test| (test.name.as_str(), test.seconds)).collect();
        assert_eq!(
            times,
            [
                ("em_io::roi::tests::slow", 12.345),
                ("em_io::roi::tests::panics", 0.001),
                ("golden::wrong", 1.5)
            ]
        );
        assert_eq!(
            output.skipped,
            ["the test em_io::roi::tests::later, which is ignored, needs a GPU", "no /dev/full"]
        );
        assert!(
            render(&output.times).starts_with("slowest tests: em_io::roi::tests::slow 12.3 s, golden::wrong")
        );
    }

    #[test]
    fn the_slowest_come_first_and_are_few() {
        let tests: Vec<TestTime> =
            (0..9).map(|n| TestTime { name: format!("t{n}"), seconds: f64::from(n) }).collect();
        assert_eq!(render(&tests), "slowest tests: t8 8.0 s, t7 7.0 s, t6 6.0 s, t5 5.0 s, t4 4.0 s\n");
        assert_eq!(render(&[]), "");
    }
}
