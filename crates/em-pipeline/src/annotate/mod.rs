//! Labels made on the screen: what a person does is a log, and everything else follows from it.
//!
//! | file | owns |
//! |---|---|
//! | `annotate/project.rs` | the folder of a project, opened by one process; actions become lines and labels |
//! | `annotate/action.rs` | what a person can do, and how it stands in the log |
//! | `annotate/log.rs` | `actions.jsonl`, on the disk before it is acknowledged |
//! | `annotate/ledger.rs` | which actions count, and what they paint |
//! | `annotate/shapes.rs`, `annotate/interpolation.rs` | which voxels a shape covers |
//! | `annotate/pictures.rs` | tiles of grey values and labels, at any magnification |
//! | `annotate/network_source.rs`, `annotate/suggester.rs` | what is suggested for a tile |
//! | `annotate/recipe.rs` | the training of a project |
//! | `annotate/proposals.rs` | where another minute of a person helps most |

mod action;
mod interpolation;
mod ledger;
mod log;
mod network_source;
pub mod pictures;
mod project;
pub mod proposals;
mod recipe;
mod shapes;
mod suggester;

pub use action::{Action, Paint, Request, SourceName};
pub use ledger::Ledger;
pub use network_source::{NetworkPlan, NetworkSource};
pub use project::{Description, Project, ProjectRequest, Refusal, Suggested, chunks_of};
pub use recipe::next_training;
pub use shapes::Runs;
pub use suggester::{SourceInfo, Suggester};
