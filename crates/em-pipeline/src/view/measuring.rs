//! The table of a layer, measured in the background once somebody asks; of objects, what is needed to correct
//! them, and until then the table beside them, where there is one.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use em_objects::{FindConfig, Objects, measure};

use super::bricks::locked;
use super::kind::Kind;
use super::object_table::ObjectTable;
use crate::correct::{Corrections, Effective, journal_of};
use crate::error::{Result, UserError, with_causes};
use crate::measure::ClassFiles;
use crate::{Event, Observer};

/// How far a table is.
#[derive(Clone, Debug)]
pub enum TableState {
    /// It is being measured, from 0 to 1; and the table that was there before.
    Measuring(f64, Option<Arc<ObjectTable>>),
    /// It is there.
    Ready(Arc<ObjectTable>),
    /// There will be none, and why.
    Failed(String),
}

/// The table of a layer of labels, and the thread that makes it.
#[derive(Debug)]
pub struct Measuring {
    pub(super) work: Work,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The edits that chunks show, and their revision.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownEdits {
    pub revision: u64,
    pub effective: Effective,
}

/// What the thread has to know.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub name: String,
    pub labels: PathBuf,
    pub probabilities: Option<PathBuf>,
    pub kind: Kind,
    voxel_size_nm: Option<[f64; 3]>,
    /// The number of sections.
    depth: u64,
    pub state: Arc<Mutex<TableState>>,
    /// Of objects, when they are measured.
    pub corrections: Arc<Mutex<Option<Corrections>>>,
    pub shown: Arc<Mutex<ShownEdits>>,
    is_ended: Arc<AtomicBool>,
}

impl Measuring {
    /// Prepares the table of a file of labels.
    pub(super) fn of(
        name: &str,
        labels: &Path,
        probabilities: Option<PathBuf>,
        kind: Kind,
        (depth, voxel_size_nm): (usize, Option<[f64; 3]>),
    ) -> Self {
        let work = Work {
            name: name.to_owned(),
            labels: labels.to_path_buf(),
            probabilities,
            kind,
            voxel_size_nm,
            depth: depth as u64,
            state: Arc::new(Mutex::new(TableState::Measuring(0.0, None))),
            corrections: Arc::default(),
            shown: Arc::default(),
            is_ended: Arc::default(),
        };
        Self { work, thread: Mutex::default() }
    }

    /// Returns how far the table is; begins it where nobody asked before.
    ///
    /// Memory: 64 MB, 400 bytes per object, and four bytes on the disk per run of foreground.
    pub fn state(&self) -> TableState {
        let mut thread = locked(&self.thread);
        if thread.is_none() && !self.work.is_ended.load(Ordering::Relaxed) {
            let work = self.work.clone();
            *thread = Some(std::thread::spawn(move || work.run()));
        }
        locked(&self.work.state).clone()
    }

    /// Ends the work, and waits until its temporary file is gone.
    pub fn stop(&self) {
        self.work.is_ended.store(true, Ordering::Relaxed);
        if let Some(thread) = locked(&self.thread).take() {
            // A panic has been printed, and leaves no table.
            let _ = thread.join();
        }
        let mut state = locked(&self.work.state);
        if let TableState::Measuring(..) = *state {
            *state = TableState::Failed("the program has ended the work".into());
        }
    }
}

impl Work {
    fn run(&self) {
        let table = self.table();
        *locked(&self.state) = match table {
            Ok(table) => TableState::Ready(Arc::new(table)),
            Err(error) => TableState::Failed(with_causes(&error)),
        };
    }

    fn table(&self) -> Result<ObjectTable> {
        if self.kind == Kind::Objects
            // It is listed until they are measured: one that cannot be read is not waited for.
            && let Ok(Some(table)) = ObjectTable::beside(&self.labels, &self.name)
        {
            *locked(&self.state) = TableState::Measuring(0.0, Some(Arc::new(table)));
        }
        // Half of the processors: the other half shows what is looked at meanwhile.
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| {
            UserError::new(format!("no threads to measure with: {error}"), "close other programs")
        })?;
        pool.install(|| match self.kind {
            Kind::Objects => self.open_corrections(),
            _ => self.measure(),
        })
    }

    /// Opens what is needed to correct objects, with the edits that are kept beside them.
    fn open_corrections(&self) -> Result<ObjectTable> {
        let mut files = ClassFiles::new(&self.name, &self.labels);
        files.probabilities.clone_from(&self.probabilities);
        let mut done = 0;
        let mut hear = |event: Event<'_>| match event {
            Event::Advanced(sections) => {
                done += sections;
                self.advance(done)
            }
            _ => self.advance(done),
        };
        let observer = &mut Observer::new(&mut hear);
        let (journal, scratch) = (journal_of(&self.labels), std::env::temp_dir());
        let corrections =
            Corrections::open_journal(&files, self.voxel_size_nm, &journal, &scratch, observer)?;
        let table = ObjectTable::corrected(&corrections);
        self.show(&corrections);
        *locked(&self.corrections) = Some(corrections);
        Ok(table)
    }

    /// Lets chunks show what is corrected.
    pub fn show(&self, corrections: &Corrections) {
        // A revision fits 64 bits.
        let (revision, effective) = (corrections.revision() as u64, corrections.effective());
        *locked(&self.shown) = ShownEdits { revision, effective };
    }

    fn measure(&self) -> Result<ObjectTable> {
        let volume = em_io::open(&self.labels)?;
        let mut done = 0;
        let mut advance = |sections: u64| {
            done += sections;
            self.advance(done)
        };
        let mut objects = Objects::find(&volume, FindConfig::default(), &std::env::temp_dir(), &mut advance)?;
        objects.set_voxel_size_nm(self.voxel_size_nm);
        let measured = measure(&objects, None, &mut advance)?;
        Ok(ObjectTable::measured(&self.name, &measured))
    }

    /// Tells how far it is, and whether to go on: each of two passes goes over all sections.
    fn advance(&self, done: u64) -> ControlFlow<()> {
        if let TableState::Measuring(progress, _) = &mut *locked(&self.state) {
            *progress = (done as f64 / (2 * self.depth.max(1)) as f64).min(1.0);
        }
        if self.is_ended.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
