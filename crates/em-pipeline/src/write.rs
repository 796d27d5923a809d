//! Results in files that appear whole or not at all.

use std::path::Path;

use serde::Serialize;

use crate::error::{Context, Result};

/// Writes a value as JSON, with a line break at the end.
pub(crate) fn json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .with_context(|| format!("`{}` cannot be written as JSON", path.display()))?;
    Ok(em_io::write_atomically(path, |file| writeln!(file, "{text}"))?)
}

/// Writes bytes.
pub(crate) fn bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(em_io::write_atomically(path, |file| file.write_all(bytes))?)
}
