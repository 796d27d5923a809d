//! HDF5: what is written is read back, what h5py writes is read. Run with `--features hdf5`.

#![cfg(feature = "hdf5")]

mod common;

use common::{SHAPE, f32_at, fixture, of, u8_at, u16_at, u64_at};
use em_io::{Error, Roi, VoxelType, Voxels};
use ndarray::Array3;
use proptest::prelude::*;
use tempfile::tempdir;

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
    let two = em_io::open(fixture("hdf5/chunked.h5")).unwrap_err().to_string();
    assert!(two.contains("2 volumes") && two.ends_with("of: /exported_data, /raw"), "{two}");
}

#[test]
fn a_dataset_that_is_not_there_is_named_with_those_that_are() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.h5");
    em_io::write_volume(&path, &Array3::<u8>::zeros((2, 3, 4)).into(), None).unwrap();
    let error = em_io::open(path.join("labels")).unwrap_err();
    assert!(matches!(error, Error::NotAStack { .. }));
    let text = error.to_string();
    assert!(
        text.contains("volume.h5/labels` holds no such dataset") && text.ends_with("of: /volume"),
        "{text}"
    );
}

#[test]
fn a_truncated_file_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.h5");
    em_io::write_volume(&path, &Array3::<u8>::ones((4, 90, 90)).into(), None).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for end in [9, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let error = em_io::open(&path).and_then(|volume| volume.read_all()).unwrap_err().to_string();
        assert!(error.contains("volume.h5") && !error.contains('\n'), "{error}");
    }
}
