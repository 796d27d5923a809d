//! JPEG, alone and in TIFF: read to the last row, or an error.
//!
//! Decoders are made to show something of a damaged picture; here a part that is missing must not
//! become grey.

use std::error::Error;
use std::ops::Range;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::limits::MAX_SIDE;

/// Which colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// Those that are stored, which may be luma and chroma.
    Stored,
    /// Grey, or red, green and blue.
    Rgb,
}

type Reason = Box<dyn Error + Send + Sync>;

/// The most bytes that may be left of a scan when all its pixels are decoded: fill bytes, and a
/// restart marker. More of them tell that the scan was damaged before.
const MOST_LEFT: usize = 24;

/// Bytes of no meaning, and no marker.
const NOISE: [u8; 64] = [0xa5; 64];

/// A picture whose header was read.
pub(crate) struct Opened<'a> {
    bytes: &'a [u8],
    options: DecoderOptions,
    /// Height and width.
    pub size: [usize; 2],
    /// The samples of a pixel that [`Opened::decode`] gives.
    pub components: usize,
}

/// Reads the header of a picture.
pub(crate) fn open(bytes: &[u8], colours: Colours) -> Result<Opened<'_>, Reason> {
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(MAX_SIDE).set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    let (Some(info), Some(stored)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err("it has no frame".into());
    };
    let wanted = match (colours, stored) {
        (_, ColorSpace::Luma) | (Colours::Stored, _) => stored,
        (Colours::Rgb, _) => ColorSpace::RGB,
    };
    let options = options.jpeg_set_out_colorspace(wanted);
    let size = [usize::from(info.height), usize::from(info.width)];
    Ok(Opened { bytes, options, size, components: wanted.num_components() })
}

impl Opened<'_> {
    /// Decodes all of it to samples, pixel after pixel. What lies behind the picture is not looked at.
    ///
    /// JPEG has no checksum, and the decoder fills up what is missing. But a sound scan ends where its
    /// pixels do: bytes behind it change nothing, and its own last bytes do.
    pub(crate) fn decode(self) -> Result<Vec<u8>, Reason> {
        let Some(scan) = last_scan(self.bytes) else {
            return Err("the picture ends before its end-of-image marker".into());
        };
        let samples = self.decode_bytes(self.bytes)?;
        let [height, width] = self.size;
        if samples.len() != height * width * self.components {
            return Err(format!("it has {} samples for {width}x{height} pixels", samples.len()).into());
        }
        let with_noise =
            |end: usize| self.decode_bytes(&[&self.bytes[..end], &NOISE, &[0xff, 0xd9]].concat()).ok();
        if with_noise(scan.end).is_none_or(|other| other != samples) {
            return Err("its scan ends before the last row".into());
        }
        let shorter = scan.end.saturating_sub(MOST_LEFT);
        if shorter > scan.start + MOST_LEFT && with_noise(shorter).is_some_and(|other| other == samples) {
            return Err("its scan is damaged: it goes on behind the last row".into());
        }
        Ok(samples)
    }

    fn decode_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, Reason> {
        Ok(JpegDecoder::new_with_options(ZCursor::new(bytes), self.options).decode()?)
    }
}

/// Follows the markers to that of the end of the image (ITU-T T.81, annex B), and returns the
/// place of what lies between it and the last segment: the last scan.
fn last_scan(bytes: &[u8]) -> Option<Range<usize>> {
    let mut start = 0;
    loop {
        // Segments tell their length; within a scan, 0xff 0x00 is a byte and 0xd0 to 0xd7 go on.
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xff | 0xd0..=0xd8);
        let at = start + bytes.get(start..)?.windows(2).position(is_marker)?;
        if bytes[at + 1] == 0xd9 {
            return Some(start..at);
        }
        let &[high, low] = bytes.get(at + 2..at + 4)? else {
            return None;
        };
        start = at + 2 + usize::from(u16::from_be_bytes([high, low]));
    }
}
