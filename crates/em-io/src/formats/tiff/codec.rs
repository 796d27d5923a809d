//! How the strips and tiles of a page are packed, and their bytes unpacked: to the last byte, or an error.
//!
//! Checksums are verified, and what ends early is never filled up.

use super::directory::{Directory, Tiff, tag};
use super::fax::{self, Fax};
use crate::error::{Error, Result};
use crate::formats::jpeg::{self, Colours};
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{DecompressionError, Decompressor};
use std::io::{self, Read};
use weezl::{BitOrder, LzwStatus};

/// The packings that are read, for error messages.
const READABLE: &str = "none, deflate, LZW, PackBits, Zstandard, JPEG or CCITT";

/// Numbers of the tag `Compression`: TIFF 6.0, its technical notes, and libtiff's `tiff.h`.
const NAMES: [(u64, &str); 27] = [
    (6, "JPEG of the old kind"),
    (9, "JBIG"),
    (10, "JBIG"),
    (32766, "NeXT"),
    (32771, "CCITT RLE in words"),
    (32809, "ThunderScan"),
    (32895, "IT8"),
    (32896, "IT8"),
    (32897, "IT8"),
    (32898, "IT8"),
    (32908, "PixarFilm"),
    (32909, "PixarLog"),
    (32947, "DCS"),
    (33003, "JPEG 2000 (Aperio)"),
    (33004, "JPEG 2000"),
    (33005, "JPEG 2000 (Aperio)"),
    (34661, "JBIG"),
    (34676, "SGI log"),
    (34677, "SGI log"),
    (34712, "JPEG 2000"),
    (34887, "LERC"),
    (34892, "lossy JPEG (DNG)"),
    (34925, "LZMA"),
    (34927, "WebP"),
    (22610, "JPEG XR"),
    (50001, "WebP"),
    (50002, "JPEG XL"),
];

/// How bytes are packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Deflate,
    Lzw,
    PackBits,
    Zstandard,
    /// With the tables that all parts of the page share.
    Jpeg(Vec<u8>),
    Fax(Fax),
}

/// What a part has to unpack to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// The samples of a pixel.
    pub samples: usize,
    /// The bytes of a whole part, which the last strip of a page may be filled up to.
    pub whole_bytes: usize,
}

type Reason = Box<dyn std::error::Error + Send + Sync>;

impl Packing {
    /// Reads how a page is packed, or names what is not read.
    pub(super) fn of(tiff: &mut Tiff, directory: &Directory) -> Result<Self> {
        Ok(match tiff.number(directory, tag::COMPRESSION)?.unwrap_or(1) {
            1 => Self::None,
            2 => Self::Fax(Fax::Rle),
            3 => match tiff.number(directory, tag::T4_OPTIONS)?.unwrap_or(0) {
                options if options & 1 == 1 => Self::Fax(Fax::Group3TwoDimensional),
                _ => Self::Fax(Fax::Group3),
            },
            4 => Self::Fax(Fax::Group4),
            5 => Self::Lzw,
            7 => Self::Jpeg(tiff.bytes(directory, tag::JPEG_TABLES, u64::MAX)?.unwrap_or_default()),
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            50000 => Self::Zstandard,
            other => {
                let name = NAMES.iter().find(|(number, _)| *number == other).map(|(_, name)| *name);
                return Err(Error::Compression {
                    path: tiff.path.clone(),
                    page: directory.page,
                    found: name.map_or_else(|| format!("method {other}"), str::to_owned),
                    expected: READABLE,
                });
            }
        })
    }

    /// Tells whether bits that are stored in reverse are reversed before unpacking, as libtiff does
    /// for all but JPEG.
    pub(super) fn has_bit_order(&self) -> bool {
        !matches!(self, Self::Jpeg(_))
    }
}

/// An unpacker with its tables, used for one part after the other.
pub(super) enum Unpacker<'a> {
    None,
    Deflate(Decompressor),
    Lzw(weezl::decode::Decoder),
    PackBits,
    Zstandard,
    Jpeg(&'a [u8]),
    Fax(Fax),
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(packing: &'a Packing) -> Self {
        match packing {
            Packing::None => Self::None,
            Packing::Deflate => Self::Deflate(Decompressor::new()),
            Packing::Lzw => Self::Lzw(weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8)),
            Packing::PackBits => Self::PackBits,
            Packing::Zstandard => Self::Zstandard,
            Packing::Jpeg(tables) => Self::Jpeg(tables),
            Packing::Fax(fax) => Self::Fax(*fax),
        }
    }

    /// Fills `out`, which the packed bytes have to do to the last byte.
    pub(super) fn fill(&mut self, packed: &[u8], out: &mut [u8], wanted: Wanted) -> Result<(), Reason> {
        let filled = match self {
            Self::None => {
                let len = packed.len().min(out.len());
                out[..len].copy_from_slice(&packed[..len]);
                len
            }
            Self::Deflate(inflate) => match inflate.zlib_decompress(packed, out) {
                Ok(filled) => filled,
                // The last strip may have rows behind the page's end.
                Err(DecompressionError::InsufficientSpace) => inflate_more(packed, out, wanted)?,
                Err(_) => return Err("its deflate data are damaged, or their checksum is".into()),
            },
            Self::Lzw(decoder) => {
                decoder.reset();
                fill_from_lzw(decoder, packed, out)?
            }
            Self::PackBits => fill_from_packbits(packed, out),
            Self::Zstandard => fill_from_zstandard(packed, out, wanted)?,
            Self::Jpeg(tables) => fill_from_jpeg(tables, packed, out, wanted)?,
            Self::Fax(fax) => return fax::fill(*fax, packed, out, wanted.size),
        };
        if filled < out.len() {
            return Err(format!("it has {filled} bytes, expected {}", out.len()).into());
        }
        Ok(())
    }
}

