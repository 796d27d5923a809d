//! The folder of a project: its description, its log, and the labels that follow from it.
//!
//! ```text
//! PROJECT/
//!   project.json             the stack, its voxel size, the classes, the network of the start
//!   actions.jsonl            what was done, one line for each action
//!   labels/CLASS.zarr        0 unknown, 1 background, 2 foreground; made from the log
//!   regions.json             the reviewed regions; made from the log
//!   runs/1, runs/2, ...      trained networks, each an ordinary run
//!   result/                  the prediction of the whole stack and what was measured of it
//!   exports/                 labels in other formats
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use em_data::ReviewedRegion;
use em_io::{Roi, SparseLabels, place};
use em_model::{RunFolder, RunLock};
use ndarray::Array2;

use super::action::{Action, Request};
use super::description::{Description, ProjectRequest, check_classes};
use super::ledger::{Change, Ledger};
use super::network_source::network_of;
use super::pictures::{Canvas, Greys};
use super::shapes::{Frame, Runs};
use super::strokes_source::{MOST_TILES, StrokesPlan};
use crate::error::{Context, Result, UserError};
use crate::journal::{self, Journal, Refusal};
use crate::{Observer, open_with, with_causes};

/// An open project, which no other process can open meanwhile.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    description: Description,
    canvas: Arc<Canvas>,
    ledger: Ledger,
    journal: Journal,
    /// Grows with every action.
    revision: usize,
    /// What the log has and the labels could not be written for, as on a full disk.
    behind: Vec<Roi>,
    _lock: RunLock,
}

/// A part of a suggestion, ready to be painted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggested {
    /// What is foreground.
    pub painted: Vec<Runs>,
    /// SHA-256 of the weights that said so.
    pub digest: Option<String>,
}

impl Project {
    /// Tells whether a folder holds a project.
    pub fn is_at(folder: &Path) -> bool {
        folder.join("project.json").is_file()
    }

    /// Makes a project in a folder that is free, and opens it.
    ///
    /// # Errors
    ///
    /// Fails if the stack cannot be read, tells no voxel size where none is given, or if the folder cannot
    /// be written or holds something else.
    pub fn create(folder: &Path, request: &ProjectRequest, observer: &mut Observer<'_>) -> Result<Self> {
        let folder = &place::local(folder)?;
        let stack = open_with(&request.stack, request.reading, observer)?;
        check_classes(&request.classes)?;
        let Some(size) = request.voxel_size.or(stack.voxel_size()) else {
            let message = format!("`{}` tells no voxel size", request.stack.display());
            let hint = "give it in nm, the thickness of sections first: --voxel-size 50,5,5";
            return Err(UserError::new(message, hint).into());
        };
        let is_free = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
        if !is_free {
            let message = format!("`{}` is not empty, and holds no project", folder.display());
            return Err(UserError::new(message, "name a new folder with -o").into());
        }
        if let Some(model) = &request.model {
            crate::find_run(model)?;
        }
        let description = Description::new(request, &stack, size)?;
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        description.write(folder)?;
        Self::open(folder, observer)
    }

    /// Opens a project, and makes its labels what the log says, wherever it ended before.
    ///
    /// # Errors
    ///
    /// Fails if another process has it open, if a file is missing or damaged, or if the stack is not the
    /// one that it was made for.
    pub fn open(folder: &Path, observer: &mut Observer<'_>) -> Result<Self> {
        let folder =
            folder.canonicalize().with_context(|| format!("`{}` cannot be read", folder.display()))?;
        let description = Description::read(&folder)?;
        let lock = RunFolder::new(&folder).lock().map_err(|error| match error {
            em_model::Error::Locked { holder, .. } => UserError::new(
                format!("the project `{}` is open in {holder}", folder.display()),
                "close it there: Ctrl-C in its terminal",
            )
            .into(),
            error => crate::Error::from(error),
        })?;
        // Nobody else writes here: what a killed program left unfinished can go.
        for within in [&folder, &folder.join("labels")] {
            em_io::remove_unfinished(within)?;
        }
        if !place::is_address(&description.stack) && !description.stack.exists() {
            let message = format!("`{}` is not there", description.stack.display());
            let hint = "where it was moved, write its new place into project.json, as `stack`";
            return Err(UserError::new(message, hint).into());
        }
        let stack = open_with(&description.stack, description.reading(), observer)?;
        description.check(&stack)?;
        let read = Journal::open::<Action>(&folder.join("actions.jsonl"))?;
        if read.torn > 0 {
            observer.note("the last action was cut off before it was acknowledged, and is dropped")?;
        }
        let mut ledger = Ledger::new(description.shape);
        for action in read.lines {
            check_painted(&action, description.shape, read.journal.path())?;
            ledger.push(action);
        }
        let greys = Greys::of(&stack)?;
        let labels = description.classes.iter().map(|class| open_labels(&folder, &description, class));
        let labels = labels.collect::<Result<Vec<_>>>()?;
        let revision = ledger.actions().len();
        let canvas = Arc::new(Canvas { stack, greys, labels });
        let (journal, behind) = (read.journal, Vec::new());
        let project = Self { folder, description, canvas, ledger, journal, revision, behind, _lock: lock };
        project.restore()?;
        Ok(project)
    }

