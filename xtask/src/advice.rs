//! Errors that know a fix, and how any error is shown to the user.

use std::fmt::{self, Write as _};

use anyhow::Error;

/// A message with a hint: what the reader can do about it.
#[derive(Debug)]
pub struct Advised {
    message: String,
    hint: String,
}

impl Advised {
    /// Joins a message and its hint; use it as an error or as the context of one.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Advised {}

/// Renders an error with its causes and, last, the outermost hint.
pub fn render(error: &Error) -> String {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  caused by: {cause}");
    }
    if let Some(advised) = error.downcast_ref::<Advised>() {
        let _ = writeln!(text, "  hint: {}", advised.hint);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_come_before_the_hint_and_a_hint_survives_context() {
        let error = Error::msg("connection refused")
            .context(Advised::new("no network", "pass --from DIR"))
            .context("fetching `training.tif`");
        assert_eq!(
            render(&error),
            "error: fetching `training.tif`\n  caused by: no network\n  caused by: connection refused\n  hint: pass --from DIR\n"
        );
    }
}
