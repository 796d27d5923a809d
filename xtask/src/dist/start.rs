//! What the README tells its reader to type first, typed at a program that was installed: its own lines, so that it
//! cannot promise what an install does not do.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::workspace::{em_cli, root, run};

/// What stands before the block of the README.
const HEADING: &str = "**To use it**";

/// The stack that the lines speak of, and the mask that they make.
const STACK: &str = "stack.tif";
const MASK: &str = "mask.tif";

/// How long a page may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the lines in a folder by way of `program`, which starts the installed one there with the words behind
/// `em-cli`; the mask has to be the one of the program that is built.
pub fn lines_run(folder: &Path, program: impl Fn(&[&str]) -> Command) -> Result<()> {
    let stack = folder.join(STACK);
    fs::copy(root().join("fixtures/fib25/raw.tif"), &stack)
        .with_context(|| format!("cannot write `{}`", stack.display()))?;
    let readme = fs::read_to_string(root().join("README.md")).context("cannot read the README")?;
    let lines = lines(&readme);
    let mut predicted = false;
    for line in &lines {
        match line[0] {
            "view" => opens_a_page(program(&[line, &["--no-browser"][..]].concat()))?,
            "predict" => {
                predicts_the_same(folder, &[line, &["--device", "cpu"][..]].concat(), &program)?;
                predicted = true;
            }
            _ => run(&mut program(line))?,
        }
    }
    ensure!(
        predicted && lines.len() >= 3,
        "the README's block behind `{HEADING}` has other lines: {lines:?}"
    );
    Ok(())
}

/// Predicts with the installed program and with the one that is built: both masks have the same bytes.
fn predicts_the_same(folder: &Path, line: &[&str], program: impl Fn(&[&str]) -> Command) -> Result<()> {
    let [mask, theirs] = [MASK, "installed.tif"].map(|name| folder.join(name));
    run(&mut program(line))?;
    fs::rename(&mask, &theirs).with_context(|| format!("the README's line makes no `{MASK}`"))?;
    run(em_cli(line).current_dir(folder))?;
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    ensure!(read(&mask)? == read(&theirs)?, "the installed program predicts other bytes than the built one");
    Ok(())
}

/// The words behind `em-cli` of each such line in the block.
fn lines(readme: &str) -> Vec<Vec<&str>> {
    let block = readme.split_once(HEADING).and_then(|(_, rest)| rest.split("```").nth(1));
    let typed = block.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("em-cli "));
    let commands = typed.map(|line| line.split('#').next().unwrap_or_default());
    commands.map(|line| line.split_whitespace().collect()).collect()
}

/// Starts a command that serves a page, waits until it answers, and ends it.
pub fn opens_a_page(command: Command) -> Result<()> {
    Page::open(command)?.answers()
}

/// A page, served until this is dropped.
struct Page {
    process: Child,
    address: String,
}

impl Page {
    fn open(mut command: Command) -> Result<Self> {
        println!("$ {}", crate::workspace::display(&command));
        let mut process = command.stdout(Stdio::piped()).spawn().context("cannot start it")?;
        let output = process.stdout.take().context("a child has no standard output")?;
        let mut page = Self { process, address: String::new() };
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        page.address = lines
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .find(|word| word.starts_with("http://"))
            .context("it tells no address")?;
        Ok(page)
    }

    fn answers(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            match ureq::get(&self.address).call() {
                Ok(answer) => {
                    let text = answer.into_body().read_to_string()?;
                    ensure!(text.contains("<html"), "what is served at {} is no page", self.address);
                    println!("its page answers");
                    return Ok(());
                }
                Err(error) if started.elapsed() > PATIENCE => {
                    return Err(error).context("its page does not answer");
                }
                Err(_) => sleep(Duration::from_millis(200)),
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_first_block_are_typed() {
        let readme = "em-cli a\n\n**To use it**: so.\n\n```sh\npip install W  # that\nem-cli b c.tif  # why\n\
            em-cli view d=e\n```\n\n```sh\nem-cli f\n```\n";
        assert_eq!(lines(readme), [vec!["b", "c.tif"], vec!["view", "d=e"]]);
        assert!(lines("em-cli a").is_empty());
    }
}
