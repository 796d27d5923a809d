//! PNG and JPEG: one section per file, colour as grey.

use super::{ALPHA_NOTE, COLOUR_NOTE};
use crate::Roi;
use crate::Volume;
use crate::error::{Error, Result};
use crate::formats::open::ImageKind;
use crate::formats::source::{Source, VolumeInfo};
use crate::limits::{self, MAX_PIECE_BYTES, MAX_SIDE};
use crate::sample::Voxel;
use crate::{VoxelType, Voxels};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use ndarray::Array3;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Opens a PNG or JPEG as a volume of one section.
pub(crate) fn open(path: &Path, kind: ImageKind) -> Result<Volume> {
    let format = match kind {
        ImageKind::Png => ImageFormat::Png,
        ImageKind::Jpeg => ImageFormat::Jpeg,
    };
    let info = info(path, kind, &decoder(path, format)?)?;
    let [_, height, width] = info.shape;
    let source = ImageFile { path: path.to_path_buf(), format, size: [height, width] };
    Ok(Volume::new(info, source))
}

fn info(path: &Path, kind: ImageKind, decoder: &impl ImageDecoder) -> Result<VolumeInfo> {
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    let voxel_type = match color {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => VoxelType::U8,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => VoxelType::U16,
        other => return Err(unsupported(path, other)),
    };
    let size = [height as usize, width as usize];
    let bits = usize::from(color.bits_per_pixel());
    let file_bytes = std::fs::metadata(path).map_err(Error::io("open", path))?.len();
    // Packed pixels (1, 2 or 4 bits) are decoded to bytes, which the limit leaves room for.
    limits::check_section(path, 0, size, bits, file_bytes)?;
    let mut notes = Vec::new();
    if color.has_color() {
        notes.push(COLOUR_NOTE.to_owned());
    }
    if color.has_alpha() {
        notes.push(ALPHA_NOTE.to_owned());
    }
    Ok(VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: [1, size[0], size[1]],
        voxel_type,
        voxel_size_nm: None,
        format: kind.name(),
        notes,
        orientation: None,
        section_names: None,
    })
}

#[derive(Debug)]
struct ImageFile {
    path: PathBuf,
    format: ImageFormat,
    /// The size when it was opened, `[y, x]`.
    size: [usize; 2],
}

impl Source for ImageFile {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        let image = decoder(&self.path, self.format).and_then(|decoder| {
            DynamicImage::from_decoder(decoder).map_err(|error| failure(&self.path, error))
        })?;
        let found = [image.height() as usize, image.width() as usize];
        if found != self.size {
            return Err(Error::SizeMismatch {
                section: format!("`{}`, changed since it was opened,", self.path.display()),
                found,
                expected: self.size,
            });
        }
        match image {
            DynamicImage::ImageLuma8(grey) => Ok(self.block(grey.into_raw(), roi)),
            DynamicImage::ImageLumaA8(grey) => Ok(self.block(first_of::<_, 2>(&grey), roi)),
            DynamicImage::ImageRgb8(colour) => Ok(self.block(luma_of::<_, 3>(&colour), roi)),
            DynamicImage::ImageRgba8(colour) => Ok(self.block(luma_of::<_, 4>(&colour), roi)),
            DynamicImage::ImageLuma16(grey) => Ok(self.block(grey.into_raw(), roi)),
            DynamicImage::ImageLumaA16(grey) => Ok(self.block(first_of::<_, 2>(&grey), roi)),
            DynamicImage::ImageRgb16(colour) => Ok(self.block(luma_of::<_, 3>(&colour), roi)),
            DynamicImage::ImageRgba16(colour) => Ok(self.block(luma_of::<_, 4>(&colour), roi)),
            other => Err(unsupported(&self.path, other.color())),
        }
    }
}

impl ImageFile {
    /// Cuts a block out of the grey values of the whole section.
    fn block<T: Voxel>(&self, grey: Vec<T>, roi: Roi) -> Voxels
    where
        Voxels: From<Array3<T>>,
    {
        let section = Array3::from_shape_vec((1, self.size[0], self.size[1]), grey)
            .expect("the decoded size was checked");
        Voxels::from(section).cut(roi)
    }
}

/// Takes the colour of each pixel of `N` samples, as grey.
fn luma_of<T: Voxel, const N: usize>(samples: &[T]) -> Vec<T> {
    let (pixels, _) = samples.as_chunks::<N>();
    pixels.iter().map(|pixel| T::luma(pixel[0], pixel[1], pixel[2])).collect()
}

/// Takes the first sample of each pixel of `N` samples.
fn first_of<T: Voxel, const N: usize>(samples: &[T]) -> Vec<T> {
    samples.iter().copied().step_by(N).collect()
}

fn decoder(path: &Path, format: ImageFormat) -> Result<impl ImageDecoder + use<>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut bounds = image::Limits::default();
    bounds.max_image_width = Some(MAX_SIDE as u32);
    bounds.max_image_height = Some(MAX_SIDE as u32);
    bounds.max_alloc = Some(MAX_PIECE_BYTES as u64);
    reader.limits(bounds);
    reader.into_decoder().map_err(|error| failure(path, error))
}

fn failure(path: &Path, error: image::ImageError) -> Error {
    Error::decoding(path, 0, Box::new(error))
}

fn unsupported(path: &Path, color: ColorType) -> Error {
    Error::Unsupported {
        path: path.to_path_buf(),
        page: 0,
        found: format!("an image of type {color:?}"),
        expected: "8- or 16-bit grey or colour",
    }
}
