//! A label volume with its edits, and the table of its objects as it is after them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use em_io::{Roi, Source, Volume, VolumeInfo, VoxelType, Voxels};
use em_objects::{FindConfig, Foreground, Object, Objects, Remeasured, Space, read_labels, remeasure};

use super::edit::{Edit, EditLine, check_lines};
use super::edits::{Edits, Effective};
use super::of_others::check_digest;
use super::parts::foreground;
use crate::annotate::Runs;
use crate::error::{Result, UserError};
use crate::journal::{self, Journal, Refusal};
use crate::measure::{ClassFiles, pass, without_size};
use crate::sections_digest::sections_digest;
use crate::{Observer, grey_values, open, voxel_size, with_causes};

/// An open label volume with its edits.
#[derive(Debug)]
pub struct Corrections {
    name: String,
    base: Arc<Volume>,
    pub(super) probabilities: Option<Volume>,
    pub(super) edits: Edits,
    kept_in: KeptIn,
    /// Of the label volume as it was opened.
    sections_sha256: String,
    space: Space,
    pub(super) objects: BTreeMap<u32, Object>,
    /// The value of the next object that is made.
    pub(super) next: u32,
}

/// Where edits are kept.
#[derive(Debug)]
enum KeptIn {
    /// Nowhere: they are of a file that is only read.
    Nothing,
    /// A file that the first edit makes, so that whoever only looks writes nothing.
    File(PathBuf),
    /// An open journal.
    Journal(Journal),
}

/// What an edit has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Objects that are no more.
    pub removed: BTreeSet<u32>,
    /// Objects that are new, or measured anew.
    pub changed: BTreeSet<u32>,
}

/// Objects that an edit concerns, measured before it counts.
struct Anew {
    ids: HashSet<u32>,
    /// The faces that they shared with each other object before.
    contacts_before: BTreeMap<u32, u64>,
    found: Remeasured,
}

/// Labels as they are after edits.
#[derive(Debug)]
struct Corrected {
    base: Arc<Volume>,
    effective: Effective,
}

impl Source for Corrected {
    fn read(&self, roi: Roi) -> em_io::Result<Voxels> {
        let mut labels = read_labels(&self.base, roi).map_err(|error| match error {
            em_objects::Error::Volume(error) => error,
            other => em_io::Error::OwnSource { what: "corrected labels".into(), source: Box::new(other) },
        })?;
        self.effective.apply(roi, &mut labels);
        Ok(labels.into())
    }
}

impl Corrections {
    /// Opens a label volume with edits that are only read, and measures its objects as they are after them.
    ///
    /// `scratch` is a folder for temporary files, about four bytes per run of foreground in a row.
    ///
    /// Memory: 400 bytes per object, and a few sections.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, is no label volume, or if the edits are not of this one; and with
    /// [`Error::Stopped`](crate::Error::Stopped).
    pub fn open(
        files: &ClassFiles,
        voxel_size_nm: Option<[f64; 3]>,
        edits: (&Path, Vec<EditLine>),
        scratch: &Path,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        let base = open(&files.mask, observer)?;
        let (path, lines) = edits;
        check_lines(&lines, base.shape(), path)?;
        let sections_sha256 = sections_digest(&base)?;
        check_digest(&base, &sections_sha256, &lines, path)?;
        let probabilities = files.probabilities.as_ref().map(|path| open(path, observer)).transpose()?;
        if let Some(volume) = probabilities.as_ref().filter(|volume| volume.shape() != base.shape()) {
            let [found, expected] = [volume.shape(), base.shape()].map(crate::display::shape);
            let path = files.probabilities.as_deref().unwrap_or(Path::new(""));
            let message =
                format!("`{}` is {found} voxels, and the labels are {expected} [z, y, x]", path.display());
            return Err(UserError::new(message, "give the probabilities of the same volume").into());
        }
        let all_files =
            [(Some(&files.mask), Some(&base)), (files.probabilities.as_ref(), probabilities.as_ref())];
        let named = all_files.into_iter().filter_map(|(path, volume)| Some((path?.as_path(), volume?)));
        let voxel_size_nm = voxel_size::agreed(named, voxel_size_nm, observer)?;
        for volume in [Some(&base), probabilities.as_ref()].into_iter().flatten() {
            grey_values::refuse_missing(volume, observer)?;
        }
        if voxel_size_nm.is_none() {
            observer.warn(&without_size(&files.name))?;
        }
        let mut all = Edits::default();
        let mut next = 1;
        for line in lines {
            next = line.objects().into_iter().fold(next, |next, object| next.max(object.saturating_add(1)));
            all.push(Arc::new(line));
        }
        let space = Space { shape: base.shape(), extent: em_objects::Extent::Volume, voxel_size_nm };
        let mut corrections = Self {
            name: files.name.clone(),
            base: Arc::new(base),
            probabilities,
            edits: all,
            kept_in: KeptIn::Nothing,
            sections_sha256,
            space,
            objects: BTreeMap::new(),
            next,
        };
        corrections.measure(scratch, observer)?;
        Ok(corrections)
    }

