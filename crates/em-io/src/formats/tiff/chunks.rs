//! The strips and tiles of a page: where they are, and how a block is read from them.
//!
//! Only those that the block touches are unpacked. Whatever is damaged is an error with the number
//! of the strip or tile: nothing is guessed, and nothing is filled up.

use super::codec::{Packing, Unpacker, Wanted};
use super::directory::{Directory, Tiff, tag};
use super::page::{Page, Pixels, number};
use super::pixels::{Predictor, add_up, grey, samples};
use crate::error::{Error, Result};
use crate::limits::{self, MAX_EXPANSION, MAX_PIECE_BYTES};
use crate::sample::Voxel;
use crate::{Roi, VoxelType};
use std::ops::Range;

/// The most bytes that a part may be packed in, beside what its pixels may take.
const MAX_OVERHEAD: u64 = 1 << 20;

/// How the parts of a page, its strips or tiles, are laid out and packed.
#[derive(Debug)]
pub(super) struct Chunks {
    /// Height and width of a whole part.
    pub(super) chunk: [usize; 2],
    /// The rows that a part may have in all: a strip that is longer than its page may be filled up.
    most_rows: usize,
    /// Parts in a row of parts.
    across: usize,
    /// The parts of one plane, where samples are stored apart, or of all.
    in_plane: usize,
    /// Where each part is in the file, and how long.
    places: Vec<(u64, u64)>,
    is_tiled: bool,
    packing: Packing,
    /// Whether the bits of each byte are stored in reverse (TIFF 6.0, FillOrder 2).
    reversed: bool,
    predictor: Predictor,
}

impl Chunks {
    /// Reads how a page is stored, without its pixels.
    pub(super) fn of(tiff: &mut Tiff, directory: &Directory, page: &Page) -> Result<Self> {
        let packing = Packing::of(tiff, directory)?;
        let predictor = match number(tiff, directory, tag::PREDICTOR, 1)? {
            1 => Predictor::None,
            2 if page.bits >= 8 => Predictor::Differences,
            3 if page.voxel_type == VoxelType::F32 => Predictor::Floats,
            other => {
                return Err(tiff.damaged(directory.page, format!("predictor {other} for {} bits", page.bits)));
            }
        };
        let is_tiled = directory.has(tag::TILE_OFFSETS);
        let [height, width] = page.size;
        let (most_rows, columns) = if is_tiled {
            (number(tiff, directory, tag::TILE_LENGTH, 0)?, number(tiff, directory, tag::TILE_WIDTH, 0)?)
        } else {
            (number(tiff, directory, tag::ROWS_PER_STRIP, height)?.min(2 * height), width)
        };
        // A strip that claims more rows than the page has ends with the page.
        let chunk = [if is_tiled { most_rows } else { most_rows.min(height) }, columns];
        if chunk.contains(&0) {
            return Err(tiff.damaged(directory.page, "the size of its tiles is missing or 0".into()));
        }
        let [down, across] = [0, 1].map(|axis| page.size[axis].div_ceil(chunk[axis]));
        let reversed = tiff.number(directory, tag::FILL_ORDER)? == Some(2) && packing.has_bit_order();
        let mut chunks = Self {
            chunk,
            most_rows,
            across,
            in_plane: down * across,
            places: Vec::new(),
            is_tiled,
            packing,
            reversed,
            predictor,
        };
        check_size(tiff, directory.page, chunk, page)?;
        chunks.places = chunks.places(tiff, directory, page)?;
        Ok(chunks)
    }

    fn places(&self, tiff: &mut Tiff, directory: &Directory, page: &Page) -> Result<Vec<(u64, u64)>> {
        let tags = if self.is_tiled {
            [tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS]
        } else {
            [tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS]
        };
        let planes = if page.planar { page.samples } else { 1 };
        let starts = tiff.numbers(directory, tags[0])?.unwrap_or_default();
        let mut lengths = tiff.numbers(directory, tags[1])?.unwrap_or_default();
        if self.packing == Packing::None && (lengths.is_empty() || lengths == [0]) {
            // Some programs leave out what their rows tell.
            lengths = starts.iter().map(|_| self.bytes(page, self.chunk) as u64).collect();
        }
        let (found, expected) = (starts.len().min(lengths.len()), self.in_plane.saturating_mul(planes));
        if found < expected {
            let reason = format!("it has {found} {}s, expected {expected}", self.noun());
            return Err(tiff.damaged(directory.page, reason));
        }
        Ok(starts.into_iter().zip(lengths).collect())
    }

