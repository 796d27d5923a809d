//! Where results go: a folder in which they appear together, and label volumes that may lie elsewhere.

use std::path::{Path, PathBuf};

use em_io::FileLock;

use super::{MeasureRequest, Measurement, results};
use crate::error::{Result, UserError};
use crate::staged::Staged;
use crate::target::Target;

/// What is held in the folder while results are made there.
const LOCK: &str = ".results.lock";

/// A folder that results can go to.
pub struct ResultsFolder<'a> {
    request: &'a MeasureRequest,
    folder: PathBuf,
}

impl<'a> ResultsFolder<'a> {
    /// Refuses a class that is named twice, and a folder of results that are not to be replaced.
    pub fn free(request: &'a MeasureRequest) -> Result<Self> {
        let names: Vec<&str> = request.classes.iter().map(|class| class.name.as_str()).collect();
        if let Some(twice) = (1..names.len()).find(|&n| names[..n].contains(&names[n])) {
            let message = format!("two files are given for the class `{}`", names[twice]);
            return Err(UserError::new(message, "name each, as in mitochondria=m.tif synapses=s.tif").into());
        }
        // Tables and pages are no volumes, which are all that is written behind an address.
        let folder = em_io::place::local(&request.folder)?;
        refuse_to_replace(request, &replaced(request, &folder))?;
        Ok(Self { request, folder })
    }

    /// Lets the files of all results be written, label volumes at their targets; they appear together, or
    /// the folder is as it was.
    pub fn fill(
        self,
        work: impl FnOnce(&Staged, &[LabelTarget]) -> Result<Measurement>,
    ) -> Result<Measurement> {
        let Self { request, folder } = self;
        let folder = &folder;
        for class in &request.classes {
            results::refuse_input(&class.mask, &replaced(request, folder))?;
        }
        let is_new = !folder.exists();
        let lock = FileLock::hold(&folder.join(LOCK), folder)?;
        let result = em_io::remove_unfinished(folder).map_err(Into::into).and_then(|()| {
            // Another measurement may have ended here since they were looked for.
            let earlier = replaced(request, folder);
            refuse_to_replace(request, &earlier)?;
            let staged = Staged::new(folder)?;
            let names = request.classes.iter().map(|class| &class.name);
            let targets =
                names.map(|name| LabelTarget::new(request, name, &staged)).collect::<Result<Vec<_>>>()?;
            let measurement = work(&staged, &targets)?;
            targets.into_iter().try_for_each(LabelTarget::finish)?;
            staged.commit(earlier)?;
            Ok(measurement)
        });
        drop(lock);
        if result.is_err() && is_new {
            // An empty folder goes; one that holds results stays.
            let _ = std::fs::remove_dir(folder);
        }
        result
    }
}

/// Returns the paths that new results replace: those of earlier results, and of their own label volumes.
fn replaced(request: &MeasureRequest, folder: &Path) -> Vec<PathBuf> {
    let mut paths = results::earlier(folder);
    let labels = request.classes.iter().map(|class| request.labels_of(&class.name));
    let own = labels.filter(|(_, within)| *within).map(|(name, _)| folder.join(name));
    // Each once: a path is made free by moving away what is there.
    paths.extend(own.filter(|path| !paths.contains(path)).collect::<Vec<_>>());
    paths
}

fn refuse_to_replace(request: &MeasureRequest, earlier: &[PathBuf]) -> Result<()> {
    let Some(there) = earlier.iter().find(|path| path.exists()).filter(|_| !request.overwrite) else {
        return Ok(());
    };
    let message = format!("`{}` holds results already: `{}`", request.folder.display(), there.display());
    Err(UserError::new(message, "take another folder, or replace them with --overwrite").into())
}

/// Where the label volume of a class is written.
pub struct LabelTarget {
    pub place: PathBuf,
    /// Where it is not among the other results.
    elsewhere: Option<Target>,
}

impl LabelTarget {
    fn new(request: &MeasureRequest, class: &str, staged: &Staged) -> Result<Self> {
        let (path, within) = request.labels_of(class);
        if within {
            return Ok(Self { place: staged.path(path), elsewhere: None });
        }
        let inputs = request.classes.iter().map(|class| &class.mask);
        let target = Target::new(inputs, &path, request.overwrite)?;
        Ok(Self { place: target.place(), elsewhere: Some(target) })
    }

    fn finish(self) -> Result<()> {
        self.elsewhere.map_or(Ok(()), Target::finish)
    }
}
