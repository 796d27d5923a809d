//! Zarr written by zarr-python and ome-zarr-py is read, and what is written is read back.

#![cfg(feature = "zarr")]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{SHAPE, f32_at, i64_at, of, open, u8_at, u16_at, u64_at};
use em_io::{
    Content, Error, Mask, OmeZarrVersion, OpenOptions, Roi, VolumeSpec, VolumeWriter, VoxelType, Voxels,
    WriteOptions,
};
use ndarray::{Array3, s};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// Reads a fixture whole and in pieces, and compares both with a formula.
#[track_caller]
fn check(name: &str, expected: &Voxels) {
    let volume = open(&format!("zarr/{name}"));
    assert_eq!(volume.shape(), expected.shape(), "{name}");
    assert_eq!(&volume.read_all().unwrap(), expected, "{name}");
    let [depth, height, width] = expected.shape();
    let roi = Roi { start: [depth - 1, 3, 2], shape: [1, height - 5, width - 3] };
    assert_eq!(volume.read(roi).unwrap(), expected.cut(roi), "{name}");
}

#[test]
fn bare_arrays_of_every_packing_and_layout() {
    let (grey, wide, real) = (of(SHAPE, u8_at), of(SHAPE, u16_at), of(SHAPE, f32_at));
    for name in ["v2-zstd-fortran", "v2-raw", "v3-crc32c", "v3-raw", "v3-transpose"] {
        check(name, &grey);
    }
    for compressor in ["lz4", "lz4hc", "blosclz", "zlib", "zstd"] {
        check(&format!("v2-blosc-{compressor}"), &wide);
    }
    for name in ["v2-blosc-bits", "v2-gzip-big-endian", "v3-zstd", "v3-blosc", "v3-big-endian"] {
        check(name, &wide);
    }
    for name in ["v3-sharded", "v3-sharded-index-first"] {
        check(name, &wide);
    }
    for name in ["v2-zlib", "v3-gzip"] {
        check(name, &real);
    }
    check("v3-int64", &of(SHAPE, i64_at));
    for name in ["v3-uint64-sharded", "v2-uint64-big-endian"] {
        check(name, &of(SHAPE, u64_at));
    }
    check("v3-bool", &of(SHAPE, |z, y, x| u8::from(u8_at(z, y, x) > 127)));
    assert!(open("zarr/v3-raw").notes()[0].contains("does not tell the voxel size"));
    assert_eq!(open("zarr/v3-raw").voxel_size_nm(), None);
}

#[test]
fn missing_chunks_hold_the_fill_value() {
    let first = |sides: [usize; 3]| {
        of(SHAPE, move |z, y, x| {
            let inside = z < sides[0] && y < sides[1] && x < sides[2];
            if inside { u16_at(z, y, x) } else { 700 }
        })
    };
    check("v3-missing", &first([2, 8, 12]));
    check("v3-sharded-missing", &first([1, 4, 4]));
    // The fill value is one that no 64-bit float holds.
    check(
        "v3-uint64-missing",
        &of(SHAPE, |z, y, x| if z < 2 && y < 8 && x < 12 { u64_at(z, y, x) } else { u64::MAX }),
    );
}

#[test]
fn images_tell_their_voxel_size() {
    let size = Some([50.0, 4.6, 4.6]);
    for (name, format, expected) in [
        ("v04.zarr", "OME-Zarr 0.4", size),
        ("v04-micron.zarr", "OME-Zarr 0.4", size),
        ("v05-no-unit.zarr", "OME-Zarr 0.5", None),
        ("v05-5d.zarr", "OME-Zarr 0.5", size),
        ("ome-zarr-py-04.zarr", "OME-Zarr 0.4", None),
        ("ome-zarr-py-05.zarr", "OME-Zarr 0.5", None),
    ] {
        check(name, &of(SHAPE, u8_at));
        assert_eq!(open(&format!("zarr/{name}")).format(), format);
        let found = open(&format!("zarr/{name}")).voxel_size_nm();
        let near = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(found.zip(expected).map_or(found == expected, |(a, b)| near(a, b)), "{name}: {found:?}");
    }
    check("v05.zarr", &of(SHAPE, u16_at));
    check("v05-2d.zarr", &of([1, SHAPE[1], SHAPE[2]], u8_at));
}

#[test]
fn labels_of_ome_zarr_py_are_masks() {
    for version in ["04", "05"] {
        let volume = open(&format!("zarr/ome-zarr-py-{version}.zarr/labels/mito"));
        let mask = Mask::from_volume(&volume, Roi::whole(SHAPE)).unwrap();
        assert_eq!(mask.view()[[0, 0, 16]], u8_at(0, 0, 16) > 127);
    }
}

