//! Chunks that are PNG pictures.

use crate::formats::grid::Reason;

/// Decodes a picture of so many pixels of one or two bytes a sample: its height and width, the samples of a
/// pixel, and all samples, the highest byte first.
#[cfg(feature = "images")]
pub(super) fn decoded(
    bytes: &[u8],
    pixels: usize,
    sample_bytes: usize,
) -> Result<([usize; 2], usize, Vec<u8>), Reason> {
    use crate::limits::{self, MAX_PIECE_BYTES};
    use png::{BitDepth, DecodeOptions, Decoder, Limits, Transformations};

    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(std::io::Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: MAX_PIECE_BYTES });
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info()?;
    let info = reader.info();
    let size = [info.height as usize, info.width as usize];
    let expected = if sample_bytes == 1 { BitDepth::Eight } else { BitDepth::Sixteen };
    if info.bit_depth != expected || info.color_type == png::ColorType::Indexed {
        let (depth, colour) = (info.bit_depth, info.color_type);
        return Err(format!("a picture of {depth:?} bits and {colour:?} pixels").into());
    }
    let samples = info.color_type.samples();
    if size[0].checked_mul(size[1]) != Some(pixels) {
        return Err(format!("a picture of {}x{} pixels, expected {pixels}", size[1], size[0]).into());
    }
    let mut all = limits::zeroed(pixels * samples * sample_bytes)?;
    reader.next_frame(&mut all)?;
    // What is behind the pixels has their checksum, and the end of the file.
    reader.finish()?;
    Ok((size, samples, all))
}

#[cfg(not(feature = "images"))]
pub(super) fn decoded(_: &[u8], _: usize, _: usize) -> Result<([usize; 2], usize, Vec<u8>), Reason> {
    Err("chunks that are PNG pictures, which em-io was built without (the feature `images`)".into())
}
