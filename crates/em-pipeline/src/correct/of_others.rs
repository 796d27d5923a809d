//! Edits of other labels than a file holds now, as after a new measurement: refused, or set aside.

use std::path::{Path, PathBuf};

use em_io::Volume;

use super::edit::{Edit, EditLine};
use super::save::journal_of;
use crate::error::{Context, Result, UserError};
use crate::sections_digest::sections_digest;
use crate::{Observer, journal, open};

/// Gives the journal of a label volume another name where its edits are of other labels, such as those before
/// a new measurement; returns that name.
///
/// # Errors
///
/// Fails if a file cannot be read or renamed.
pub fn set_aside_edits_of_others(labels: &Path, observer: &mut Observer<'_>) -> Result<Option<PathBuf>> {
    let path = journal_of(labels);
    let Ok(text) = std::fs::read(&path) else { return Ok(None) };
    let first = text.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
    let lines = journal::read_lines::<EditLine>(&path, first).unwrap_or_default();
    let volume = open(labels, observer)?;
    if check_digest(&volume, &sections_digest(&volume)?, &lines, &path).is_ok() {
        return Ok(None);
    }
    let named = |number: usize| path.with_extension(format!("{number}.jsonl"));
    let aside = (1..).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| path.clone());
    std::fs::rename(&path, &aside).with_context(|| format!("`{}` cannot be renamed", path.display()))?;
    Ok(Some(aside))
}

/// Refuses edits that were made on another label volume.
pub(super) fn check_digest(labels: &Volume, found: &str, lines: &[EditLine], path: &Path) -> Result<()> {
    let opened = lines.iter().find_map(|line| match &line.edit {
        Edit::Opened { sections_sha256 } => Some(sections_sha256),
        _ => None,
    });
    if opened.is_none_or(|expected| expected == found) {
        return Ok(());
    }
    let name = labels.path().map_or("the label volume".into(), |path| path.display().to_string());
    let message = format!("`{}` holds edits of other labels than `{name}` holds now", path.display());
    let hint = "correct the labels that they were made on, or begin anew by moving the edits away";
    Err(UserError::new(message, hint).into())
}
