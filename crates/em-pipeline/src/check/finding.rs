//! One thing that was found, and how it is printed.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Error, UserError};

/// How bad it is; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The training fails, or what it learns is nonsense.
    Error,
    /// The training runs, and may go wrong.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file or folder that it was found in.
    pub file: Option<PathBuf>,
    /// The sections, counted from 0; empty for the whole file.
    pub sections: Vec<usize>,
    /// What was found.
    pub found: String,
    /// What would be right.
    pub expected: Option<String>,
    /// What can be done.
    pub hint: Option<String>,
}

impl Finding {
    /// Starts a finding that makes a training fail.
    pub fn error(found: impl Into<String>) -> Self {
        Self::new(Severity::Error, found)
    }

    /// Starts a finding that may make a training go wrong.
    pub fn warning(found: impl Into<String>) -> Self {
        Self::new(Severity::Warning, found)
    }

    /// Starts a finding that is worth knowing.
    pub fn note(found: impl Into<String>) -> Self {
        Self::new(Severity::Note, found)
    }

    fn new(severity: Severity, found: impl Into<String>) -> Self {
        let found = found.into();
        Self { severity, file: None, sections: Vec::new(), found, expected: None, hint: None }
    }

    /// Makes a finding of an error, with its causes and its hint.
    pub fn of_error(error: &Error) -> Self {
        let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
        let chain: Vec<String> = causes.by_ref().map(ToString::to_string).collect();
        Self { hint: error.hint(), ..Self::error(chain.join(": ")) }
    }

    /// Turns it into the error that ends a work.
    pub(crate) fn into_error(self) -> UserError {
        let text = self.text();
        match self.hint {
            Some(hint) => UserError::new(text, hint),
            None => UserError::of_message(text),
        }
    }

    /// Writes it as a sentence, for those who do not look for findings.
    pub(crate) fn on_one_line(&self) -> String {
        let hint = self.hint.as_ref().map_or(String::new(), |hint| format!("; {hint}"));
        format!("{}{hint}", self.text())
    }

    fn text(&self) -> String {
        let file = self.file.as_ref().map_or(String::new(), |file| format!("`{}`: ", file.display()));
        let expected = self.expected.as_ref().map_or(String::new(), |text| format!(", expected {text}"));
        format!("{file}{}{expected}", self.found)
    }

    /// Says in which file.
    pub fn file(mut self, path: &Path) -> Self {
        self.file = Some(path.to_path_buf());
        self
    }

    /// Says in which sections.
    pub fn sections(mut self, sections: Vec<usize>) -> Self {
        self.sections = sections;
        self
    }

    /// Says what would be right.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says what can be done.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(f, "{severity}: {}", self.found)?;
        if let Some(file) = &self.file {
            write!(f, "\n  in        `{}`", file.display())?;
        }
        if !self.sections.is_empty() {
            let many = if self.sections.len() == 1 { "section " } else { "sections" };
            write!(f, "\n  {many}  {}", ranges(&self.sections))?;
        }
        for (name, text) in [("expected", &self.expected), ("hint    ", &self.hint)] {
            if let Some(text) = text {
                write!(f, "\n  {name}  {text}")?;
            }
        }
        Ok(())
    }
}

/// The most runs of sections that are printed.
const PRINTED_RUNS: usize = 8;

/// Writes rising numbers as `0, 3-5, 9`, and how many more there are.
pub fn ranges(numbers: &[usize]) -> String {
    let runs: Vec<&[usize]> = numbers.chunk_by(|a, b| a + 1 == *b).collect();
    let text = |run: &&[usize]| match **run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    let printed = runs.iter().take(PRINTED_RUNS).map(text).collect::<Vec<_>>().join(", ");
    let more: usize = runs.iter().skip(PRINTED_RUNS).map(|run| run.len()).sum();
    if more == 0 { printed } else { format!("{printed} and {more} more") }
}

/// Counts findings in words: `1 error, 2 warnings, 0 notes`.
pub fn counts(findings: &[Finding]) -> String {
    let count = |severity, name: &str| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        format!("{count} {name}{}", if count == 1 { "" } else { "s" })
    };
    [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .map(|(severity, name)| count(severity, name))
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_printed_as_runs() {
        assert_eq!(ranges(&[0, 3, 4, 5, 9]), "0, 3-5, 9");
        let odd: Vec<usize> = (0..20).map(|n| 2 * n + 1).collect();
        assert_eq!(ranges(&odd), "1, 3, 5, 7, 9, 11, 13, 15 and 12 more");
    }

    #[test]
    fn a_finding_says_all_it_knows() {
        let finding = Finding::warning("blank").file(Path::new("a.tif")).sections(vec![4]).hint("look at it");
        assert_eq!(
            finding.to_string(),
            "warning: blank\n  in        `a.tif`\n  section   4\n  hint      look at it"
        );
        assert_eq!(counts(&[finding]), "0 errors, 1 warning, 0 notes");
    }
}
