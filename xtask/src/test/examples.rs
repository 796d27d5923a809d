//! Runs the examples of the library crates, which take no arguments.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{cargo, root, run as run_command, target_folder};

/// The crates whose examples show how to use them; those of em-io and em-data are parts of benchmarks.
const CRATES: [&str; 4] = ["em-metrics", "em-objects", "em-model", "em-pipeline"];

/// Builds all examples, with the features of the whole workspace so that nothing compiles twice, and runs them.
pub fn run() -> Result<()> {
    run_command(&mut cargo(["build", "--release", "--workspace", "--examples"]))?;
    for name in CRATES {
        for example in examples(&root().join("crates").join(name).join("examples"))? {
            let program = target_folder().join("release/examples").join(example);
            run_command(Command::new(program).current_dir(root()))?;
        }
    }
    Ok(())
}

/// Returns the names of the examples in a folder, which may be absent.
fn examples(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let files = read().with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut names: Vec<String> =
        files.iter().filter_map(|file| file.strip_suffix(".rs")).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_files_are_examples_and_a_crate_may_have_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.rs", "a.rs", "notes.md"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(examples(folder.path()).unwrap(), ["a", "b"]);
        assert!(examples(&folder.path().join("none")).unwrap().is_empty());
    }
}
