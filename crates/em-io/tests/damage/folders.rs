//! Damage to the files of a folder that is one volume: its metadata and its chunks.

use super::{random, survive};
use crate::common::fixture;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::tempdir;

/// Why reading and writing test files cannot fail.
const READABLE: &str = "fixtures can be read, and the temporary folder be written";

/// Damaged copies of each file.
const ROUNDS: u64 = 24;

/// Copies a folder, and returns its files.
pub fn copy(from: &Path, to: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(to).expect(READABLE);
    let mut files = Vec::new();
    let mut entries: Vec<_> =
        fs::read_dir(from).expect(READABLE).map(|entry| entry.expect(READABLE).path()).collect();
    entries.sort();
    for entry in entries {
        let copied = to.join(entry.file_name().expect(READABLE));
        if entry.is_dir() {
            files.extend(copy(&entry, &copied));
        } else {
            fs::copy(&entry, &copied).expect(READABLE);
            files.push(copied);
        }
    }
    files
}

/// Damages every file of every fixture in a folder of them in turn, and puts it right again.
pub fn each_damage(folder_of_all: &str, name: &str, mut damage: impl FnMut(&[u8], u64) -> Vec<Vec<u8>>) {
    let folder = tempdir().expect(READABLE);
    let mut count = 0;
    for (seed, entry) in (1..).zip(fs::read_dir(fixture(folder_of_all)).expect(READABLE)) {
        let of = entry.expect(READABLE).file_name();
        let path = folder.path().join(&of).join(name);
        for (index, file) in (1_u64..).zip(copy(&fixture(folder_of_all).join(&of), &path)) {
            let sound = fs::read(&file).expect(READABLE);
            for damaged in damage(&sound, seed * 1_000_003 + index * 1009) {
                fs::write(&file, &damaged).expect(READABLE);
                survive(&path, &format!("{} as {damaged:?}", file.display()));
                count += 1;
            }
            fs::write(&file, &sound).expect(READABLE);
        }
    }
    println!("{count} damaged folders");
    assert!(count > 1000, "the fixtures are missing");
}

/// A file cut at a dozen places.
pub fn truncated(sound: &[u8], _: u64) -> Vec<Vec<u8>> {
    let step = (sound.len() / 12).max(1);
    (0..sound.len()).step_by(step).map(|end| sound[..end].to_vec()).collect()
}

/// A file with one to three other bytes.
pub fn flipped(sound: &[u8], seed: u64) -> Vec<Vec<u8>> {
    let damaged = (0..ROUNDS).map(|round| {
        let mut state = seed * 7919 + round;
        let mut damaged = sound.to_vec();
        for _ in 0..=random(&mut state) % 3 {
            let at = random(&mut state) as usize % damaged.len().max(1);
            let kind = random(&mut state);
            let Some(byte) = damaged.get_mut(at) else { continue };
            *byte = match kind % 3 {
                0 => *byte ^ (1 << (kind / 3 % 8)),
                1 => [0, 0x7f, 0x80, 0xff][kind as usize / 3 % 4],
                // Digits make other numbers of the metadata, and leave it JSON.
                _ => b'0' + (kind / 3 % 10) as u8,
            };
        }
        damaged
    });
    damaged.collect()
}

/// A file with parts of others, of the same folder of fixtures, or in place of it.
pub fn spliced(folder_of_all: &str) -> impl FnMut(&[u8], u64) -> Vec<Vec<u8>> {
    let folder = tempdir().expect(READABLE);
    let mut donors = copy(&fixture(folder_of_all), folder.path());
    donors.sort();
    let donors: Vec<Vec<u8>> = donors.iter().map(|path| fs::read(path).expect(READABLE)).collect();
    move |sound, seed| {
        let damaged = (0..ROUNDS).map(|round| {
            let mut state = seed * 104_729 + round;
            let mut below = |end: usize| random(&mut state) as usize % end.max(1);
            let donor = &donors[below(donors.len())];
            let (at, from) = (below(sound.len()), below(donor.len()));
            let part = &donor[from..(from + 1 + below(64)).min(donor.len())];
            match below(4) {
                0 => donor.clone(),
                1 => [&sound[..at], part, &sound[at..]].concat(),
                2 => [&sound[..at], &sound[(at + part.len()).min(sound.len())..]].concat(),
                _ => [&sound[..at], part, &sound[(at + part.len()).min(sound.len())..]].concat(),
            }
        });
        damaged.collect()
    }
}
