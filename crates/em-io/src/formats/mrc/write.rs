//! Writes MRC, in the mode that IMOD, mrcfile and others read with the same values.

use super::{HEADER_BYTES, MAGIC, VERSION, at};
use crate::VolumeSpec;
use crate::atomic::AtomicFile;
use crate::error::{Error, Result};
use crate::formats::bytes_of_rows;
use crate::formats::sink::{Sink, cannot_write};
use crate::{Voxel, VoxelType, Voxels, match_voxels};
use ndarray::Axis;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

/// The machine stamp of the two byte orders.
const STAMP: [u8; 4] = if cfg!(target_endian = "big") { [0x11, 0x11, 0, 0] } else { [0x44, 0x44, 0, 0] };

/// The one label.
const LABEL: &[u8] = b"em-io";

/// An MRC file that is being written. Its header is written last, with the range of the values.
struct MrcSink {
    path: PathBuf,
    file: AtomicFile,
    spec: VolumeSpec,
    mode: i32,
    summary: Summary,
}

/// Starts an MRC file.
pub(crate) fn create(path: &Path, spec: VolumeSpec) -> Result<Box<dyn Sink>> {
    let mode = mode(path, spec.voxel_type)?;
    let file = AtomicFile::create(path)?;
    file.as_file().write_all(&[0; HEADER_BYTES]).map_err(Error::io("write", path))?;
    Ok(Box::new(MrcSink { path: path.to_path_buf(), file, spec, mode, summary: Summary::default() }))
}

/// Returns the mode that holds a type.
///
/// Bytes are widened to 16 bits, unsigned ones as mrcfile does: mode 0 is signed by MRC2014 and to
/// mrcfile, but IMOD shows all bytes as unsigned, those of its own signed files with 128 added, so
/// that no file of bytes is read alike by both.
fn mode(path: &Path, voxel_type: VoxelType) -> Result<i32> {
    match voxel_type {
        VoxelType::I8 | VoxelType::I16 => Ok(1),
        VoxelType::F32 => Ok(2),
        VoxelType::U8 | VoxelType::U16 => Ok(6),
        VoxelType::U32 | VoxelType::I32 | VoxelType::U64 | VoxelType::I64 => {
            let what = format!("{voxel_type} voxels");
            Err(cannot_write(path, what, "8- or 16-bit integers or 32-bit float for MRC"))
        }
    }
}

impl Sink for MrcSink {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        for z in 0..sections.shape()[0] {
            self.summary.add(sections, z);
            let bytes = stored_bytes(sections, z);
            self.file.as_file().write_all(&bytes).map_err(Error::io("write", &self.path))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut file = self.file.as_file();
        file.rewind()
            .and_then(|()| file.write_all(&self.header()))
            .map_err(Error::io("write", &self.path))?;
        self.file.commit()
    }
}

/// Returns the bytes of a section, in the machine's byte order.
fn stored_bytes(sections: &Voxels, z: usize) -> Vec<u8> {
    match sections {
        Voxels::U8(array) => {
            array.index_axis(Axis(0), z).iter().flat_map(|&v| u16::from(v).to_ne_bytes()).collect()
        }
        Voxels::I8(array) => {
            array.index_axis(Axis(0), z).iter().flat_map(|&v| i16::from(v).to_ne_bytes()).collect()
        }
        other => bytes_of_rows(other, z, 0..other.shape()[1]),
    }
}

impl MrcSink {
    fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        let [z, y, x] = self.spec.shape;
        // The limits keep each side below 2^31.
        let sides = [x, y, z].map(|side| side as i32);
        put(at::SHAPE, &integers(sides));
        put(at::MODE, &self.mode.to_ne_bytes());
        put(at::GRID, &integers(sides));
        if let Some([z_nm, y_nm, x_nm]) = self.spec.voxel_size_nm {
            let angstrom = [x_nm * x as f64, y_nm * y as f64, z_nm * z as f64].map(|nm| nm * 10.0);
            put(at::CELL, &floats(angstrom));
        }
        put(at::ANGLES, &floats([90.0; 3]));
        put(at::AXES, &integers([1, 2, 3]));
        put(at::RANGE, &floats([self.summary.smallest(), self.summary.largest(), self.summary.mean()]));
        put(at::SPACE_GROUP, &1_i32.to_ne_bytes());
        put(at::VERSION, &VERSION.to_ne_bytes());
        put(MAGIC.0, b"MAP ");
        put(at::MACHINE, &STAMP);
        put(at::DEVIATION, &(self.summary.deviation() as f32).to_ne_bytes());
        put(at::LABELS, &1_i32.to_ne_bytes());
        put(at::LABELS + 4, &[b' '; 80]);
        put(at::LABELS + 4, LABEL);
        header
    }
}

fn integers(values: [i32; 3]) -> [u8; 12] {
    flat(values.map(i32::to_ne_bytes))
}

fn floats(values: [f64; 3]) -> [u8; 12] {
    flat(values.map(|value| (value as f32).to_ne_bytes()))
}

fn flat(values: [[u8; 4]; 3]) -> [u8; 12] {
    std::array::from_fn(|index| values[index / 4][index % 4])
}

/// The range, mean and spread of the values written so far; NaN is left out.
#[derive(Default)]
struct Summary {
    range: Option<(f64, f64)>,
    count: f64,
    sum: f64,
    squares: f64,
}

impl Summary {
    fn add(&mut self, sections: &Voxels, z: usize) {
        match_voxels!(sections, array => {
            for value in array.index_axis(Axis(0), z).iter().map(|v| v.to_f64()).filter(|v| !v.is_nan()) {
                let (low, high) = self.range.unwrap_or((value, value));
                self.range = Some((low.min(value), high.max(value)));
                self.count += 1.0;
                self.sum += value;
                self.squares += value * value;
            }
        });
    }

    fn smallest(&self) -> f64 {
        self.range.unwrap_or_default().0
    }

    fn largest(&self) -> f64 {
        self.range.unwrap_or_default().1
    }

    fn mean(&self) -> f64 {
        self.sum / self.count.max(1.0)
    }

    fn deviation(&self) -> f64 {
        (self.squares / self.count.max(1.0) - self.mean().powi(2)).max(0.0).sqrt()
    }
}
