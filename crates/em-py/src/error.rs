//! Errors of the crates as Python's exceptions: the message, its causes and the hint, a line each.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::{
    PyFileNotFoundError, PyIndexError, PyMemoryError, PyOSError, PyPermissionError, PyRuntimeError,
    PyValueError,
};

/// Turns an error of a crate into an exception.
pub trait Raised<T> {
    /// Returns the value, or the exception.
    fn raised(self) -> Result<T, PyErr>;
}

impl<T> Raised<T> for em_io::Result<T> {
    fn raised(self) -> Result<T, PyErr> {
        self.map_err(|error| of_io(&error))
    }
}

impl<T> Raised<T> for em_objects::Result<T> {
    fn raised(self) -> Result<T, PyErr> {
        self.map_err(|error| {
            let text = text(&error, error.hint());
            match &error {
                em_objects::Error::Volume(error) => of_io(error),
                em_objects::Error::TemporaryFile { .. } => PyOSError::new_err(text),
                // Only Ctrl-C ends a work here, and its exception goes first.
                em_objects::Error::Stopped => PyRuntimeError::new_err(text),
                _ => PyValueError::new_err(text),
            }
        })
    }
}

impl<T> Raised<T> for em_metrics::Result<T> {
    fn raised(self) -> Result<T, PyErr> {
        self.map_err(|error| PyValueError::new_err(text(&error, None)))
    }
}

/// What is wrong with a file is an `OSError`, what is wrong with an argument a `ValueError`.
fn of_io(error: &em_io::Error) -> PyErr {
    use em_io::Error;
    let text = text(error, error.hint());
    match error {
        Error::NotFound { .. } => PyFileNotFoundError::new_err(text),
        Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            PyPermissionError::new_err(text)
        }
        Error::Remote { kind: io::ErrorKind::NotFound, .. } => PyFileNotFoundError::new_err(text),
        Error::Remote { kind: io::ErrorKind::PermissionDenied, .. } => PyPermissionError::new_err(text),
        Error::OutsideVolume { .. } => PyIndexError::new_err(text),
        Error::OutOfMemory { .. } => PyMemoryError::new_err(text),
        Error::Address { .. }
        | Error::SeveralParts { .. }
        | Error::SeveralVolumes { .. }
        | Error::NoSuchPart { .. }
        | Error::CannotInvert { .. }
        | Error::WrongVoxelType { .. }
        | Error::NotAMask { .. }
        | Error::CannotWrite { .. }
        | Error::UnexpectedSections { .. }
        | Error::VoxelSize { .. } => PyValueError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

/// Writes an error, its causes and its hint, a line each.
fn text(error: &(dyn std::error::Error + 'static), hint: Option<String>) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(because) = cause {
        text += &format!("\nbecause: {because}");
        cause = because.source();
    }
    if let Some(hint) = hint {
        text += &format!("\nhint: {hint}");
    }
    text
}
