//! OME-Zarr 0.5 written in shards: the voxels of one written in chunks, in fewer objects, each whole.

#![cfg(feature = "zarr")]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{f32_at, of, u8_at, u16_at};
use em_io::{
    Content, Error, Mask, OmeZarrVersion, OpenOptions, Roi, Volume, VolumeSpec, VolumeWriter, VoxelType,
    Voxels, WriteOptions,
};
use ndarray::Array3;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

fn writer(path: &Path, voxels: &Voxels, options: WriteOptions) -> em_io::Result<VolumeWriter> {
    let spec =
        VolumeSpec { shape: voxels.shape(), voxel_type: voxels.voxel_type(), voxel_size_nm: Some([8.0; 3]) };
    VolumeWriter::with_options(path, spec, options)
}

fn write(path: &Path, voxels: &Voxels, options: WriteOptions, step: usize) {
    let mut writer = writer(path, voxels, options).unwrap();
    let [depth, ..] = voxels.shape();
    let whole = Volume::from_voxels(voxels.clone(), None);
    for z in (0..depth).step_by(step) {
        let sections = Roi::sections(voxels.shape(), z..depth.min(z + step));
        writer.write(&whole.read(sections).unwrap()).unwrap();
    }
    writer.finish().unwrap();
}

/// All levels, the full one first.
fn levels(path: &Path) -> Vec<Volume> {
    let mut all = vec![em_io::open(path).unwrap()];
    all.extend(OpenOptions::default().open_levels(path).unwrap());
    all
}

/// The files below a folder.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// Voxels of three types of which most are background, so that there are chunks and shards of nothing.
fn sparse(shape: [usize; 3], kind: usize, seed: usize) -> Voxels {
    let is_background = move |z: usize, y: usize, x: usize| !(z / 3 + y / 9 + x / 9 + seed).is_multiple_of(4);
    match kind {
        0 => of(shape, |z, y, x| if is_background(z, y, x) { 0 } else { u8_at(z + seed, y, x) }),
        1 => of(shape, |z, y, x| if is_background(z, y, x) { 0 } else { u16_at(z, y + seed, x) }),
        _ => of(shape, |z, y, x| if is_background(z, y, x) { 0.0 } else { f32_at(z, y, x + seed) }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_volume_is_the_same_in_shards_of_any_shape(
        shape in [1..14_usize, 1..50_usize, 1..50_usize],
        chunk in [1..6_usize, 9..20_usize, 9..20_usize],
        times in [1..4_usize, 1..4_usize, 1..4_usize],
        (kind, seed) in (0..3_usize, 0..100_usize),
        step in 1..7_usize,
        at in [0.0..1.0, 0.0..1.0, 0.0..1.0_f64],
    ) {
        let folder = tempdir().unwrap();
        let voxels = sparse(shape, kind, seed);
        let options = WriteOptions::default().with_chunk(chunk);
        let shard = [0, 1, 2].map(|axis| chunk[axis] * times[axis]);
        let [chunks, shards] = ["chunks.zarr", "shards.zarr"].map(|name| folder.path().join(name));
        write(&chunks, &voxels, options, step);
        write(&shards, &voxels, options.with_shard(Some(shard)), step);
        let pairs: Vec<_> = levels(&chunks).into_iter().zip(levels(&shards)).collect();
        prop_assert_eq!(&pairs[0].1.read_all().unwrap(), &voxels);
        for (index, (chunked, sharded)) in pairs.iter().enumerate() {
            prop_assert_eq!(sharded.shape(), chunked.shape());
            prop_assert_eq!(sharded.read_all().unwrap(), chunked.read_all().unwrap());
            prop_assert_eq!(sharded.voxel_size_nm(), chunked.voxel_size_nm());
            prop_assert_eq!(sharded.piece(), chunked.piece());
            let level = Path::new(&index.to_string()).join("c");
            let most: usize = (0..3).map(|axis| chunked.shape()[axis].div_ceil(shard[axis])).product();
            let [in_shards, in_chunks] = [&shards, &chunks].map(|image| files(&image.join(&level)));
            prop_assert!(in_shards <= most.min(in_chunks), "{} objects, {} chunks", in_shards, in_chunks);
        }
        let start = [0, 1, 2].map(|axis| (shape[axis] as f64 * at[axis]) as usize);
        let roi = Roi { start, shape: [0, 1, 2].map(|axis| (shape[axis] - start[axis]).min(11)) };
        prop_assert_eq!(pairs[0].1.read(roi).unwrap(), pairs[0].0.read(roi).unwrap());
    }
}

#[test]
fn a_shard_is_one_object_at_every_level() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("image.zarr");
    let options = WriteOptions::default().with_chunk([2, 8, 8]).with_shard(Some([4, 16, 32]));
    write(&path, &of([9, 40, 70], |z, y, x| u8_at(z, y, x).max(1)), options, 3);
    // [9, 40, 70], [5, 20, 35], [3, 10, 18] and [2, 5, 9].
    let count = |level: &str| files(&path.join(level).join("c"));
    assert_eq!(["0", "1", "2", "3"].map(count), [3 * 3 * 3, 2 * 2 * 2, 1, 1]);
    let json = |level: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path.join(level).join("zarr.json")).unwrap()).unwrap()
    };
    for (level, shard, chunk) in
        [("0", [4, 16, 32], [2, 8, 8]), ("2", [4, 16, 24], [2, 8, 8]), ("3", [2, 5, 16], [2, 5, 8])]
    {
        let json = json(level);
        assert_eq!(
            json["chunk_grid"]["configuration"]["chunk_shape"],
            serde_json::json!(shard),
            "level {level}"
        );
        assert_eq!(
            json["codecs"][0]["configuration"]["chunk_shape"],
            serde_json::json!(chunk),
            "level {level}"
        );
        assert_eq!(json["codecs"][0]["configuration"]["index_location"], "end");
    }
}

