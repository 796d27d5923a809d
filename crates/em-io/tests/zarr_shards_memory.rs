//! What waits for a shard to be whole is packed. It is the one test of its program, whose memory it counts.

#![cfg(feature = "zarr")]

use em_io::{VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use ndarray::Array3;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn a_deep_shard_is_held_packed() {
    let folder = tempfile::tempdir().unwrap();
    let shape = [96, 512, 512];
    let spec = VolumeSpec { shape, voxel_type: VoxelType::U8, voxel_size_nm: None };
    let options = WriteOptions::default().with_chunk([4, 128, 128]).with_shard(Some(shape)).with_levels(1);
    let path = folder.path().join("mask.zarr");
    let mut writer = VolumeWriter::with_options(&path, spec, options).unwrap();
    let section = Array3::from_shape_fn((1, 512, 512), |(_, y, x)| ((y / 60 + x / 60) % 2 * 255) as u8);
    let section = Voxels::from(section);
    MEMORY.reset_peak_usage();
    (0..shape[0]).for_each(|_| writer.write(&section).unwrap());
    writer.finish().unwrap();
    let (peak, raw) = (MEMORY.peak_usage_as_mb() as f64 * 1048576.0, shape.iter().product::<usize>() as f64);
    assert!(peak < raw / 3.0, "{peak} bytes of memory, {raw} of voxels");
    assert!(path.join("0/c/0/0/0").is_file());
}
