//! Errors as a user sees them: what, then why, then what to do.

use std::fmt;

/// A mistake that the command line itself finds, with a hint.
#[derive(Debug)]
pub struct UserError {
    message: String,
    hint: Option<String>,
}

impl UserError {
    /// Makes an error of a message and a hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UserError {}

/// Prints an error, its causes, and the first hint that any of them has.
pub fn print(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    if let Some(hint) = hint_of(error) {
        eprintln!("hint: {hint}");
    }
}

/// Returns the first hint that an error or one of its causes has.
pub fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(hint)
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<UserError>() {
        return error.hint.clone();
    }
    if let Some(error) = error.downcast_ref::<em_model::Error>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<em_data::Error>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<em_objects::Error>() {
        return error.hint();
    }
    error.downcast_ref::<em_io::Error>()?.hint()
}