    /// As [`open`](Self::open), with edits that are kept in a journal, which the first edit makes where it is
    /// missing, and which no other process can open meanwhile.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if the journal cannot be written.
    pub fn open_journal(
        files: &ClassFiles,
        voxel_size_nm: Option<[f64; 3]>,
        path: &Path,
        scratch: &Path,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        if !path.exists() {
            let mut corrections = Self::open(files, voxel_size_nm, (path, Vec::new()), scratch, observer)?;
            corrections.kept_in = KeptIn::File(path.to_owned());
            return Ok(corrections);
        }
        let read = Journal::open::<EditLine>(path)?;
        if read.torn > 0 {
            observer.note("the last edit was cut off before it was acknowledged, and is dropped")?;
        }
        let mut corrections = Self::open(files, voxel_size_nm, (path, read.lines), scratch, observer)?;
        corrections.kept_in = KeptIn::Journal(read.journal);
        Ok(corrections)
    }

    /// Measures all objects as they are.
    fn measure(&mut self, scratch: &Path, observer: &mut Observer<'_>) -> Result<()> {
        let volume = self.volume()?;
        let config = FindConfig { foreground: Foreground::Instances, ..FindConfig::default() };
        let shape = volume.shape();
        let objects = pass(shape, observer, |advance| Objects::find(&volume, config, scratch, advance))?;
        let probabilities = self.probabilities.as_ref();
        let measured =
            pass(shape, observer, |advance| em_objects::measure(&objects, probabilities, advance))?;
        self.objects = measured.into_iter().map(|object| (object.id, object)).collect();
        let last = self.objects.last_key_value().map_or(0, |(&id, _)| id);
        self.next = self.next.max(last.saturating_add(1));
        Ok(())
    }

    /// Returns the name of the class.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the SHA-256 of the first, the middle and the last section of the labels without edits.
    pub fn sections_sha256(&self) -> &str {
        &self.sections_sha256
    }

    /// Returns the volume that the objects lie in.
    pub fn space(&self) -> Space {
        self.space
    }

    /// Returns the objects as they are, by their values.
    pub fn objects(&self) -> &BTreeMap<u32, Object> {
        &self.objects
    }

    /// Returns the objects that were said to be right.
    pub fn kept(&self) -> BTreeSet<u32> {
        self.edits.effective().kept()
    }

    /// Returns all edits, each with whether it counts.
    pub fn edits(&self) -> impl DoubleEndedIterator<Item = (&EditLine, bool)> {
        self.edits.lines()
    }

    /// Returns how many edits count.
    pub fn count(&self) -> usize {
        self.edits.effective().count()
    }

    /// Returns a number that grows with every edit that changes a voxel.
    pub fn revision(&self) -> usize {
        let changes = |edit: &Edit| !matches!(edit, Edit::Keep { .. } | Edit::Opened { .. });
        self.edits.lines().filter(|(line, _)| changes(&line.edit)).count()
    }

    /// Tells whether there is an edit to take back, and one to do again.
    pub fn can_undo_redo(&self) -> [bool; 2] {
        [self.edits.last().is_some(), self.edits.undone().is_some()]
    }

    /// Returns the edits that count, for readers of blocks.
    pub fn effective(&self) -> Effective {
        self.edits.effective()
    }

    /// Returns the labels as they are, as a volume that later edits do not change.
    ///
    /// # Errors
    ///
    /// Those of [`Volume::from_source`].
    pub fn volume(&self) -> Result<Volume> {
        self.volume_after(self.edits.effective())
    }

    fn volume_after(&self, effective: Effective) -> Result<Volume> {
        let mut info = VolumeInfo::new("corrected labels", self.base.shape(), VoxelType::U32);
        if let Some(path) = self.base.path() {
            info = info.with_path(path);
        }
        if let Some(size) = self.space.voxel_size_nm {
            info = info.with_voxel_size_nm(size);
        }
        let source = Corrected { base: Arc::clone(&self.base), effective };
        Ok(Volume::from_source(info, source)?)
    }

    /// Does what a person asks for: into the journal first, then into the table.
    ///
    /// An edit of a name that is in the journal already was done before, and is not done again.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what makes no sense is not in the journal; what could not be written can be sent again.
    pub fn edit(&mut self, id: &str, edit: Edit) -> Result<Change, Refusal> {
        journal::check_id(id)?;
        if let Some(line) = self.edits.line(id) {
            let (changed, removed) =
                line.objects().into_iter().partition(|object| self.objects.contains_key(object));
            return Ok(Change { removed, changed });
        }
        let (within, parts) = self.planned(&edit)?;
        let line = |number, id: &str, edit, within, parts| EditLine {
            number,
            id: id.to_owned(),
            time: journal::now(),
            edit,
            within,
            parts,
        };
        if self.edits.count() == 0 {
            let opened = Edit::Opened { sections_sha256: self.sections_sha256.clone() };
            self.push(line(1, "opened", opened, None, Vec::new()))?;
        }
        self.push(line(self.edits.count() + 1, id, edit, Some(within), parts))
    }

