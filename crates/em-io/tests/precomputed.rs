//! Precomputed volumes of tensorstore and CloudVolume are read, and what is written is read back.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{SHAPE, f32_at, fixture, i8_at, i16_at, i32_at, of, open, u8_at, u16_at, u32_at, u64_at};
use em_io::{
    Content, Error, Mask, OpenOptions, Part, Roi, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions,
};
use ndarray::Array3;
use proptest::prelude::*;
use std::path::Path;
use tempfile::tempdir;

const SIZE_NM: Option<[f64; 3]> = Some([50.0, 4.6, 4.6]);

#[track_caller]
fn check(name: &str, expected: &Voxels) {
    let name = format!("precomputed/{name}");
    common::check_with_size(&name, "Neuroglancer precomputed", expected);
    for z in 0..expected.shape()[0] {
        let roi = Roi::sections(expected.shape(), z..z + 1);
        assert_eq!(open(&name).read(roi).unwrap(), expected.cut(roi), "{name}");
    }
}

/// The formula of `labels` in `make_chunk_fixtures.py`.
fn label_at(z: usize, y: usize, x: usize) -> u32 {
    ((y / 5 * 7 + x / 6) * 1_000_003 + z) as u32
}

fn long_label_at(z: usize, y: usize, x: usize) -> u64 {
    u64::from(label_at(z, y, x)) + (1 << 40)
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
    check("raw-float32", &of(SHAPE, f32_at));
}

#[test]
fn labels_are_unpacked_from_blocks_of_any_size() {
    check("labels-uint32", &of(SHAPE, label_at));
    check("labels-uint64", &of(SHAPE, long_label_at));
    check("many-labels-uint32", &of(SHAPE, u32_at));
    check("many-labels-uint64", &of(SHAPE, u64_at));
}

#[test]
fn pictures_are_read() {
    check("jpeg", &of(SHAPE, |_, _, _| 77_u8));
    check("png-uint8", &of(SHAPE, u8_at));
    check("png-uint16", &of(SHAPE, u16_at));
    assert_eq!(open("precomputed/jpeg").notes(), ["packed as JPEG, which keeps values nearly"]);
}

#[test]
fn shards_of_every_kind_are_read() {
    for name in ["sharded", "sharded-one", "sharded-murmur"] {
        check(name, &of(SHAPE, u16_at));
    }
    check("sharded-labels", &of(SHAPE, long_label_at));
}

#[test]
fn what_is_missing_is_background() {
    check("missing", &of(SHAPE, |z, y, x| if z < 2 && y < 8 && x < 8 { u16_at(z, y, x) } else { 0 }));
    check("sharded-missing", &of(SHAPE, |z, y, x| if z < 1 && y < 8 && x < 8 { u16_at(z, y, x) } else { 0 }));
}

#[test]
fn packed_chunks_are_read_by_either_name() {
    check("packed", &of(SHAPE, u16_at));
    check("cloud-volume", &of(SHAPE, u8_at));
    check("cloud-volume-labels", &of(SHAPE, long_label_at));
}

#[test]
fn a_chunk_packed_otherwise_is_an_error_and_not_background() {
    let folder = tempdir().unwrap();
    let path = copied("raw-uint8", folder.path());
    let chunk = path.join("4.6_4.6_50/0-10_0-13_0-2");
    std::fs::rename(&chunk, chunk.with_extension("br")).unwrap();
    let error = em_io::open(&path).unwrap().read_all().unwrap_err();
    assert!(error.to_string().contains("a chunk packed with brotli, expected gzip, or none"), "{error}");
}

#[test]
fn a_volume_may_begin_anywhere() {
    check("offset", &of(SHAPE, u16_at));
    let notes = open("precomputed/offset").notes().to_vec();
    assert_eq!(notes, ["its first voxel is [7, -20, 100] [z, y, x] of the space it lies in"]);
}