    /// Makes every chunk what the log says; those that are so already are left alone.
    fn restore(&self) -> Result<()> {
        let mut expected: Vec<[usize; 3]> = self.ledger.painted().flat_map(chunks_of).collect();
        for (class, labels) in self.description.classes.iter().zip(&self.canvas.labels) {
            expected.extend(labels.stored()?);
            expected.sort_unstable();
            expected.dedup();
            for &chunk in &expected {
                if self.is_outside(chunk) {
                    continue;
                }
                let (frame, voxels) = self.painted_chunk(class, labels.roi(chunk));
                // A damaged chunk is written anew.
                let stored = labels.read(chunk).unwrap_or(Some(Array2::from_elem(frame.shape, u8::MAX)));
                if stored.unwrap_or_else(|| Array2::zeros(frame.shape)) != voxels {
                    labels.write(chunk, voxels.view())?;
                }
            }
        }
        self.write_regions()
    }

    fn is_outside(&self, [z, row, column]: [usize; 3]) -> bool {
        let [depth, height, width] = self.description.shape;
        z >= depth || row * SparseLabels::CHUNK >= height || column * SparseLabels::CHUNK >= width
    }

    fn painted_chunk(&self, class: &str, roi: Roi) -> (Frame, Array2<u8>) {
        let frame = Frame::from(roi);
        let mut voxels = Array2::zeros(frame.shape);
        self.ledger.paint_all(class, roi.start[0], frame, voxels.view_mut());
        (frame, voxels)
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns what the project is about.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Returns what is shown, which can be read while the project changes.
    pub fn canvas(&self) -> &Arc<Canvas> {
        &self.canvas
    }

    /// Returns a number that grows with every action.
    pub fn revision(&self) -> usize {
        self.revision
    }

    /// Returns the actions.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the reviewed regions.
    pub fn regions(&self) -> Vec<ReviewedRegion> {
        self.ledger.regions()
    }

    /// Returns what a classifier can learn from.
    pub fn strokes_plan(&self) -> StrokesPlan {
        self.ledger.strokes_plan(&self.description.classes, MOST_TILES)
    }

    /// Returns the file of the reviewed regions; there is none without any.
    pub fn regions_file(&self) -> PathBuf {
        self.folder.join("regions.json")
    }

    /// Returns the folder of a training.
    pub fn run(&self, number: usize) -> RunFolder {
        RunFolder::new(self.folder.join("runs").join(number.to_string()))
    }

    /// Returns the network that suggests: the folder of a run, or the name of a built-in one.
    pub fn model(&self) -> Option<PathBuf> {
        network_of(self).map(|(path, _)| path)
    }

    /// Returns the run that suggests in place of the network of the start.
    pub fn in_use(&self) -> Option<usize> {
        self.ledger.in_use()
    }

    /// Does what a person asks for: into the log first, then into the labels.
    ///
    /// Returns what may have changed. An action of a name that is in the log already was done before, and is
    /// not done again.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what makes no sense is not in the log; what could not be written can be sent again.
    pub fn act(&mut self, id: &str, request: Request, suggested: Suggested) -> Result<Option<Roi>, Refusal> {
        journal::check_id(id)?;
        self.catch_up()?;
        if let Some(place) = self.ledger.place(id) {
            return Ok(self.ledger.bounds(place));
        }
        self.check(&request).map_err(Refusal::Senseless)?;
        let Suggested { mut painted, digest } = suggested;
        match &request {
            Request::Fill { z, point, tolerance, .. } => {
                painted = self.flooded(*z, *point, *tolerance).map_err(Refusal::Senseless)?;
            }
            Request::Interpolate { class, from, to } => {
                painted = self.interpolated(class, *from, *to).map_err(Refusal::Senseless)?;
            }
            Request::Accept { .. } | Request::Reject { .. } if painted.is_empty() => {
                return Err(Refusal::Senseless("nothing is suggested there at this threshold".into()));
            }
            _ => {}
        }
        let (number, time) = (self.ledger.actions().len() + 1, journal::now());
        let action = Action { number, id: id.to_owned(), time, request, painted, digest };
        self.journal.append(&action)?;
        self.revision += 1;
        let Some(change) = self.ledger.push(action) else { return Ok(None) };
        if let Err(error) = self.repaint(change) {
            // The log has it: it is painted before the next action, or when the project is opened again.
            self.behind.extend(change.roi);
            return Err(Refusal::Unwritten(with_causes(&error)));
        }
        Ok(change.roi)
    }

    /// Paints what could not be written before.
    fn catch_up(&mut self) -> Result<(), Refusal> {
        while let Some(&roi) = self.behind.last() {
            let change = Change { roi: Some(roi), adds: None };
            self.repaint(change).map_err(|error| Refusal::Unwritten(with_causes(&error)))?;
            self.behind.pop();
        }
        Ok(())
    }

    fn repaint(&self, change: Change) -> Result<()> {
        let Some(roi) = change.roi else { return Ok(()) };
        for chunk in chunks_of(roi) {
            for (class, labels) in self.description.classes.iter().zip(&self.canvas.labels) {
                let (roi, before) = (labels.roi(chunk), labels.read(chunk)?);
                let before = before.unwrap_or_else(|| Array2::zeros([roi.shape[1], roi.shape[2]]));
                let voxels = match change.adds {
                    Some(place) => {
                        let mut voxels = before.clone();
                        self.ledger.paint(place, class, chunk[0], Frame::from(roi), voxels.view_mut());
                        voxels
                    }
                    None => self.painted_chunk(class, roi).1,
                };
                if voxels != before {
                    labels.write(chunk, voxels.view())?;
                }
            }
        }
        self.write_regions()
    }

    fn write_regions(&self) -> Result<()> {
        let (file, regions) = (self.regions_file(), self.regions());
        match regions.is_empty() {
            true if file.exists() => {
                std::fs::remove_file(&file).with_context(|| format!("`{}` cannot be removed", file.display()))
            }
            true => Ok(()),
            false if ReviewedRegion::read_all(&file).is_ok_and(|stored| stored == regions) => Ok(()),
            false => Ok(ReviewedRegion::write_all(&file, &regions)?),
        }
    }
}

/// The chunks that a box touches.
pub fn chunks_of(roi: Roi) -> impl Iterator<Item = [usize; 3]> {
    let [sections, rows, columns] = roi.ranges();
    let tiles = |range: std::ops::Range<usize>| {
        range.start / SparseLabels::CHUNK..range.end.div_ceil(SparseLabels::CHUNK)
    };
    let (rows, columns) = (tiles(rows), tiles(columns));
    sections.flat_map(move |z| {
        let columns = columns.clone();
        rows.clone().flat_map(move |row| columns.clone().map(move |column| [z, row, column]))
    })
}

/// The sections of a box, each as a box of its own.
pub fn sections_of(roi: Roi) -> impl Iterator<Item = Roi> {
    let ([_, y, x], [_, height, width]) = (roi.start, roi.shape);
    let [sections, ..] = roi.ranges();
    sections.map(move |z| Roi { start: [z, y, x], shape: [1, height, width] })
}

fn open_labels(folder: &Path, description: &Description, class: &str) -> Result<SparseLabels> {
    let path = folder.join("labels").join(format!("{class}.zarr"));
    if path.exists() {
        return Ok(SparseLabels::open(&path, description.shape)?);
    }
    let within = folder.join("labels");
    std::fs::create_dir_all(&within).with_context(|| format!("`{}` cannot be made", within.display()))?;
    Ok(SparseLabels::create(&path, description.shape, Some(description.voxel_size_nm))?)
}

/// Refuses painted shapes that reach out of the stack, as only a changed log has.
fn check_painted(action: &Action, [depth, height, width]: [usize; 3], log: &Path) -> Result<()> {
    let fits = |runs: &Runs| runs.z < depth && runs.is_within([height, width]);
    if action.painted.iter().all(fits) {
        return Ok(());
    }
    let message = format!("action {} of `{}` paints outside of the stack", action.number, log.display());
    Err(UserError::new(message, "take the file from a copy").into())
}
