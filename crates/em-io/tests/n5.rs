//! N5 of tensorstore is read, in the layouts of BigDataViewer, Paintera, COSEM and N5 Viewer.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{
    SHAPE, f32_at, fixture, i8_at, i16_at, i32_at, i64_at, of, open, u8_at, u16_at, u32_at, u64_at,
};
use em_io::{Error, OpenOptions, Part, Roi, Voxels};
use tempfile::tempdir;

const SIZE_NM: Option<[f64; 3]> = Some([50.0, 4.6, 4.6]);

#[track_caller]
fn check(name: &str, expected: &Voxels) {
    let name = format!("n5/{name}.n5");
    common::check(&name, expected);
    assert_eq!(open(&name).format(), "N5");
    for z in 0..expected.shape()[0] {
        let roi = Roi::sections(expected.shape(), z..z + 1);
        assert_eq!(open(&name).read(roi).unwrap(), expected.cut(roi), "{name}");
    }
}

#[test]
fn all_types_of_voxels_are_read() {
    check("raw-uint8", &of(SHAPE, u8_at));
    check("raw-int8", &of(SHAPE, i8_at));
    check("raw-uint16", &of(SHAPE, u16_at));
    check("raw-int16", &of(SHAPE, i16_at));
    check("raw-uint32", &of(SHAPE, u32_at));
    check("raw-int32", &of(SHAPE, i32_at));
    check("raw-uint64", &of(SHAPE, u64_at));
    check("raw-int64", &of(SHAPE, i64_at));
    check("raw-float32", &of(SHAPE, f32_at));
    check("raw-float64", &of(SHAPE, f32_at));
    assert_eq!(open("n5/raw-float64.n5").notes(), ["64-bit float rounded to 32-bit float"]);
}

#[test]
fn compressions_are_unpacked() {
    for name in ["gzip", "zlib", "zstd", "lz4-noise"] {
        check(name, &of(SHAPE, u16_at));
    }
    #[cfg(feature = "zarr")]
    check("blosc", &of(SHAPE, u16_at));
    check("lz4", &of(SHAPE, |z, y, x| ((y / 5 * 7 + x / 6) * 1_000_003 + z) as u32));
}

/// lz4 has checksums of its own: a block that is stored as it is, with one other byte, is refused by them alone.
#[test]
fn a_checksum_of_lz4_that_does_not_fit_is_damage() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.n5");
    std::fs::create_dir_all(path.join("0/0")).unwrap();
    let source = fixture("n5/lz4-noise.n5");
    std::fs::copy(source.join("attributes.json"), path.join("attributes.json")).unwrap();
    let mut block = std::fs::read(source.join("0/0/0")).unwrap();
    let start = block.windows(8).position(|bytes| bytes == b"LZ4Block").unwrap();
    assert_eq!(block[start + 8] & 0xf0, 0x10, "noise is not packed");
    block[start + 21 + 5] ^= 1;
    std::fs::write(path.join("0/0/0"), block).unwrap();
    let error = em_io::open(&path).unwrap().read_all().unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("a checksum of other bytes"), "{error}");
}

