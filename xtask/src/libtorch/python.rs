//! What the active Python knows about an installed torch, asked without importing it.

use std::path::PathBuf;
use std::process::Command;

/// Prints the folder of the package `torch`; importing it would take seconds and load CUDA.
const LOCATE: &str =
    "from importlib.metadata import distribution; print(distribution('torch').locate_file('torch'))";

/// Returns the folder of the active Python's torch, or nothing where there is no Python or no torch.
pub fn installed_torch() -> Option<PathBuf> {
    let output = Command::new("python3").args(["-c", LOCATE]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
    (output.status.success() && path.is_dir()).then_some(path)
}
