//! PNG and JPEG: one section per file, colour as grey, palettes as indices.

use super::jpeg::{self, Colours};
use super::palette::{INDICES_NOTE, grey_ramp};
use super::{ALPHA_NOTE, COLOUR_NOTE};
use crate::error::{Error, Result};
use crate::formats::open::ImageKind;
use crate::formats::source::{Source, VolumeInfo};
use crate::limits::{self, MAX_PIECE_BYTES};
use crate::sample::{Endian, Sample, Voxel};
use crate::storage::{self, Object, Reader};
use crate::{Roi, Volume, VoxelType, Voxels};
use ndarray::Array3;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Transformations};
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens a PNG or JPEG as a volume of one section.
pub(crate) fn open(path: &Path, kind: ImageKind) -> Result<Volume> {
    let picture = Picture::describe(path, kind)?;
    let [height, width] = picture.size;
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: [1, height, width],
        voxel_type: if picture.is_wide { VoxelType::U16 } else { VoxelType::U8 },
        voxel_size_nm: None,
        format: kind.name(),
        notes: picture.notes(),
        orientation: None,
        section_names: None,
    };
    Ok(Volume::new(info, ImageFile { path: path.to_path_buf(), kind, picture }))
}

/// What is known of a picture before it is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    /// Height and width.
    size: [usize; 2],
    /// Whether a sample has 16 bits.
    is_wide: bool,
    pixels: Pixels,
}

/// How the samples of a pixel become one voxel.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pixels {
    /// The first of so many samples is grey; the other is transparency.
    Grey { samples: usize },
    /// The first three of so many samples are a colour; a fourth is transparency.
    Colour { samples: usize },
    /// An index, which is kept.
    Index,
    /// An index, which stands for a grey value.
    Ramp(Arc<[u8]>),
}

impl Picture {
    fn describe(path: &Path, kind: ImageKind) -> Result<Self> {
        let picture = match kind {
            ImageKind::Png => Self::of_png(&png_reader(path)?),
            ImageKind::Jpeg => {
                let bytes = bytes_of(path)?;
                let opened = jpeg::open(&bytes, Colours::Rgb).map_err(|error| failure(path, error))?;
                Self::of_jpeg(opened.size, opened.components)
            }
        };
        let file_bytes = Object::existing(path).map_err(Error::io("open", path))?.bytes();
        // Packed pixels (1, 2 or 4 bits) are decoded to bytes, which the limit leaves room for.
        let bits = picture.samples() * if picture.is_wide { 16 } else { 8 };
        limits::check_section(path, 0, picture.size, bits, file_bytes)?;
        Ok(picture)
    }

    fn of_jpeg(size: [usize; 2], samples: usize) -> Self {
        let pixels = if samples == 1 { Pixels::Grey { samples } } else { Pixels::Colour { samples } };
        Self { size, is_wide: false, pixels }
    }

    fn of_png(reader: &PngReader) -> Self {
        let info = reader.info();
        let pixels = match info.color_type {
            ColorType::Grayscale => Pixels::Grey { samples: 1 },
            ColorType::GrayscaleAlpha => Pixels::Grey { samples: 2 },
            ColorType::Rgb => Pixels::Colour { samples: 3 },
            ColorType::Rgba => Pixels::Colour { samples: 4 },
            ColorType::Indexed => {
                let (colours, _) = info.palette.as_deref().unwrap_or_default().as_chunks::<3>();
                grey_ramp(colours).map_or(Pixels::Index, Pixels::Ramp)
            }
        };
        let size = [info.height as usize, info.width as usize];
        Self { size, is_wide: info.bit_depth == BitDepth::Sixteen, pixels }
    }

    /// The samples of a pixel.
    fn samples(&self) -> usize {
        match self.pixels {
            Pixels::Grey { samples } | Pixels::Colour { samples } => samples,
            Pixels::Index | Pixels::Ramp(_) => 1,
        }
    }

    /// What a user should know of the way the picture is read.
    fn notes(&self) -> Vec<String> {
        let notes: &[&str] = match self.pixels {
            Pixels::Grey { samples: 1 } | Pixels::Ramp(_) => &[],
            Pixels::Grey { .. } => &[ALPHA_NOTE],
            Pixels::Colour { samples: 3 } => &[COLOUR_NOTE],
            Pixels::Colour { .. } => &[COLOUR_NOTE, ALPHA_NOTE],
            Pixels::Index => &[INDICES_NOTE],
        };
        notes.iter().map(|&note| note.to_owned()).collect()
    }

