//! Edits of the objects of a layer: what is shown and listed follows each at once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};

use super::bricks::locked;
use super::layer::Layer;
use super::measuring::TableState;
use super::object_table::ObjectTable;
use crate::Observer;
use crate::annotate::Runs;
use crate::correct::{Corrections, Edit, Refusal, SaveRequest, corrected_folder, save};
use crate::error::{Result, UserError};
use crate::measure::ClassFiles;
use em_io::Roi;

/// What an edit came to.
#[derive(Clone, Debug)]
pub struct Edited {
    /// Objects that are no more.
    pub removed: BTreeSet<u32>,
    /// Objects that are new, or changed.
    pub changed: BTreeSet<u32>,
    /// The table after it.
    pub table: Arc<ObjectTable>,
}

impl Layer {
    /// Returns what tells the labels from others of the same name, such as those of an earlier measurement;
    /// `None` while they are not measured.
    pub fn labels_digest(&self) -> Option<String> {
        self.with_corrections(|corrections| corrections.sections_sha256().to_owned())
    }

    /// Does an edit.
    ///
    /// # Errors
    ///
    /// [`Refusal`], also where the objects are not measured yet.
    pub fn edit(&self, id: &str, edit: Edit) -> Result<Edited, Refusal> {
        let work = &self.measuring.as_ref().ok_or_else(not_yet)?.work;
        let mut guard = locked(&work.corrections);
        let corrections = guard.as_mut().ok_or_else(not_yet)?;
        let change = corrections.edit(id, edit)?;
        let table = Arc::new(ObjectTable::corrected(corrections));
        work.show(corrections);
        *locked(&work.state) = TableState::Ready(Arc::clone(&table));
        Ok(Edited { removed: change.removed, changed: change.changed, table })
    }

    /// Looks at the corrections, which nobody changes meanwhile; `None` where the objects are not measured.
    pub fn with_corrections<T>(&self, look: impl FnOnce(&Corrections) -> T) -> Option<T> {
        let guard: MutexGuard<'_, Option<Corrections>> = locked(&self.measuring.as_ref()?.work.corrections);
        guard.as_ref().map(look)
    }

    /// Writes the corrected labels and their tables beside the labels, and returns the folder; what an earlier
    /// saving has written is replaced.
    ///
    /// # Errors
    ///
    /// Those of [`save`], and where the objects are not measured yet.
    pub fn save_corrections(&self, observer: &mut Observer<'_>) -> Result<PathBuf> {
        let folder = corrected_folder(&self.path);
        let mut files = ClassFiles::new(&self.name, &self.path);
        files.probabilities = self.measuring.as_ref().and_then(|of| of.work.probabilities.clone());
        let mut request = SaveRequest::new(vec![files], &folder);
        request.overwrite = true;
        self.with_corrections(|corrections| save(&request, &[corrections], observer)).unwrap_or_else(
            || Err(UserError::new("the objects are still being measured", "wait, and save again").into()),
        )?;
        Ok(folder)
    }

    /// Returns a box around an object, with a margin of so many voxels within its sections.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where there is no such object.
    pub fn surroundings(&self, object: u32, margin: usize) -> Result<Roi, Refusal> {
        self.with_corrections(|corrections| corrections.surroundings(object, margin)).ok_or_else(not_yet)?
    }

    /// Returns all objects within a box, section by section, as they are corrected.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the labels cannot be read, or the objects are not measured yet.
    pub fn foreground(&self, part: Roi) -> Result<Vec<Runs>, Refusal> {
        self.with_corrections(|corrections| corrections.foreground(part)).ok_or_else(not_yet)?
    }
}

fn not_yet() -> Refusal {
    Refusal::Senseless("the objects are still being measured".into())
}
