//! Damaged copies of every fixture give voxels or one clear error: no panic, no endless loop.
//!
//! All damage is drawn from a seed, so that a failure comes back.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::fixture;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// The longest that one damaged file of a few KB may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Damaged copies of each fixture, per kind of damage: more than 10,000 files in all.
const FLIPS_PER_FIXTURE: u64 = 160;

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap().path());
    // The folders are for the tests of Zarr.
    let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() > 30, "the fixtures are missing");
    files
}

/// Reads a damaged file in every way; only its error message is looked at.
fn survive(path: &Path, what: &str) {
    let start = Instant::now();
    let outcome = em_io::open(path).and_then(|volume| {
        volume.notes();
        volume.read_all()
    });
    if let Err(error) = outcome {
        let text = error.to_string();
        assert!(text.contains("damaged"), "{what}: `{text}` does not name the file");
        assert!(!text.contains('\n'), "{what}: {text}");
    }
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
}

/// Splitmix64, so that the damage needs no crate and never changes.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn truncated_files() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("damaged");
    for fixture in fixtures() {
        let bytes = fs::read(&fixture).unwrap();
        for end in (0..bytes.len()).step_by(50) {
            fs::write(&path, &bytes[..end]).unwrap();
            survive(&path, &format!("{} cut at {end}", fixture.display()));
        }
    }
}

#[test]
fn flipped_bits() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("damaged");
    let count = AtomicUsize::new(0);
    for (seed, fixture) in (1..).zip(fixtures()) {
        let bytes = fs::read(&fixture).unwrap();
        for round in 0..FLIPS_PER_FIXTURE {
            let mut state = seed * 1_000_000 + round;
            let mut damaged = bytes.clone();
            for _ in 0..=random(&mut state) % 4 {
                let at = random(&mut state) as usize % damaged.len();
                damaged[at] ^= 1 << (random(&mut state) % 8);
            }
            fs::write(&path, &damaged).unwrap();
            survive(&path, &format!("{} of {}", state, fixture.display()));
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    println!("{} damaged files", count.into_inner());
}

/// The directories are where a decoder is steered, so their bytes are replaced more thoroughly.
#[test]
fn replaced_tags() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("damaged");
    for (seed, fixture) in (1..).zip(fixtures()) {
        let bytes = fs::read(&fixture).unwrap();
        for round in 0..FLIPS_PER_FIXTURE {
            let mut state = seed * 7_000_000 + round;
            let mut damaged = bytes.clone();
            for _ in 0..=random(&mut state) % 3 {
                let at = random(&mut state) as usize % damaged.len().min(400);
                let value = [0, 1, 0x7f, 0x80, 0xff][random(&mut state) as usize % 5];
                let len = 1 << (random(&mut state) % 3);
                damaged.iter_mut().skip(at).take(len).for_each(|byte| *byte = value);
            }
            fs::write(&path, &damaged).unwrap();
            survive(&path, &format!("{} of {}", state, fixture.display()));
        }
    }
}
