//! The em-io side of `cargo xtask interop`: `interop write FOLDER`, `interop describe VOLUME...`.

use em_io::{Content, Mask, OmeZarrVersion, VolumeSpec, VolumeWriter, Voxels, WriteOptions, match_voxels};
use ndarray::Array3;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;

/// The shape of the volumes, `[z, y, x]`: no multiple of a chunk.
const SHAPE: [usize; 3] = [5, 40, 37];
const SIZE_NM: Option<[f64; 3]> = Some([50.0, 4.6, 4.6]);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", folder] => write(Path::new(folder))?,
        ["describe", volumes @ ..] => volumes.iter().for_each(|path| println!("{}", describe(path))),
        _ => return Err("expected `write FOLDER` or `describe VOLUME...`".into()),
    }
    Ok(())
}

/// The voxels of each type, by the formula of `tests/interop/common.py`.
fn volumes() -> [(&'static str, Voxels); 9] {
    let value = |(z, y, x): (usize, usize, usize)| (z * 3701 + y * 1103 + x * 509) as i64;
    let wide = |at| value(at) % 65_536;
    // The remainders fit the types that they are cast to.
    [
        ("u8", Array3::from_shape_fn(SHAPE, |at| (value(at) % 256) as u8).into()),
        ("i8", Array3::from_shape_fn(SHAPE, |at| (value(at) % 256 - 128) as i8).into()),
        ("u16", Array3::from_shape_fn(SHAPE, |at| wide(at) as u16).into()),
        ("i16", Array3::from_shape_fn(SHAPE, |at| (wide(at) - 32_768) as i16).into()),
        ("u32", Array3::from_shape_fn(SHAPE, |at| (wide(at) * 65_537) as u32).into()),
        ("i32", Array3::from_shape_fn(SHAPE, |at| (wide(at) * 65_537 - (1 << 31)) as i32).into()),
        ("u64", Array3::from_shape_fn(SHAPE, |at| u64::MAX - wide(at) as u64 * 65_537).into()),
        ("i64", Array3::from_shape_fn(SHAPE, |at| i64::MIN + wide(at) * 65_537).into()),
        ("f32", Array3::from_shape_fn(SHAPE, |at| wide(at) as f32 * 0.25 - 100.0).into()),
    ]
}

fn write(folder: &Path) -> em_io::Result<()> {
    for (kind, voxels) in volumes() {
        let mut endings = vec![".tif"];
        endings.extend((!["u64", "i64"].contains(&kind)).then_some(".ome.tif"));
        endings.extend((!["u32", "i32", "u64", "i64"].contains(&kind)).then_some(".mrc"));
        endings.extend(["u8", "u16"].contains(&kind).then_some("-png"));
        endings.extend(cfg!(feature = "hdf5-write").then_some(".h5"));
        for ending in endings {
            em_io::write_volume(folder.join(format!("{kind}{ending}")), &voxels, SIZE_NM)?;
        }
        write_precomputed(folder, kind, &voxels)?;
        write_zarrs(folder, kind, &voxels)?;
    }
    let mut few = Array3::<u16>::zeros(SHAPE);
    few[SHAPE.map(|side| side - 1)] = 7;
    let options = WriteOptions::default().with_chunk([2, 16, 16]).with_shard(Some([4, 32, 32]));
    write_with(&folder.join("few-05-shards.zarr"), &few.into(), options)
}

/// OME-Zarr of both versions, and of the later one in shards; of bytes, with a label.
fn write_zarrs(folder: &Path, kind: &str, voxels: &Voxels) -> em_io::Result<()> {
    let [old, new] = [OmeZarrVersion::V0_4, OmeZarrVersion::V0_5];
    for (name, version, shard) in
        [("04", old, None), ("05", new, None), ("05-shards", new, Some([4, 32, 32]))]
    {
        let path = folder.join(format!("{kind}-{name}.zarr"));
        let options = WriteOptions::default().with_version(version).with_chunk([2, 16, 16]).with_shard(shard);
        write_with(&path, voxels, options)?;
        let Voxels::U8(grey) = voxels else { continue };
        let (label, mask) = (path.join("labels/mito"), Mask::new(grey.mapv(|v| v > 127), None));
        match shard {
            None => em_io::write_mask(label, &mask)?,
            Some(_) => write_with(&label, &mask.view().mapv(|v| if v { 255_u8 } else { 0 }).into(), options)?,
        }
    }
    Ok(())
}

fn write_with(path: &Path, voxels: &Voxels, options: WriteOptions) -> em_io::Result<()> {
    let spec = VolumeSpec { shape: SHAPE, voxel_type: voxels.voxel_type(), voxel_size_nm: SIZE_NM };
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    writer.write(voxels)?;
    writer.finish()
}

/// Folders for Neuroglancer: an image, and of whole numbers without a sign a segmentation.
fn write_precomputed(folder: &Path, kind: &str, voxels: &Voxels) -> em_io::Result<()> {
    let contents =
        [("image", Content::Intensity, kind != "i64"), ("labels", Content::Label, kind.starts_with('u'))];
    for (name, content, _) in contents.into_iter().filter(|(_, _, is_written)| *is_written) {
        let path = folder.join(format!("{kind}-{name}.precomputed"));
        let options = WriteOptions::default().with_content(content).with_chunk([2, 16, 16]);
        write_with(&path, voxels, options)?;
    }
    Ok(())
}

/// What is read of a volume, as a line of JSON.
fn describe(path: &str) -> serde_json::Value {
    let read = || -> em_io::Result<_> {
        let volume = em_io::open(path)?;
        let voxels = volume.read_all()?;
        Ok((volume, voxels))
    };
    let (volume, voxels) = match read() {
        Ok(read) => read,
        Err(error) => return json!({"error": error.to_string()}),
    };
    let mut digest = Sha256::new();
    match_voxels!(&voxels, array => array.iter().for_each(|v| digest.update(v.to_le_bytes())));
    let sha256 = em_io::hex(&digest.finalize());
    let kind = voxels.voxel_type().name();
    json!({"shape": volume.shape(), "type": kind, "voxel_size_nm": volume.voxel_size_nm(), "sha256": sha256})
}