#[test]
fn background_is_not_stored() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("mask.zarr");
    let options = WriteOptions::default().with_chunk([1, 8, 8]).with_shard(Some([2, 16, 16])).with_levels(1);
    let mut mask = Array3::<u8>::zeros((4, 32, 32));
    mask[[3, 9, 20]] = 255;
    write(&path, &mask.clone().into(), options, 4);
    assert_eq!(files(&path.join("0/c")), 1);
    let shard = fs::read(path.join("0/c/1/0/1")).unwrap();
    // Of eight chunks one is stored, the seventh.
    let index = &shard[shard.len() - 8 * 16 - 4..][..8 * 16];
    let stored: Vec<_> = index.chunks(16).map(|entry| entry != [u8::MAX; 16]).collect();
    assert_eq!(stored, [false, false, false, false, false, false, true, false]);
    assert_eq!(em_io::open(&path).unwrap().read_all().unwrap(), mask.into());
}

#[test]
fn a_label_in_shards_lies_in_its_image() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("image.zarr");
    let options = WriteOptions::default().with_chunk([2, 8, 8]).with_shard(Some([4, 16, 16]));
    write(&path, &of([5, 20, 30], u8_at), options, 2);
    let bits = Array3::from_shape_fn((5, 20, 30), |(z, y, x)| u8_at(z, y, x) > 127);
    em_io::write_mask(path.join("labels/chunks"), &Mask::new(bits.clone(), None)).unwrap();
    let numbers = Voxels::from(bits.mapv(|inside| if inside { 255_u8 } else { 0 }));
    write(&path.join("labels/shards"), &numbers, options, 5);
    let labels = ["labels/chunks", "labels/shards"].map(|name| levels(&path.join(name)));
    assert_eq!(labels[0].len(), levels(&path).len());
    for (chunked, sharded) in labels[0].iter().zip(&labels[1]) {
        assert_eq!(sharded.read_all().unwrap(), chunked.read_all().unwrap());
    }
    assert_eq!(files(&path.join("labels/shards/0/c")), 2 * 2 * 2);
}

#[test]
fn shards_that_cannot_be_written_are_refused_before_the_work() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("image.zarr");
    let small = of([4, 16, 16], u8_at);
    let refused = |path: &Path, options| match writer(path, &small, options) {
        Err(Error::CannotWrite { what, expected, .. }) => format!("{what}: {expected}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken"),
    };
    let options = WriteOptions::default().with_chunk([2, 8, 8]);
    let sharded = |shard| options.with_shard(Some(shard));
    let old = sharded([2, 8, 8]).with_version(OmeZarrVersion::V0_4);
    assert_eq!(refused(&path, old), "shards in OME-Zarr 0.4: OME-Zarr 0.5, or no shards");
    for shard in [[3, 8, 8], [1, 8, 8], [0, 8, 8], [2, 8, 12]] {
        let expected = "multiples of the chunk [2, 8, 8] along every axis";
        assert_eq!(refused(&path, sharded(shard)), format!("shards of {shard:?} voxels: {expected}"));
    }
    let spec = VolumeSpec { shape: [9000, 9000, 9000], voxel_type: VoxelType::U8, voxel_size_nm: None };
    for (chunk, shard) in [([16, 256, 256], [8192, 8192, 8192]), ([1, 1, 1], [512, 512, 512])] {
        let options = WriteOptions::default().with_chunk(chunk).with_shard(Some(shard));
        let error = VolumeWriter::with_options(&path, spec, options).err().unwrap();
        assert!(error.to_string().ends_with("2147483648 bytes and 4194304 chunks a shard"), "{error}");
    }
    assert!(!path.exists());
    // A label has the version of its image.
    write(&path, &small, options.with_version(OmeZarrVersion::V0_4), 4);
    assert!(refused(&path.join("labels/mito"), sharded([2, 8, 8])).starts_with("shards in OME-Zarr 0.4"));
    assert!(!path.join("labels").exists());
}

#[test]
fn a_dropped_writer_leaves_no_shard() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("image.zarr");
    let options = WriteOptions::default().with_chunk([1, 8, 8]).with_shard(Some([2, 8, 8]));
    let mut writer = writer(&path, &of([4, 16, 16], u8_at), options).unwrap();
    writer.write(&of([3, 16, 16], u8_at)).unwrap();
    assert!(!path.exists());
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_shard_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("image.zarr");
    let options = WriteOptions::default().with_chunk([1, 8, 8]).with_shard(Some([2, 16, 16])).with_levels(1);
    let content = options.with_content(Content::Label);
    write(&path, &of([2, 16, 16], |z, y, x| u8_at(z, y, x).max(1)), content, 2);
    let shard = path.join("0/c/0/0/0");
    let sound = fs::read(&shard).unwrap();
    for at in [sound.len() - 1, sound.len() - 5, sound.len() - 8 * 16] {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x40;
        fs::write(&shard, damaged).unwrap();
        let error = em_io::open(&path).unwrap().read_all().unwrap_err();
        assert!(matches!(error, Error::DamagedChunk { .. }), "{error}");
    }
    fs::write(&shard, &sound[..sound.len() - 1]).unwrap();
    assert!(em_io::open(&path).unwrap().read_all().is_err());
}
