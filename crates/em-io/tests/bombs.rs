//! Small files that would unpack to, or claim, far more than a machine has.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;
mod damage;

use common::fixture;
use damage::survive;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::tempdir;

/// What the streams of these bombs unpack to: four times the memory that a test may take.
const BOMB_BYTES: usize = 1 << 30;

/// The tags of a page of TIFF, with one strip at byte 200.
fn tiff(width: u32, compression: u16, strip: &[u8]) -> Vec<u8> {
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend(8_u16.to_le_bytes());
    for (tag, value) in [
        (256_u16, width),
        (257, width),
        (258, 8),
        (259, compression.into()),
        (262, 1),
        (273, 200),
        (278, width),
        (279, strip.len() as u32),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(4_u16.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(200, 0);
    bytes.extend(strip);
    bytes
}

/// Zeros in a stream of zlib, gzip or Zstandard.
fn packed(mut encoder: impl Write) {
    let zeros = vec![0; 1 << 20];
    for _ in 0..BOMB_BYTES >> 20 {
        encoder.write_all(&zeros).unwrap();
    }
}

fn zlib() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed(&mut encoder);
    encoder.finish().unwrap()
}

fn gzip(header: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(header).unwrap();
    packed(&mut encoder);
    encoder.finish().unwrap()
}

fn zstandard() -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packed(&mut encoder);
    encoder.finish().unwrap()
}

fn check(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    survive(&path, name).map_or("read".into(), |error| error.to_string())
}

/// A page says how many bytes it has, and no more are unpacked.
#[test]
fn a_strip_that_unpacks_to_more_than_its_page() {
    let folder = tempdir().unwrap();
    check(folder.path(), "deflate.tif", &tiff(16, 8, &zlib()));
    check(folder.path(), "zstandard.tif", &tiff(16, 50000, &zstandard()));
}

#[test]
fn pages_that_claim_more_than_their_file_can_hold() {
    let folder = tempdir().unwrap();
    for (compression, name) in
        [(1, "plain"), (5, "lzw"), (8, "deflate"), (32773, "packbits"), (50000, "zstd")]
    {
        for width in [1 << 16, 1 << 18, u32::MAX] {
            let text = check(folder.path(), &format!("{name}.tif"), &tiff(width, compression, &[0; 40]));
            assert_ne!(text, "read", "{name} {width}");
        }
    }
}

/// The width and height of IHDR, with its checksum put right.
#[cfg(feature = "images")]
#[test]
fn images_of_enormous_sides() {
    let folder = tempdir().unwrap();
    let png = fs::read(fixture("grey.png")).unwrap();
    for side in [1_u32 << 16, 1 << 18, i32::MAX as u32] {
        let mut bomb = png.clone();
        bomb[16..20].copy_from_slice(&side.to_be_bytes());
        bomb[20..24].copy_from_slice(&side.to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&sum.sum().to_be_bytes());
        assert_ne!(check(folder.path(), "bomb.png", &bomb), "read");
    }
    let jpeg = fs::read(fixture("grey.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let mut bomb = jpeg.clone();
    bomb[frame + 5..frame + 9].fill(0xff);
    check(folder.path(), "bomb.jpg", &bomb);
}

#[test]
fn a_gzip_stream_that_never_ends_or_a_header_that_claims_too_much() {
    let folder = tempdir().unwrap();
    let mut header = fs::read(fixture("grey.nii")).unwrap();
    check(folder.path(), "endless.nii.gz", &gzip(&header));
    // dim[1..=3] of nifti1.h, as large as they go.
    header[42..48].copy_from_slice(&[0xff, 0x7f].repeat(3));
    for name in ["claims.nii", "claims.mrc"] {
        assert_ne!(check(folder.path(), name, &header), "read");
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&header).unwrap();
    assert_ne!(check(folder.path(), "claims.nii.gz", &encoder.finish().unwrap()), "read");
}

/// A chunk of another number of bytes than its metadata say is no chunk, however it is packed.
#[cfg(feature = "zarr")]
#[test]
fn chunks_that_unpack_to_more_than_their_shape() {
    let blosc = {
        let mut bytes = fs::read(fixture("zarr/v2-blosc-zstd/0.0.0")).unwrap();
        // The unpacked size and that of a block: bytes 4 to 12 of the header of Blosc 1.
        bytes[4..12].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f].repeat(2));
        bytes
    };
    for (name, chunk, bytes) in [
        ("v2-zlib", "0.0.0", zlib()),
        ("v3-gzip", "c/0/0/0", gzip(&[])),
        ("v3-zstd", "c/0/0/0", zstandard()),
        ("v2-blosc-zstd", "0.0.0", blosc),
    ] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("damaged.zarr");
        copy(&fixture("zarr").join(name), &path);
        fs::write(path.join(chunk), bytes).unwrap();
        let error = survive(&path, name).expect("an error");
        assert!(matches!(error, em_io::Error::DamagedChunk { .. }), "{name}: {error:?}");
    }
}

#[cfg(feature = "zarr")]
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).unwrap();
        }
    }
}
