//! Damaged copies of every fixture give voxels or one clear error: no panic, no endless loop, and
//! no more memory than a small file may take.
//!
//! All damage is drawn from a seed, so that a failure comes back.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;
mod damage;

use common::{fixture, tiff, u8_at};
use damage::{random, survive};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::tempdir;

/// Damaged copies of each fixture, per kind of damage: more than 10,000 files in all.
const ROUNDS: u64 = 120;

/// Every file among the fixtures, whatever it is, and every input that a fuzzer found.
fn fixtures() -> Vec<PathBuf> {
    let folders = [fixture(""), fixture("crashes")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    // The folders of Zarr have a test file of their own.
    let mut files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() > 60, "the fixtures are missing");
    files
}

/// Makes damaged copies of each fixture from its bytes, the number of a round and a random state.
fn each_damage(seed: u64, damage: impl Fn(&mut Vec<u8>, &mut u64)) {
    let folder = tempdir().unwrap();
    let count = AtomicUsize::new(0);
    for (number, fixture) in (1..).zip(fixtures()) {
        let bytes = fs::read(&fixture).unwrap();
        // Some readers look at the ending, too: ImageJ's and OME's, and that of a gzip stream.
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        let path = folder.path().join(format!("damaged-{name}"));
        for round in 0..ROUNDS {
            let mut state = seed + number * 1_000_000 + round;
            let mut damaged = bytes.clone();
            damage(&mut damaged, &mut state);
            fs::write(&path, &damaged).unwrap();
            survive(&path, &format!("round {round} of {name}"));
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = count.into_inner();
    println!("{count} damaged files");
    assert!(count >= 3000, "too few for 10,000 in all");
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
    each_damage(1, |bytes, state| {
        for _ in 0..=random(state) % 4 {
            let at = random(state) as usize % bytes.len();
            bytes[at] ^= 1 << (random(state) % 8);
        }
    });
}

/// The directories are where a decoder is steered, so their bytes are replaced more thoroughly.
#[test]
fn replaced_tags() {
    each_damage(7, |bytes, state| {
        for _ in 0..=random(state) % 3 {
            let at = random(state) as usize % bytes.len().min(400);
            let value = [0, 1, 0x7f, 0x80, 0xff][random(state) as usize % 5];
            let len = 1 << (random(state) % 3);
            bytes.iter_mut().skip(at).take(len).for_each(|byte| *byte = value);
        }
    });
}

/// Parts are left out, doubled, put elsewhere, or come from another file.
#[test]
fn spliced_bytes() {
    let donors: Vec<Vec<u8>> = fixtures().iter().map(|path| fs::read(path).unwrap()).collect();
    each_damage(13, |bytes, state| {
        let mut below = |end: usize| random(state) as usize % end.max(1);
        let from = below(bytes.len());
        let end = (from + 1 + below(64)).min(bytes.len());
        let to = below(bytes.len());
        match below(4) {
            0 => drop(bytes.drain(from..end)),
            1 => {
                let part = bytes[from..end].to_vec();
                bytes.splice(to..to, part);
            }
            2 => {
                let part = bytes[from..end].to_vec();
                bytes.iter_mut().skip(to).zip(part).for_each(|(byte, new)| *byte = new);
            }
            _ => {
                let donor = &donors[below(donors.len())];
                let from = below(donor.len());
                let part = &donor[from..(from + 64).min(donor.len())];
                bytes.iter_mut().skip(to).zip(part).for_each(|(byte, new)| *byte = *new);
            }
        }
    });
}

/// A file and the part of it that a checksum covers.
fn files_with_checksums() -> Vec<(&'static str, Vec<u8>, std::ops::Range<usize>)> {
    let pixels: Vec<u8> = (0..1200).map(|at| u8_at(0, at / 40, at % 40)).collect();
    let strip_of = |packed: Vec<u8>, compression| {
        let page = tiff::page(40, 30, &packed, &[(259, tiff::Value::Long(compression))]);
        // The strip is behind the header.
        (tiff::file(&[page]), 8..8 + packed.len())
    };
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(&pixels).unwrap();
    let mut zstandard = zstd::Encoder::new(Vec::new(), 3).unwrap();
    zstandard.include_checksum(true).unwrap();
    zstandard.write_all(&pixels).unwrap();
    let (deflated, deflate_strip) = strip_of(deflate.finish().unwrap(), 8);
    let (zstandard, zstandard_strip) = strip_of(zstandard.finish().unwrap(), 50000);
    let mut files = vec![("a.tif", deflated, deflate_strip), ("b.tif", zstandard, zstandard_strip)];
    if cfg!(feature = "images") {
        for (name, fixture_name) in
            [("d.png", "grey.png"), ("e.png", "rgb.png"), ("f.png", "labels-with-palette.png")]
        {
            let png = fs::read(fixture(fixture_name)).unwrap();
            let part = 0..png.len();
            files.push((name, png, part));
        }
    }
    files
}

#[test]
fn what_a_checksum_covers_is_read_as_it_was_or_not_at_all() {
    let folder = tempdir().unwrap();
    for (name, bytes, part) in files_with_checksums() {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let sound = em_io::open(&path).unwrap().read_all().unwrap();
        for at in part {
            for bit in [0, 3, 7] {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                fs::write(&path, &damaged).unwrap();
                if let Ok(voxels) = em_io::open(&path).and_then(|volume| volume.read_all()) {
                    assert!(
                        voxels == sound,
                        "bit {bit} of byte {at} of {name} changes voxels without an error"
                    );
                }
            }
        }
    }
}

#[test]
fn a_changed_byte_of_a_packed_file_is_an_error_or_changes_nothing() {
    let folder = tempdir().unwrap();
    for name in ["grey.nii.gz", "float.mrc.gz", "times.nii.gz"] {
        let open = |path: &Path| {
            em_io::OpenOptions { time: name.starts_with("times").then_some(0), ..Default::default() }
                .open(path)
                .and_then(|volume| volume.read_all())
        };
        let expected = open(&fixture(name)).unwrap();
        let path = folder.path().join(name);
        let sound = fs::read(fixture(name)).unwrap();
        let mut refused = 0;
        for at in 10..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, damaged).unwrap();
            match open(&path) {
                Ok(found) => assert_eq!(found, expected, "{name} changed at {at}"),
                Err(_) => refused += 1,
            }
        }
        // A few bits of the stream stand for nothing.
        assert!(refused > sound.len() - 20, "{name}: {refused} of {}", sound.len());
        // What follows the compressed part is no part of it.
        fs::write(&path, [sound.as_slice(), &[0; 40]].concat()).unwrap();
        assert_eq!(open(&path).unwrap(), expected, "{name}");
    }
}

/// The voxels, or the error without the name of the file, which differs.
fn outcome(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let read = em_io::open(path).and_then(|volume| {
        let facts = format!("{} {:?} {:?}", volume.format(), volume.voxel_size_nm(), volume.notes());
        Ok(format!("{facts} {:?}", volume.read_all()?))
    });
    let text = read.unwrap_or_else(|error| error.to_string());
    let folder = path.parent().unwrap().display().to_string();
    text.replace(&name, "name").replace(&folder, "folder")
}

#[test]
fn the_content_decides_whatever_the_extension_says() {
    let folder = tempdir().unwrap();
    for fixture in fixtures() {
        let expected = outcome(&fixture);
        for ending in ["tif", "ome.tif", "mrc", "nii", "nii.gz", "png", "jpg", "h5", "txt", "zarr", ""] {
            let path = folder.path().join("swapped").with_extension(ending);
            fs::copy(&fixture, &path).unwrap();
            assert_eq!(outcome(&path), expected, "{} as `.{ending}`", fixture.display());
            fs::remove_file(&path).unwrap();
        }
    }
}