    /// Measures what a line changes, writes it, and lets it count; where one of both fails, all is as before.
    fn push(&mut self, line: EditLine) -> Result<Change, Refusal> {
        let line = Arc::new(line);
        let mut edits = self.edits.clone();
        let changed = edits.push(Arc::clone(&line));
        let anew = match changed.as_deref() {
            Some(EditLine { edit: Edit::Keep { .. }, .. }) | None => None,
            Some(changed) => self.measured_anew(changed, &edits.effective()).map_err(unreadable)?,
        };
        self.write(&line)?;
        self.edits = edits;
        self.next = line.objects().into_iter().fold(self.next, |next, made| next.max(made.saturating_add(1)));
        Ok(match (anew, changed) {
            (Some(anew), _) => self.take(anew),
            (None, Some(kept)) => {
                Change { changed: kept.objects().into_iter().collect(), ..Change::default() }
            }
            (None, None) => Change::default(),
        })
    }

    /// Writes a line into the journal, where there is one.
    fn write(&mut self, line: &EditLine) -> Result<(), Refusal> {
        if let KeptIn::File(path) = &self.kept_in {
            let read = Journal::open::<EditLine>(path).map_err(unreadable)?;
            if !read.lines.is_empty() {
                let reason = format!("`{}` has been made by another program meanwhile", path.display());
                return Err(Refusal::Senseless(reason));
            }
            self.kept_in = KeptIn::Journal(read.journal);
        }
        match &mut self.kept_in {
            KeptIn::Journal(journal) => journal.append(line),
            _ => Ok(()),
        }
    }

    /// Measures the objects that a line concerns, as they will be after it, and counts what they shared with
    /// others before; `None` for a line that concerns no voxel.
    fn measured_anew(&self, changed: &EditLine, after: &Effective) -> Result<Option<Anew>> {
        let Some(within) = changed.within else { return Ok(None) };
        let ids = changed.objects();
        let [before, after] = [self.volume()?, self.volume_after(after.clone())?];
        let read = |volume: &Volume, roi: Roi| volume.read_as::<u32>(roi);
        let old = remeasure(|roi| read(&before, roi), within, &ids, self.space, None)?;
        let probabilities = self.probabilities.as_ref();
        let found = remeasure(|roi| read(&after, roi), within, &ids, self.space, probabilities)?;
        Ok(Some(Anew { ids, contacts_before: old.contacts, found }))
    }

    /// Takes over what was measured anew.
    fn take(&mut self, anew: Anew) -> Change {
        let Anew { ids, contacts_before, found } = anew;
        let mut change = Change::default();
        for id in ids {
            if self.objects.remove(&id).is_some() {
                change.removed.insert(id);
            }
        }
        for object in found.objects {
            change.removed.remove(&object.id);
            change.changed.insert(object.id);
            self.objects.insert(object.id, object);
        }
        let others: BTreeSet<u32> = contacts_before.keys().chain(found.contacts.keys()).copied().collect();
        for other in others {
            let [lost, won] =
                [&contacts_before, &found.contacts].map(|of| of.get(&other).copied().unwrap_or(0));
            if let Some(object) = self.objects.get_mut(&other).filter(|_| lost != won) {
                object.contact_faces = object.contact_faces + won - lost;
                change.changed.insert(other);
            }
        }
        change
    }

    /// Returns a box around an object, with a margin of so many voxels within its sections.
    ///
    /// # Errors
    ///
    /// [`Refusal::Senseless`] where there is no such object.
    pub fn surroundings(&self, object: u32, margin: usize) -> Result<Roi, Refusal> {
        let within = self.bounds(object)?;
        let (start, end, shape) = (within.start, within.end(), self.space.shape);
        Ok(Roi::from(std::array::from_fn(|axis| {
            let margin = if axis == 0 { 0 } else { margin };
            start[axis].saturating_sub(margin)..(end[axis] + margin).min(shape[axis])
        })))
    }

    /// Returns all objects within a box, section by section.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the labels cannot be read.
    pub fn foreground(&self, part: Roi) -> Result<Vec<Runs>, Refusal> {
        let volume = self.volume().map_err(unreadable)?;
        foreground(&volume, part).map_err(unreadable)
    }
}

/// The box of an object.
pub fn bounds_of(object: &Object) -> Roi {
    let shape = std::array::from_fn(|axis| object.end[axis] - object.start[axis]);
    Roi { start: object.start, shape }
}

/// A file that cannot be read any more is no fault of who asks: he can ask again.
pub(super) fn unreadable(error: crate::Error) -> Refusal {
    Refusal::Unwritten(with_causes(&error))
}