    /// Fills `out` with the `[y, x]` part of a block, from the page that these are the parts of.
    pub(super) fn read<T: Voxel>(
        &self,
        tiff: &mut Tiff,
        page_number: usize,
        page: &Page,
        roi: Roi,
        out: &mut [T],
    ) -> Result<()> {
        let ([_, top, left], [_, bottom, right]) = (roi.start, roi.end());
        let mut reader = Reader {
            chunks: self,
            tiff,
            page_number,
            page,
            unpacker: Unpacker::new(&self.packing),
            packed: Vec::new(),
        };
        for row in touched(top..bottom, self.chunk[0]) {
            for column in touched(left..right, self.chunk[1]) {
                let origin = [row * self.chunk[0], column * self.chunk[1]];
                let size = [0, 1].map(|axis| self.chunk[axis].min(page.size[axis] - origin[axis]));
                let stored = self.stored_size(page, origin);
                let index = row * self.across + column;
                if self.is_direct::<T>(page)
                    && let Some(out) = whole_rows(page, roi, origin, size, stored, out)
                {
                    reader.unpack(index, stored, bytemuck::cast_slice_mut(out))?;
                    self.finish(out, stored[1], reader.tiff.endian);
                    continue;
                }
                let voxels = reader.grey::<T>(index, stored)?;
                copy_overlap(&voxels, stored[1], origin, size, roi, out);
            }
        }
        Ok(())
    }

    /// Tells whether the bytes of a part are voxels, but for their order and for differences.
    fn is_direct<T: Voxel>(&self, page: &Page) -> bool {
        let no_predictor = self.predictor == Predictor::None;
        page.pixels == Pixels::Grey
            && page.bits == 8 * size_of::<T>()
            && (no_predictor || self.predictor == Predictor::Differences && T::WHOLE_RANGE.is_some())
    }

    /// Makes voxels, in rows of `width`, of bytes that are voxels.
    fn finish<T: Voxel>(&self, voxels: &mut [T], width: usize, endian: crate::sample::Endian) {
        T::reorder(voxels, endian);
        if self.predictor == Predictor::Differences {
            voxels.chunks_exact_mut(width).for_each(|row| T::add_up(row));
        }
    }

    /// The size of a part as it is stored: tiles are whole, the last strip ends with the page.
    fn stored_size(&self, page: &Page, origin: [usize; 2]) -> [usize; 2] {
        let [height, width] = self.chunk;
        if self.is_tiled { [height, width] } else { [height.min(page.size[0] - origin[0]), width] }
    }

    /// The bytes of a part of some size, unpacked; rows start at a byte.
    fn bytes(&self, page: &Page, [height, width]: [usize; 2]) -> usize {
        height.saturating_mul(row_bytes(page, width))
    }

    fn noun(&self) -> &'static str {
        if self.is_tiled { "tile" } else { "strip" }
    }
}

/// Reads the parts of one page, one after the other.
struct Reader<'a> {
    chunks: &'a Chunks,
    tiff: &'a mut Tiff,
    page_number: usize,
    page: &'a Page,
    unpacker: Unpacker<'a>,
    packed: Vec<u8>,
}

