//! Why bytes could not be reached, where that is more than the operating system says.
//!
//! It travels within an [`io::Error`] to where the path and what was tried are known, and becomes
//! an [`Error`] there.

use crate::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// A reason that is told with a hint of its own.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It is not what it was when it was opened.
    #[error("it changed")]
    Changed,

    /// The address is none that is read.
    #[error("it is an address with {found}")]
    BadAddress {
        /// The address without what may be secret.
        shown: PathBuf,
        found: String,
        expected: String,
    },

    /// This crate was built without what reads addresses.
    #[cfg(not(feature = "remote"))]
    #[error("addresses are not built in")]
    NotBuiltIn,

    /// The server said no, or nothing.
    #[error("{reason}")]
    Server { kind: io::ErrorKind, reason: String, hint: Option<String> },
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let kind = match &failure {
            Failure::Changed => io::ErrorKind::Other,
            Failure::BadAddress { .. } => io::ErrorKind::InvalidInput,
            #[cfg(not(feature = "remote"))]
            Failure::NotBuiltIn => io::ErrorKind::Unsupported,
            Failure::Server { kind, .. } => *kind,
        };
        Self::new(kind, failure)
    }
}

impl Failure {
    /// Finds the reason in an error that carries one, at any depth of its causes.
    pub(crate) fn of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| {
            let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            within.and_then(|within| within.downcast_ref()).or_else(|| error.downcast_ref())
        })
    }

    /// Makes it an error about a path.
    pub(crate) fn error(&self, action: &'static str, path: &Path) -> Error {
        match self.clone() {
            Self::Changed => Error::Changed { path: path.to_path_buf() },
            Self::BadAddress { shown, found, expected } => Error::Address { path: shown, found, expected },
            #[cfg(not(feature = "remote"))]
            Self::NotBuiltIn => {
                Error::NotBuiltIn { path: path.to_path_buf(), format: "an address", feature: "remote" }
            }
            Self::Server { kind, reason, hint } => {
                Error::Remote { action, path: path.to_path_buf(), kind, reason, hint }
            }
        }
    }
}
