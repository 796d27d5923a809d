//! Errors as a user sees them: what, then why, then what to do.

pub use em_pipeline::UserError;

use crate::console::complain;

/// Prints an error, its causes, and the first hint that any of them has.
pub fn print(error: &anyhow::Error) {
    complain!("error: {error}");
    for cause in error.chain().skip(1) {
        complain!("  because: {cause}");
    }
    if let Some(hint) = em_pipeline::hint_of(error.as_ref()) {
        complain!("hint: {hint}");
    }
}
