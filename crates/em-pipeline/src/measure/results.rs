//! Which files an earlier measurement has left in a folder.

use std::path::{Path, PathBuf};

use em_io::place;

use crate::class_path::class_path;
use crate::error::{Result, UserError};

/// What every measurement writes, but for its labels.
const FILES: [&str; 5] = ["objects.csv", "objects.parquet", "summary.json", "histograms.png", "report.html"];

/// Returns the label volumes of a measurement, each with its class, in the order of their names.
pub fn labels_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let (labels, classes) = (folder.join("labels.tif"), classes(&folder.join("summary.json")));
    let path = |class: &String| match classes.len() {
        // As `measure` names them.
        1 => labels.clone(),
        _ => class_path(&labels, class),
    };
    let all = classes.iter().map(|class| (class.clone(), path(class)));
    all.filter(|(_, path)| path.exists()).collect()
}

/// Returns the paths of the results that a folder may hold: those of any measurement, and the label
/// volumes of the classes that its summary names.
pub fn earlier(folder: &Path) -> Vec<PathBuf> {
    let labels = folder.join("labels.tif");
    let of_classes: Vec<PathBuf> =
        classes(&folder.join("summary.json")).iter().map(|class| class_path(&labels, class)).collect();
    FILES.iter().map(|name| folder.join(name)).chain([labels]).chain(of_classes).collect()
}

/// Refuses to measure one of the files that the results are to replace.
pub fn refuse_input(input: &Path, earlier: &[PathBuf]) -> Result<()> {
    let Some(resolved) = place::identity(input) else { return Ok(()) };
    if earlier.iter().all(|path| place::identity(path).as_ref() != Some(&resolved)) {
        return Ok(());
    }
    let message = format!("`{}` is the input and would be replaced", input.display());
    Err(UserError::new(message, "take another folder for the results").into())
}

/// The classes that a summary names; none where there is no summary, or one that nobody can read.
fn classes(summary: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(summary).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    value["classes"].as_object().map(|classes| classes.keys().cloned().collect()).unwrap_or_default()
}
