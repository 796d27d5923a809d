//! What a person did, one line of JSON for each action, on the disk before anybody is told that it is.
//!
//! The labels of a project and the corrections of objects are both a function of such a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Context, Result, UserError};

/// Of the names that a page gives to actions.
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 1..=100;

/// A line of a journal.
pub trait Line: Serialize + DeserializeOwned {
    /// What a line is called in errors.
    const NAME: &'static str;

    /// Returns its number, from 1.
    fn number(&self) -> usize;
}

/// Why an action was not done.
#[derive(Debug)]
pub enum Refusal {
    /// It makes no sense; it is not in the journal.
    Senseless(String),
    /// It could not be written, as on a full disk; it can be sent again.
    Unwritten(String),
}

/// Refuses a name that no page gives to an action.
pub fn check_id(id: &str) -> Result<(), Refusal> {
    match ID_LENGTHS.contains(&id.len()) {
        true => Ok(()),
        false => Err(Refusal::Senseless("an action needs a name of 1 to 100 characters".into())),
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are whole lines.
    length: u64,
}

/// A journal that was read: its lines, and how many bytes of a torn last one were dropped.
#[derive(Debug)]
pub struct ReadJournal<L> {
    /// The open journal.
    pub journal: Journal,
    /// In order.
    pub lines: Vec<L>,
    /// Bytes of a line that a kill or a full disk left unfinished; nobody was told that it is there.
    pub torn: u64,
}

impl Journal {
    /// Opens a journal, or starts one, and reads it.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or written, if another process has it open, and if a line that is not
    /// the last one is damaged.
    pub fn open<L: Line>(path: &Path) -> Result<ReadJournal<L>> {
        let failed = || format!("`{}` cannot be opened", path.display());
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).with_context(failed)?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            let message = format!("`{}` is open in another program", path.display());
            return Err(UserError::new(message, "close it there").into());
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(failed)?;
        let whole = whole_lines(&text);
        let lines = read_lines(path, &text[..whole])?;
        let torn = (text.len() - whole) as u64;
        let mut journal = Self { path: path.to_owned(), file, length: whole as u64 };
        if torn > 0 {
            journal.cut().with_context(failed)?;
        }
        Ok(ReadJournal { journal, lines, torn })
    }

    /// Writes a line, and returns when it is on the disk.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unwritten`] if it cannot be written, as on a full disk; the journal is then as before.
    pub fn append(&mut self, line: &impl Line) -> Result<(), Refusal> {
        let path = self.path.clone();
        let failed =
            |error: io::Error| Refusal::Unwritten(format!("`{}` cannot be written: {error}", path.display()));
        let mut line = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let written = self.write(&line).map_err(failed);
        match written {
            Ok(()) => self.length += line.len() as u64,
            // Half a line is worse than none. Where this fails as well, the next opening drops it.
            Err(_) => drop(self.cut()),
        }
        written
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(line)?;
        self.file.sync_data()
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_data()
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The bytes of lines that have an end.
fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1)
}

/// Reads the lines of a journal that is at `path`.
pub fn read_lines<L: Line>(path: &Path, text: &[u8]) -> Result<Vec<L>> {
    let lines = text.split_inclusive(|&byte| byte == b'\n').enumerate();
    lines.map(|(number, line)| read_line(path, number + 1, line)).collect()
}

fn read_line<L: Line>(path: &Path, number: usize, line: &[u8]) -> Result<L> {
    let damaged = |what: String| {
        let message = format!("line {number} of `{}` {what}", path.display());
        UserError::new(message, "take the file from a copy; what stands before this line is whole")
    };
    let name = L::NAME;
    let line: L = serde_json::from_slice(line).map_err(|error| damaged(format!("is no {name}: {error}")))?;
    if line.number() != number {
        return Err(damaged(format!("is {name} {}, expected {number}", line.number())).into());
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotate::{Action, Request};

    fn action(number: usize) -> Action {
        let id = format!("a{number}");
        Action { number, id, time: 0, request: Request::Undo, painted: Vec::new(), digest: None }
    }

    fn open(path: &Path) -> Result<ReadJournal<Action>> {
        Journal::open(path)
    }

    #[test]
    fn lines_are_read_again_and_a_torn_one_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("actions.jsonl");
        let mut journal = open(&path).unwrap().journal;
        journal.append(&action(1)).unwrap();
        journal.append(&action(2)).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..whole.len() / 2 {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let read = open(&path).unwrap();
            assert_eq!(read.lines, [action(1)]);
            assert_eq!(read.torn as usize, whole.len() / 2 - torn);
        }
        let mut journal = open(&path).unwrap().journal;
        journal.append(&action(2)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_line_before_the_last_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("actions.jsonl");
        std::fs::write(&path, "{\"number\":1}\n{}\n").unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("line 1 of"));
        let line = serde_json::to_string(&action(2)).unwrap();
        std::fs::write(&path, format!("{line}\n")).unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("is action 2, expected 1"));
    }

    #[test]
    fn what_cannot_be_written_is_not_in_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("actions.jsonl");
        std::fs::write(&path, "").unwrap();
        let file = File::open(&path).unwrap();
        let mut journal = Journal { path: path.clone(), file, length: 0 };
        assert!(matches!(journal.append(&action(1)), Err(Refusal::Unwritten(_))));
        assert_eq!(journal.length, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
