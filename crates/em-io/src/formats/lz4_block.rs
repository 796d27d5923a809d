//! The stream of blocks that lz4-java writes, which N5 packs chunks with.
//!
//! Source: `LZ4BlockOutputStream.java` of lz4-java. A block has a header of 21 bytes, and a last one is empty.

use super::unpack::{buffer, invalid};
use std::io;

/// What each block begins with.
const MAGIC: &[u8] = b"LZ4Block";

/// The bytes of a header: the magic, a token, and three numbers.
const HEADER: usize = 8 + 1 + 3 * 4;

/// The ways of packing a block, the upper four bits of its token.
const RAW: u8 = 0x10;
const LZ4: u8 = 0x20;

/// The seed of the checksum, and the bits of it that are kept.
const SEED: u32 = 0x9747_b28c;
const CHECKSUM: u32 = 0x0fff_ffff;

/// Unpacks up to `limit` bytes; of what holds more, an error.
pub(super) fn unpack(mut packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = buffer(limit)?;
    let mut end = 0;
    loop {
        let Some((header, rest)) = packed.split_at_checked(HEADER) else {
            return Err(invalid("its lz4 blocks end before an empty one"));
        };
        let (Some(numbers), Some(&token)) = (header.strip_prefix(MAGIC), header.get(MAGIC.len())) else {
            return Err(invalid("no block of lz4-java: it begins otherwise"));
        };
        let [packed_len, len, checksum] =
            [1, 5, 9].map(|at| numbers[at..].first_chunk().map_or(0, |&number| u32::from_le_bytes(number)));
        // Both are 32 bits, as a usize has at least.
        let [packed_len, len] = [packed_len, len].map(|len| len as usize);
        if len == 0 {
            bytes.truncate(end);
            return Ok(bytes);
        }
        let Some((block, after)) = rest.split_at_checked(packed_len) else {
            return Err(invalid("its last lz4 block is incomplete"));
        };
        let Some(out) = bytes.get_mut(end..).and_then(|left| left.get_mut(..len)) else {
            return Err(invalid("more bytes than a chunk has"));
        };
        match token & 0xf0 {
            RAW if packed_len == len => out.copy_from_slice(block),
            LZ4 if lz4_flex::block::decompress_into(block, out).is_ok_and(|found| found == len) => {}
            _ => return Err(invalid("an lz4 block that does not unpack to its length")),
        }
        if twox_hash::XxHash32::oneshot(SEED, out) & CHECKSUM != checksum {
            return Err(invalid("a checksum of other bytes"));
        }
        end += len;
        packed = after;
    }
}
