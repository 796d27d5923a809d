//! The files of a run: what is where, what it means, and how it is written.

mod card;
pub(crate) mod checkpoint;
mod events;
mod folder;
mod history;
mod lock;
mod strangers;
mod trained_on;
mod tuning;

pub use card::{FORMAT_VERSION, ModelCard};
pub(crate) use events::EventFile;
pub use folder::RunFolder;
pub(crate) use history::write_history;
pub use history::{EpochRecord, EpochScores, History, HistoryRow, HistoryScores};
pub use lock::RunLock;
pub(crate) use strangers::{problem_of_classes, read_file};
pub use trained_on::TrainedOn;
pub use tuning::{ClassTuning, Tuning, TuningOnDisk, TuningStep};
