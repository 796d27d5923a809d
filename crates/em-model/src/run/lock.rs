//! One training at a time in a run's folder: a lock that the process holds and its death releases.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::RunFolder;
use crate::{Error, Result};

/// Holds a run's folder for this process until it is dropped, or the process ends.
#[derive(Debug)]
pub struct RunLock {
    run: RunFolder,
    path: PathBuf,
    /// The operating system's lock lives as long as this.
    _file: File,
}

impl RunLock {
    /// Returns the folder that is held.
    pub fn run(&self) -> &RunFolder {
        &self.run
    }

    /// Removes what a training wrote, with what was chosen and reported of it, so that a new one
    /// starts from nothing.
    ///
    /// The state goes first: without it nothing is resumed, whenever this ends.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where a file cannot be removed.
    pub fn clear(&self) -> Result<()> {
        let run = &self.run;
        remove([run.state(), run.weights(), run.card(), run.tuning(), run.history(), run.samples()])?;
        for path in [run.teacher().path().to_owned(), run.folds(), run.tensorboard()] {
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::RunFile { path, problem: format!("cannot be removed: {error}") });
                }
                _ => {}
            }
        }
        run.clear_report()
    }
}

impl RunFolder {
    /// Removes the scores, the curves, the panels and the page, which are those of weights that a
    /// training is about to replace.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where a file cannot be removed.
    pub fn clear_report(&self) -> Result<()> {
        remove([self.scores(), self.report(), self.curves()])?;
        self.clear_panels()
    }

    /// Removes the panels.
    ///
    /// # Errors
    ///
    /// [`Error::RunFile`] where a file cannot be removed.
    pub fn clear_panels(&self) -> Result<()> {
        let folder = self.panels();
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
        let pictures = entries.filter_map(|entry| Some(entry.ok()?.path()));
        remove(pictures.filter(|path| path.extension().is_some_and(|ending| ending == "png")))?;
        // What somebody else put there keeps the folder.
        let _ = std::fs::remove_dir(&folder);
        Ok(())
    }
}

/// Removes files; one that is not there is fine.
fn remove(paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    for path in paths {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::RunFile { path, problem: format!("cannot be removed: {error}") });
            }
            _ => {}
        }
    }
    Ok(())
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // The name goes while the lock is held; what stays behind after a kill locks no one out.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl RunFolder {
    /// Makes the folder where it is missing, and keeps other trainings out of it.
    ///
    /// On file systems that know no locks the folder is held by no one, and nothing is refused.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] where another lock, of this process or another one, is held on the folder,
    /// and [`Error::Io`] or [`Error::RunFile`] where the folder cannot be written.
    pub fn lock(&self) -> Result<RunLock> {
        let path = self.lock_file();
        let problem = |error: io::Error| Error::RunFile {
            path: path.clone(),
            problem: format!("cannot be made: {error}"),
        };
        std::fs::create_dir_all(self.path()).map_err(|source| em_io::Error::Io {
            action: "create folder",
            path: self.path().to_owned(),
            source,
        })?;
        loop {
            let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = options.map_err(problem)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { path: self.path().to_owned(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(problem(error)),
            }
            // Who held the lock before may have removed the file in between: a lock on a file
            // without a name keeps no one out.
            if !is_still_there(&file, &path) {
                continue;
            }
            write_holder(&mut file).map_err(problem)?;
            return Ok(RunLock { run: self.clone(), path, _file: file });
        }
    }
}

fn is_still_there(file: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let [held, named] = [file.metadata(), std::fs::metadata(path)].map(|found| found.map(identity).ok());
    held.is_some() && held == named
}

/// Tells other processes who holds the lock.
fn write_holder(file: &mut File) -> io::Result<()> {
    // Linux only; elsewhere the process alone is named.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let on = if host.trim().is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    file.set_len(0)?;
    file.write_all(format!("process {}{on}\n", std::process::id()).as_bytes())?;
    file.flush()
}

/// Returns who holds the lock, as it wrote it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match text.lines().next() {
        Some(line) if read.is_ok() && !line.is_empty() => line.to_owned(),
        _ => "another process".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    /// The folder that the test's own program locks when it is started again as a child.
    const FOLDER: &str = "EM_MODEL_TEST_LOCK";

    #[test]
    fn a_second_lock_is_refused_and_names_the_process_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path().join("run"));
        let first = run.lock().unwrap();
        let error = run.lock().unwrap_err();
        let expected = format!("is in use by process {}", std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(first.run(), &run);
        drop(first);
        assert_eq!(std::fs::read_dir(run.path()).unwrap().count(), 0, "a lock leaves no file behind");
        run.lock().unwrap();
    }

    #[test]
    fn a_killed_process_holds_nothing() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            let _lock = RunFolder::new(folder).lock().unwrap();
            println!("\nlocked");
            std::thread::sleep(std::time::Duration::from_secs(600));
        }
        let folder = tempfile::tempdir().unwrap();
        let name = "a_killed_process_holds_nothing";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--nocapture", "--test-threads=1", name])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(|line| line.ok()).any(|line| line == "locked"));
        let run = RunFolder::new(folder.path());
        let error = run.lock().unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", child.id())), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        run.lock().unwrap();
    }
}
