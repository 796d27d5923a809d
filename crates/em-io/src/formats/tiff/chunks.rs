//! From the strips and tiles of a page to the voxels of a block.
//!
//! Only those that the block touches are decoded.

use super::page::{Page, Pixels};
use crate::Roi;
use crate::sample::Voxel;
use std::io::{Read, Seek};
use std::ops::Range;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::{TiffError, TiffFormatError, TiffResult};

/// Fills `out` with the `[y, x]` part of a block, from the decoder's current page.
pub(super) fn read_block<T: Voxel, R: Read + Seek>(
    decoder: &mut Decoder<R>,
    page: &Page,
    roi: Roi,
    out: &mut [T],
) -> TiffResult<()> {
    let grid = Grid::of(decoder, page)?;
    let ([_, top, left], [_, bottom, right]) = (roi.start, roi.end());
    for row in touched(top..bottom, grid.chunk[0]) {
        for column in touched(left..right, grid.chunk[1]) {
            let origin = [row * grid.chunk[0], column * grid.chunk[1]];
            let size = [0, 1].map(|axis| grid.chunk[axis].min(page.size[axis] - origin[axis]));
            let samples = grid.grey::<T, R>(decoder, row * grid.across + column, size)?;
            copy_overlap(&samples, size[1], origin, size, roi, out);
        }
    }
    Ok(())
}

/// The chunks along one axis that a range of voxels touches.
pub(super) fn touched(voxels: Range<usize>, chunk: usize) -> Range<usize> {
    voxels.start / chunk..voxels.end.div_ceil(chunk)
}

/// Copies the rows that a chunk, with rows of `stride` samples, and a block share.
pub(super) fn copy_overlap<T: Copy>(
    samples: &[T],
    stride: usize,
    origin: [usize; 2],
    size: [usize; 2],
    roi: Roi,
    out: &mut [T],
) {
    let ([_, top, left], [_, bottom, right]) = (roi.start, roi.end());
    let (x, x_end) = (left.max(origin[1]), right.min(origin[1] + size[1]));
    for y in top.max(origin[0])..bottom.min(origin[0] + size[0]) {
        let from = (y - origin[0]) * stride + (x - origin[1]);
        let to = (y - top) * roi.shape[2] + (x - left);
        out[to..to + (x_end - x)].copy_from_slice(&samples[from..from + (x_end - x)]);
    }
}

/// How the chunks of a page, its strips or tiles, are laid out.
pub(super) struct Grid {
    /// Height and width of a whole chunk.
    pub chunk: [usize; 2],
    /// Chunks in a row of chunks.
    pub across: usize,
    /// The way from a chunk to the chunk of the next colour, where colours are stored apart.
    plane: Option<usize>,
    pixels: Pixels,
}

impl Grid {
    pub fn of<R: Read + Seek>(decoder: &mut Decoder<R>, page: &Page) -> TiffResult<Self> {
        let (width, height) = decoder.chunk_dimensions();
        // A strip that claims more rows than the page has ends with the page.
        let chunk = [(height as usize).min(page.size[0]), width as usize];
        let [down, across] = [0, 1].map(|axis| page.size[axis].div_ceil(chunk[axis]));
        Ok(Self { chunk, across, plane: page.planar.then_some(down * across), pixels: page.pixels })
    }

    /// Decodes a chunk to grey values, row after row, `size` being its height and width.
    fn grey<T: Voxel, R: Read + Seek>(
        &self,
        decoder: &mut Decoder<R>,
        index: usize,
        size: [usize; 2],
    ) -> TiffResult<Vec<T>> {
        let pixels = size[0] * size[1];
        match (self.pixels, self.plane) {
            (Pixels::Grey, _) | (Pixels::First { .. }, Some(_)) => decode(decoder, index, pixels),
            (Pixels::Packed { bits }, _) => {
                let row_bytes = (size[1] * usize::from(bits)).div_ceil(8);
                let packed = decode::<u8, R>(decoder, index, row_bytes * size[0])?;
                let grey = unpack(&packed, row_bytes, size[1], bits);
                T::from_tiff(DecodingResult::U8(grey)).ok_or_else(inconsistent)
            }
            (Pixels::First { samples }, None) => {
                let all = decode::<T, R>(decoder, index, pixels * samples)?;
                Ok(all.iter().copied().step_by(samples).collect())
            }
            (Pixels::Colour { samples }, None) => {
                let all = decode::<T, R>(decoder, index, pixels * samples)?;
                let pixels = all.chunks_exact(samples);
                Ok(pixels.map(|pixel| T::luma(pixel[0], pixel[1], pixel[2])).collect())
            }
            (Pixels::Colour { .. }, Some(plane)) => {
                let mut of = |colour| decode::<T, R>(decoder, index + colour * plane, pixels);
                let (red, green, blue) = (of(0)?, of(1)?, of(2)?);
                let pairs = red.into_iter().zip(green).zip(blue);
                Ok(pairs.map(|((red, green), blue)| T::luma(red, green, blue)).collect())
            }
        }
    }
}

/// Decodes a chunk to at least `len` samples.
fn decode<T: Voxel, R: Read + Seek>(
    decoder: &mut Decoder<R>,
    index: usize,
    len: usize,
) -> TiffResult<Vec<T>> {
    let chunk = decoder.read_chunk(u32::try_from(index)?)?;
    T::from_tiff(chunk).filter(|samples| samples.len() >= len).ok_or_else(inconsistent)
}

fn inconsistent() -> TiffError {
    TiffFormatError::InconsistentSizesEncountered.into()
}

/// Spreads 1-, 2- or 4-bit values over 0 to 255, one byte each. The first pixel has the high bits.
fn unpack(packed: &[u8], row_bytes: usize, width: usize, bits: u8) -> Vec<u8> {
    let bits = usize::from(bits);
    let highest = u8::MAX >> (8 - bits);
    let scale = u8::MAX / highest;
    let mut grey = Vec::with_capacity(packed.len() * 8 / bits);
    for row in packed.chunks_exact(row_bytes) {
        grey.extend((0..width).map(|x| {
            let shift = 8 - bits - (x * bits) % 8;
            (row[x * bits / 8] >> shift & highest) * scale
        }));
    }
    grey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_spread_from_the_high_end_and_rows_start_at_a_byte() {
        assert_eq!(unpack(&[0b1010_0000, 0b0110_0000], 1, 3, 1), [255, 0, 255, 0, 255, 255]);
        assert_eq!(unpack(&[0b1101_1000], 1, 3, 2), [255, 85, 170]);
        assert_eq!(unpack(&[0xf1, 0x80], 2, 3, 4), [255, 17, 136]);
    }
}
