//! JPEG, alone and in TIFF: read to the last row, or an error.
//!
//! Decoders are made to show something of a damaged picture; here a part that is missing must not
//! become grey.

use std::error::Error;
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

/// A picture whose header was read.
pub(crate) struct Opened<'a> {
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    bytes: &'a [u8],
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
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let size = [usize::from(info.height), usize::from(info.width)];
    Ok(Opened { decoder, bytes, size, components: wanted.num_components() })
}

impl Opened<'_> {
    /// Decodes all of it to samples, pixel after pixel. What lies behind the picture is not looked at.
    pub(crate) fn decode(mut self) -> Result<Vec<u8>, Reason> {
        if !reaches_its_end(self.bytes) {
            return Err("the picture ends before its end-of-image marker".into());
        }
        let samples = self.decoder.decode()?;
        let [height, width] = self.size;
        if samples.len() != height * width * self.components {
            return Err(format!("it has {} samples for {width}x{height} pixels", samples.len()).into());
        }
        Ok(samples)
    }
}

/// Follows the markers to that of the end of the image (ITU-T T.81, annex B).
fn reaches_its_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        // Segments tell their length; within a scan, 0xff 0x00 is a byte and 0xd0 to 0xd7 go on.
        let Some(at) = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xff | 0xd0..=0xd8))
        else {
            return false;
        };
        if rest[at + 1] == 0xd9 {
            return true;
        }
        let &[high, low, ..] = &rest[at + 2..] else {
            return false;
        };
        let Some(behind) = rest.get(at + 2 + usize::from(u16::from_be_bytes([high, low]))..) else {
            return false;
        };
        rest = behind;
    }
}
