//! Where the sections of a volume that is written go.

use crate::Voxels;
use crate::error::{Error, Result};
use std::path::Path;

/// Where sections go. There is one implementation per format.
pub(crate) trait Sink: Send {
    /// Writes further sections of the size and type that were agreed.
    fn write(&mut self, sections: &Voxels) -> Result<()>;

    /// Gives the file its name.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Says what cannot be written to a path, and what can.
pub(crate) fn cannot_write(path: &Path, what: String, expected: impl Into<String>) -> Error {
    Error::CannotWrite { path: path.to_path_buf(), what, expected: expected.into() }
}