#[test]
fn what_is_not_read_says_so() {
    for (name, words) in [
        ("v3-complex64", "data type \"complex64\", expected"),
        ("v2-delta", "a filter"),
        ("v3-two-of-four", "4 axes without a name"),
    ] {
        let error = em_io::open(common::fixture(&format!("zarr/{name}"))).unwrap_err();
        assert!(matches!(error, Error::Metadata { .. }), "{name}: {error}");
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
}

#[test]
fn floats_of_16_and_64_bits_are_32_bit_ones_with_a_note() {
    let half = of(SHAPE, |z, y, x| f32::from(u8_at(z, y, x)) * 0.25 - 20.0);
    for name in ["v3-float16-sharded", "v2-float16-big-endian"] {
        check(name, &half);
        assert_eq!(open(&format!("zarr/{name}")).notes()[1], "16-bit float widened to 32-bit float");
    }
    check("v3-float64", &of(SHAPE, f32_at));
    assert_eq!(open("zarr/v3-float64").notes()[1], "64-bit float rounded to 32-bit float");
    check(
        "v3-float64-missing",
        &of(SHAPE, |z, y, x| if z < 2 && y < 8 && x < 12 { f32_at(z, y, x) } else { -1.5 }),
    );
}

#[test]
fn images_of_any_axes_are_read() {
    let size = Some([50.0, 4.6, 4.6]);
    for (name, expected, nm, note) in [
        ("v04-tyx", of(SHAPE, u8_at), None, Some("time points read as sections")),
        ("v04-cyx", of([1, SHAPE[1], SHAPE[2]], u8_at), None, None),
        ("v05-zyxc", of(SHAPE, u16_at), size, None),
        ("v05-xyz", of(SHAPE, u16_at), size, None),
        ("v04-negative", of(SHAPE, u8_at), size, Some("a negative scale is taken for a length")),
        ("v01", of(SHAPE, u8_at), None, None),
        ("v03", of(SHAPE, u8_at), None, None),
    ] {
        check(&format!("{name}.zarr"), &expected);
        let volume = open(&format!("zarr/{name}.zarr"));
        assert_eq!(volume.voxel_size_nm(), nm, "{name}");
        assert_eq!(volume.notes().first().map(String::as_str), note, "{name}");
    }
    assert_eq!(open("zarr/v01.zarr").format(), "OME-Zarr 0.1");
    assert_eq!(open("zarr/v03.zarr").format(), "OME-Zarr 0.3");
    check("v3-4d", &of(SHAPE, u8_at));
    check("v3-xyz", &of(SHAPE, u8_at));
}

#[test]
fn one_of_several_channels_is_picked() {
    for (name, second) in [("v04-channels.zarr", false), ("v04-zcyx.zarr", true)] {
        let path = common::fixture(&format!("zarr/{name}"));
        let error = em_io::open(&path).unwrap_err();
        assert!(error.to_string().ends_with("holds 2 channels, expected one channel"), "{error}");
        let open = |channel| OpenOptions { channel: Some(channel), ..OpenOptions::default() }.open(&path);
        assert_eq!(open(0).unwrap().read_all().unwrap(), of(SHAPE, u8_at), "{name}");
        let expected = of(SHAPE, |z, y, x| if second { 255 - u8_at(z, y, x) } else { u8_at(z, y, x) });
        let volume = open(1).unwrap();
        assert_eq!(volume.read_all().unwrap(), expected, "{name}");
        assert_eq!(volume.voxel_size_nm(), Some([50.0, 4.6, 4.6]));
        assert!(matches!(open(2), Err(Error::NoSuchPart { count: 2, .. })));
    }
}

#[test]
fn volumes_of_a_group_are_found_by_their_names() {
    let error = em_io::open(common::fixture("zarr/group-2.zarr")).unwrap_err();
    assert!(
        error.to_string().ends_with("holds 2 volumes, expected one of: volumes/labels, volumes/raw"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("group-2.zarr/volumes/labels"));
    check("group-2.zarr/volumes/labels", &of(SHAPE, u16_at));
    check("group-3.zarr", &of(SHAPE, u8_at));
    let folder = tempdir().unwrap();
    let empty = folder.path().join("empty.zarr");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(em_io::open(&empty), Err(Error::Metadata { .. })));
}

/// Chunks with a checksum, or packed by what has one.
#[test]
fn a_changed_byte_of_a_chunk_with_a_checksum_is_an_error() {
    let folder = tempdir().unwrap();
    for (name, chunk, last) in [
        ("v3-gzip", "c/0/0/0", usize::MAX),
        ("v2-gzip-big-endian", "0.0.0", usize::MAX),
        ("v2-zlib", "0.0.0", usize::MAX),
        ("v3-zstd", "c/0/0/0", usize::MAX),
        ("v3-crc32c", "c/0/0/0", usize::MAX),
        // The index of 2 x 2 x 3 chunks has one.
        ("v3-sharded", "c/0/0/0", 16 * 12 + 4),
    ] {
        let path = folder.path().join(name);
        let file = path.join(chunk);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        for metadata in ["zarr.json", ".zarray"] {
            let from = common::fixture(&format!("zarr/{name}/{metadata}"));
            if from.exists() {
                fs::copy(from, path.join(metadata)).unwrap();
            }
        }
        let sound = fs::read(common::fixture(&format!("zarr/{name}/{chunk}"))).unwrap();
        let roi = Roi::from([0..2, 0..8, 0..12]);
        fs::write(&file, &sound).unwrap();
        let expected = em_io::open(&path).unwrap().read(roi).unwrap();
        let mut unnoticed = 0;
        for at in sound.len().saturating_sub(last)..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&file, damaged).unwrap();
            match em_io::open(&path).unwrap().read(roi) {
                // Some bits of a header say nothing of the voxels, such as the time of day.
                Ok(found) => {
                    assert_eq!(found, expected, "{name} changed at {at}");
                    unnoticed += 1;
                }
                Err(error) => assert!(matches!(error, Error::DamagedChunk { .. }), "{error}"),
            }
        }
        assert!(unnoticed < 12, "{name}: {unnoticed}");
    }
}

