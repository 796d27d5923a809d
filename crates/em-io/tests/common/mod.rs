//! The formulas of `make_fixtures.py`, and where its files are.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod tiff;

use em_io::{Roi, Volume, Voxels};
use ndarray::Array3;
use std::path::{Path, PathBuf};

/// The shape of most fixtures, `[z, y, x]`.
pub const SHAPE: [usize; 3] = [3, 13, 17];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/em-io").join(name)
}

pub fn open(name: &str) -> Volume {
    em_io::open(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn u8_at(z: usize, y: usize, x: usize) -> u8 {
    ((z * 37 + y * 11 + x * 5) % 256) as u8
}

pub fn u16_at(z: usize, y: usize, x: usize) -> u16 {
    ((z * 3701 + y * 1103 + x * 509) % 65536) as u16
}

pub fn i8_at(z: usize, y: usize, x: usize) -> i8 {
    (i16::from(u8_at(z, y, x)) - 128) as i8
}

pub fn i16_at(z: usize, y: usize, x: usize) -> i16 {
    (i32::from(u16_at(z, y, x)) - (1 << 15)) as i16
}

/// Values that 32-bit floats do not hold.
pub fn u32_at(z: usize, y: usize, x: usize) -> u32 {
    u32::from(u16_at(z, y, x)) * 65_537
}

pub fn i32_at(z: usize, y: usize, x: usize) -> i32 {
    (i64::from(u32_at(z, y, x)) - (1 << 31)) as i32
}

/// Values that 64-bit floats do not hold, up to the largest.
pub fn u64_at(z: usize, y: usize, x: usize) -> u64 {
    u64::MAX - u64::from(u32_at(z, y, x))
}

pub fn i64_at(z: usize, y: usize, x: usize) -> i64 {
    i64::MIN + i64::from(u32_at(z, y, x))
}

pub fn f32_at(z: usize, y: usize, x: usize) -> f32 {
    f32::from(u16_at(z, y, x)) * 0.25 - 100.0
}

pub fn of<T>(shape: [usize; 3], value: impl Fn(usize, usize, usize) -> T) -> Voxels
where
    Voxels: From<Array3<T>>,
{
    Array3::from_shape_fn(shape, |(z, y, x)| value(z, y, x)).into()
}

/// Reads a fixture whole and in pieces, and compares both with a formula.
#[track_caller]
pub fn check(name: &str, expected: &Voxels) {
    let volume = open(name);
    assert_eq!(volume.shape(), expected.shape(), "{name}");
    assert_eq!(volume.voxel_type(), expected.voxel_type(), "{name}");
    assert_eq!(&volume.read_all().expect("a fixture is sound"), expected, "{name}");
    check_block(name, expected);
}

/// Reads the middle of the last sections: across strips and tiles, and off their borders.
#[track_caller]
fn check_block(name: &str, expected: &Voxels) {
    let [depth, height, width] = expected.shape();
    let roi = Roi { start: [depth - 1, 3, 2], shape: [1, height - 5, width - 3] };
    let block = open(name).read(roi).expect("a fixture is sound");
    assert_eq!(block, expected.cut(roi), "{name}");
}

/// Checks a file with the voxel size that most fixtures have.
#[track_caller]
pub fn check_with_size(name: &str, format: &str, expected: &Voxels) {
    check(name, expected);
    let volume = open(name);
    assert_eq!(volume.format(), format, "{name}");
    assert_eq!(volume.voxel_size_nm(), Some([50.0, 4.6, 4.6]), "{name}");
}
