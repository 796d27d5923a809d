//! Stacks that ImageJ writes with a single directory: above 4 GB, the sections follow the first one.

use super::page::{Page, Pixels};
use crate::VoxelType;
use crate::formats::raw::{RawVoxels, Stored};
use crate::sample::Endian;
use std::io::{Read, Seek};
use std::path::Path;
use tiff::decoder::Decoder;
use tiff::tags::{ByteOrder, CompressionMethod, PhotometricInterpretation, Tag};

/// Returns where the `sections` are, if the decoder's page is uncompressed and lies in one piece.
pub(super) fn sections<R: Read + Seek>(
    path: &Path,
    decoder: &mut Decoder<R>,
    page: &Page,
    sections: usize,
) -> Option<RawVoxels> {
    let mut tag = |tag| decoder.find_tag_unsigned::<u16>(tag).ok().flatten();
    let is_half = page.bits == 16 && page.voxel_type == VoxelType::F32;
    let plain = page.pixels == Pixels::Grey
        && !is_half
        && tag(Tag::Predictor).is_none_or(|value| value == 1)
        && tag(Tag::Compression).is_none_or(|value| value == CompressionMethod::None.to_u16())
        && tag(Tag::PhotometricInterpretation) == Some(PhotometricInterpretation::BlackIsZero.to_u16());
    let raw = RawVoxels {
        path: path.to_path_buf(),
        start: one_piece(decoder, page)?,
        shape: [sections, page.size[0], page.size[1]],
        stored: if page.is_double() { Stored::F64 } else { Stored::As(page.voxel_type) },
        endian: match decoder.byte_order() {
            ByteOrder::LittleEndian => Endian::Little,
            ByteOrder::BigEndian => Endian::Big,
        },
        rescale: None,
    };
    (plain && raw.voxel_type() == page.voxel_type).then_some(raw)
}

/// Returns the start of the page's strips, if they follow each other and are as long as their rows.
fn one_piece<R: Read + Seek>(decoder: &mut Decoder<R>, page: &Page) -> Option<u64> {
    let mut values = |tag| decoder.find_tag_unsigned_vec::<u64>(tag).ok().flatten();
    let (starts, lengths) = (values(Tag::StripOffsets)?, values(Tag::StripByteCounts)?);
    let first = starts.first().copied();
    if starts.len() == 1 {
        // ImageJ's stacks state the length of a section, of all, or what is left of it in 32 bits.
        return first;
    }
    let row_bytes = page.size[1].checked_mul(usize::from(page.bits) / 8)? as u64;
    let strip_bytes = u64::from(decoder.chunk_dimensions().1).checked_mul(row_bytes)?;
    let mut left = (page.size[0] as u64).checked_mul(row_bytes)?;
    let mut next = first?;
    for (start, length) in starts.into_iter().zip(lengths) {
        if start != next || length != strip_bytes.min(left) {
            return None;
        }
        (next, left) = (start.checked_add(length)?, left - length);
    }
    first
}
