//! HDF5: what h5py writes is read, and with `--features hdf5-write` what is written is read back.
//! Run with `--features hdf5`.

#![cfg(feature = "hdf5")]

mod common;
mod damage;

use common::{SHAPE, f32_at, fixture, i16_at, of, u8_at, u16_at, u64_at};
use damage::{random, survive};
use em_io::{Error, Roi, Voxels};
use ndarray::Array3;
use tempfile::tempdir;
#[cfg(feature = "hdf5-write")]
use {em_io::VoxelType, proptest::prelude::*};

/// Damaged copies of each fixture.
const ROUNDS: u64 = 400;

#[cfg(feature = "hdf5-write")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_volume_survives(
        shape in [1..6_usize, 1..30_usize, 1..30_usize],
        kind in 0..VoxelType::ALL.len(),
        seed in any::<u32>(),
        nm in prop::option::of([0.01..9999.0_f64, 0.01..9999.0, 0.01..9999.0]),
    ) {
        let [z, y, x] = shape;
        let floats = Array3::from_shape_fn((z, y, x), |(z, y, x)| {
            ((seed as usize).wrapping_add(z * 91 + y * 37 + x * 11) % 251) as f32 - 60.0
        });
        let voxels = Voxels::from_f32(&floats, VoxelType::ALL[kind]);
        let folder = tempdir().unwrap();
        let path = folder.path().join("deep/volume.h5");
        em_io::write_volume(&path, &voxels, nm).unwrap();
        for path in [path.clone(), path.join("volume")] {
            let volume = em_io::open(path).unwrap();
            prop_assert_eq!(&volume.read_all().unwrap(), &voxels);
            prop_assert_eq!(volume.voxel_size_nm().is_some(), nm.is_some());
            for (found, size) in volume.voxel_size_nm().into_iter().flatten().zip(nm.into_iter().flatten()) {
                prop_assert!((found - size).abs() < 1e-6 * size);
            }
            let start = shape.map(|side| side / 2);
            let roi = Roi { start, shape: [z - start[0], y - start[1], (x - start[2]).min(4)] };
            prop_assert_eq!(volume.read(roi).unwrap(), voxels.cut(roi));
        }
    }
}

#[test]
fn what_h5py_wrote_is_read() {
    let [z, y, x] = SHAPE;
    let read = |name: &str| em_io::open(fixture("hdf5").join(name)).unwrap();
    let big = Array3::from_shape_fn((z, y, x), |(z, y, x)| u16_at(z, y, x));
    assert_eq!(read("plain-big-endian.h5").read_all().unwrap(), big.into());
    assert_eq!(read("labels-64.h5").read_all().unwrap(), of(SHAPE, u64_at));
    let raw = read("chunked.h5/raw");
    let expected: Voxels = Array3::from_shape_fn((z, y, x), |(z, y, x)| u8_at(z, y, x)).into();
    assert_eq!(raw.read_all().unwrap(), expected);
    assert_eq!(raw.voxel_size_nm(), Some([50.0, 4.6, 4.6]));
    let roi = Roi { start: [1, 5, 7], shape: [2, 6, 9] };
    assert_eq!(raw.read(roi).unwrap(), expected.cut(roi));
    let exported = Array3::from_shape_fn((z, y, x), |(z, y, x)| f32_at(z, y, x));
    assert_eq!(read("chunked.h5/exported_data").read_all().unwrap(), exported.into());
    let two = em_io::open(fixture("hdf5/chunked.h5")).unwrap_err();
    assert!(two.to_string().ends_with("holds 2 volumes, expected one of: /exported_data, /raw"), "{two}");
    assert!(
        two.hint().is_some_and(|hint| hint.contains("hdf5/chunked.h5/exported_data")),
        "{:?}",
        two.hint()
    );
}

