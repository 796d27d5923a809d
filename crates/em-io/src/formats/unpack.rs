//! Decompression that never gives more bytes than a chunk has.
//!
//! Most decoders make a buffer of the size that the compressed bytes claim, or one that grows for as long
//! as they go on; from a hostile file that is an abort. These stop at what the (checked) metadata ask for.

use crate::limits;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::{self, Read};

/// The most bytes that one compressed byte may stand for.
///
/// Zstandard packs a block of 128 KB of one value into 4 bytes (RFC 8878, RLE blocks); blosc
/// around it is no denser.
const MAX_EXPANSION: u64 = 1 << 16;

/// Returns the most bytes that an honest writer makes of `bytes` bytes: incompressible ones grow
/// by far less than an eighth, and every format adds a header.
pub(crate) fn packed_limit(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 8).saturating_add(4096)
}

/// One way of packing bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    #[cfg(feature = "zarr")]
    Blosc,
    Gzip,
    /// The blocks of lz4-java (`LZ4BlockOutputStream`), which N5 has.
    Lz4Block,
    Zlib,
    Zstd,
}

/// Unpacks up to `limit` bytes; of what holds more, that many and one, or an error.
pub(crate) fn unpack(compression: Compression, packed: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    if limit / MAX_EXPANSION > packed.len() as u64 {
        return Err(invalid("too few bytes for a chunk of this size"));
    }
    let limit = usize::try_from(limit).map_err(|_| invalid("a chunk too large for this machine"))?;
    match compression {
        #[cfg(feature = "zarr")]
        Compression::Blosc => blosc(packed, limit),
        Compression::Gzip => fill(MultiGzDecoder::new(packed), limit),
        Compression::Lz4Block => super::lz4_block::unpack(packed, limit),
        Compression::Zlib => fill(ZlibDecoder::new(packed), limit),
        Compression::Zstd => {
            let mut bytes = buffer(limit)?;
            let len = zstd::bulk::decompress_to_buffer(packed, &mut bytes)?;
            bytes.truncate(len);
            Ok(bytes)
        }
    }
}

/// An error about bytes that make no sense.
pub(crate) fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(feature = "zarr")]
fn blosc(packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    use zarrs::array::codec::{blosc_decompress_bytes, blosc_validate};
    match blosc_validate(packed) {
        Some(bytes) if bytes <= limit => {
            blosc_decompress_bytes(packed, bytes, 1).map_err(|error| invalid(&error.to_string()))
        }
        Some(_) => Err(invalid("more bytes than a chunk has")),
        None => Err(invalid("no blosc header, or bytes are missing")),
    }
}

/// Makes a buffer of zeros.
pub(crate) fn buffer(len: usize) -> io::Result<Vec<u8>> {
    limits::zeroed(len).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

/// Reads up to `limit` bytes and one, and is content with fewer.
fn fill(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(limit).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    reader.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Unpacks gzip of any number of bytes up to a limit, which says nothing of how many there are.
pub(crate) fn gunzip(packed: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed).take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(invalid(&format!("it unpacks to more than {limit} bytes")));
    }
    Ok(bytes)
}