#[test]
fn one_of_several_channels_is_picked() {
    let inverted = of(SHAPE, |z, y, x| 255 - u8_at(z, y, x));
    let second = OpenOptions { channel: Some(1), ..OpenOptions::default() };
    for (name, expected) in [
        ("channels", inverted.clone()),
        ("png-channels", inverted),
        ("jpeg-colour", of(SHAPE, |_, _, _| 77_u8)),
        ("labels-channels", of(SHAPE, |z, y, x| label_at(z, y, x) + 1)),
    ] {
        let path = fixture(&format!("precomputed/{name}"));
        assert_eq!(second.open(&path).unwrap().read_all().unwrap(), expected, "{name}");
        let error = em_io::open(&path).unwrap_err();
        assert!(matches!(error, Error::SeveralParts { part: Part::Channel, .. }), "{error}");
        let error = OpenOptions { channel: Some(3), ..second }.open(&path).unwrap_err();
        assert!(matches!(error, Error::NoSuchPart { index: 3, .. }), "{error}");
        let error = OpenOptions { time: Some(1), ..second }.open(&path).unwrap_err();
        assert!(matches!(error, Error::NoSuchPart { part: Part::Time, .. }), "{error}");
    }
}

#[test]
fn smaller_levels_are_read() {
    let levels = OpenOptions::default().open_levels(fixture("precomputed/levels")).unwrap();
    assert_eq!(levels.len(), 1);
    assert_eq!(levels[0].voxel_size_nm(), Some([50.0, 9.2, 9.2]));
    assert_eq!(levels[0].read_all().unwrap(), of([3, 7, 9], |z, y, x| u8_at(z, 2 * y, 2 * x)));
    assert_eq!(levels[0].piece(), [2, 7, 9]);
}

/// Copies a fixture, so that it can be changed.
fn copied(name: &str, folder: &Path) -> std::path::PathBuf {
    let (from, to) = (fixture("precomputed").join(name), folder.join(name));
    for entry in std::fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap().path();
        let within = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            std::fs::create_dir_all(&within).unwrap();
            for file in std::fs::read_dir(&entry).unwrap() {
                let file = file.unwrap().path();
                std::fs::copy(&file, within.join(file.file_name().unwrap())).unwrap();
            }
        } else {
            std::fs::create_dir_all(&to).unwrap();
            std::fs::copy(&entry, &within).unwrap();
        }
    }
    to
}

/// Replaces a part of the metadata of a fixture by something else.
#[track_caller]
fn with(name: &str, from: &str, to: &str) -> String {
    let folder = tempdir().unwrap();
    let path = copied(name, folder.path());
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path.join("info")).unwrap()).unwrap();
    let text = json.to_string();
    assert!(text.contains(from), "{text}");
    std::fs::write(path.join("info"), text.replace(from, to)).unwrap();
    em_io::open(&path).and_then(|volume| volume.read_all()).unwrap_err().to_string()
}

#[test]
fn metadata_that_lies_is_named() {
    for (name, from, to, words) in [
        ("raw-uint8", "[17,13,3]", "[17,13,1000000000000]", "holds 1000000000000 sections"),
        ("raw-uint8", "[17,13,3]", "[17,13,-3]", "unusual metadata"),
        ("raw-uint8", "[17,13,3]", "[0,13,3]", "a size of [0, 13, 3]"),
        ("raw-uint8", "[10,13,2]", "[4294967296,4294967296,4294967296]", "chunks of"),
        ("raw-uint8", "[10,13,2]", "[10,0,2]", "an empty chunk"),
        ("raw-uint8", "[[10,13,2]]", "[]", "no chunk size"),
        ("raw-uint8", "\"uint8\"", "\"complex64\"", "data type `complex64`"),
        ("raw-uint8", "\"uint8\"", "\"float64\"", "data type `float64`"),
        ("raw-uint8", "\"num_channels\":1", "\"num_channels\":0", "0 channels"),
        ("raw-uint8", "\"raw\"", "\"compresso\"", "the encoding `compresso`"),
        ("raw-uint8", "\"raw\"", "\"compressed_segmentation\"", "1 channels of uint8"),
        ("raw-uint16", "\"raw\"", "\"jpeg\"", "1 channels of uint16 as jpeg"),
        (
            "labels-uint32",
            "\"compressed_segmentation_block_size\":[8,8,8]",
            "\"compressed_segmentation_block_size\":[8,0,8]",
            "blocks of",
        ),
        ("sharded", "\"identity\"", "\"md5\"", "the hash `md5`"),
        ("sharded", "neuroglancer_uint64_sharded_v1", "other", "sharding of the type `other`"),
        ("sharded", "\"minishard_bits\":2", "\"minishard_bits\":60", "sharding by 60"),
        ("raw-uint8", "\"4.6_4.6_50\"", "\"../secret\"", "the scale's key `../secret`"),
        ("raw-uint8", "\"scales\":[{", "\"scales\":[],\"other\":[{", "0 scales"),
    ] {
        let error = with(name, from, to);
        assert!(error.contains(words) && error.contains("expected"), "{to}: {error}");
    }
}

