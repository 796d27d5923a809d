//! Pages that are read without the decoder, since their bytes say it all: grey voxels, stored as
//! they are, deflated or in LZW. This is how nearly all large stacks are stored, and it is much
//! faster; and the decoder gives up on LZW tiles that reach over the border of their page.
//!
//! Whatever is irregular is left to the decoder, which reads it or says what is wrong with it.

use super::chunks::{Grid, copy_overlap, touched};
use super::page::{Page, Pixels};
use crate::Roi;
use crate::formats::raw::RawVoxels;
use crate::limits;
use crate::sample::{Endian, Voxel};
use libdeflater::Decompressor;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use tiff::decoder::Decoder;
use tiff::tags::{ByteOrder, CompressionMethod, Tag};
use weezl::{BitOrder, LzwStatus};

/// Reads the block's part of a page; `false` where that is for the decoder to do.
pub(super) fn read_block<T: Voxel, R: Read + Seek>(
    decoder: &mut Decoder<R>,
    file: &mut File,
    page: &Page,
    roi: Roi,
    out: &mut [T],
) -> bool {
    if let Some(raw) = super::contiguous::sections("".as_ref(), decoder, page, 1) {
        return read_raw(&raw, file, roi, out);
    }
    Packed::of(decoder, page).is_some_and(|chunks| chunks.read(file, page, roi, out).is_some())
}

/// Reads voxels that lie one after another.
fn read_raw<T: Voxel>(raw: &RawVoxels, file: &mut File, roi: Roi, out: &mut [T]) -> bool {
    let roi = Roi { start: [0, roi.start[1], roi.start[2]], ..roi };
    raw.read_section(file, 0, roi, out).is_ok()
}

/// How a chunk's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Deflate,
    Lzw,
}

/// The packed chunks of a page.
struct Packed {
    grid: Grid,
    /// Where each chunk is in the file, and how long.
    places: Vec<(u64, u64)>,
    packing: Packing,
    is_tiled: bool,
    /// Whether a voxel is stored as its difference to the one on its left (TIFF 6.0, section 14).
    differences: bool,
    endian: Endian,
    voxel_bytes: usize,
}

impl Packed {
    fn of<R: Read + Seek>(decoder: &mut Decoder<R>, page: &Page) -> Option<Self> {
        let mut number =
            |tag, default| decoder.find_tag_unsigned::<u16>(tag).ok().map(|value| value.unwrap_or(default));
        let packing = match CompressionMethod::from_u16(number(Tag::Compression, 1)?)? {
            CompressionMethod::Deflate | CompressionMethod::OldDeflate => Packing::Deflate,
            CompressionMethod::LZW => Packing::Lzw,
            _ => return None,
        };
        let predictor = number(Tag::Predictor, 1)?;
        let black_is_zero = number(Tag::PhotometricInterpretation, 1)? == 1;
        let is_float = page.voxel_type == crate::VoxelType::F32;
        let regular = (predictor == 1 || predictor == 2 && !is_float)
            && page.pixels == Pixels::Grey
            && black_is_zero
            && usize::from(page.bits) == 8 * page.voxel_type.bytes();
        if !regular {
            return None;
        }
        let is_tiled = decoder.find_tag_unsigned::<u32>(Tag::TileWidth).ok()?.is_some();
        let tags = if is_tiled {
            [Tag::TileOffsets, Tag::TileByteCounts]
        } else {
            [Tag::StripOffsets, Tag::StripByteCounts]
        };
        let [starts, lengths] = tags.map(|tag| decoder.find_tag_unsigned_vec::<u64>(tag).ok().flatten());
        Some(Self {
            grid: Grid::of(decoder, page).ok()?,
            places: starts?.into_iter().zip(lengths?).collect(),
            packing,
            is_tiled,
            differences: predictor == 2,
            endian: match decoder.byte_order() {
                ByteOrder::LittleEndian => Endian::Little,
                ByteOrder::BigEndian => Endian::Big,
            },
            voxel_bytes: page.voxel_type.bytes(),
        })
    }

