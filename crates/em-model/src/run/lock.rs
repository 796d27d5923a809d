//! One training at a time in a run's folder: a lock that the process holds and its death releases.

use std::io;
use std::path::PathBuf;

use em_io::FileLock;

use super::RunFolder;
use crate::{Error, Result};

/// Holds a run's folder for this process until it is dropped, or the process ends.
#[derive(Debug)]
pub struct RunLock {
    run: RunFolder,
    _lock: FileLock,
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

impl RunFolder {
    /// Makes the folder where it is missing, and keeps other trainings out of it.
    ///
    /// On file systems that know no locks the folder is held by no one, and nothing is refused.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] where another lock, of this process or another one, is held on the folder,
    /// and [`Error::Io`] where the folder cannot be written.
    pub fn lock(&self) -> Result<RunLock> {
        let lock = FileLock::hold(&self.lock_file(), self.path()).map_err(|error| match error {
            em_io::Error::InUse { path, holder } => Error::Locked { path, holder },
            error => error.into(),
        })?;
        Ok(RunLock { run: self.clone(), _lock: lock })
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
