//! Real stacks are read in full, where the machine has them; they may not be part of the project.

use em_io::{Mask, Roi, VoxelType};
use std::path::{Path, PathBuf};

/// The folder of real data, beside the project's root.
fn stack(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: no {}", path.display());
        None
    }
}

#[test]
fn the_epfl_stack_and_its_labels_are_read() {
    let Some(path) = stack("epfl-ca1/train.tif") else {
        return;
    };
    let volume = em_io::open(&path).unwrap();
    assert_eq!(volume.shape(), [36, 768, 1024]);
    assert_eq!(volume.voxel_type(), VoxelType::U8);
    let whole = volume.read_all().unwrap().to_f32();
    let mean = f64::from(whole.mean().unwrap());
    // tifffile.imread("train.tif").mean()
    assert!((mean - EPFL_MEAN).abs() < 0.01, "{mean}");
    let block = volume.read(Roi { start: [7, 100, 200], shape: [2, 50, 60] }).unwrap();
    assert_eq!(block.to_f32(), whole.slice(ndarray::s![7..9, 100..150, 200..260]));

    let mask = Mask::read(path.with_file_name("train_mitochondria.tif")).unwrap();
    // (tifffile.imread("train_mitochondria.tif") > 0).sum()
    assert_eq!(mask.foreground(), EPFL_MITOCHONDRIA);
}

/// The mean grey value of `epfl-ca1/train.tif`.
const EPFL_MEAN: f64 = 137.4211;

/// The labelled voxels of `epfl-ca1/train_mitochondria.tif`.
const EPFL_MITOCHONDRIA: usize = 2_716_775;

#[test]
fn the_vnc_stack_is_read() {
    let Some(path) = stack("vnc/train.tif") else {
        return;
    };
    let volume = em_io::open(&path).unwrap();
    assert_eq!(volume.shape(), [11, 1024, 1024]);
    let section = volume.read_section(10).unwrap();
    assert_eq!(section, volume.read_section(10).unwrap());
    assert!(section.range().1 > 200.0);
}