#[test]
fn a_chunk_of_another_length_is_damage() {
    let error = with("raw-uint8", "\"uint8\"", "\"uint16\"");
    assert!(error.contains("cannot decode chunk") && error.contains("_0-13_0-2"), "{error}");
}

/// Writes a volume, and opens what was written.
fn written(
    path: &Path,
    voxels: &Voxels,
    size: Option<[f64; 3]>,
    options: WriteOptions,
) -> em_io::Result<em_io::Volume> {
    let spec = VolumeSpec { shape: voxels.shape(), voxel_type: voxels.voxel_type(), voxel_size_nm: size };
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    writer.write(voxels)?;
    assert!(!path.exists(), "it appears whole");
    writer.finish()?;
    em_io::open(path)
}

#[test]
fn images_of_all_types_come_back() {
    let folder = tempdir().unwrap();
    let options = WriteOptions::default().with_chunk([2, 8, 8]);
    for (number, voxels) in [
        of(SHAPE, u8_at),
        of(SHAPE, i8_at),
        of(SHAPE, u16_at),
        of(SHAPE, i16_at),
        of(SHAPE, u32_at),
        of(SHAPE, i32_at),
        of(SHAPE, u64_at),
        of(SHAPE, f32_at),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{number}.precomputed"));
        let volume = written(&path, &voxels, SIZE_NM, options).unwrap();
        assert_eq!(volume.read_all().unwrap(), voxels);
        assert_eq!((volume.voxel_size_nm(), volume.piece()), (SIZE_NM, [2, 8, 8]));
    }
    let wrong = written(&folder.path().join("a.precomputed"), &of(SHAPE, common::i64_at), SIZE_NM, options);
    assert!(matches!(wrong, Err(Error::CannotWrite { .. })));
}

#[test]
fn labels_become_numbers_of_32_or_64_bits() {
    let folder = tempdir().unwrap();
    let options = WriteOptions::default().with_content(Content::Label).with_chunk([2, 8, 8]);
    let grey = of(SHAPE, u8_at);
    for (number, (voxels, expected)) in [
        (grey.clone(), grey.to_type(VoxelType::U32)),
        (of(SHAPE, label_at), of(SHAPE, label_at)),
        (of(SHAPE, u64_at), of(SHAPE, u64_at)),
        (of(SHAPE, |z, y, x| label_at(z, y, x) as i32), of(SHAPE, label_at)),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{number}.precomputed"));
        assert_eq!(written(&path, &voxels, None, options).unwrap().read_all().unwrap(), expected);
    }
    for wrong in [of(SHAPE, i8_at), of(SHAPE, f32_at)] {
        let path = folder.path().join("wrong.precomputed");
        let error = written(&path, &wrong, None, options).unwrap_err();
        assert!(matches!(error, Error::CannotWrite { .. }), "{error}");
        assert!(!path.exists());
    }
    // The chunk would have more blocks than offsets can count.
    let large = VolumeSpec { shape: [64, 4096, 4096], voxel_type: VoxelType::U64, voxel_size_nm: None };
    let error = VolumeWriter::with_options(
        folder.path().join("large.precomputed"),
        large,
        options.with_chunk([64, 512, 512]),
    );
    assert!(error.err().unwrap().to_string().contains("chunks of [64, 512, 512] labels"));
}

