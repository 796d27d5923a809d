//! A decoder that starts at any page.
//!
//! `tiff::Decoder` reaches page n by walking over all pages before it, and it starts at the page
//! that the file's header names. So each page gets a decoder of its own, over a reader that shows
//! the header as if it named that page.

use crate::limits::{MAX_EXPANSION, MAX_PIECE_BYTES};
use std::io::{self, Read, Seek, SeekFrom};
use tiff::TiffResult;
use tiff::decoder::{Decoder, Limits};

/// The longest header: that of BigTIFF, with an 8-byte offset at its end.
const HEADER_BYTES: usize = 16;

/// The most memory for the values of one tag; a strip takes 16 bytes in two tags.
const MAX_TAG_BYTES: usize = 1 << 24;

/// The most memory that the decoder takes for one value of a tag, which is a byte or more on disk.
const TAG_VALUE_BYTES: u64 = 64;

/// Makes a decoder of the page whose directory is at `offset`, in a file of `file_bytes`.
pub(super) fn decoder_at<R: Read + Seek>(
    file: R,
    file_bytes: u64,
    offset: u64,
) -> TiffResult<Decoder<AtPage<R>>> {
    Ok(Decoder::new(AtPage::new(file, offset)?)?.with_limits(limits(file_bytes)))
}

/// The limits of every decoder: what a file of so many bytes can hold.
pub(super) fn limits(file_bytes: u64) -> Limits {
    // One limit serves tags and pieces, and takes the larger of both.
    let piece = file_bytes.saturating_mul(MAX_EXPANSION.max(TAG_VALUE_BYTES));
    let piece = usize::try_from(piece).map_or(MAX_PIECE_BYTES, |piece| piece.min(MAX_PIECE_BYTES));
    let mut limits = Limits::default();
    limits.decoding_buffer_size = piece;
    limits.intermediate_buffer_size = piece;
    limits.ifd_value_size = MAX_TAG_BYTES;
    limits
}

/// A TIFF file whose header names another first page.
pub(super) struct AtPage<R> {
    file: R,
    header: Vec<u8>,
    position: u64,
}

impl<R: Read + Seek> AtPage<R> {
    fn new(mut file: R, offset: u64) -> io::Result<Self> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header)?;
        name_page(&mut header, offset).ok_or(io::ErrorKind::UnexpectedEof)?;
        file.rewind()?;
        Ok(Self { file, header, position: 0 })
    }
}

/// Writes the offset of a directory into a header, in its byte order, and cuts it off behind.
fn name_page(header: &mut Vec<u8>, offset: u64) -> Option<()> {
    let big_endian = header.first()? == &b'M';
    let version = if big_endian { header.get(3)? } else { header.get(2)? };
    if *version == 43 {
        let bytes = if big_endian { offset.to_be_bytes() } else { offset.to_le_bytes() };
        header.get_mut(8..16)?.copy_from_slice(&bytes);
    } else {
        let offset = u32::try_from(offset).ok()?;
        let bytes = if big_endian { offset.to_be_bytes() } else { offset.to_le_bytes() };
        header.get_mut(4..8)?.copy_from_slice(&bytes);
        header.truncate(8);
    }
    Some(())
}

impl<R: Read + Seek> Read for AtPage<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let in_header = usize::try_from(self.position)
            .ok()
            .and_then(|start| self.header.get(start..))
            .filter(|rest| !rest.is_empty());
        let count = match in_header {
            Some(mut rest) => {
                let count = rest.read(buffer)?;
                self.file.seek_relative(count as i64)?;
                count
            }
            None => self.file.read(buffer)?,
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for AtPage<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            // A relative step lets a buffered file keep what it has read already.
            SeekFrom::Start(to) if to.abs_diff(self.position) <= i64::MAX as u64 => {
                self.file.seek_relative(to.wrapping_sub(self.position) as i64)?;
                to
            }
            to => self.file.seek(to)?,
        };
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn the_header_names_the_page_and_the_rest_is_the_file() {
        let mut file = b"MM\0*\0\0\0\x08".to_vec();
        file.extend(8..20);
        let mut reader = AtPage::new(Cursor::new(file), 0x0102).unwrap();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes[..8], *b"MM\0*\0\0\x01\x02");
        assert_eq!(bytes[8..], (8..20).collect::<Vec<u8>>());
    }

    #[test]
    fn seeking_moves_between_header_and_file() {
        let mut file = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
        file.extend(16..32);
        let mut reader = AtPage::new(Cursor::new(file), 0x20).unwrap();
        let mut read_at = |position| {
            reader.seek(SeekFrom::Start(position)).unwrap();
            let mut byte = [0];
            reader.read_exact(&mut byte).unwrap();
            byte[0]
        };
        assert_eq!([read_at(20), read_at(8), read_at(31), read_at(2)], [20, 0x20, 31, b'+']);
    }
}
