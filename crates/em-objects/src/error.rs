//! What can be wrong with a volume, or with the settings of a step.

use std::io;
use std::path::PathBuf;

/// The result of a fallible step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Describes why a step could not be done. [`Error::hint`] says what to do, where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A median window has no middle voxel.
    #[error(
        "the median window is {found:?} voxels [z, y, x], expected odd numbers from 1 to {}",
        crate::postprocess::MAX_WINDOW
    )]
    Window {
        /// The window found, `[z, y, x]`.
        found: [usize; 3],
    },

    /// The depth of a neck at which objects are split is not above 0.
    #[error("the depth of a neck is {found}, expected a number of nm above 0")]
    Neck {
        /// The depth given.
        found: f64,
    },

    /// Points or parts do not say where to split an object.
    #[error(
        "{given} places are given and {inside} of them lie in the object, expected at least 2 different ones in it"
    )]
    SplitPoints {
        /// Points or parts that were given.
        given: usize,
        /// Those of them that lie in the object.
        inside: usize,
    },

    /// The distance to the background could not be computed.
    #[error(transparent)]
    Distance(em_metrics::Error),

    /// There are more components than a 32-bit number can name.
    #[error("the mask falls into 2^32 components or more, expected a mask of objects (is it noise?)")]
    TooManyComponents,

    /// A volume could not be read or written.
    #[error(transparent)]
    Volume(#[from] em_io::Error),

    /// The temporary file that keeps the runs of a volume could not be used.
    #[error("cannot {action} a temporary file in `{}`", folder.display())]
    TemporaryFile {
        /// What was tried, as a verb.
        action: &'static str,
        /// The folder of the file.
        folder: PathBuf,
        /// The reason given by the operating system.
        source: io::Error,
    },

    /// The file of a part could not be read.
    #[error("cannot read `{}`", path.display())]
    PartFile {
        /// The file.
        path: PathBuf,
        /// The reason given by the operating system.
        source: io::Error,
    },

    /// Files of parts do not make one volume.
    #[error("`{}` holds {found}, expected {expected}", path.display())]
    BadPart {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What would go on with the parts before it.
        expected: String,
    },

    /// A volume of instances holds a value that names no object.
    #[error("{} holds {value} (page {page}), expected whole numbers from 0 to {}", named(path), u32::MAX)]
    NotAnInstance {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The page, counted from 0.
        page: usize,
        /// The value.
        value: f64,
    },

    /// A volume of floats holds a value that is no probability.
    #[error("{} holds {value} (page {page}), expected probabilities from 0 to 1", named(path))]
    NotAProbability {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The page, counted from 0.
        page: usize,
        /// The value.
        value: f64,
    },

    /// Whoever was told of the progress ended the work.
    #[error("stopped before the end")]
    Stopped,

    /// Two volumes of one measurement do not cover the same voxels.
    #[error("{} has shape {found:?} [z, y, x], expected {expected:?} as {reference}", named(path))]
    ShapeMismatch {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// Its shape, `[z, y, x]`.
        found: [usize; 3],
        /// The shape of the volume that it belongs to, `[z, y, x]`.
        expected: [usize; 3],
        /// What that volume is.
        reference: String,
    },

    /// Sections are larger than positions are stored for.
    #[error("sections of {width}x{height} (width x height), expected fewer than 2^32 voxels")]
    SectionTooLarge {
        /// Number of columns.
        width: usize,
        /// Number of rows.
        height: usize,
    },
}

impl Error {
    /// Says what to do about it, where a remedy is known: one sentence, no full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Volume(error) => error.hint(),
            Self::NotAProbability { .. } => Some("are these logits, or grey values?".into()),
            Self::BadPart { .. } => Some("find the objects of that part again".into()),
            Self::TemporaryFile { .. } => Some("free some space, or work in a folder on another disk".into()),
            _ => None,
        }
    }
}

fn named(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or("the volume".into(), |path| format!("`{}`", path.display()))
}
