//! What a page of a TIFF file is: its size, its type and how its pixels become voxels.

use super::directory::{Directory, Tiff, tag};
use crate::VoxelType;
use crate::error::{Error, Result};
use crate::formats::palette::{INDICES_NOTE, grey_ramp};
use crate::formats::{ALPHA_NOTE, COLOUR_NOTE, DOUBLE_NOTE};
use crate::limits;
use std::sync::Arc;

/// What is known of a page before its pixels are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Height and width.
    pub size: [usize; 2],
    pub voxel_type: VoxelType,
    /// The bits of one stored sample.
    pub bits: usize,
    /// The samples of a pixel.
    pub samples: usize,
    /// Whether the samples of a pixel are stored apart, in planes (TIFF 6.0, PlanarConfiguration 2).
    pub planar: bool,
    pub pixels: Pixels,
    /// Whether 0 is shown as white.
    pub white_is_zero: bool,
    /// Whether the tag is missing that says how values are shown.
    pub no_photometric: bool,
}

/// How the samples of a pixel become one voxel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pixels {
    /// One sample, which is the voxel.
    Grey,
    /// A sample of so few bits that several are in a byte; it is scaled to 0-255.
    Packed,
    /// A sample that stands for a colour of a palette, of up to 16 bits; kept as it is.
    Index,
    /// A sample that stands for a grey value of a palette.
    Ramp(Arc<[u8]>),
    /// The luma of YCbCr: the first of three samples.
    Luma,
    /// One of several samples that are no colours; the others are transparency, or other channels.
    One { index: usize, others: Others },
    /// Red, green and blue, the first of the samples.
    Colour,
}

/// What the samples beside the one that is read are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Transparency,
    /// Sections, channels or points in time, which are accounted for where they are picked.
    Planes,
}

/// The kinds of pages that are read, for error messages.
pub(super) const READABLE: &str = "8- to 64-bit integers or 16- to 64-bit float, grey or RGB";

/// What the tag `PhotometricInterpretation` says (TIFF 6.0).
mod photometric {
    pub const WHITE_IS_ZERO: u64 = 0;
    pub const BLACK_IS_ZERO: u64 = 1;
    pub const RGB: u64 = 2;
    pub const PALETTE: u64 = 3;
    pub const MASK: u64 = 4;
    pub const YCBCR: u64 = 6;
}

impl Page {
    /// Reads the tags of a page.
    pub(super) fn describe(tiff: &mut Tiff, directory: &Directory) -> Result<Self> {
        let page = directory.page;
        let size = size(tiff, directory)?;
        let samples = number(tiff, directory, tag::SAMPLES_PER_PIXEL, 1)?;
        let bits = bits(tiff, directory)?;
        let per_pixel = samples.saturating_mul(bits).min(usize::from(u16::MAX));
        limits::check_section(&tiff.path, page, size, per_pixel, tiff.bytes)?;
        let format = number(tiff, directory, tag::SAMPLE_FORMAT, 1)?;
        let voxel_type = match (format, bits) {
            (1 | 4, 1 | 2 | 4 | 8) => VoxelType::U8,
            (1 | 4, 16) => VoxelType::U16,
            (1 | 4, 32) => VoxelType::U32,
            (1 | 4, 64) => VoxelType::U64,
            (2, 8) => VoxelType::I8,
            (2, 16) => VoxelType::I16,
            (2, 32) => VoxelType::I32,
            (2, 64) => VoxelType::I64,
            (3, 16 | 32 | 64) => VoxelType::F32,
            _ => return Err(unsupported(tiff, page, kind(bits, format, samples))),
        };
        let depth = number(tiff, directory, tag::IMAGE_DEPTH, 1)?;
        if depth > 1 {
            return Err(unsupported(tiff, page, format!("a block of {depth} sections (tag ImageDepth)")));
        }
        let shown = tiff.number(directory, tag::PHOTOMETRIC)?;
        let planar = samples > 1 && tiff.number(directory, tag::PLANAR_CONFIGURATION)? == Some(2);
        // Where the tag is missing, libtiff's guess.
        let is_fax = matches!(tiff.number(directory, tag::COMPRESSION)?, Some(2..=4));
        let guess = match samples {
            3 => photometric::RGB,
            _ if is_fax => photometric::WHITE_IS_ZERO,
            _ => photometric::BLACK_IS_ZERO,
        };
        let mut described = Self {
            size,
            voxel_type,
            bits,
            samples,
            planar,
            pixels: Pixels::Grey,
            white_is_zero: shown.unwrap_or(guess) == photometric::WHITE_IS_ZERO,
            no_photometric: shown.is_none(),
        };
        described.pixels = described.pixels(tiff, directory, shown.unwrap_or(guess), format)?;
        Ok(described)
    }

