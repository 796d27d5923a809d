//! The files of a run: what is where, what it means, and how it is written.

mod card;
pub(crate) mod checkpoint;
mod folder;
mod history;

pub use card::{FORMAT_VERSION, ModelCard};
pub use folder::RunFolder;
pub(crate) use history::to_csv;
pub use history::{EpochRecord, Scores};