    /// Makes voxels of the samples of all pixels.
    fn grey<T: Voxel>(&self, samples: Vec<T>) -> Vec<T> {
        match &self.pixels {
            Pixels::Grey { samples: 1 } | Pixels::Index => samples,
            Pixels::Grey { samples: of_pixel } => samples.into_iter().step_by(*of_pixel).collect(),
            Pixels::Colour { samples: of_pixel } => {
                let pixels = samples.chunks_exact(*of_pixel);
                pixels.map(|pixel| T::luma(pixel[0], pixel[1], pixel[2])).collect()
            }
            Pixels::Ramp(values) => {
                let value = |index: T| values.get(index.to_f64() as usize).copied().unwrap_or(0);
                samples.into_iter().map(|index| T::from_f64(value(index).into())).collect()
            }
        }
    }
}

#[derive(Debug)]
struct ImageFile {
    path: PathBuf,
    kind: ImageKind,
    /// The picture when it was opened.
    picture: Picture,
}

impl Source for ImageFile {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        let (found, bytes) = match self.kind {
            ImageKind::Png => decode_png(&self.path)?,
            ImageKind::Jpeg => {
                let bytes = bytes_of(&self.path)?;
                let failed = |error| failure(&self.path, error);
                let opened = jpeg::open(&bytes, Colours::Rgb).map_err(failed)?;
                let found = Picture::of_jpeg(opened.size, opened.components);
                self.check(&found)?;
                (found, opened.decode().map_err(failed)?)
            }
        };
        self.check(&found)?;
        if found.is_wide { self.block::<u16>(&bytes, roi) } else { self.block::<u8>(&bytes, roi) }
    }

    fn piece(&self) -> [usize; 3] {
        let [height, width] = self.picture.size;
        [1, height, width]
    }
}

impl ImageFile {
    /// Checks that the file has not changed since it was opened.
    fn check(&self, found: &Picture) -> Result<()> {
        if *found == self.picture {
            return Ok(());
        }
        Err(Error::SizeMismatch {
            section: format!("`{}`, changed since it was opened,", self.path.display()),
            found: found.size,
            expected: self.picture.size,
        })
    }

    /// Cuts a block out of the whole section, whose samples are in the order of bytes of PNG.
    fn block<T: Voxel>(&self, bytes: &[u8], roi: Roi) -> Result<Voxels> {
        let [height, width] = self.picture.size;
        let mut samples = limits::zeroed::<T>(height * width * self.picture.samples())?;
        T::decode(bytes, Endian::Big, &mut samples);
        let section = Array3::from_shape_vec((1, height, width), self.picture.grey(samples))
            .expect("the samples were made for this shape");
        Ok(<T as Sample>::into_voxels(section).cut(roi))
    }
}

type PngReader = png::Reader<BufReader<Reader>>;

/// Reads a PNG up to its pixels, with all checksums verified.
fn png_reader(path: &Path) -> Result<PngReader> {
    let file = Object::existing(path).and_then(|file| file.reader()).map_err(Error::io("open", path))?;
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(BufReader::new(file), options);
    decoder.set_limits(png::Limits { bytes: MAX_PIECE_BYTES });
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.read_info().map_err(|error| failure(path, error.into()))
}

/// Decodes a PNG to samples of 8 or 16 bits.
fn decode_png(path: &Path) -> Result<(Picture, Vec<u8>)> {
    let failed = |error: png::DecodingError| failure(path, error.into());
    let mut reader = png_reader(path)?;
    let picture = Picture::of_png(&reader);
    let bits = reader.info().bit_depth as usize;
    let size = reader.output_buffer_size().unwrap_or(usize::MAX).min(MAX_PIECE_BYTES);
    let mut bytes = limits::zeroed(size)?;
    let frame = reader.next_frame(&mut bytes).map_err(failed)?;
    // What is behind the pixels has their checksum, and the end of the file.
    reader.finish().map_err(failed)?;
    if bits < 8 {
        let scale = match picture.pixels {
            Pixels::Grey { .. } => u8::MAX / (u8::MAX >> (8 - bits)),
            _ => 1,
        };
        bytes = super::bits::unpack(&bytes, frame.line_size, picture.size[1], bits, scale);
    }
    Ok((picture, bytes))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let bytes =
        storage::read(path, MAX_PIECE_BYTES as u64).and_then(|bytes| bytes.ok_or(ErrorKind::NotFound.into()));
    bytes.map_err(Error::io("read", path))
}

fn failure(path: &Path, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::decoding(path, 0, error)
}
