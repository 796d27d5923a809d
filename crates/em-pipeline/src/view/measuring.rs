//! The table of a layer: read where there is one, else measured in the background, once somebody asks.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use em_objects::{FindConfig, Foreground, Objects, measure};

use super::bricks::locked;
use super::kind::Kind;
use super::object_table::ObjectTable;
use crate::error::{Result, UserError, with_causes};

/// How far a table is.
#[derive(Clone, Debug)]
pub enum TableState {
    /// It is being read or measured; from 0 to 1.
    Measuring(f64),
    /// It is there.
    Ready(Arc<ObjectTable>),
    /// There will be none, and why.
    Failed(String),
}

/// The table of a layer of labels, and the thread that makes it.
#[derive(Debug)]
pub struct Measuring {
    work: Work,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread has to know.
#[derive(Clone, Debug)]
struct Work {
    name: String,
    labels: PathBuf,
    kind: Kind,
    voxel_size_nm: Option<[f64; 3]>,
    state: Arc<Mutex<TableState>>,
    is_ended: Arc<AtomicBool>,
}

impl Measuring {
    /// Prepares the table of a file of labels.
    pub(super) fn of(name: &str, labels: &Path, kind: Kind, voxel_size_nm: Option<[f64; 3]>) -> Self {
        let state = Arc::new(Mutex::new(TableState::Measuring(0.0)));
        let work = Work {
            name: name.to_owned(),
            labels: labels.to_path_buf(),
            kind,
            voxel_size_nm,
            state,
            is_ended: Arc::default(),
        };
        Self { work, thread: Mutex::default() }
    }

    /// Returns how far the table is; begins it where nobody asked before.
    ///
    /// Memory: 64 MB, 350 bytes per object, and four bytes on the disk per run of foreground.
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
            && let Some(table) = ObjectTable::beside(&self.labels, &self.name)?
        {
            return Ok(table);
        }
        // Half of the processors: the other half shows what is looked at meanwhile.
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| {
            UserError::new(format!("no threads to measure with: {error}"), "close other programs")
        })?;
        pool.install(|| self.measure())
    }

    fn measure(&self) -> Result<ObjectTable> {
        let volume = em_io::open(&self.labels)?;
        let foreground = if self.kind == Kind::Mask { Foreground::Mask } else { Foreground::Instances };
        let config = FindConfig { foreground, ..FindConfig::default() };
        // Each of both passes goes over all sections.
        let (all, mut done) = (2 * volume.shape()[0] as u64, 0);
        let mut advance = |sections: u64| {
            done += sections;
            *locked(&self.state) = TableState::Measuring(done as f64 / all as f64);
            if self.is_ended.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let mut objects = Objects::find(&volume, config, &std::env::temp_dir(), &mut advance)?;
        objects.set_voxel_size_nm(self.voxel_size_nm);
        let measured = measure(&objects, None, &mut advance)?;
        Ok(ObjectTable::measured(&self.name, &measured))
    }
}