#[test]
fn every_way_of_storing_is_read() {
    let read = |name: &str| em_io::open(fixture("hdf5/stored.h5").join(name)).unwrap();
    let half = of(SHAPE, |z, y, x| f32::from(u8_at(z, y, x)) * 0.25 - 20.0);
    for (name, expected) in [
        ("half", half),
        ("double", of(SHAPE, f32_at)),
        ("mask", of(SHAPE, |z, y, x| u8::from(u8_at(z, y, x) > 127))),
        ("checked", of(SHAPE, i16_at)),
        ("compact", of([1, SHAPE[1], SHAPE[2]], u8_at)),
        // The last chunks were never written.
        ("filled", of(SHAPE, |z, y, x| if z < 2 && y < 8 && x < 8 { u16_at(z, y, x) } else { 7 })),
    ] {
        let volume = read(name);
        assert_eq!(volume.read_all().unwrap(), expected, "{name}");
        let [depth, height, width] = expected.shape();
        let roi = Roi { start: [depth - 1, 3, 2], shape: [1, height - 5, width - 3] };
        assert_eq!(volume.read(roi).unwrap(), expected.cut(roi), "{name}");
        assert_eq!(volume.read(Roi { shape: [0, 3, 3], ..roi }).unwrap().shape(), [0, 3, 3], "{name}");
    }
    assert_eq!(read("half").notes(), ["16-bit float widened to 32-bit float"]);
    assert_eq!(read("double").voxel_size_nm(), Some([40.0, 4.0, 4.0]));
    // Behind a block of the user's, in the newest version of the format.
    let newest = em_io::open(fixture("hdf5/newest-behind-a-block.h5")).unwrap();
    assert_eq!(newest.read_all().unwrap(), of(SHAPE, u16_at));
}

#[test]
fn what_is_not_read_says_so() {
    for (name, words) in [("complex", "stored as"), ("numbers", "an array of [7]"), ("lzf", "filter")] {
        let error = em_io::open(fixture("hdf5/stored.h5").join(name));
        let error = error.and_then(|volume| volume.read_all()).unwrap_err();
        let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error} {reason}").contains(words), "{name}: {error}: {reason}");
    }
}

#[test]
fn a_dataset_that_is_not_there_is_named_with_those_that_are() {
    let error = em_io::open(fixture("hdf5/labels-64.h5/labels")).unwrap_err();
    assert!(matches!(error, Error::NotAStack { .. }));
    let text = error.to_string();
    assert!(
        text.contains("labels-64.h5/labels` holds no such dataset") && text.ends_with("of: /volumes/labels"),
        "{text}"
    );
}

#[test]
fn a_truncated_file_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.h5");
    let bytes = std::fs::read(fixture("hdf5/labels-64.h5")).unwrap();
    for end in [9, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let error = em_io::open(&path).and_then(|volume| volume.read_all()).unwrap_err().to_string();
        assert!(error.contains("volume.h5") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn damaged_files_give_voxels_or_one_clear_error() {
    let folder = tempdir().unwrap();
    let mut entries: Vec<_> =
        std::fs::read_dir(fixture("hdf5")).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for (number, fixture) in (1..).zip(entries) {
        let sound = std::fs::read(&fixture).unwrap();
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        let path = folder.path().join(format!("damaged-{name}"));
        for round in 0..ROUNDS {
            let mut state = number * 1_000_003 + round;
            let mut damaged = sound.clone();
            for _ in 0..=random(&mut state) % 3 {
                let at = random(&mut state) as usize % damaged.len();
                let kind = random(&mut state);
                damaged[at] = match kind % 2 {
                    0 => damaged[at] ^ (1 << (kind / 2 % 8)),
                    _ => [0, 1, 0x7f, 0x80, 0xff][kind as usize / 2 % 5],
                };
            }
            std::fs::write(&path, &damaged).unwrap();
            survive(&path, &format!("round {round} of {name}"));
            for dataset in ["raw", "volumes/raw", "double", "filled", "checked"] {
                let volume = em_io::open(path.join(dataset));
                // What was never written takes no place, so that damage may claim any size.
                let small = volume.ok().filter(|volume| volume.shape().iter().product::<usize>() < 1 << 21);
                drop(small.map(|volume| volume.read_all()));
            }
        }
    }
}

/// A checksum of each chunk, which h5py writes with `fletcher32`.
#[test]
fn a_changed_byte_of_a_chunk_with_a_checksum_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.h5");
    let sound = std::fs::read(fixture("hdf5/stored.h5")).unwrap();
    let row: Vec<u8> = (0..17).flat_map(|x| i16_at(1, 5, x).to_le_bytes()).collect();
    let at = sound.windows(row.len()).position(|bytes| bytes == row).unwrap();
    let mut damaged = sound.clone();
    damaged[at + 4] ^= 8;
    std::fs::write(&path, &damaged).unwrap();
    let error = em_io::open(path.join("checked")).and_then(|volume| volume.read_all()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
