//! Writes sections as PNG: one file, or a folder with one file per section.

use super::bytes_of_rows;
use crate::VolumeSpec;
use crate::atomic::{AtomicFile, AtomicFolder};
use crate::error::{Error, Result};
use crate::formats::sink::{Sink, cannot_write};
use crate::{VoxelType, Voxels};
use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use rayon::prelude::*;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The fewest digits of a section's number in its file name.
const MIN_DIGITS: usize = 4;

/// Starts a PNG file, for a volume of one section.
pub(crate) fn create_file(path: &Path, spec: VolumeSpec) -> Result<Box<dyn Sink>> {
    check_type(path, spec)?;
    if spec.shape[0] != 1 {
        let what = format!("{} sections", spec.shape[0]);
        return Err(cannot_write(
            path,
            what,
            "one section, or a path without an extension for a folder of PNG",
        ));
    }
    let file = AtomicFile::create(path)?;
    Ok(Box::new(PngFile { file, path: path.to_path_buf() }))
}

/// Starts a folder of PNG files named after the folder and their section: `mask/mask0007.png`.
pub(crate) fn create_folder(path: &Path, spec: VolumeSpec) -> Result<Box<dyn Sink>> {
    check_type(path, spec)?;
    let digits = spec.shape[0].saturating_sub(1).to_string().len().max(MIN_DIGITS);
    let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = AtomicFolder::create(path)?;
    Ok(Box::new(PngFolder { folder, path: path.to_path_buf(), stem, digits, sections: 0 }))
}

fn check_type(path: &Path, spec: VolumeSpec) -> Result<()> {
    match spec.voxel_type {
        VoxelType::U8 | VoxelType::U16 => Ok(()),
        _ => {
            let what = format!("{} voxels", spec.voxel_type);
            Err(cannot_write(path, what, "8- or 16-bit unsigned voxels for PNG, or a path that ends in .tif"))
        }
    }
}

struct PngFile {
    file: AtomicFile,
    path: PathBuf,
}

impl Sink for PngFile {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        for z in 0..sections.shape()[0] {
            let bytes = encode(&self.path, sections, z)?;
            self.file.as_file().write_all(&bytes).map_err(Error::io("write", &self.path))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.commit()
    }
}

struct PngFolder {
    folder: AtomicFolder,
    path: PathBuf,
    stem: String,
    digits: usize,
    /// The number of sections written so far.
    sections: usize,
}

impl Sink for PngFolder {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        let depth = sections.shape()[0];
        (0..depth).into_par_iter().try_for_each(|z| {
            let (stem, number, digits) = (&self.stem, self.sections + z, self.digits);
            let name = format!("{stem}{number:0digits$}.png");
            self.folder.write(&name, &encode(&self.path, sections, z)?)
        })?;
        self.sections += depth;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.folder.commit()
    }
}

fn encode(path: &Path, sections: &Voxels, z: usize) -> Result<Vec<u8>> {
    let [_, height, width] = sections.shape();
    // `check_type` has let only these two pass.
    let depth = if sections.voxel_type() == VoxelType::U16 { BitDepth::Sixteen } else { BitDepth::Eight };
    let mut bytes = bytes_of_rows(sections, z, 0..height);
    if depth == BitDepth::Sixteen && cfg!(target_endian = "little") {
        // PNG stores the high byte first.
        bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
    }
    let side = |side| u32::try_from(side).unwrap_or(u32::MAX);
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, side(width), side(height));
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Sub);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes));
    written.map_err(|error| Error::io("encode", path)(std::io::Error::other(error)))?;
    Ok(png)
}
