//! `cargo xtask book`: the pages of `docs/` as a book with a search, by mdBook, and every link followed.
//!
//! mdBook is a program and no dependency: its licence (MPL-2.0) and its packages stay out of what is built here.
//! Where it is not on the search path, cargo compiles it once, into the target folder.

mod links;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::{cargo, root, run as run_command, target_folder};

/// The release that pages were looked at with; another one may name headings otherwise.
const MDBOOK: &str = "mdbook@0.5.4";

/// Arguments of `cargo xtask book`.
#[derive(clap::Args)]
pub struct Args {
    /// Write the pages that are made from the program anew first: keys of a configuration, commands and options
    #[arg(long)]
    renew: bool,
}

/// Builds the book and checks it; says where it is.
pub fn run(args: &Args) -> Result<()> {
    if args.renew {
        renew()?;
    }
    links_of_markdown()?;
    let book = build(&program()?)?;
    println!("the book begins at `{}`", book.join("index.html").display());
    Ok(())
}

/// Has the test that compares the generated pages with the program write them.
fn renew() -> Result<()> {
    crate::libtorch::ensure()?;
    let tests = ["test", "--release", "--workspace", "--exclude", "em-fuzz", "--bin", "em-cli"];
    run_command(cargo(tests).args(["--", "docs::reference"]).env("RENEW_DOCS", "1"))
}

/// Checks the links between Markdown files of the whole workspace, as they are read without the book.
pub fn links_of_markdown() -> Result<()> {
    none_broken(links::broken_in_markdown(&root())?)
}

/// Builds the book into the target folder and checks its links; returns its folder.
pub fn build(mdbook: &Path) -> Result<PathBuf> {
    let book = target_folder().join("book");
    let mut command = Command::new(mdbook);
    command.arg("build").arg(root().join("docs")).arg("--dest-dir").arg(&book);
    run_command(&mut command)?;
    none_broken(links::broken_in_book(&book)?)?;
    Ok(book)
}

fn none_broken(broken: Vec<String>) -> Result<()> {
    if broken.is_empty() {
        return Ok(());
    }
    for link in &broken {
        println!("broken: {link}");
    }
    bail!("{} links of the documentation are broken", broken.len());
}

/// Finds mdBook on the search path or in the target folder, or installs it there.
pub fn program() -> Result<PathBuf> {
    let folder = target_folder().join("mdbook");
    let own = folder.join("bin/mdbook");
    if let Some(found) = [PathBuf::from("mdbook"), own.clone()].into_iter().find(|path| is_right(path)) {
        return Ok(found);
    }
    println!("mdBook is compiled, which takes a minute, and kept in `{}`", folder.display());
    let mut install = cargo(["install", MDBOOK, "--locked", "--force", "--quiet", "--debug"]);
    install.args(["--no-default-features", "--features", "search", "--root"]).arg(&folder);
    // In a folder of its own, which is removed; without what only a debugger reads.
    install.env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "0");
    run_command(&mut install).context("mdBook could not be installed")?;
    Ok(own)
}

/// Whether a program is there, and mdBook of the release that is asked for.
fn is_right(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    let version = MDBOOK.rsplit('@').next().expect("a text has a last part");
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with(version))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Cli;

    #[test]
    fn chores_that_the_documentation_names_are_there() {
        let mut lines = 0;
        for page in links::markdown_files(&root()).unwrap() {
            let text = std::fs::read_to_string(&page).unwrap();
            for line in text.lines().map(str::trim).filter(|line| line.starts_with("cargo xtask ")) {
                let words = line.split(" #").next().unwrap().split_whitespace();
                let words: Vec<&str> = words.skip(1).collect();
                let parsed = Cli::try_parse_from(&words);
                assert!(parsed.is_ok(), "{}: {line}: {}", page.display(), parsed.err().unwrap());
                lines += 1;
            }
        }
        assert!(lines >= 6, "{lines} lines");
    }

    #[test]
    fn another_program_is_not_taken_for_mdbook() {
        assert!(!is_right(Path::new("/no/such/program")));
        assert!(!is_right(Path::new("true")));
    }

    #[test]
    fn the_citation_is_of_this_version() {
        let citation = std::fs::read_to_string(root().join("CITATION.cff")).unwrap();
        let version = citation.lines().find_map(|line| line.strip_prefix("version: "));
        assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
    }
}
