//! What a file holds beside its full level, and what of it is decoded at once.

#![cfg(all(feature = "zarr", feature = "images"))]

use em_io::{OpenOptions, Volume, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use ndarray::Array3;
use tempfile::tempdir;

const SHAPE: [usize; 3] = [20, 300, 700];

fn voxels() -> Voxels {
    Array3::from_shape_fn(SHAPE, |(z, y, x)| (z + y * 3 + x) as u8).into()
}

#[test]
fn the_levels_of_an_image_are_opened_largest_first() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    let mut options = WriteOptions::default();
    options.levels = Some(3);
    let spec = VolumeSpec { shape: SHAPE, voxel_type: VoxelType::U8, voxel_size_nm: Some([10.0, 5.0, 5.0]) };
    let mut writer = VolumeWriter::with_options(&path, spec, options).unwrap();
    writer.write(&voxels()).unwrap();
    writer.finish().unwrap();

    let levels = OpenOptions::default().open_levels(&path).unwrap();
    let shapes: Vec<[usize; 3]> = levels.iter().map(Volume::shape).collect();
    assert_eq!(shapes, [[20, 150, 350], [10, 75, 175]]);
    assert_eq!(levels[1].voxel_size_nm(), Some([20.0, 20.0, 20.0]));
    for (number, level) in levels.iter().enumerate() {
        // A level is an array of its own, which is opened as such, too.
        let array = em_io::open(path.join((number + 1).to_string())).unwrap();
        assert_eq!(level.read_all().unwrap(), array.read_all().unwrap());
    }
    // The only image of a group is meant by the group.
    std::fs::write(folder.path().join("zarr.json"), r#"{"zarr_format":3,"node_type":"group"}"#).unwrap();
    let of_group = OpenOptions::default().open_levels(folder.path()).unwrap();
    assert_eq!(of_group.iter().map(Volume::shape).collect::<Vec<_>>(), shapes);
    let turned = OpenOptions { invert: Some(true), ..OpenOptions::default() }.open_levels(&path).unwrap();
    assert_ne!(turned[0].read_all().unwrap(), levels[0].read_all().unwrap());
    assert!(OpenOptions::default().open_levels(path.join("0")).unwrap().is_empty());
    assert!(OpenOptions::default().open_levels(folder.path().join("none.tif")).unwrap().is_empty());
}

#[test]
fn a_piece_is_what_is_decoded_at_once() {
    let folder = tempdir().unwrap();
    let piece = |name: &str| {
        let path = folder.path().join(name);
        em_io::write_volume(&path, &voxels(), None).unwrap();
        em_io::open(path).unwrap().piece()
    };
    let [depth, rows, columns] = piece("a.tif");
    assert_eq!((depth, columns), (1, 700));
    assert!(rows > 1, "strips are packed");
    assert_eq!(piece("a.zarr"), [16, 256, 256]);
    assert_eq!(piece("pages"), [1, 300, 700]);
    assert_eq!(piece("a.mrc"), [1, 1, 1]);
}