impl Reader<'_> {
    /// Unpacks a part into `out`.
    fn unpack(&mut self, index: usize, stored: [usize; 2], out: &mut [u8]) -> Result<()> {
        let chunks = self.chunks;
        let (start, length) = chunks.places.get(index).copied().unwrap_or_default();
        // Nothing makes much more of its input: LZW half of it, deflate a few bytes per block.
        let most = (out.len() as u64).saturating_mul(2).saturating_add(MAX_OVERHEAD);
        let length = if chunks.packing == Packing::None { length.min(out.len() as u64) } else { length };
        if length > most {
            return Err(self.damaged(index, format!("it has {length} bytes, expected at most {most}").into()));
        }
        self.tiff.read_into(self.page_number, start, length, &mut self.packed)?;
        if chunks.reversed {
            self.packed.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
        let wanted = Wanted {
            size: stored,
            samples: self.page.samples_in_chunk(),
            whole_bytes: chunks.bytes(self.page, [chunks.most_rows, chunks.chunk[1]]),
        };
        let filled = self.unpacker.fill(&self.packed, out, wanted);
        filled.map_err(|reason| self.damaged(index, reason))
    }

    fn damaged(&self, index: usize, reason: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let source = format!("{} {index}: {reason}", self.chunks.noun());
        Error::Damaged {
            path: self.tiff.path.clone(),
            page: self.page_number,
            source: source.replace(char::is_control, " ").into(),
        }
    }

    /// Unpacks a part to its samples, in the type of voxels.
    fn samples<T: Voxel>(&mut self, index: usize, stored: [usize; 2]) -> Result<Vec<T>> {
        let mut bytes = limits::zeroed(self.chunks.bytes(self.page, stored))?;
        self.unpack(index, stored, &mut bytes)?;
        let row_bytes = row_bytes(self.page, stored[1]);
        let endian = add_up(&mut bytes, row_bytes, self.page, self.chunks.predictor, self.tiff.endian);
        samples(&bytes, row_bytes, stored[1], self.page, endian)
    }

    /// Unpacks a part to voxels, row after row.
    fn grey<T: Voxel>(&mut self, index: usize, stored: [usize; 2]) -> Result<Vec<T>> {
        let plane = self.chunks.in_plane;
        match self.page.pixels {
            Pixels::One { index: sample, .. } if self.page.planar => {
                self.samples(index + sample * plane, stored)
            }
            Pixels::Colour if self.page.planar => {
                let mut of = |colour| self.samples::<T>(index + colour * plane, stored);
                let (red, green, blue) = (of(0)?, of(1)?, of(2)?);
                let pairs = red.into_iter().zip(green).zip(blue);
                Ok(pairs.map(|((red, green), blue)| T::luma(red, green, blue)).collect())
            }
            _ => Ok(grey(self.samples(index, stored)?, self.page)),
        }
    }
}

/// The bytes of a row of a part; rows start at a byte.
fn row_bytes(page: &Page, width: usize) -> usize {
    width.saturating_mul(page.samples_in_chunk()).saturating_mul(page.bits).div_ceil(8)
}

/// Bounds a part, whose size a file states apart from that of the page.
fn check_size(tiff: &Tiff, page_number: usize, chunk: [usize; 2], page: &Page) -> Result<()> {
    let most = tiff.bytes.saturating_mul(MAX_EXPANSION).min(MAX_PIECE_BYTES as u64);
    if (chunk[0].saturating_mul(row_bytes(page, chunk[1])) as u64) <= most {
        return Ok(());
    }
    Err(Error::TooLarge {
        path: tiff.path.clone(),
        page: page_number,
        size: chunk,
        limit: format!("{most} bytes for a strip or tile"),
    })
}

/// The parts along one axis that a range of voxels touches.
fn touched(voxels: Range<usize>, chunk: usize) -> Range<usize> {
    voxels.start / chunk..voxels.end.div_ceil(chunk)
}

/// The place of a part in the block, where it is all of some rows there.
fn whole_rows<'a, T>(
    page: &Page,
    roi: Roi,
    origin: [usize; 2],
    size: [usize; 2],
    stored: [usize; 2],
    out: &'a mut [T],
) -> Option<&'a mut [T]> {
    let is_whole = stored == size && size[1] == page.size[1] && roi.shape[2] == page.size[1];
    let top = origin[0].checked_sub(roi.start[1])?;
    (is_whole && top + size[0] <= roi.shape[1]).then(|| &mut out[top * size[1]..(top + size[0]) * size[1]])
}

/// Copies the rows that a part, with rows of `stride` voxels, and a block share.
fn copy_overlap<T: Copy>(
    voxels: &[T],
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
        out[to..to + (x_end - x)].copy_from_slice(&voxels[from..from + (x_end - x)]);
    }
}
