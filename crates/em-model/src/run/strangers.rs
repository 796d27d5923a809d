//! What is asked of the files of a run before they are believed: somebody else may have written them.
//!
//! A card must not ask for more memory than its weights have, name files by its classes, or be no file at all.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::ModelCard;
use crate::{Error, Result};

/// More than any text of a run takes; a link to an endless device would fill the memory.
pub(crate) const MOST_TEXT_BYTES: u64 = 1 << 26;
/// A header of 64 MB, and 16 bytes for each number: weights are 4, statistics and side outputs a few more.
const MOST_HEADER_BYTES: u64 = 1 << 26;
const MOST_BYTES_OF_A_NUMBER: u64 = 16;
/// 256 MB, which any machine that predicts has.
const MOST_MISSING_NUMBERS: u64 = 1 << 26;
/// The longest name of a class: a name of a file has 255 bytes, and an ending.
const MOST_CLASS_BYTES: usize = 200;

/// Reads a file of a run, if it is one and no longer than `most` bytes.
pub(crate) fn read_file(path: &Path, most: u64) -> Result<Vec<u8>> {
    let unread = |error: std::io::Error| problem(path, format!("cannot be read: {error}"));
    let found = fs::metadata(path).map_err(unread)?;
    if !found.is_file() {
        return Err(problem(path, "is no file"));
    }
    if found.len() > most {
        return Err(problem(path, format!("has {} bytes, expected at most {most}", found.len())));
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unread)?;
    Ok(bytes)
}

/// Reads a text of a run.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let bytes = read_file(path, MOST_TEXT_BYTES)?;
    String::from_utf8(bytes).map_err(|error| problem(path, format!("cannot be read: {error}")))
}

/// Reads the weights that belong to a card, before anything is made of its network: the file tells how large that is.
pub(crate) fn read_weights_of(path: &Path, card: &ModelCard) -> Result<Vec<u8>> {
    let numbers = card.architecture.parameter_count() as u64;
    let bytes =
        read_file(path, MOST_HEADER_BYTES.saturating_add(MOST_BYTES_OF_A_NUMBER.saturating_mul(numbers)))?;
    refuse_programs(path, &bytes)?;
    Ok(bytes)
}

/// Refuses a card whose network would take far more memory than its weights; where it would not, what differs is
/// told tensor by tensor.
pub(crate) fn check_numbers(path: &Path, bytes: &[u8], card: &ModelCard) -> Result<()> {
    let (found, expected) = (bytes.len() as u64 / 4, card.architecture.parameter_count() as u64);
    if expected <= found + MOST_MISSING_NUMBERS {
        return Ok(());
    }
    let found = format!("holds {found} numbers at most, and the network of model.json has {expected}");
    Err(problem(path, found))
}

/// Refuses what may hold a program: reading it would run it.
fn refuse_programs(path: &Path, bytes: &[u8]) -> Result<()> {
    let found = match bytes {
        [b'P', b'K', 3, 4, ..] => "an archive, as of PyTorch or TorchScript",
        [0x80, 2..=5, ..] => "a pickle of Python",
        _ => return Ok(()),
    };
    let why = "which may hold a program and is never loaded, expected safetensors";
    Err(problem(path, format!("is {found}, {why}")))
}

/// Says what is wrong with the names of classes, which become parts of files' names.
pub(crate) fn problem_of_classes(classes: &[String]) -> Option<String> {
    if classes.is_empty() {
        return Some("names no class".into());
    }
    let names_a_file = |class: &&String| {
        let is_plain = !class.chars().any(|c| c.is_control() || c == '/' || c == '\\');
        !class.is_empty() && class.len() <= MOST_CLASS_BYTES && is_plain
    };
    if let Some(class) = classes.iter().find(|class| !names_a_file(class)) {
        return Some(format!("names a class {class:?}, expected a part of a file's name"));
    }
    let twice = (1..classes.len()).find(|&n| classes[..n].contains(&classes[n]));
    twice.map(|n| format!("names the class `{}` twice", classes[n]))
}

impl ModelCard {
    /// Says what is wrong with a card that was read.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        if let Some(wrong) = problem_of_classes(&self.classes) {
            return Err(problem(path, wrong));
        }
        match self.architecture.problems(self.classes.len()).into_iter().next() {
            None => Ok(()),
            Some(wrong) => {
                let (field, found, expected) = (wrong.field, wrong.found, wrong.expected);
                Err(problem(path, format!("describes no network: `{field}` is {found}, expected {expected}")))
            }
        }
    }
}

fn problem(path: &Path, problem: impl Into<String>) -> Error {
    Error::RunFile { path: path.into(), problem: problem.into() }
}