/// Inflates what is longer than `out`, for the checksum at its end.
fn inflate_more(packed: &[u8], out: &mut [u8], wanted: Wanted) -> Result<usize, Reason> {
    let mut inflate = Decompress::new(true);
    let mut rest = vec![0; (1 << 12).min(wanted.whole_bytes)];
    loop {
        let (read, filled) = (inflate.total_in() as usize, inflate.total_out() as usize);
        if filled > wanted.whole_bytes {
            return Err("it has more than a whole strip or tile".into());
        }
        let place = if filled < out.len() { &mut out[filled..] } else { &mut rest };
        let status = inflate.decompress(&packed[read..], place, FlushDecompress::None)?;
        let stuck = (inflate.total_in() as usize, inflate.total_out() as usize) == (read, filled);
        match status {
            Status::StreamEnd => return Ok(inflate.total_out() as usize),
            _ if stuck => return Err("its deflate data end early".into()),
            _ => {}
        }
    }
}

/// Decodes until `out` is full or nothing more comes; returns how many bytes came.
fn fill_from_lzw(
    decoder: &mut weezl::decode::Decoder,
    mut packed: &[u8],
    out: &mut [u8],
) -> Result<usize, Reason> {
    let mut filled = 0;
    while filled < out.len() {
        let step = decoder.decode_bytes(packed, &mut out[filled..]);
        filled += step.consumed_out;
        packed = &packed[step.consumed_in..];
        match step.status? {
            LzwStatus::Ok if step.consumed_in > 0 || step.consumed_out > 0 => {}
            _ => break,
        }
    }
    Ok(filled)
}

/// Unpacks runs and literals (TIFF 6.0, section 9); returns how many bytes there were, up to all.
fn fill_from_packbits(mut packed: &[u8], out: &mut [u8]) -> usize {
    let mut filled = 0;
    while let [head, rest @ ..] = packed
        && filled < out.len()
    {
        let head = *head as i8;
        let place = &mut out[filled..];
        let (read, len) = match (head, rest) {
            (i8::MIN, _) => (0, 0),
            (0.., rest) => {
                let len = (head as usize + 1).min(rest.len());
                let shown = len.min(place.len());
                place[..shown].copy_from_slice(&rest[..shown]);
                (len, shown)
            }
            (_, [value, ..]) => {
                let len = (1 - isize::from(head)).unsigned_abs().min(place.len());
                place[..len].fill(*value);
                (1, len)
            }
            (_, []) => break,
        };
        filled += len;
        packed = &rest[read..];
    }
    filled
}

/// Decompresses a frame to its end, where its checksum is.
fn fill_from_zstandard(packed: &[u8], out: &mut [u8], wanted: Wanted) -> Result<usize, Reason> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?.single_frame();
    decoder.read_exact(out).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "its Zstandard data end early".into(),
        _ => Reason::from(error),
    })?;
    let most = wanted.whole_bytes.saturating_sub(out.len()) as u64;
    let more = io::copy(&mut decoder.by_ref().take(most + 1), &mut io::sink())?;
    if more > most { Err("it has more than a whole strip or tile".into()) } else { Ok(out.len()) }
}

/// Decodes a picture, which is as wide as the part and at least as high.
fn fill_from_jpeg(tables: &[u8], packed: &[u8], out: &mut [u8], wanted: Wanted) -> Result<usize, Reason> {
    // Tables are a picture without a frame: its end and the start of the part are taken out.
    let whole = match (tables, packed) {
        ([start @ .., 0xff, 0xd9], [0xff, 0xd8, part @ ..]) => [start, part].concat(),
        _ => packed.to_vec(),
    };
    let picture = jpeg::open(&whole, Colours::Stored)?;
    let ([height, width], [rows, columns]) = (picture.size, wanted.size);
    if width != columns || height < rows || picture.components != wanted.samples {
        let (found, samples) = (picture.components, wanted.samples);
        let reason = format!(
            "its JPEG is {width}x{height} of {found}, expected {columns}x{rows} of {samples} samples"
        );
        return Err(reason.into());
    }
    if height * width * picture.components > wanted.whole_bytes {
        return Err("it has more than a whole strip or tile".into());
    }
    let samples = picture.decode()?;
    out.copy_from_slice(&samples[..out.len()]);
    Ok(out.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packbits_unpacks_the_example_of_the_specification() {
        // TIFF 6.0, section 9.
        let packed =
            [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let unpacked = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa, 0xaa,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        let mut out = [0; 24];
        assert_eq!(fill_from_packbits(&packed, &mut out), 24);
        assert_eq!(out, unpacked);
        assert_eq!(fill_from_packbits(&packed[..14], &mut out), 14);
    }
}
