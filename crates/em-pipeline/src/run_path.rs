//! Which run a path means.

use std::path::{Path, PathBuf};

use em_model::RunFolder;

use crate::built_in;
use crate::error::{Result, UserError};

/// Runs that a message names.
const NAMED: usize = 5;

/// Finds the run that a path means: its folder, or anything within, such as its weights.
///
/// # Errors
///
/// Fails where there is no run, with the runs that lie in that folder, if there are any.
pub fn find_run(path: &Path) -> Result<RunFolder> {
    if is_run(path) {
        return Ok(RunFolder::new(path));
    }
    if let Some(network) = built_in::named(path) {
        return built_in::unpacked(network);
    }
    // `last/state.safetensors` and `panels/a.png` are two below; only what is there means a run.
    let around = path.ancestors().skip(1).take(2).find(|folder| is_run(folder));
    if let Some(folder) = around.filter(|_| path.exists()) {
        return Ok(RunFolder::new(folder));
    }
    let (shown, within) = (path.display(), runs_in(path));
    let error = if !path.exists() {
        UserError::new(
            format!("no folder `{shown}`"),
            "name the folder of a run, which `em-cli train` wrote, or a network of `em-cli models`",
        )
    } else if let Some(first) = within.first() {
        let names: Vec<String> =
            within.iter().take(NAMED).map(|run| format!("`{}`", run.display())).collect();
        let more = if within.len() > NAMED { ", ..." } else { "" };
        UserError::new(
            format!("`{shown}` is no run, but holds runs: {}{more}", names.join(", ")),
            format!("name one of them, as in `{}`", first.display()),
        )
    } else if RunFolder::new(path).config().exists() {
        UserError::new(
            format!("the run `{shown}` has no weights: its training has saved no epoch"),
            "go on with `em-cli train --resume`",
        )
    } else if is_of_another_program(path) {
        UserError::new(
            format!("`{shown}` is a model of another program, expected the folder of a run"),
            "name a folder that `em-cli train` wrote, or make one of it: `em-cli import`",
        )
    } else {
        let found = if path.is_dir() { "has no model.json" } else { "is a file" };
        UserError::new(
            format!("`{shown}` {found}, expected the folder of a run"),
            "name a folder that `em-cli train` wrote",
        )
    };
    Err(error.into())
}

/// Tells whether a folder has what a training keeps; what is missing is told by who reads it.
fn is_run(folder: &Path) -> bool {
    let run = RunFolder::new(folder);
    run.card().is_file() || run.is_started()
}

/// Tells whether a file is named as other programs name their models.
fn is_of_another_program(path: &Path) -> bool {
    const ENDINGS: [&str; 11] =
        ["bin", "ckpt", "joblib", "keras", "onnx", "pickle", "pkl", "pt", "pt2", "pth", "torchscript"];
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    path.is_file() && ENDINGS.contains(&ending.as_str())
}

/// The runs right below a folder, in the order of their names.
fn runs_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut runs: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_run(path)).collect();
    runs.sort();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_path_within_a_run_means_that_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("runs/a");
        fs::create_dir_all(run.join("last")).unwrap();
        for file in ["model.json", "model.safetensors", "last/state.safetensors"] {
            fs::write(run.join(file), "").unwrap();
            assert_eq!(find_run(&run.join(file)).unwrap().path(), run, "{file}");
        }
        assert_eq!(find_run(&run.join("last")).unwrap().path(), run);
        assert_eq!(find_run(&run).unwrap().path(), run);
        // A file that is not there is a mistake, and not the run.
        assert!(find_run(&run.join("modle.json")).is_err());
        let message = |path: &Path| find_run(path).unwrap_err().to_string();
        assert!(message(&folder.path().join("runs")).contains("holds runs: `"));
        assert!(message(folder.path()).ends_with("has no model.json, expected the folder of a run"));
        fs::create_dir(folder.path().join("begun")).unwrap();
        fs::write(folder.path().join("begun/config.toml"), "").unwrap();
        assert!(message(&folder.path().join("begun")).contains("has saved no epoch"));
    }
}
