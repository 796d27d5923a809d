//! Objects corrected by a person: what he does is a journal, and the labels and their table follow from it.
//!
//! ```text
//! label volume ─┐
//!               ├─► corrected labels, any block by itself ─► label volume, objects.csv, summary
//! edits.jsonl ──┘
//! ```
//!
//! An edit says of a voxel, without looking at any other, which object it belongs to: what a split or a
//! filling computed is written into the journal as voxels. So a block is corrected by itself, taking back
//! needs no copy of what was, and replaying needs neither probabilities nor the same version.
//!
//! | file | owns |
//! |---|---|
//! | `correct/edit.rs` | what a person can do, and how it stands in the journal |
//! | `correct/edits.rs` | all edits in order, and what those that count make of a block |
//! | `correct/plan.rs` | whether an edit makes sense, and what it paints |
//! | `correct/parts.rs` | the voxels of a split or a filling |
//! | `correct/corrections.rs` | a label volume with its edits and the table of its objects |
//! | `correct/of_others.rs` | edits of other labels than a file holds now |
//! | `correct/save.rs` | corrected labels, tables and summary as files |

mod corrections;
mod edit;
mod edits;
mod of_others;
mod parts;
mod plan;
mod save;
#[cfg(test)]
mod tests;

pub use crate::journal::Refusal;
pub use corrections::{Change, Corrections, bounds_of};
pub use edit::{Edit, EditFile, EditLine, Part, read_edits};
pub use edits::Effective;
pub use of_others::set_aside_edits_of_others;
pub use save::{SaveRequest, corrected_folder, journal_of, save};
