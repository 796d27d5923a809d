//! Labels made on the screen: what a person does is a log, and everything else follows from it.
//!
//! | file | owns |
//! |---|---|
//! | `annotate/project.rs` | the folder of a project, opened by one process; actions become lines and labels |
//! | `annotate/description.rs` | `project.json`, and what is asked of a new project |
//! | `annotate/requests.rs` | whether a request makes sense, and what it paints |
//! | `annotate/action.rs` | what a person can do, and how it stands in the log |
//! | `annotate/ledger.rs` | what the actions that count paint |
//! | `annotate/shapes.rs`, `annotate/interpolation.rs` | which voxels a shape covers |
//! | `annotate/pictures.rs` | tiles of grey values and labels, at any magnification |
//! | `annotate/network_source.rs`, `annotate/strokes_source.rs` | what a network says, and what was learned from paint |
//! | `annotate/suggester.rs` | what is suggested for a tile |
//! | `annotate/recipe.rs` | the training of a project |
//! | `annotate/proposals.rs` | where another minute of a person helps most |
//!
//! The log itself is `journal.rs`, undoing `timeline.rs`.

mod action;
mod description;
mod interpolation;
mod ledger;
mod network_source;
pub mod pictures;
mod project;
pub mod proposals;
mod recipe;
mod requests;
mod shapes;
mod strokes_source;
mod suggester;
#[cfg(test)]
mod tests;

pub use crate::journal::Refusal;
pub use action::{Action, Request, SourceName};
pub use description::{Description, ProjectRequest};
pub use em_data::Paint;
pub use ledger::Ledger;
pub use network_source::{NetworkPlan, NetworkSource};
pub use project::{Project, Suggested, chunks_of};
pub use recipe::next_training;
pub use shapes::Runs;
pub(crate) use shapes::{Frame, stroke};
pub use strokes_source::StrokesPlan;
pub use suggester::{SourceInfo, Suggester};
