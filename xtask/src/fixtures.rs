//! `cargo xtask fixtures`: the committed test files, made anew by the scripts that lie beside the tests, and their list of checksums.
//!
//! A script is `crates/<crate>/tests/make_fixtures.py`. It runs in the folder of its crate, with the packages of `fixtures/requirements.txt`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::advice::Advised;
use crate::checksum::{sha256, to_hex};
use crate::workspace;

/// The list, in the form of `sha256sum`, with paths from the workspace root.
const LIST: &str = "fixtures/SHA256SUMS";

/// Arguments of `cargo xtask fixtures`.
#[derive(clap::Args)]
pub struct Args {
    /// Only compare the files with their list
    #[arg(long)]
    check: bool,
}

/// Makes the fixtures and their list, or checks them.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root();
    if !args.check {
        make(&root)?;
        write(&root.join(LIST), &render(&checksums(&root)?))?;
    }
    check(&root)
}

fn make(root: &Path) -> Result<()> {
    let python = python(root)?;
    for folder in children(&root.join("crates"))? {
        if folder.join("tests/make_fixtures.py").is_file() {
            workspace::run(Command::new(&python).arg("tests/make_fixtures.py").current_dir(&folder))?;
        }
    }
    Ok(())
}

/// Returns a Python that has the packages of `fixtures/requirements.txt`.
pub fn python(root: &Path) -> Result<PathBuf> {
    let environment = workspace::target_folder().join("fixtures-python");
    workspace::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let python = environment.join("bin/python3");
    let requirements = root.join("fixtures/requirements.txt");
    if requirements.is_file() {
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        workspace::run(Command::new(&python).args(install).arg(&requirements))?;
    }
    Ok(python)
}

fn check(root: &Path) -> Result<()> {
    let list = root.join(LIST);
    let listed = fs::read_to_string(&list).with_context(|| format!("cannot read `{}`", list.display()))?;
    let found = checksums(root)?;
    let differences = compare(&parse(&listed), &found);
    if differences.is_empty() {
        println!("{} fixtures match `{LIST}`", found.len());
        return Ok(());
    }
    let message = format!("fixtures and `{LIST}` differ: {}", differences.join(", "));
    Err(Advised::new(message, "if the change is meant, run `cargo xtask fixtures` and commit the list")
        .into())
}

/// A package for tests, which no script makes.
const PACKAGE: &str = "fixtures/foreign-crate";

/// Returns the SHA-256 of each committed fixture by its path from the root.
fn checksums(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = Vec::new();
    collect(&root.join("fixtures"), &mut files)?;
    for folder in children(&root.join("crates"))? {
        collect(&folder.join("tests/fixtures"), &mut files)?;
    }
    let mut sums = BTreeMap::new();
    for file in files {
        let name = file.strip_prefix(root).expect("it lies below the root").to_string_lossy().into_owned();
        if name != LIST && !Path::new(&name).starts_with(PACKAGE) {
            sums.insert(name, to_hex(&sha256(&file)?));
        }
    }
    Ok(sums)
}

/// Collects the files below a folder that may be absent.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for path in children(folder)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = read().with_context(|| format!("cannot read `{}`", folder.display()))?;
    paths.sort();
    Ok(paths)
}

fn render(sums: &BTreeMap<String, String>) -> String {
    sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

fn parse(list: &str) -> BTreeMap<String, String> {
    list.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect()
}

fn compare(listed: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let missing =
        listed.keys().filter(|name| !found.contains_key(*name)).map(|name| format!("`{name}` is missing"));
    let others = found.iter().filter_map(|(name, sum)| match listed.get(name) {
        None => Some(format!("`{name}` is not listed")),
        Some(listed) => (listed != sum).then(|| format!("`{name}` has changed")),
    });
    missing.chain(others).collect()
}

/// Writes a file under a temporary name and renames it.
fn write(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, text)
        .and_then(|()| fs::rename(&part, path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_fixtures_are_those_of_the_list() {
        check(&workspace::root()).unwrap();
    }

    #[test]
    fn a_changed_a_missing_and_an_unlisted_fixture_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let fixture = |name: &str| root.path().join("fixtures").join(name);
        fs::create_dir_all(root.path().join("crates/em-io/tests/fixtures/deep")).unwrap();
        fs::create_dir(root.path().join("fixtures")).unwrap();
        for name in ["changed", "missing", "same"] {
            fs::write(fixture(name), name).unwrap();
        }
        fs::write(root.path().join("crates/em-io/tests/fixtures/deep/a.tif"), "a").unwrap();
        fs::create_dir(fixture("foreign-crate")).unwrap();
        fs::write(fixture("foreign-crate/Cargo.toml"), "").unwrap();
        let sums = checksums(root.path()).unwrap();
        assert_eq!(sums.len(), 4, "a package is no fixture");
        write(&root.path().join(LIST), &render(&sums)).unwrap();
        check(root.path()).unwrap();

        fs::write(fixture("changed"), "otherwise").unwrap();
        fs::remove_file(fixture("missing")).unwrap();
        fs::write(fixture("new"), "").unwrap();
        assert_eq!(
            check(root.path()).unwrap_err().to_string(),
            "fixtures and `fixtures/SHA256SUMS` differ: `fixtures/missing` is missing, \
             `fixtures/changed` has changed, `fixtures/new` is not listed"
        );
    }
}
