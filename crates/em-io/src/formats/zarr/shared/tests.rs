//! Images that are written in parts have the bytes of one writer.

use super::*;
use crate::{OmeZarrVersion, VolumeWriter, VoxelType};
use ndarray::{Array3, s};
use std::collections::BTreeMap;

/// All files of a folder, by their paths within it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn check(depth: usize, cuts: &[usize], size: Option<[f64; 3]>, options: WriteOptions) {
    let folder = tempfile::tempdir().unwrap();
    let voxels = Array3::from_shape_fn((depth, 50, 70), |(z, y, x)| ((z * 31 + y * 7 + x * x) % 251) as u16);
    let spec = VolumeSpec { shape: [depth, 50, 70], voxel_type: VoxelType::U16, voxel_size_nm: size };
    let options = options.with_chunk([4, 16, 16]);
    let (whole, parted) = (folder.path().join("whole/a.zarr"), folder.path().join("parted/a.zarr"));
    let mut writer = VolumeWriter::with_options(&whole, spec, options).unwrap();
    writer.write(&voxels.clone().into()).unwrap();
    writer.finish().unwrap();

    let shared = SharedZarr::new(&parted, spec, options, cuts).unwrap();
    let mut listed = BTreeMap::new();
    for index in (0..shared.parts()).rev() {
        // A part that was killed is begun again.
        let mut killed = shared.part(index).unwrap();
        let sections = killed.sections();
        if sections.len() > 5 {
            let half = s![sections.start..sections.start + 5, .., ..];
            killed.write(&voxels.slice(half).to_owned().into()).unwrap();
        }
        drop(killed);
        let mut part = shared.part(index).unwrap();
        for z in sections {
            part.write(&voxels.slice(s![z..=z, .., ..]).to_owned().into()).unwrap();
        }
        for object in part.finish().unwrap() {
            assert!(listed.insert(object.name.clone(), object).is_none(), "two parts write one file");
        }
    }
    assert!(crate::open(&parted).is_err());
    shared.finish().unwrap();
    let (whole, parted) = (files(&whole), files(&parted));
    assert!(whole == parted, "{:?} and {:?}", whole.keys(), parted.keys());
    for (name, object) in listed {
        let bytes = &parted[&name];
        assert_eq!((object.bytes, object.crc32c), (bytes.len() as u64, crc32c::crc32c(bytes)));
    }
}

fn options(version: OmeZarrVersion, content: Content) -> WriteOptions {
    WriteOptions::default().with_version(version).with_content(content)
}

#[test]
fn parts_make_the_bytes_of_one_writer() {
    let (v4, v5) = (OmeZarrVersion::V0_4, OmeZarrVersion::V0_5);
    // Levels that all parts write, that only the end can make, and a mixture.
    check(33, &[0, 16, 32, 33], None, options(v5, Content::Intensity));
    check(33, &[0, 4, 12, 12, 33], None, options(v5, Content::Label));
    check(30, &[0, 8, 24, 30], Some([40.0, 5.0, 5.0]), options(v4, Content::Intensity));
    check(3, &[0, 3], None, options(v4, Content::Label));
    check(3, &[0, 0, 3, 3], None, options(v5, Content::Label));
}

#[test]
fn parts_in_shards_make_the_bytes_of_one_writer() {
    let shards = |shard| options(OmeZarrVersion::V0_5, Content::Intensity).with_shard(Some(shard));
    check(33, &[0, 16, 32, 33], None, shards([8, 32, 64]));
    check(33, &[0, 16, 32, 33], None, shards([16, 16, 16]));
    check(30, &[0, 8, 24, 30], Some([40.0, 5.0, 5.0]), shards([8, 64, 32]));
    check(3, &[0, 0, 3, 3], None, shards([64, 64, 64]));
}

#[test]
fn parts_lie_between_shards() {
    let spec = VolumeSpec { shape: [100, 70, 70], voxel_type: VoxelType::U8, voxel_size_nm: None };
    let options = WriteOptions::default().with_chunk([4, 16, 16]).with_shard(Some([16, 32, 32]));
    let new = |cuts: &[usize]| SharedZarr::new(Path::new("a.zarr"), spec, options, cuts);
    let error = new(&[0, 4, 100]).unwrap_err().to_string();
    assert!(error.ends_with("expected multiples of 16 from 0 on, and 100"), "{error}");
    // A level is of the parts where the cuts lie between its shards: its sections are 2, 4 and 8 of the volume.
    for (cut, in_parts) in [(16, 1), (32, 2), (64, 3)] {
        assert_eq!(new(&[0, cut, 100]).unwrap().in_parts, in_parts);
    }
    assert_eq!(SharedZarr::unit([100, 70, 70], options), 16);
    assert_eq!(SharedZarr::unit([7, 70, 70], options), 8, "a level of two chunks is one shard");
    assert_eq!(SharedZarr::unit([100, 70, 70], options.with_shard(None)), 4);
}

#[test]
fn parts_lie_between_chunks_and_in_images_of_their_own() {
    let spec = VolumeSpec { shape: [40, 8, 8], voxel_type: VoxelType::U8, voxel_size_nm: None };
    let error = |path: &str, cuts: &[usize]| {
        SharedZarr::new(Path::new(path), spec, WriteOptions::default(), cuts).unwrap_err().to_string()
    };
    for cuts in [&[][..], &[0], &[0, 8, 40], &[0, 32, 16, 40], &[16, 40], &[0, 16]] {
        assert!(error("a.zarr", cuts).ends_with("expected multiples of 16 from 0 on, and 40"), "{cuts:?}");
    }
    assert!(error("a.tif", &[0, 40]).ends_with("a path that ends in .zarr"));
    assert!(error("a.zarr/labels/m", &[0, 40]).ends_with("an image of its own"));
    let shared = SharedZarr::new(Path::new("a.zarr"), spec, WriteOptions::default(), &[0, 40]).unwrap();
    assert!(matches!(shared.part(1), Err(Error::OutsideVolume { .. })));
}

#[test]
fn sections_that_do_not_fit_a_part_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    let spec = VolumeSpec { shape: [40, 8, 8], voxel_type: VoxelType::U8, voxel_size_nm: None };
    let shared = SharedZarr::new(&path, spec, WriteOptions::default(), &[0, 16, 40]).unwrap();
    let mut part = shared.part(0).unwrap();
    for wrong in [Array3::<u8>::ones((17, 8, 8)), Array3::ones((1, 8, 9)), Array3::ones((1, 7, 8))] {
        assert!(matches!(part.write(&wrong.into()), Err(Error::UnexpectedSections { .. })));
    }
    assert!(part.write(&Array3::<u16>::ones((1, 8, 8)).into()).is_err());
    part.write(&Array3::<u8>::ones((15, 8, 8)).into()).unwrap();
    assert!(matches!(part.finish(), Err(Error::UnexpectedSections { .. })));
}
