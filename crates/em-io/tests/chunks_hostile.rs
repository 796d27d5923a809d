//! Damaged folders of N5 and of Neuroglancer give voxels or one clear error: no panic, no endless loop, no bomb.
//!
//! All damage is drawn from a seed, so that a failure comes back.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;
mod damage;

use common::fixture;
use damage::folders::{copy, each_damage, flipped, spliced, truncated};
use damage::survive;
use em_io::Error;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

const PRECOMPUTED: (&str, &str) = ("precomputed", "damaged.precomputed");
const N5: (&str, &str) = ("n5", "damaged.n5");

#[test]
fn truncated_files() {
    for (all, name) in [PRECOMPUTED, N5] {
        each_damage(all, name, truncated);
    }
}

#[test]
fn flipped_bits_and_replaced_bytes() {
    for (all, name) in [PRECOMPUTED, N5] {
        each_damage(all, name, flipped);
    }
}

#[test]
fn spliced_bytes_and_files_of_others() {
    for (all, name) in [PRECOMPUTED, N5] {
        each_damage(all, name, spliced(all));
    }
}

fn copied((all, name): (&str, &str), of: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join(name);
    copy(&fixture(all).join(of), &path);
    (folder, path)
}

/// Numbers that lie before, in and behind a file of a few hundred bytes, up to the largest.
const NUMBERS: [u64; 8] = [0, 1, 3, 300, 1 << 31, u64::MAX / 2 + 1, u64::MAX - 63, u64::MAX];

/// The index of a shard steers where bytes are read, so it gets every kind of wrong number.
#[test]
fn indices_of_shards_that_point_anywhere() {
    for name in ["sharded", "sharded-one"] {
        let (_folder, path) = copied(PRECOMPUTED, name);
        let shard = path.join("4.6_4.6_50/0.shard");
        let sound = fs::read(&shard).unwrap();
        for (start, end) in NUMBERS.into_iter().flat_map(|start| NUMBERS.map(|end| (start, end))) {
            let mut damaged = sound.clone();
            let entry = [start.to_le_bytes(), end.to_le_bytes()].concat();
            damaged[..16].copy_from_slice(&entry);
            fs::write(&shard, damaged).unwrap();
            survive(&path, &format!("{name}: a small index from {start} to {end}"));
        }
        // The small index lies at the end: the numbers of chunks, the gaps before them, and their lengths.
        let word = |at: usize| u64::from_le_bytes(sound[at..at + 8].try_into().unwrap()) as usize;
        let index_end = if name == "sharded" { 4 * 16 } else { 16 };
        let (start, end) = (index_end + word(0), index_end + word(8));
        for (at, number) in (start..end).step_by(8).flat_map(|at| NUMBERS.map(|number| (at, number))) {
            let mut damaged = sound.clone();
            damaged[at..at + 8].copy_from_slice(&number.to_le_bytes());
            fs::write(&shard, damaged).unwrap();
            survive(&path, &format!("{name}: {number} at {at} of a small index"));
        }
    }
}

/// Offsets and numbers of bits of every block of labels.
#[test]
fn tables_of_labels_that_lie_anywhere() {
    for name in ["labels-uint32", "many-labels-uint64", "labels-channels"] {
        let (_folder, path) = copied(PRECOMPUTED, name);
        let scale = path.join("4.6_4.6_50");
        let file = fs::read_dir(&scale).unwrap().next().unwrap().unwrap().path();
        let sound = fs::read(&file).unwrap();
        for at in (0..sound.len().min(200)).step_by(4) {
            for number in [0, 1, 2, 0xff_ffff, 1 << 24, 3 << 24, 32 << 24, 33 << 24, 255 << 24, u32::MAX] {
                let mut damaged = sound.clone();
                damaged[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
                fs::write(&file, damaged).unwrap();
                survive(&path, &format!("{name}: {number:#x} at {at}"));
            }
        }
    }
}

/// Modes, numbers of axes, sides and counts of the header of a block.
#[test]
fn headers_of_blocks_that_claim_anything() {
    let (_folder, path) = copied(N5, "gzip.n5");
    let block = path.join("0/0/0");
    let sound = fs::read(&block).unwrap();
    for at in (0..16).step_by(2) {
        for number in [0_u16, 1, 2, 3, 4, 13, 0xff, 0x7fff, 0x8000, 0xffff] {
            let mut damaged = sound.clone();
            damaged[at..at + 2].copy_from_slice(&number.to_be_bytes());
            fs::write(&block, damaged).unwrap();
            survive(&path, &format!("{number} at {at}"));
        }
    }
}

/// Half a gigabyte of zeros: twice the memory that a test may take.
fn packed<W: Write>(mut encoder: W) -> W {
    let zeros = vec![0; 1 << 20];
    (0..1 << 9).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder
}

#[track_caller]
fn check_bomb(path: &Path, file: &str, bytes: &[u8]) {
    fs::write(path.join(file), bytes).unwrap();
    let error = survive(path, file).expect("an error");
    assert!(matches!(error, Error::DamagedChunk { .. }), "{file}: {error:?}");
}

#[test]
fn chunks_that_unpack_to_more_than_their_shape() {
    let gzip = packed(GzEncoder::new(Vec::new(), Compression::fast())).finish().unwrap();
    let zlib = packed(ZlibEncoder::new(Vec::new(), Compression::fast())).finish().unwrap();
    let zstd = packed(zstd::Encoder::new(Vec::new(), 1).unwrap()).finish().unwrap();
    for (name, packed) in [("gzip.n5", &gzip), ("zlib.n5", &zlib), ("zstd.n5", &zstd)] {
        let (_folder, path) = copied(N5, name);
        let header = &fs::read(path.join("0/0/0")).unwrap()[..16];
        // A file of this length is no block; one that lies about it alone is what is unpacked.
        check_bomb(&path, "0/0/0", &[header, &packed[..packed.len().min(600)]].concat());
        check_bomb(&path, "0/0/0", &[header, packed].concat());
    }
    let (_folder, path) = copied(PRECOMPUTED, "cloud-volume-labels");
    // A megabyte is more than the file of a chunk may have, and a part of it unpacks to too much.
    check_bomb(&path, "4.6_4.6_50.0/0-8_0-8_0-2.gz", &gzip);
    check_bomb(&path, "4.6_4.6_50.0/0-8_0-8_0-2.gz", &gzip[..4000]);
    let (_folder, path) = copied(PRECOMPUTED, "sharded-murmur");
    let shard = fs::read_dir(path.join("4.6_4.6_50")).unwrap().next().unwrap().unwrap().path();
    let entry = [0, gzip.len() as u64].map(u64::to_le_bytes).concat();
    fs::write(&shard, [entry.repeat(4), gzip].concat()).unwrap();
    assert!(matches!(survive(&path, "a small index"), Some(Error::DamagedChunk { .. })));
}
