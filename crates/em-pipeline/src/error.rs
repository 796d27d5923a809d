//! The one error type of em-pipeline, and what can be done about each.
//!
//! The crates below know no configuration: here their errors get the words of `run.toml` and hints
//! that name its keys.

use std::fmt;

use em_data::SettingError;

use crate::{hints, settings};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a work could not be done. [`Error::hint`] says what to do, where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for cannot be done.
    #[error(transparent)]
    User(#[from] UserError),

    /// Something failed on the way.
    #[error("{doing}")]
    While {
        /// What was being done, and to which file.
        doing: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A picture could not be drawn.
    #[error("a picture could not be drawn: {0}")]
    Drawing(String),

    /// The observer ended the work.
    #[error("interrupted before the end")]
    Stopped,

    /// A setting is outside its range, or does not fit another one.
    #[error("`{}` is {}, expected {}", settings::key(.0), .0.found, .0.expected)]
    Setting(SettingError),

    /// A volume or file could not be read or written.
    #[error(transparent)]
    Io(#[from] em_io::Error),

    /// Volumes and labels do not fit together.
    #[error(transparent)]
    Data(em_data::Error),

    /// A network could not be made, trained, read or applied.
    #[error(transparent)]
    Model(em_model::Error),

    /// Objects could not be found or measured.
    #[error(transparent)]
    Objects(em_objects::Error),

    /// A score could not be computed.
    #[error(transparent)]
    Metrics(#[from] em_metrics::Error),
}

impl From<SettingError> for Error {
    fn from(problem: SettingError) -> Self {
        Self::Setting(problem)
    }
}

impl From<em_data::Error> for Error {
    fn from(error: em_data::Error) -> Self {
        match error {
            em_data::Error::Settings(problem) => Self::Setting(problem),
            em_data::Error::Io(error) => Self::Io(error),
            error => Self::Data(error),
        }
    }
}

impl From<em_objects::Error> for Error {
    fn from(error: em_objects::Error) -> Self {
        match error {
            em_objects::Error::Stopped => Self::Stopped,
            error => Self::Objects(error),
        }
    }
}

impl From<em_model::Error> for Error {
    fn from(error: em_model::Error) -> Self {
        match error {
            em_model::Error::Settings(problem) => Self::Setting(problem),
            em_model::Error::Tiles(error) => error.into(),
            em_model::Error::Objects(error) => error.into(),
            em_model::Error::Io(error) => Self::Io(error),
            em_model::Error::Stopped => Self::Stopped,
            error => Self::Model(error),
        }
    }
}

/// A user's mistake: what was found, what was expected, and what to do.
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

impl UserError {
    /// Makes an error about which nothing can be advised.
    pub(crate) fn of_message(message: String) -> Self {
        Self { message, hint: None }
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UserError {}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::User(error) => error.hint.clone(),
            Self::While { source, .. } => hint_of(source.as_ref()),
            Self::Io(error) => hints::of_io(error),
            Self::Data(error) => hints::of_data(error),
            Self::Model(error) => hints::of_model(error),
            Self::Objects(error) => hints::of_objects(error),
            Self::Setting(_) | Self::Drawing(_) | Self::Stopped | Self::Metrics(_) => None,
        }
    }
}

/// Returns an error with all that caused it, in one line.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns the first hint that an error or one of its causes has.
pub fn hint_of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let own = if let Some(error) = error.downcast_ref::<Error>() {
        error.hint()
    } else if let Some(error) = error.downcast_ref::<UserError>() {
        error.hint.clone()
    } else if let Some(error) = error.downcast_ref::<em_model::Error>() {
        hints::of_model(error)
    } else if let Some(error) = error.downcast_ref::<em_data::Error>() {
        hints::of_data(error)
    } else if let Some(error) = error.downcast_ref::<em_objects::Error>() {
        hints::of_objects(error)
    } else {
        error.downcast_ref::<em_io::Error>().and_then(hints::of_io)
    };
    own.or_else(|| error.source().and_then(hint_of))
}

/// Says of a failure what was being done.
pub(crate) trait Context<T> {
    /// Adds what was being done, which is put into words only where it failed.
    fn with_context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;

    /// Adds what was being done.
    fn context(self, doing: &str) -> Result<T>
    where
        Self: Sized,
    {
        self.with_context(|| doing)
    }
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Context<T> for Result<T, E> {
    fn with_context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|source| Error::While { doing: doing().into(), source: source.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_a_cause_is_found() {
        let deep: Result<()> = Err(UserError::new("no such key", "did you mean `epochs`?"))
            .context("`run.toml` cannot be read")
            .context("no training");
        let error = deep.unwrap_err();
        assert_eq!(error.to_string(), "no training");
        assert_eq!(error.hint().as_deref(), Some("did you mean `epochs`?"));
        assert_eq!(hint_of(&error).as_deref(), Some("did you mean `epochs`?"));
    }
}
