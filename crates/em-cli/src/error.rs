//! Errors as a user sees them: what, then why, then what to do.

pub use em_pipeline::UserError;

use crate::console::{self, complain};

/// Prints an error, its causes, and the first hint that any of them has.
pub fn print(error: &anyhow::Error) {
    let hint = em_pipeline::hint_of(error.as_ref());
    if console::tells_events() {
        let because: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        console::failed(&error.to_string(), &because, hint.as_deref());
    }
    complain!("error: {error}");
    for cause in error.chain().skip(1) {
        complain!("  because: {cause}");
    }
    if let Some(hint) = hint {
        complain!("hint: {hint}");
    }
}
