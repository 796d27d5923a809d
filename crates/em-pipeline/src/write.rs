//! Results in files that appear whole or not at all.

use std::path::Path;

use serde::Serialize;

use crate::error::{Context, Result};

/// Writes a value as JSON, with a line break at the end.
pub(crate) fn json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .with_context(|| format!("`{}` cannot be written as JSON", path.display()))?;
    bytes(path, format!("{text}\n").as_bytes())
}

/// Writes bytes, and removes what a killed writer left beside them.
pub(crate) fn bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let _lock = em_io::FileLock::wait_beside(path)?;
    em_io::remove_unfinished_of(path)?;
    Ok(em_io::write_atomically(path, |file| file.write_all(bytes))?)
}
