//! What can go wrong between a file and its voxels.
//!
//! Longer than other files: it is one list, and each entry says what its fields are.

use crate::storage::failure::Failure;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate that touches a file.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with the file it is about, what was found there and what was expected.
///
/// Its text is one line and leaves the cause to [`std::error::Error::source`]; [`Error::hint`]
/// says what to do, where that is known. Pages are counted from 0, as z is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing at the path.
    #[error("no file or folder `{}`", path.display())]
    NotFound {
        /// The path that was asked for.
        path: PathBuf,
        /// A neighbour whose name is nearly the same.
        similar: Option<PathBuf>,
    },

    /// The operating system refused: no permission, a full disk, a broken drive.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as a verb: `open`, `read`, `write`, ...
        action: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// The reason given by the operating system.
        source: io::Error,
    },

    /// Another writer is at a file or folder.
    #[error("`{}` is in use by {holder}", path.display())]
    InUse {
        /// The file or folder.
        path: PathBuf,
        /// The process, as it wrote itself down.
        holder: String,
    },

    /// The file's first bytes belong to no format that is read.
    #[error("`{}` is {found}, expected a TIFF, MRC, NIfTI, NumPy, HDF5, PNG or JPEG file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
        /// What makes it a file that is read.
        hint: &'static str,
    },

    /// The path is an address that is not read, or that has a name, a password or a query in it.
    #[error("`{}` is an address with {found}, expected {expected}", path.display())]
    Address {
        /// The address without what may be secret.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
        /// What would be right.
        expected: String,
    },

    /// The server of an address refused, failed, or sent what is not to be believed.
    #[error("cannot {action} `{}`: {reason}", path.display())]
    Remote {
        /// What was tried, as a verb: `open`, `read`, `write`, ...
        action: &'static str,
        /// The address of what it was tried on.
        path: PathBuf,
        /// What kind of failure it is.
        kind: io::ErrorKind,
        /// What the server said, or that there is none.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },

    /// A file or object is no longer what it was when it was opened.
    #[error("`{}` changed while it was read", path.display())]
    Changed {
        /// The file or address.
        path: PathBuf,
    },

    /// The format is known, but this crate was built without it.
    #[error("`{}` is {format}, and em-io was built without the feature `{feature}`", path.display())]
    NotBuiltIn {
        /// The file or folder.
        path: PathBuf,
        /// The name of the format.
        format: &'static str,
        /// The feature of this crate that it needs.
        feature: &'static str,
    },

    /// The folder holds no image.
    #[error(
        "no image in folder `{}`, expected files named *.png, *.jpg, *.jpeg, *.tif or *.tiff, found {found}",
        path.display()
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
        /// What is in it instead.
        found: String,
    },

    /// The file, or the data of a page, stops before the last voxel.
    #[error("page {page} of `{}` is incomplete, its data ends early", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The page that is incomplete, counted from 0.
        page: usize,
    },

    /// The bytes of a page make no sense.
    #[error("cannot decode page {page} of `{}`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The page, counted from 0.
        page: usize,
        /// The decoder's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The file is sound but of a kind that is not read.
    #[error("page {page} of `{}` is {found}, expected {expected}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The page, counted from 0.
        page: usize,
        /// The kind of image it is.
        found: String,
        /// The kinds that are read.
        expected: &'static str,
    },

    /// The pixels are packed in a way that is not read.
    #[error("page {page} of `{}` is compressed with {found}, expected {expected}", path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// The page, counted from 0.
        page: usize,
        /// The name or number of the compression.
        found: String,
        /// Those that are read.
        expected: &'static str,
    },

    /// The pages are not one stack of sections.
    #[error("`{}` holds {found}, expected {expected}", path.display())]
    NotAStack {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What would be a stack.
        expected: String,
    },

    /// A file in a folder of sections is a stack by itself.
    #[error("`{}` holds {pages} pages, expected one page per file in a folder of sections", path.display())]
    SeveralPages {
        /// The file.
        path: PathBuf,
        /// Its number of pages.
        pages: usize,
    },

    /// The file holds several stacks, and none was picked.
    #[error("`{}` holds {found}, expected one {part}", path.display())]
    SeveralParts {
        /// The file.
        path: PathBuf,
        /// What there are several of.
        part: crate::Part,
        /// What it holds, in words.
        found: String,
        /// How many there are.
        count: usize,
    },

    /// The file or group holds several volumes, each with a name.
    #[error("`{}` holds {} volumes, expected one of: {}", path.display(), names.len(), names.join(", "))]
    SeveralVolumes {
        /// The file or group.
        path: PathBuf,
        /// The name of each within it, such as `volumes/raw`.
        names: Vec<String>,
    },

    /// The file has no such channel, time point or volume.
    #[error("`{}` has no {part} {index}, expected one from 0 to {}", path.display(), count.saturating_sub(1))]
    NoSuchPart {
        /// The file.
        path: PathBuf,
        /// What was picked.
        part: crate::Part,
        /// The one that was asked for, counted from 0.
        index: usize,
        /// How many there are.
        count: usize,
    },

    /// Values were to be turned, of a type that has no white.
    #[error("{} {found}, expected unsigned integers to turn black into white", voxels_of(path))]
    CannotInvert {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The type of the voxels.
        found: crate::VoxelType,
    },

    /// A section has another size than the first one.
    #[error(
        "{section} is {}x{}, expected {}x{} (width x height)",
        found[1], found[0], expected[1], expected[0]
    )]
    SizeMismatch {
        /// The section, with its file.
        section: String,
        /// Its size, `[y, x]`.
        found: [usize; 2],
        /// The size of the first section, `[y, x]`.
        expected: [usize; 2],
    },

    /// A section has another voxel type than the first one.
    #[error("{section} is {found}, expected {expected}")]
    TypeMismatch {
        /// The section, with its file.
        section: String,
        /// Its voxel type.
        found: crate::VoxelType,
        /// The voxel type of the first section.
        expected: crate::VoxelType,
    },

    /// A section claims a size that no honest file of this length has.
    #[error(
        "page {page} of `{}` claims {}x{} (width x height), expected at most {limit}",
        path.display(), size[1], size[0]
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The page, counted from 0.
        page: usize,
        /// The claimed size, `[y, x]`.
        size: [usize; 2],
        /// The limit, in words; see [`crate::limits`].
        limit: String,
    },

    /// A volume claims more sections than [`crate::limits::MAX_SECTIONS`].
    #[error(
        "`{}` holds {found} sections, expected at most {}",
        path.display(), crate::limits::MAX_SECTIONS
    )]
    TooManySections {
        /// The file or folder.
        path: PathBuf,
        /// The number of sections.
        found: usize,
    },

    /// The block that was asked for does not fit into memory.
    #[error("cannot hold a block of {bytes} bytes{} in memory", of(path))]
    OutOfMemory {
        /// The file or folder that it was to be read from, where there is one.
        path: Option<PathBuf>,
        /// The size of the block in bytes.
        bytes: u64,
    },

    /// The block that was asked for reaches out of the volume.
    #[error("block {start:?} + {shape:?} reaches out of a volume of {volume:?} voxels [z, y, x]")]
    OutsideVolume {
        /// The start of the block, `[z, y, x]`.
        start: [usize; 3],
        /// The shape of the block, `[z, y, x]`.
        shape: [usize; 3],
        /// The shape of the volume, `[z, y, x]`.
        volume: [usize; 3],
    },

    /// The voxels were asked for in a type that does not hold all values of their own.
    #[error("{} {found}, expected {expected} or what fits into it", voxels_of(path))]
    WrongVoxelType {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The type of the voxels.
        found: crate::VoxelType,
        /// The type that they were asked for in.
        expected: crate::VoxelType,
    },

    /// A [`Source`](crate::Source) from outside this crate failed.
    #[error("cannot read from {what}")]
    OwnSource {
        /// What it reads, such as the address of a server.
        what: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A [`Source`](crate::Source) gave what does not fit to what it said of itself.
    #[error("the source of `{volume}` gave {found}, expected {expected}")]
    BadSource {
        /// The path of the volume, or its format.
        volume: String,
        /// What it gave.
        found: String,
        /// What a volume of this kind has.
        expected: String,
    },

    /// A label holds other values than background and foreground.
    #[error(
        "{} holds the values {} (page {page}), expected {}",
        named(path), values.join(", "), crate::MaskValues::EXPECTED
    )]
    NotAMask {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The first page where the values stop being those of a mask, counted from 0.
        page: usize,
        /// Up to 8 distinct values found up to and on that page, in rising order.
        values: Vec<String>,
    },

    /// The metadata of a Zarr, N5 or precomputed folder is missing, damaged, or describes what is not read.
    #[error("`{}` has {found}, expected {expected}", path.display())]
    Metadata {
        /// The metadata file, or the folder where it is missing.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What would be read.
        expected: String,
    },

    /// The bytes of a chunk of such a folder make no sense, or some are missing.
    #[error("cannot decode chunk `{}`", path.display())]
    DamagedChunk {
        /// The file of the chunk or shard.
        path: PathBuf,
        /// The decoder's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The path names a format that is not written, or that cannot hold these voxels.
    #[error("cannot write {what} to `{}`, expected {expected}", path.display())]
    CannotWrite {
        /// The path to be written.
        path: PathBuf,
        /// What was to be written.
        what: String,
        /// What can be.
        expected: String,
    },

    /// Sections handed to a writer do not fit what it was created for.
    #[error("`{}` was given {found}, expected {expected}", path.display())]
    UnexpectedSections {
        /// The file that is being written.
        path: PathBuf,
        /// What was handed over.
        found: String,
        /// What the specification asks for.
        expected: String,
    },

    /// The folder to be written already holds files.
    #[error("folder `{}` is not empty, expected a new or an empty folder", path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },

    /// A voxel size is not a length.
    #[error(
        "voxel size {found:?} nm [z, y, x], expected three lengths between {} and {} nm",
        crate::limits::VOXEL_SIZE_NM.start(), crate::limits::VOXEL_SIZE_NM.end()
    )]
    VoxelSize {
        /// The voxel size, `[z, y, x]` in nm.
        found: [f64; 3],
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match Failure::of(&source) {
            Some(failure) => failure.error(action, &path),
            None => Self::Io { action, path, source },
        }
    }

    /// Sorts a decoder's failure: the file ends too early, or its bytes are wrong.
    pub(crate) fn decoding(
        path: &Path,
        page: usize,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Self {
        if let Some(failure) = Failure::of(source.as_ref()) {
            return failure.error("read", path);
        }
        let path = path.to_path_buf();
        if ends_early(source.as_ref()) {
            Self::Truncated { path, page }
        } else {
            Self::Damaged { path, page, source: on_one_line(source) }
        }
    }
}

/// Some decoders end their reasons with a line break, or write more than one line.
pub(crate) fn on_one_line(
    source: Box<dyn std::error::Error + Send + Sync>,
) -> Box<dyn std::error::Error + Send + Sync> {
    let text = source.to_string();
    if text.contains('\n') { text.split_whitespace().collect::<Vec<_>>().join(" ").into() } else { source }
}

/// Looks for "unexpected end of file" anywhere in a chain of causes.
fn ends_early(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

fn of(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(String::new, |path| format!(" of `{}`", path.display()))
}

fn named(path: &Option<PathBuf>) -> String {
    match path {
        Some(path) => format!("`{}`", path.display()),
        None => "the label volume".into(),
    }
}

fn voxels_of(path: &Option<PathBuf>) -> String {
    match path {
        Some(path) => format!("`{}` is", path.display()),
        None => "the voxels are".into(),
    }
}
