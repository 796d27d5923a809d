//! Damage that is drawn from a seed, and what every reader owes to a damaged file.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod folders;

use em_io::{Error, Roi, Volume};
use peak_alloc::PeakAlloc;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most memory while one damaged file of a few KB is read, in MiB.
///
/// A piece of such a file may honestly unpack to [`em_io::limits::MAX_EXPANSION`] times its bytes, and
/// for the values of one tag of its first page, `tiff` reserves as much as this at most.
const MOST_MB: f32 = 256.0;

/// Held while a file is read, so that the memory is that of one file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The longest that one damaged file of a few KB may take, on a machine that does other work too.
const PATIENCE: Duration = Duration::from_secs(20);

/// The voxels up to which a volume is read whole: what is missing from a Zarr folder is read as
/// background, so that its metadata alone decide how many voxels there are.
const WHOLE: usize = 1 << 21;

/// Splitmix64, so that the damage needs no crate and never changes.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Opens and reads a damaged volume; where that fails, the error is a clear one.
pub fn survive(path: &Path, what: &str) -> Option<Error> {
    // A test that failed meanwhile has reported that itself.
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    MEMORY.reset_peak_usage();
    let start = Instant::now();
    let error = em_io::open(path).and_then(|volume| read(&volume)).err();
    if let Some(error) = &error {
        check_error(error, path, what);
    }
    let most = MEMORY.peak_usage_as_mb();
    assert!(most < MOST_MB, "{what} took {most} MB");
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
    error
}

fn read(volume: &Volume) -> em_io::Result<()> {
    let shape = volume.shape();
    if shape.iter().product::<usize>() <= WHOLE {
        return volume.read_all().map(drop);
    }
    let corner = shape.map(|side| side.min(8));
    let start = std::array::from_fn(|axis| shape[axis] - corner[axis]);
    volume.read(Roi { start, shape: corner }).map(drop)
}

/// One line that names the file, the place in it, and the reason.
fn check_error(error: &Error, path: &Path, what: &str) {
    let text = error.to_string();
    let name = path.file_name().expect("a file or folder").to_string_lossy();
    assert!(text.contains(name.as_ref()), "{what}: `{text}` does not name the file");
    assert!(!text.contains('\n'), "{what}: {text}");
    let source = std::error::Error::source(error).map(ToString::to_string);
    assert!(source.as_ref().is_none_or(|source| !source.contains('\n')), "{what}: {source:?}");
    let reason = |words: &str| words.chars().filter(|letter| letter.is_alphabetic()).count() > 8;
    let is_clear = match error {
        Error::Damaged { .. } => text.contains("page ") && source.as_deref().is_some_and(reason),
        Error::Truncated { .. }
        | Error::TooLarge { .. }
        | Error::Unsupported { .. }
        | Error::Compression { .. } => text.contains("page "),
        // The path is that of the metadata or of the chunk, in the folder.
        Error::Metadata { path: at, found, expected } => {
            at.starts_with(path) && !found.is_empty() && !expected.is_empty()
        }
        Error::DamagedChunk { path: at, .. } => {
            at.starts_with(path) && at != path && source.as_deref().is_some_and(reason)
        }
        Error::Io { .. } => source.as_deref().is_some_and(reason),
        // These are about a file as a whole.
        Error::UnknownFormat { .. }
        | Error::NotBuiltIn { .. }
        | Error::NotAStack { .. }
        | Error::SeveralPages { .. }
        | Error::SeveralParts { .. }
        | Error::SeveralVolumes { .. }
        | Error::TooManySections { .. }
        | Error::OutOfMemory { .. }
        | Error::SizeMismatch { .. }
        | Error::TypeMismatch { .. }
        | Error::EmptyFolder { .. } => reason(&text),
        other => panic!("{what}: no error of a file: {other:?}"),
    };
    assert!(is_clear, "{what}: `{text}` because {source:?} lacks the place or the reason");
}
