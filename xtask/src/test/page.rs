//! The pages: what was built is what their sources make, and they work in a browser.
//!
//! Node and Chromium are needed to change a page, never to build the program: where one is missing, what
//! was not checked is named.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Notes, build_program};
use crate::workspace::{root, run as run_command, target_folder};

/// Where Debian puts Chromium; `CHROMIUM` names another one.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The folders that the pages are built into.
const PAGES: [&str; 3] = ["crates/em-serve/page", "crates/em-serve/view", "crates/em-pipeline/page"];

/// Checks types and the built pages, then works with them: against a made-up server, and the program itself.
pub fn check(notes: &mut Notes) -> Result<()> {
    if !is_there("npm") {
        notes.skip("the pages, since there is no npm");
        return Ok(());
    }
    let web = root().join("web");
    run_command(&mut npm(&web, &["ci", "--no-audit", "--no-fund"]))?;
    let built = target_folder().join("pages");
    run_command(node(&web, "build.mjs").arg(&built))?;
    PAGES.iter().try_for_each(|page| ensure_same(page, &built.join(page), &root().join(page)))?;
    let chromium = std::env::var_os("CHROMIUM").map_or(PathBuf::from(CHROMIUM), PathBuf::from);
    if !chromium.exists() {
        notes.skip(format!("the pages in a browser, since there is no `{}`", chromium.display()));
        return Ok(());
    }
    build_program()?;
    let program = target_folder().join("release/em-cli");
    for page in ["test/page.mjs", "test/view.mjs"] {
        run_command(node(&web, page).env("CHROMIUM", &chromium))?;
    }
    for page in ["test/program.mjs", "test/view_program.mjs", "test/report.mjs"] {
        run_command(node(&web, page).env("CHROMIUM", &chromium).env("EM_CLI", &program))?;
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn npm(web: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(web).args(arguments);
    command
}

fn node(web: &Path, script: &str) -> Command {
    let mut command = Command::new("node");
    command.current_dir(web).arg(script);
    command
}

/// Compares what the sources make with what is committed, file by file.
fn ensure_same(page: &str, built: &Path, committed: &Path) -> Result<()> {
    let [built, committed] = [built, committed].map(files);
    let (built, committed) = (built?, committed?);
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let differing: Vec<&String> =
        built.iter().filter(|file| !committed.contains(file)).map(|(name, _)| name).collect();
    ensure!(
        names(&built) == names(&committed) && differing.is_empty(),
        "{page} is not what web/src makes ({differing:?} differ): `npm run build` in web/ builds it"
    );
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let failed = || format!("cannot read `{}`", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let content = std::fs::read(entry.path()).with_context(failed)?;
        files.push((entry.file_name().to_string_lossy().into_owned(), content));
    }
    files.sort();
    Ok(files)
}
