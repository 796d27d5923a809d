//! What can be wrong with the settings of a step.

/// The result of a fallible step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Describes why a step could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

    /// There are more components than a 32-bit number can name.
    #[error("the mask falls into 2^32 components or more, expected a mask of objects (is it noise?)")]
    TooManyComponents,
}