fn spec(voxels: &Voxels, voxel_size_nm: Option<[f64; 3]>) -> VolumeSpec {
    VolumeSpec { shape: voxels.shape(), voxel_type: voxels.voxel_type(), voxel_size_nm }
}

fn write(path: &Path, voxels: &Voxels, nm: Option<[f64; 3]>, options: WriteOptions, step: usize) {
    let whole = em_io::Volume::from_voxels(voxels.clone(), None);
    let mut writer = VolumeWriter::with_options(path, spec(voxels, nm), options).unwrap();
    for z in (0..voxels.shape()[0]).step_by(step) {
        let sections = z..(z + step).min(voxels.shape()[0]);
        writer.write(&whole.read(Roi::sections(voxels.shape(), sections)).unwrap()).unwrap();
    }
    writer.finish().unwrap();
}

fn voxels() -> impl Strategy<Value = Voxels> {
    (1..7_usize, 1..40_usize, 1..40_usize, any::<u64>(), 0..9).prop_map(|(z, y, x, seed, kind)| {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // A third of the voxels are background, so that some chunks are empty.
            if (state >> 60) < 5 { 0 } else { (state >> 40) as u16 }
        };
        match kind {
            0 => Array3::from_shape_simple_fn((z, y, x), || next() as u8).into(),
            1 => Array3::from_shape_simple_fn((z, y, x), || next() as i8).into(),
            2 => Array3::from_shape_simple_fn((z, y, x), next).into(),
            3 => Array3::from_shape_simple_fn((z, y, x), || next() as i16).into(),
            4 => Array3::from_shape_simple_fn((z, y, x), || u32::from(next()) * 65_537).into(),
            5 => Array3::from_shape_simple_fn((z, y, x), || i32::from(next()) * -30_011).into(),
            6 => Array3::from_shape_simple_fn((z, y, x), || u64::from(next()) * 281_479_271_743_489).into(),
            7 => Array3::from_shape_simple_fn((z, y, x), || i64::from(next()) * -140_739_635_871_743).into(),
            _ => Array3::from_shape_simple_fn((z, y, x), || f32::from(next()) * 0.25 - 90.0).into(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_volume_survives_in_chunks_of_any_shape(
        voxels in voxels(),
        chunk in [1..9_usize, 4..50_usize, 4..50_usize],
        nm in prop::option::of([0.01..9999.0_f64, 0.01..9999.0, 0.01..9999.0]),
        old in any::<bool>(),
        step in 1..5_usize,
        at in [0.0..1.0, 0.0..1.0, 0.0..1.0_f64],
    ) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("deep/er/volume.zarr");
        let version = if old { OmeZarrVersion::V0_4 } else { OmeZarrVersion::V0_5 };
        write(&path, &voxels, nm, WriteOptions::default().with_version(version).with_chunk(chunk), step);
        let volume = em_io::open(&path).unwrap();
        prop_assert_eq!(volume.voxel_size_nm(), nm);
        prop_assert_eq!(&volume.read_all().unwrap(), &voxels);
        let start = [0, 1, 2].map(|axis| (voxels.shape()[axis] as f64 * at[axis]) as usize);
        let roi = Roi { start, shape: [0, 1, 2].map(|axis| (voxels.shape()[axis] - start[axis]).min(11)) };
        let expected = em_io::Volume::from_voxels(voxels, None).read(roi).unwrap();
        prop_assert_eq!(volume.read(roi).unwrap(), expected);
    }
}

#[test]
fn every_level_is_half_of_the_one_before() {
    let folder = tempdir().unwrap();
    let voxels = of([5, 20, 31], u8_at);
    for (name, content) in [("grey.zarr", None), ("label.zarr", Some(Content::Label))] {
        let path = folder.path().join(name);
        let mut options = WriteOptions::default().with_chunk([2, 8, 8]);
        options.content = content;
        write(&path, &voxels, Some([5.0; 3]), options, 2);
        let mut full = voxels.to_f32();
        for level in ["1", "2"] {
            let small = em_io::open(path.join(level)).unwrap().read_all().unwrap().to_f32();
            for ((z, y, x), &found) in small.indexed_iter() {
                let end = |axis, at: usize| full.len_of(ndarray::Axis(axis)).min(2 * at + 2);
                let part = full.slice(s![2 * z..end(0, z), 2 * y..end(1, y), 2 * x..end(2, x)]);
                let expected = match content {
                    None => (part.sum() / part.len() as f32).round(),
                    Some(_) => part.iter().copied().fold(0.0, f32::max),
                };
                assert_eq!(found, expected, "{name} {level} {z} {y} {x}");
            }
            full = small;
        }
        assert_eq!(full.dim(), (2, 5, 8), "{name}");
        assert!(!path.join("3").exists());
    }
}

#[test]
fn labels_go_into_their_image() {
    for version in [OmeZarrVersion::V0_4, OmeZarrVersion::V0_5] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("volume.zarr");
        write(
            &path,
            &of(SHAPE, u8_at),
            Some([50.0, 4.6, 4.6]),
            WriteOptions::default().with_version(version).with_levels(3),
            3,
        );
        let bits = Array3::from_shape_fn(SHAPE, |(z, y, x)| u8_at(z, y, x) > 127);
        for name in ["mito", "synapse"] {
            em_io::write_mask(path.join("labels").join(name), &Mask::new(bits.clone(), None)).unwrap();
        }
        let mask = Mask::read(path.join("labels/synapse")).unwrap();
        assert_eq!(mask.view(), bits);
        assert_eq!(mask.voxel_size_nm(), Some([50.0, 4.6, 4.6]), "that of the image");
        for level in ["0", "1", "2"] {
            assert!(path.join("labels/mito").join(level).exists(), "level {level} of the image");
        }
        assert!(!path.join("labels/mito/3").exists());
        let listed = ["labels/.zattrs", "labels/zarr.json"].map(|file| fs::read_to_string(path.join(file)));
        let listed: String = listed.into_iter().flatten().collect::<String>().split_whitespace().collect();
        assert!(listed.contains(r#"["mito","synapse"]"#), "{listed}");
        let error = em_io::write_mask(path.join("labels/mito"), &mask).unwrap_err();
        assert!(matches!(error, Error::FolderNotEmpty { .. }), "{error}");
    }
}

#[test]
fn a_label_that_does_not_fit_is_refused_before_the_work() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.zarr");
    let label = path.join("labels/mito");
    let refused = |voxels: &Voxels| match VolumeWriter::create(&label, spec(voxels, None)) {
        Err(Error::CannotWrite { what, .. }) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken"),
    };
    assert_eq!(refused(&of(SHAPE, u8_at)), "a label without an image");
    assert!(!path.exists());
    write(&path, &of(SHAPE, u8_at), None, WriteOptions::default(), 3);
    assert!(refused(&of([3, 13, 16], u8_at)).starts_with("a label of [3, 13, 16]"));
    assert!(refused(&of(SHAPE, f32_at)).contains("float"));
}

#[test]
fn a_dropped_writer_leaves_no_volume() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.zarr");
    let voxels = of(SHAPE, u8_at);
    let mut writer = VolumeWriter::create(&path, spec(&voxels, None)).unwrap();
    writer.write(&of([2, 13, 17], u8_at)).unwrap();
    assert!(!path.exists());
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn impossible_options_are_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("volume.zarr");
    let spec = VolumeSpec { shape: [9000, 9000, 9000], voxel_type: VoxelType::U8, voxel_size_nm: None };
    for options in [
        WriteOptions::default().with_chunk([0, 8, 8]),
        WriteOptions::default().with_chunk([usize::MAX; 3]),
        WriteOptions::default().with_levels(0),
    ] {
        let error = VolumeWriter::with_options(&path, spec, options).err().unwrap();
        assert!(matches!(error, Error::CannotWrite { .. }), "{error}");
    }
}