#[test]
fn other_compressions_are_named() {
    for name in ["bzip2", "xz"] {
        let error = em_io::open(fixture(&format!("n5/{name}.n5"))).unwrap_err();
        let expected = format!("compression `{name}`, expected raw, gzip, lz4, zstd or blosc");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn missing_blocks_are_background() {
    check("missing", &of(SHAPE, |z, y, x| if z < 2 && y < 8 && x < 8 { u16_at(z, y, x) } else { 0 }));
}

#[test]
fn other_numbers_of_axes_are_read() {
    check("two", &of([1, SHAPE[1], SHAPE[2]], u8_at));
    check("one-channel", &of(SHAPE, u8_at));
    let path = fixture("n5/channels.n5");
    let second = OpenOptions { channel: Some(1), ..OpenOptions::default() };
    let expected = of(SHAPE, |z, y, x| 255 - u8_at(z, y, x));
    assert_eq!(second.open(&path).unwrap().read_all().unwrap(), expected);
    let error = em_io::open(&path).unwrap_err();
    assert!(matches!(error, Error::SeveralParts { part: Part::Channel, count: 2, .. }), "{error}");
}

#[test]
fn a_dataset_of_a_group_is_picked_by_its_path() {
    check_sized("group.n5/volumes/raw", &of(SHAPE, u8_at), &[]);
    check_sized("group.n5/volumes/labels", &of(SHAPE, u16_at), &["the resolution has no unit: taken as nm"]);
    for group in ["group.n5", "group.n5/volumes"] {
        match em_io::open(fixture(&format!("n5/{group}"))).unwrap_err() {
            Error::SeveralVolumes { names, .. } if group == "group.n5" => {
                assert_eq!(names, ["volumes/labels", "volumes/raw"]);
            }
            Error::SeveralVolumes { names, .. } => assert_eq!(names, ["labels", "raw"]),
            other => panic!("{other}"),
        }
    }
    let error = em_io::open(fixture("n5/group.n5/table")).unwrap_err();
    assert!(error.to_string().contains("1 axes"), "{error}");
}

#[track_caller]
fn check_sized(name: &str, expected: &Voxels, notes: &[&str]) {
    let name = format!("n5/{name}");
    common::check_with_size(&name, "N5", expected);
    assert_eq!(open(&name).notes(), notes, "{name}");
}

#[test]
fn levels_are_read_as_programs_lay_them_out() {
    let no_unit = ["the resolution has no unit: taken as nm"];
    for (name, path, notes) in [
        ("paintera", "data", no_unit.as_slice()),
        ("bdv", "setup0/timepoint0", &no_unit),
        ("cosem", "em", &[]),
        ("viewer", "c0", &[]),
    ] {
        // The only one of a file, and the same by its path and by that of its full level.
        for path in [format!("{name}.n5"), format!("{name}.n5/{path}"), format!("{name}.n5/{path}/s0")] {
            check_sized(&path, &of(SHAPE, u8_at), notes);
        }
        let levels = OpenOptions::default().open_levels(fixture(&format!("n5/{name}.n5"))).unwrap();
        assert_eq!(levels.len(), 1, "{name}");
        assert_eq!(levels[0].read_all().unwrap(), of([3, 7, 9], |z, y, x| u8_at(z, 2 * y, 2 * x)));
        assert_eq!(levels[0].voxel_size_nm(), Some([50.0, 9.2, 9.2]), "{name}");
    }
}

#[test]
fn a_size_that_is_not_given_is_not_guessed() {
    assert_eq!(open("n5/raw-uint8.n5").voxel_size_nm(), None);
    assert_ne!(open("n5/group.n5/volumes/raw").voxel_size_nm(), None);
    assert_eq!(SIZE_NM, open("n5/group.n5/volumes/raw").voxel_size_nm());
}

/// Replaces a part of the attributes of a fixture of one file by something else.
#[track_caller]
fn with(name: &str, from: &str, to: &str) -> Error {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.n5");
    let source = fixture(&format!("n5/{name}.n5"));
    std::fs::create_dir_all(path.join("0/0")).unwrap();
    std::fs::copy(source.join("0/0/0"), path.join("0/0/0")).unwrap();
    let json = std::fs::read(source.join("attributes.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let text = json.to_string();
    assert!(text.contains(from), "{text}");
    std::fs::write(path.join("attributes.json"), text.replace(from, to)).unwrap();
    em_io::open(&path).and_then(|volume| volume.read_all()).unwrap_err()
}

#[test]
fn attributes_that_lie_are_named() {
    for (name, from, to, words) in [
        ("gzip", "[17,13,3]", "[17,13,1000000000000]", "dimensions of"),
        ("gzip", "[17,13,3]", "[17,13,0]", "dimensions of"),
        ("gzip", "[17,13,3]", "[17,13]", "2 axes in blocks of 3"),
        ("gzip", "[17,13,3]", "\"17\"", "unusual metadata"),
        ("gzip", "[10,13,2]", "[4294967296,4294967296,4294967296]", "chunks of"),
        ("gzip", "[10,13,2]", "[10,0,2]", "an empty chunk"),
        ("gzip", "\"uint16\"", "\"string\"", "data type `string`"),
        ("gzip", "\"gzip\"", "\"rot13\"", "compression `rot13`"),
        ("gzip", "\"compression\":{", "\"other\":{", "compression null"),
        ("gzip", "\"dimensions\"", "\"isLabelMultiset\":true,\"dimensions\"", "multisets of labels"),
        ("gzip", "[17,13,3]", "[17,13,3,5]", "4 axes in blocks of 3"),
        ("gzip", "{", "not JSON {", "no JSON"),
    ] {
        let error = with(name, from, to);
        assert!(matches!(error, Error::Metadata { .. }), "{to}: {error:?}");
        assert!(error.to_string().contains(words), "{to}: {error}");
    }
    for (from, to) in [
        ("\"uint16\"", "\"uint8\""),
        ("\"uint16\"", "\"uint32\""),
        ("\"gzip\"", "\"raw\""),
        ("[10,13,2]", "[9,13,2]"),
    ] {
        let error = with("gzip", from, to);
        assert!(matches!(error, Error::DamagedChunk { .. }), "{to}: {error:?}");
    }
}

#[test]
fn a_group_without_datasets_says_what_is_missing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("empty.n5");
    std::fs::create_dir(&path).unwrap();
    let error = em_io::open(&path).unwrap_err();
    assert!(error.to_string().contains("has no N5 dataset, expected a file `attributes.json`"), "{error}");
}