    /// Tells how pixels become voxels.
    fn pixels(&self, tiff: &mut Tiff, directory: &Directory, shown: u64, format: usize) -> Result<Pixels> {
        let refused = |found| Err(unsupported(tiff, directory.page, found));
        let (bits, samples) = (self.bits, self.samples);
        match (shown, samples) {
            (photometric::WHITE_IS_ZERO | photometric::BLACK_IS_ZERO | photometric::MASK, 1) => {
                Ok(if bits < 8 { Pixels::Packed } else { Pixels::Grey })
            }
            (photometric::PALETTE, 1) if bits <= 16 && format == 1 => palette(tiff, directory, bits),
            _ if bits < 8 => refused(kind(bits, format, samples)),
            (photometric::RGB, 3..) => Ok(Pixels::Colour),
            (photometric::YCBCR, 3) if bits == 8 => {
                let is_jpeg = tiff.number(directory, tag::COMPRESSION)? == Some(7);
                let subsampling = tiff.numbers(directory, tag::CHROMA_SUBSAMPLING)?.unwrap_or(vec![2, 2]);
                if is_jpeg || subsampling == [1, 1] {
                    return Ok(Pixels::Luma);
                }
                Err(unsupported(tiff, directory.page, "colour with fewer chroma than luma values".into()))
            }
            (photometric::WHITE_IS_ZERO | photometric::BLACK_IS_ZERO, _) => {
                let others = if samples == 2 && has_alpha(tiff, directory)? {
                    Others::Transparency
                } else {
                    Others::Planes
                };
                Ok(Pixels::One { index: 0, others })
            }
            (5, _) => refused("colour for printing (CMYK)".into()),
            (8..=10, _) => refused("colour as L*a*b*".into()),
            (32803 | 34892, _) => refused("what a camera's sensor saw (raw)".into()),
            (other, _) => refused(format!(
                "of {samples} samples per pixel that are shown by rule {other} (PhotometricInterpretation)"
            )),
        }
    }

    /// The same page, of which one sample of each pixel is read.
    pub(super) fn with_sample(self, index: usize) -> Self {
        Self { pixels: Pixels::One { index, others: Others::Planes }, ..self }
    }

    /// The samples of a pixel in one strip or tile.
    pub(super) fn samples_in_chunk(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Tells whether voxels are stored as 64-bit floats.
    pub(super) fn is_double(&self) -> bool {
        self.bits == 64 && self.voxel_type == VoxelType::F32
    }

    /// What a user should know of the way this page is read.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.pixels {
            Pixels::Grey | Pixels::Ramp(_) => {}
            Pixels::Packed => notes.push(format!("{}-bit grey scaled to 0-255", self.bits)),
            Pixels::Index => notes.push(INDICES_NOTE.into()),
            Pixels::Luma => notes.push(COLOUR_NOTE.into()),
            Pixels::One { others: Others::Transparency, .. } => notes.push(ALPHA_NOTE.into()),
            Pixels::One { others: Others::Planes, .. } => {}
            Pixels::Colour => {
                notes.push(COLOUR_NOTE.into());
                if self.samples > 3 {
                    notes.push(ALPHA_NOTE.into());
                }
            }
        }
        if self.no_photometric {
            notes.push("the file does not say how its values are shown: 0 is taken for black".into());
        }
        if self.is_double() {
            notes.push(DOUBLE_NOTE.into());
        }
        notes
    }
}

fn unsupported(tiff: &Tiff, page: usize, found: String) -> Error {
    Error::Unsupported { path: tiff.path.clone(), page, found, expected: READABLE }
}

/// Reads height and width.
fn size(tiff: &mut Tiff, directory: &Directory) -> Result<[usize; 2]> {
    let sides = [tag::IMAGE_LENGTH, tag::IMAGE_WIDTH];
    let [height, width] = sides.map(|side| number(tiff, directory, side, 0));
    match [height?, width?] {
        [0, _] | [_, 0] => Err(tiff.damaged(directory.page, "its size is missing or 0".into())),
        size => Ok(size),
    }
}

/// Reads the bits of a sample, which are the same for all samples of a page.
fn bits(tiff: &mut Tiff, directory: &Directory) -> Result<usize> {
    let bits = tiff.numbers(directory, tag::BITS_PER_SAMPLE)?.unwrap_or_default();
    let first = bits.first().copied().unwrap_or(1);
    if bits.iter().any(|&bits| bits != first) {
        return Err(unsupported(tiff, directory.page, format!("of samples of {bits:?} bits")));
    }
    Ok(usize::try_from(first).unwrap_or(usize::MAX))
}

/// Reads a number that is not 0, or takes `default` where there is none.
pub(super) fn number(tiff: &mut Tiff, directory: &Directory, tag: u16, default: usize) -> Result<usize> {
    let number = tiff.number(directory, tag)?.filter(|&number| number > 0);
    Ok(number.map_or(default, |number| usize::try_from(number).unwrap_or(usize::MAX)))
}

/// Reads the colours of a palette: grey values where they are a ramp of greys.
fn palette(tiff: &mut Tiff, directory: &Directory, bits: usize) -> Result<Pixels> {
    let colours = tiff.numbers(directory, tag::COLOR_MAP)?.unwrap_or_default();
    // All reds come first, then all greens and all blues, in 16 bits.
    let count = 1 << bits;
    let of = |plane: usize| colours.iter().skip(plane * count).take(count).map(|&value| (value >> 8) as u8);
    let entries: Vec<_> =
        of(0).zip(of(1)).zip(of(2)).map(|((red, green), blue)| [red, green, blue]).collect();
    Ok(if bits > 8 { None } else { grey_ramp(&entries) }.map_or(Pixels::Index, Pixels::Ramp))
}

/// Tells whether the sample behind the colour is transparency (TIFF 6.0, ExtraSamples 1 or 2).
fn has_alpha(tiff: &mut Tiff, directory: &Directory) -> Result<bool> {
    Ok(matches!(tiff.number(directory, tag::EXTRA_SAMPLES)?, Some(1 | 2)))
}

fn kind(bits: usize, format: usize, samples: usize) -> String {
    let number = match format {
        1 | 4 => "unsigned",
        2 => "signed",
        3 => "float",
        5 | 6 => "complex",
        _ => "of unknown number format",
    };
    match samples {
        1 => format!("{bits}-bit {number} grey"),
        _ => format!("{bits}-bit {number} with {samples} channels per pixel"),
    }
}
