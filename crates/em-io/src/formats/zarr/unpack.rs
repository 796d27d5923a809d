//! The decompressors of chunks in a chain of `zarrs` codecs, within bounds: see [`crate::formats::unpack`].

use super::array::Packing;
use crate::formats::unpack::{invalid, packed_limit, unpack};
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use zarrs::array::codec::api::{PartialDecoderCapability, PartialEncoderCapability};
use zarrs::array::{
    ArrayBytesRaw, BytesRepresentation, BytesToBytesCodecTraits, CodecError, CodecMetadataOptions,
    CodecOptions, CodecTraits, RecommendedConcurrency,
};
use zarrs::metadata::Configuration;
use zarrs::plugin::{ExtensionName, ZarrVersion};

/// A decompressor in a chain of `zarrs` codecs. It does not compress: see `pack`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unpacker(pub Packing);

impl Unpacker {
    fn unpack(self, packed: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        match self.0 {
            Packing::By(compression) => unpack(compression, packed, limit),
            Packing::Crc32c => checked(packed).map(<[u8]>::to_vec).map_err(invalid),
        }
    }
}

/// Takes the checksum from the end, and holds it against the bytes before it.
///
/// The codec of the `zarrs` crate takes it off unseen where a part of a chunk is asked for.
fn checked(packed: &[u8]) -> Result<&[u8], &'static str> {
    let (bytes, checksum) = packed.split_last_chunk().ok_or("no checksum")?;
    if crc32c::crc32c(bytes) == u32::from_le_bytes(*checksum) {
        Ok(bytes)
    } else {
        Err("a checksum of other bytes")
    }
}

impl BytesToBytesCodecTraits for Unpacker {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn BytesToBytesCodecTraits> {
        self
    }

    fn recommended_concurrency(&self, _: &BytesRepresentation) -> Result<RecommendedConcurrency, CodecError> {
        Ok(RecommendedConcurrency::new_maximum(1))
    }

    fn encoded_representation(&self, decoded: &BytesRepresentation) -> BytesRepresentation {
        decoded.size().map_or(BytesRepresentation::UnboundedSize, |bytes| {
            BytesRepresentation::BoundedSize(packed_limit(bytes))
        })
    }

    fn encode<'a>(&self, _: ArrayBytesRaw<'a>, _: &CodecOptions) -> Result<ArrayBytesRaw<'a>, CodecError> {
        Err(CodecError::Other("this codec only decodes".into()))
    }

    fn decode<'a>(
        &self,
        packed: ArrayBytesRaw<'a>,
        decoded: &BytesRepresentation,
        _: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        let limit = decoded.size().ok_or_else(|| CodecError::Other("a chunk of unknown size".into()))?;
        let bytes = self.unpack(&packed, limit).map_err(|error| CodecError::IOError(Arc::new(error)))?;
        let found = bytes.len() as u64;
        if found > limit || matches!(decoded, BytesRepresentation::FixedSize(_)) && found < limit {
            return Err(CodecError::Other(format!("{found} bytes in a chunk of {limit}")));
        }
        Ok(Cow::Owned(bytes))
    }
}

impl ExtensionName for Unpacker {
    // It is never written into metadata.
    fn name(&self, _: ZarrVersion) -> Option<Cow<'static, str>> {
        None
    }
}

impl CodecTraits for Unpacker {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn configuration(&self, _: ZarrVersion, _: &CodecMetadataOptions) -> Option<Configuration> {
        None
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        PartialDecoderCapability { partial_read: false, partial_decode: false }
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        PartialEncoderCapability { partial_encode: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::unpack::Compression;

    fn decode(packing: Packing, packed: &[u8], bytes: u64) -> Result<Vec<u8>, CodecError> {
        let size = BytesRepresentation::FixedSize(bytes);
        Unpacker(packing).decode(packed.into(), &size, &CodecOptions::default()).map(Cow::into_owned)
    }

    #[test]
    fn a_frame_that_claims_another_size_is_refused() {
        let packed = zstd::bulk::compress(&[7; 4000], 1).unwrap();
        assert_eq!(decode(Packing::By(Compression::Zstd), &packed, 4000).unwrap(), [7; 4000]);
        assert!(decode(Packing::By(Compression::Zstd), &packed, 3999).is_err());
        assert!(decode(Packing::By(Compression::Zstd), &packed, 4001).is_err());
        assert!(decode(Packing::By(Compression::Zstd), &packed, 1 << 40).is_err());
    }

    #[test]
    fn a_frame_header_decides_on_no_allocation() {
        // A frame of 2^62 bytes by its header, with one empty block: what a decoder that believes
        // the header would allocate.
        let packed = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0];
        assert!(decode(Packing::By(Compression::Zstd), &packed, 4000).is_err());
    }

    #[test]
    fn a_gzip_bomb_stops_at_the_size_of_a_chunk() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &vec![0; 1 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(decode(Packing::By(Compression::Gzip), &packed, 1000).is_err());
        assert_eq!(decode(Packing::By(Compression::Gzip), &packed, 1 << 20).unwrap().len(), 1 << 20);
    }

    // google_crc32c.value(b"123456789") is 0xe3069283 (the check value of the CRC catalogue).
    #[test]
    fn a_checksum_of_other_bytes_is_refused() {
        let packed = [b"123456789".as_slice(), &[0x83, 0x92, 0x06, 0xe3]].concat();
        assert_eq!(decode(Packing::Crc32c, &packed, 9).unwrap(), b"123456789");
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 1;
            assert!(decode(Packing::Crc32c, &changed, 9).is_err(), "{at}");
        }
        assert!(decode(Packing::Crc32c, &packed[..3], 9).is_err());
    }

    #[test]
    fn blosc_with_missing_bytes_is_refused() {
        for len in 0..20 {
            assert!(decode(Packing::By(Compression::Blosc), &vec![2; len], 64).is_err());
        }
    }
}
