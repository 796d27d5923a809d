//! The one error type of em-data.

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with volumes, labels or settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A label and its raw volume differ in size.
    #[error(
        "the label `{class}` of `{volume}` has shape {found:?} [z, y, x], expected {expected:?} as its raw volume"
    )]
    LabelShape {
        /// Name of the volume.
        volume: String,
        /// Name of the class.
        class: String,
        /// Shape of the label.
        found: [usize; 3],
        /// Shape of the raw volume.
        expected: [usize; 3],
    },

    /// A volume carries other classes than its training set.
    #[error("`{volume}` has labels for {found:?}, expected {expected:?}")]
    Classes {
        /// Name of the volume.
        volume: String,
        /// Its classes.
        found: Vec<String>,
        /// The classes of the training set.
        expected: Vec<String>,
    },

    /// A training set names a class twice.
    #[error("the class `{class}` is named more than once")]
    RepeatedClass {
        /// Name of the class.
        class: String,
    },

    /// A phantom was asked for labels that it does not have.
    #[error("`{class}` is no class of a phantom, expected one of {classes:?}")]
    NoSuchClass {
        /// The name that was asked for.
        class: String,
        /// The classes that a phantom has.
        classes: Vec<&'static str>,
    },

    /// A file of reviewed regions cannot be used.
    #[error("`{path}` {problem}")]
    Regions {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong, in half a sentence about it.
        problem: String,
    },

    /// Probabilities have more or fewer channels than there are names for.
    #[error("probabilities of {found} channels for the classes {expected:?}")]
    Channels {
        /// The number of channels.
        found: usize,
        /// The names of the classes.
        expected: Vec<String>,
    },

    /// A training tile has more sections than a training region.
    #[error(
        "tiles of {tile_depth} sections do not fit into a training region of `{volume}`, which has {sections} sections"
    )]
    TileTooDeep {
        /// Name of the volume.
        volume: String,
        /// Sections of a tile.
        tile_depth: usize,
        /// Sections of the region.
        sections: usize,
    },
    /// A tile does not fit into the volume that it is cut from.
    #[error(
        "tiles of {tile_size} x {tile_size} do not fit into the sections of `{volume}`, which are {height} x {width} (height x width)"
    )]
    TileTooLarge {
        /// Name of the volume.
        volume: String,
        /// Edge of a tile in voxels.
        tile_size: usize,
        /// Height of a section.
        height: usize,
        /// Width of a section.
        width: usize,
    },

    /// A split leaves no voxel to train on.
    #[error(
        "a split of {sections} sections with validation_fraction {fraction} and gap {gap} leaves training empty"
    )]
    EmptySplit {
        /// Sections in the volume.
        sections: usize,
        /// Asked share of validation.
        fraction: f64,
        /// Sections left out between the two.
        gap: usize,
    },

    /// A setting is outside its range, or does not fit another one.
    #[error(transparent)]
    Settings(#[from] crate::SettingError),

    /// No voxel to fit statistics on, or voxels without any spread.
    #[error("cannot fit the normalisation `{kind}`: {reason}")]
    Normalization {
        /// Kind of normalisation.
        kind: &'static str,
        /// What is wrong with the voxels.
        reason: String,
    },

    /// A class name that is not among the classes.
    #[error("no class `{found}`, expected one of {expected:?}")]
    UnknownClass {
        /// The name asked for.
        found: String,
        /// The names that exist.
        expected: Vec<String>,
    },

    /// A volume or a tile without voxels cannot be laid out as a grid.
    #[error("a {what} of shape {shape:?} [z, y, x] has no voxel")]
    NoVoxel {
        /// `volume` or `tile`.
        what: &'static str,
        /// Its shape.
        shape: [usize; 3],
    },

    /// More or fewer tiles than the grid has that they are stitched on.
    #[error("{found} tiles for a grid of {expected} places")]
    TileCount {
        /// The number of tiles.
        found: usize,
        /// The number of places in the grid.
        expected: usize,
    },

    /// A tile does not belong to its place in the grid that it is stitched on.
    #[error("tile {index} has shape {found:?} [z, y, x], expected {expected:?}")]
    TileShape {
        /// Place in the grid.
        index: usize,
        /// Shape of the tile.
        found: [usize; 3],
        /// Shape of the tile's read region.
        expected: [usize; 3],
    },

    /// Strokes that mark only one of the two classes that a classifier tells apart.
    #[error("no pixel is marked as {missing}, expected strokes of foreground and of background")]
    MissingStrokes {
        /// `foreground` or `background`.
        missing: &'static str,
    },

    /// A label of strokes has a value without a meaning.
    #[error(
        "the stroke label at {at:?} [y, x] is {found}, expected 0 (unknown), 1 (background) or 2 (foreground)"
    )]
    StrokeLabel {
        /// Its value.
        found: u8,
        /// The pixel.
        at: [usize; 2],
    },

    /// Features of pixels do not fit to their labels, or to those that a classifier learned from.
    #[error("features of shape {found:?} [feature, y, x], expected {expected:?}")]
    FeatureShape {
        /// Their shape; the features are counted in all blocks together.
        found: [usize; 3],
        /// The shape that fits.
        expected: [usize; 3],
    },

    /// An error of reading a volume.
    #[error(transparent)]
    Io(#[from] em_io::Error),
}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::LabelShape { .. } => {
                "a label must have one voxel for each voxel of its raw volume; check that the two files belong together"
                    .into()
            }
            Self::MissingStrokes { missing } => format!("draw a few strokes on the {missing}"),
            Self::Normalization { .. } => "check that the raw volume holds a picture".into(),
            Self::Io(source) => return source.hint(),
            _ => return None,
        })
    }
}