#[test]
fn a_mask_is_a_segmentation() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("mask.precomputed");
    let inside = Array3::from_shape_fn(SHAPE, |(z, y, x)| u8_at(z, y, x) > 127);
    em_io::write_mask(&path, &Mask::new(inside.clone(), None)).unwrap();
    let volume = em_io::open(&path).unwrap();
    assert_eq!((volume.voxel_type(), volume.voxel_size_nm()), (VoxelType::U32, None));
    assert_eq!(Mask::from_volume(&volume, Roi::whole(SHAPE)).unwrap().view(), inside);
    let info = std::fs::read_to_string(path.join("info")).unwrap();
    assert!(info.contains("\"segmentation\"") && info.contains("\"uint32\""), "{info}");
}

#[test]
fn a_pyramid_is_that_of_ome_zarr() {
    let folder = tempdir().unwrap();
    let voxels = of([5, 40, 50], |z, y, x| ((z * 91 + y * 13 + x * 7) % 251) as u8);
    let size = Some([20.0, 5.0, 5.0]);
    for content in [Content::Intensity, Content::Label] {
        let options = WriteOptions::default().with_content(content).with_chunk([2, 16, 16]);
        let levels = ["zarr", "precomputed"].map(|ending| {
            let path = folder.path().join(format!("{content:?}.{ending}"));
            written(&path, &voxels, size, options).unwrap();
            OpenOptions::default().open_levels(&path).unwrap()
        });
        let [zarr, precomputed] = levels;
        assert_eq!((zarr.len(), precomputed.len()), (2, 2));
        for (zarr, precomputed) in zarr.iter().zip(&precomputed) {
            assert_eq!(precomputed.voxel_size_nm(), zarr.voxel_size_nm());
            assert_eq!(precomputed.read_all().unwrap().to_f32(), zarr.read_all().unwrap().to_f32());
        }
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.precomputed");
    let spec = VolumeSpec { shape: SHAPE, voxel_type: VoxelType::U8, voxel_size_nm: None };
    let mut writer = VolumeWriter::create(&path, spec).unwrap();
    writer.write(&of([2, SHAPE[1], SHAPE[2]], u8_at)).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_own_folder_is_never_replaced() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.precomputed");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let error = em_io::write_volume(&path, &of(SHAPE, u8_at), None).unwrap_err();
    assert!(matches!(error, Error::FolderNotEmpty { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_shape_in_any_chunks_comes_back_in_any_block(
        shape in [1_usize..9, 1_usize..30, 1_usize..30],
        chunk in [1_usize..5, 1_usize..17, 1_usize..17],
        cut in [0.0..1.0_f64, 0.0..1.0, 0.0..1.0],
        is_label in any::<bool>(),
    ) {
        let folder = tempdir().unwrap();
        let voxels = of(shape, |z, y, x| (z * 1009 + y / 3 * 101 + x / 4 * 11) as u32 % 60);
        let content = if is_label { Content::Label } else { Content::Intensity };
        let options = WriteOptions::default().with_content(content).with_chunk(chunk);
        let volume = written(&folder.path().join("a.precomputed"), &voxels, None, options).unwrap();
        let start: [usize; 3] = std::array::from_fn(|axis| (cut[axis] * shape[axis] as f64) as usize);
        let roi = Roi { start, shape: std::array::from_fn(|axis| (shape[axis] - start[axis]).div_ceil(2)) };
        prop_assert_eq!(volume.read(roi).unwrap(), voxels.cut(roi));
        prop_assert_eq!(volume.read_all().unwrap(), voxels);
    }
}
