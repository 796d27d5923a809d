//! `actions.jsonl`: one line for each action, on the disk before anybody is told that it is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::action::Action;
use crate::error::{Context, Result, UserError};

/// The open log of a project.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// Bytes that are whole lines.
    length: u64,
}

/// A log that was read: its actions, and how many bytes of a torn last line were dropped.
#[derive(Debug)]
pub struct ReadLog {
    /// The open log.
    pub log: Log,
    /// In order.
    pub actions: Vec<Action>,
    /// Bytes of a line that a kill or a full disk left unfinished; nobody was told that it is there.
    pub torn: u64,
}

impl Log {
    /// Opens a log, or starts one, and reads it.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or written, and if a line that is not the last one is damaged.
    pub fn open(path: &Path) -> Result<ReadLog> {
        let failed = || format!("`{}` cannot be opened", path.display());
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).with_context(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(failed)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let actions = text[..whole].split_inclusive(|&byte| byte == b'\n').enumerate();
        let actions =
            actions.map(|(number, line)| read_line(path, number + 1, line)).collect::<Result<_>>()?;
        let torn = (text.len() - whole) as u64;
        let mut log = Self { path: path.to_owned(), file, length: whole as u64 };
        if torn > 0 {
            log.cut().with_context(failed)?;
        }
        Ok(ReadLog { log, actions, torn })
    }

    /// Writes an action, and returns when it is on the disk.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written, as on a full disk; the log is then as before.
    pub fn append(&mut self, action: &Action) -> io::Result<()> {
        let mut line = serde_json::to_vec(action)?;
        line.push(b'\n');
        let written = self.write(&line);
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

fn read_line(path: &Path, number: usize, line: &[u8]) -> Result<Action> {
    let damaged = |what: String| {
        let message = format!("line {number} of `{}` {what}", path.display());
        UserError::new(message, "take the file from a copy; what stands before this line is whole")
    };
    let action: Action =
        serde_json::from_slice(line).map_err(|error| damaged(format!("is no action: {error}")))?;
    if action.number != number {
        return Err(damaged(format!("is action {}, expected {number}", action.number)).into());
    }
    Ok(action)
}

#[cfg(test)]
mod tests {
    use super::super::action::Request;
    use super::*;

    fn action(number: usize) -> Action {
        let id = format!("a{number}");
        Action { number, id, time: 0, request: Request::Undo, painted: Vec::new(), digest: None }
    }

    #[test]
    fn lines_are_read_again_and_a_torn_one_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("actions.jsonl");
        let mut log = Log::open(&path).unwrap().log;
        log.append(&action(1)).unwrap();
        log.append(&action(2)).unwrap();
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..whole.len() / 2 {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let read = Log::open(&path).unwrap();
            assert_eq!(read.actions, [action(1)]);
            assert_eq!(read.torn as usize, whole.len() / 2 - torn);
        }
        let mut log = Log::open(&path).unwrap().log;
        log.append(&action(2)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_line_before_the_last_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("actions.jsonl");
        std::fs::write(&path, "{\"number\":1}\n{}\n").unwrap();
        assert!(Log::open(&path).unwrap_err().to_string().contains("line 1 of"));
        let line = serde_json::to_string(&action(2)).unwrap();
        std::fs::write(&path, format!("{line}\n")).unwrap();
        assert!(Log::open(&path).unwrap_err().to_string().contains("is action 2, expected 1"));
    }

    #[test]
    fn what_cannot_be_written_is_not_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("actions.jsonl");
        std::fs::write(&path, "").unwrap();
        let file = File::open(&path).unwrap();
        let mut log = Log { path: path.clone(), file, length: 0 };
        log.append(&action(1)).unwrap_err();
        assert_eq!(log.length, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
