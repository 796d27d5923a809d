//! Writes the volumes that `tests/interop_zarr.py` opens: `cargo run --example write_zarr FOLDER`.

use em_io::{Mask, OmeZarrVersion, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use ndarray::Array3;
use std::path::Path;

/// The shape of the volumes, `[z, y, x]`: no multiple of the chunk.
const SHAPE: [usize; 3] = [5, 40, 37];

/// The voxels' value, which the script computes too.
fn value(z: usize, y: usize, x: usize) -> usize {
    z * 3701 + y * 1103 + x * 509
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder to write to")?;
    for (name, version) in [("04", OmeZarrVersion::V0_4), ("05", OmeZarrVersion::V0_5)] {
        // The remainders fit the types that they are cast to.
        let grey = Array3::from_shape_fn(SHAPE, |(z, y, x)| (value(z, y, x) % 256) as u8);
        let wide = Array3::from_shape_fn(SHAPE, |(z, y, x)| (value(z, y, x) % 65_536) as u16);
        let real = wide.mapv(|voxel| f32::from(voxel) * 0.25 - 100.0);
        let mask = Mask::new(grey.mapv(|voxel| voxel > 127), None);
        for (kind, voxels) in [("u8", grey.into()), ("u16", wide.into()), ("f32", Voxels::from(real))] {
            let path = Path::new(&folder).join(format!("{kind}-{name}.zarr"));
            write(&path, &voxels, version)?;
            if voxels.voxel_type() == VoxelType::U8 {
                em_io::write_mask(path.join("labels/mito"), &mask)?;
            }
        }
    }
    Ok(())
}

fn write(path: &Path, voxels: &Voxels, version: OmeZarrVersion) -> em_io::Result<()> {
    let voxel_size_nm = Some([50.0, 4.6, 4.6]);
    let spec = VolumeSpec { shape: voxels.shape(), voxel_type: voxels.voxel_type(), voxel_size_nm };
    let options = WriteOptions { version, chunk: [2, 16, 16], ..WriteOptions::default() };
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    writer.write(voxels)?;
    writer.finish()
}
