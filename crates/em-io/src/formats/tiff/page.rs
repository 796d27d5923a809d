//! What a page of a TIFF file is: its size, its type and how its pixels become voxels.

use super::failure;
use crate::VoxelType;
use crate::error::{Error, Result};
use crate::formats::{ALPHA_NOTE, COLOUR_NOTE, DOUBLE_NOTE};
use crate::limits::{self, MAX_PIECE_BYTES};
use std::io::{Read, Seek};
use std::path::Path;
use tiff::decoder::Decoder;
use tiff::tags::{PhotometricInterpretation, SampleFormat, Tag};
use tiff::{ColorType, TiffResult};

/// What is known of a page before its pixels are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Height and width.
    pub size: [usize; 2],
    pub voxel_type: VoxelType,
    pub pixels: Pixels,
    /// The bits of one stored sample.
    pub bits: u8,
    /// Whether 0 is stored for white. The decoder inverts such values.
    pub white_is_zero: bool,
    /// Whether the samples of a pixel are stored apart, in planes (TIFF 6.0, PlanarConfiguration 2).
    pub planar: bool,
}

/// How the samples of a pixel become one voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pixels {
    /// One sample, which is the voxel.
    Grey,
    /// Several grey values in one byte, each of so many bits; rows start at a new byte.
    Packed { bits: u8 },
    /// The first of so many samples: luma of YCbCr, grey beside alpha.
    First { samples: usize },
    /// Red, green and blue, the first of so many samples.
    Colour { samples: usize },
}

/// The kinds of pages that are read, for error messages.
pub(super) const READABLE: &str = "8- to 64-bit integers or 16- to 64-bit float, grey or RGB";

impl Page {
    /// Reads the tags of the decoder's current page.
    pub(super) fn describe<R: Read + Seek>(
        path: &Path,
        page: usize,
        file_bytes: u64,
        decoder: &mut Decoder<R>,
    ) -> Result<Self> {
        let failure = |error| failure(path, page, error);
        let unsupported =
            |found: String| Error::Unsupported { path: path.to_path_buf(), page, found, expected: READABLE };
        let (width, height) = decoder.dimensions().map_err(failure)?;
        let size = [height as usize, width as usize];
        let color = decoder.colortype().map_err(failure)?;
        let bits_per_pixel = usize::from(color.bit_depth()) * usize::from(color.num_samples());
        limits::check_section(path, page, size, bits_per_pixel, file_bytes)?;
        check_chunk(path, page, decoder.chunk_dimensions(), bits_per_pixel)?;

        let format = sample_format(decoder).map_err(failure)?;
        let pixels = Pixels::of(color, has_alpha(decoder)).ok_or_else(|| unsupported(kind(color, format)))?;
        let voxel_type = match (format, color.bit_depth()) {
            (SampleFormat::Uint, 1 | 2 | 4 | 8) => VoxelType::U8,
            (SampleFormat::Uint, 16) => VoxelType::U16,
            (SampleFormat::Uint, 32) => VoxelType::U32,
            (SampleFormat::Uint, 64) => VoxelType::U64,
            (SampleFormat::Int, 8) => VoxelType::I8,
            (SampleFormat::Int, 16) => VoxelType::I16,
            (SampleFormat::Int, 32) => VoxelType::I32,
            (SampleFormat::Int, 64) => VoxelType::I64,
            (SampleFormat::IEEEFP, 16 | 32 | 64) => VoxelType::F32,
            _ => return Err(unsupported(kind(color, format))),
        };
        let photometric =
            decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).map_err(failure)?;
        let white_is_zero = photometric == Some(PhotometricInterpretation::WhiteIsZero.to_u16());
        let planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(failure)? == Some(2);
        Ok(Self { size, voxel_type, pixels, bits: color.bit_depth(), white_is_zero, planar })
    }

    /// Tells whether voxels are stored as 64-bit floats.
    pub(super) fn is_double(&self) -> bool {
        self.bits == 64 && self.voxel_type == VoxelType::F32
    }

    /// What a user should know of the way this page is read.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = match self.pixels {
            Pixels::Grey => Vec::new(),
            Pixels::Packed { bits } => vec![format!("{bits}-bit grey scaled to 0-255")],
            Pixels::First { samples: 2 } => vec![ALPHA_NOTE.into()],
            Pixels::First { .. } | Pixels::Colour { samples: 3 } => vec![COLOUR_NOTE.into()],
            Pixels::Colour { .. } => vec![COLOUR_NOTE.into(), ALPHA_NOTE.into()],
        };
        if self.white_is_zero {
            notes.push("inverted: the file stores 0 for white".into());
        }
        if self.is_double() {
            notes.push(DOUBLE_NOTE.into());
        }
        notes
    }
}

impl Pixels {
    fn of(color: ColorType, has_alpha: bool) -> Option<Self> {
        match color {
            ColorType::Gray(bits @ (1 | 2 | 4)) => Some(Self::Packed { bits }),
            ColorType::Gray(_) => Some(Self::Grey),
            ColorType::Multiband { num_samples: 2, .. } if has_alpha => Some(Self::First { samples: 2 }),
            // The first sample of YCbCr is Rec. 601 luma already.
            ColorType::YCbCr(8) => Some(Self::First { samples: 3 }),
            ColorType::RGB(_) => Some(Self::Colour { samples: 3 }),
            ColorType::RGBA(_) => Some(Self::Colour { samples: 4 }),
            _ => None,
        }
    }
}

/// Bounds a strip or tile, whose size a file states apart from that of the page.
fn check_chunk(path: &Path, page: usize, (width, height): (u32, u32), bits_per_pixel: usize) -> Result<()> {
    // A strip may claim more rows than the page has; only the rows that exist are decoded.
    let row_bytes = (u64::from(width) * bits_per_pixel as u64).div_ceil(8);
    if row_bytes > MAX_PIECE_BYTES as u64 {
        return Err(Error::TooLarge {
            path: path.to_path_buf(),
            page,
            size: [height as usize, width as usize],
            limit: format!("{MAX_PIECE_BYTES} bytes for a strip or tile"),
        });
    }
    Ok(())
}

fn sample_format<R: Read + Seek>(decoder: &mut Decoder<R>) -> TiffResult<SampleFormat> {
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat)?;
    // The decoder refuses samples of different formats, and 1 (unsigned) is the default.
    let first = formats.and_then(|formats| formats.first().copied());
    Ok(SampleFormat::from_u16_exhaustive(first.unwrap_or(1)))
}

/// Tells whether the sample behind the colour is transparency (TIFF 6.0, ExtraSamples 1 or 2).
fn has_alpha<R: Read + Seek>(decoder: &mut Decoder<R>) -> bool {
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples);
    matches!(extra.ok().flatten().as_deref(), Some([1 | 2, ..]))
}

fn kind(color: ColorType, format: SampleFormat) -> String {
    let number = match format {
        SampleFormat::Uint => "unsigned",
        SampleFormat::Int => "signed",
        SampleFormat::IEEEFP => "float",
        _ => "of unknown number format",
    };
    match color {
        ColorType::Multiband { bit_depth, num_samples } => {
            format!("{bit_depth}-bit {number} with {num_samples} channels per pixel")
        }
        ColorType::Gray(bits) => format!("{bits}-bit {number} grey"),
        other => format!("{number} {other:?}"),
    }
}
