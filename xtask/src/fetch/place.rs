//! How a file gets its name: written beside it as `<name>.part`, made durable, renamed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Returns the path under which a file is written before it is verified.
pub fn part_of(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Gives the verified part its name.
pub fn promote(path: &Path) -> Result<()> {
    let part = part_of(path);
    let durable = || -> std::io::Result<()> {
        File::open(&part)?.sync_all()?;
        fs::rename(&part, path)
    };
    durable().with_context(|| format!("cannot rename `{}` to `{}`", part.display(), path.display()))
}

/// Copies a verified file to its place; a real copy, so that the original can change without harm.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.canonicalize().ok().is_some_and(|from| to.canonicalize().ok() == Some(from)) {
        return Ok(());
    }
    fs::copy(from, part_of(to))
        .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
    promote(to)
}