    /// Unpacks the chunks that the block touches; `None` where one of them is damaged.
    fn read<T: Voxel>(&self, file: &mut File, page: &Page, roi: Roi, out: &mut [T]) -> Option<()> {
        let ([_, top, left], [_, bottom, right]) = (roi.start, roi.end());
        let mut unpacker = Unpacker::new(self.packing);
        let (mut packed, mut bytes) = (Vec::new(), Vec::new());
        let mut voxels: Vec<T> = Vec::new();
        for row in touched(top..bottom, self.grid.chunk[0]) {
            for column in touched(left..right, self.grid.chunk[1]) {
                let origin = [row * self.grid.chunk[0], column * self.grid.chunk[1]];
                let size = [0, 1].map(|axis| self.grid.chunk[axis].min(page.size[axis] - origin[axis]));
                let &(start, length) = self.places.get(row * self.grid.across + column)?;
                let stored = self.stored_size(page, origin);
                read_at(file, start, length, stored, &mut packed)?;
                let chunk_bytes = stored[0] * stored[1] * self.voxel_bytes;
                if let Some(out) = whole_rows(page, roi, origin, size, stored, out) {
                    unpacker.fill(&packed, bytemuck::cast_slice_mut(out))?;
                    self.finish(out, stored[1]);
                    continue;
                }
                if bytes.len() != chunk_bytes {
                    bytes = limits::zeroed(chunk_bytes).ok()?;
                    voxels = limits::zeroed(stored[0] * stored[1]).ok()?;
                }
                unpacker.fill(&packed, &mut bytes)?;
                T::decode(&bytes, Endian::NATIVE, &mut voxels);
                self.finish(&mut voxels, stored[1]);
                copy_overlap(&voxels, stored[1], origin, size, roi, out);
            }
        }
        Some(())
    }

    /// Makes voxels, in rows of `width`, of what was unpacked.
    fn finish<T: Voxel>(&self, voxels: &mut [T], width: usize) {
        T::reorder(voxels, self.endian);
        if self.differences {
            voxels.chunks_exact_mut(width).for_each(|row| T::add_up(row));
        }
    }

    /// The size of a chunk as it is stored: tiles are whole, the last strip ends with the page.
    fn stored_size(&self, page: &Page, origin: [usize; 2]) -> [usize; 2] {
        let [height, width] = self.grid.chunk;
        if self.is_tiled { [height, width] } else { [height.min(page.size[0] - origin[0]), width] }
    }
}

/// A decompressor with its tables, used for one chunk after the other.
enum Unpacker {
    Deflate(Decompressor),
    Lzw(weezl::decode::Decoder),
}

impl Unpacker {
    fn new(packing: Packing) -> Self {
        match packing {
            Packing::Deflate => Self::Deflate(Decompressor::new()),
            Packing::Lzw => Self::Lzw(weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8)),
        }
    }

    /// Fills `out`, which the packed bytes have to do to the last byte.
    fn fill(&mut self, packed: &[u8], out: &mut [u8]) -> Option<()> {
        let filled = match self {
            Self::Deflate(inflate) => inflate.zlib_decompress(packed, out).ok()?,
            Self::Lzw(decoder) => {
                decoder.reset();
                fill_from_lzw(decoder, packed, out)?
            }
        };
        (filled == out.len()).then_some(())
    }
}

/// Decodes until `out` is full or nothing more comes; returns how many bytes came.
fn fill_from_lzw(decoder: &mut weezl::decode::Decoder, mut packed: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut filled = 0;
    while filled < out.len() {
        let step = decoder.decode_bytes(packed, &mut out[filled..]);
        filled += step.consumed_out;
        packed = &packed[step.consumed_in..];
        match step.status.ok()? {
            LzwStatus::Ok if step.consumed_in > 0 || step.consumed_out > 0 => {}
            _ => break,
        }
    }
    Some(filled)
}

/// The place of a chunk in the block, where it is all of some rows there.
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

/// Reads a chunk's bytes; `None` where there are fewer, or more than such a chunk can have.
fn read_at(file: &mut File, start: u64, length: u64, stored: [usize; 2], packed: &mut Vec<u8>) -> Option<()> {
    // Neither packing makes much more of its input: LZW half of it, deflate a few bytes per block.
    let most = (stored[0] * stored[1]) as u64 * 9 + 1024;
    (length <= most).then_some(())?;
    packed.clear();
    file.seek(SeekFrom::Start(start)).ok()?;
    let read = file.take(length).read_to_end(packed).ok()?;
    (read as u64 == length).then_some(())
}
