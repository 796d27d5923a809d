//! The bytes of one chunk or shard on disk, and the chain of codecs that decodes them.

use super::array::ArrayMeta;
use super::unpack::Unpacker;
use crate::VoxelType;
use crate::formats::stored::Stored;
use crate::formats::unpack::packed_limit;
use crate::storage::{self, Object, Span};
use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use zarrs::array::codec::{
    BytesCodec, Crc32cCodec, ShardingCodec, ShardingIndexLocation, TransposeCodec, TransposeOrder,
};
use zarrs::array::{
    ArrayBytesRaw, ArrayPartialDecoderTraits, ArrayToArrayCodecTraits, ArrayToBytesCodecTraits,
    BytesPartialDecoderTraits, BytesToBytesCodecTraits, CodecChain, CodecError, CodecOptions, DataType,
    FillValue, data_type,
};
use zarrs::storage::StorageError;
use zarrs::storage::byte_range::{ByteRange, ByteRangeIterator};

/// The most bytes of a shard's index beside its numbers: the checksum.
const INDEX_OVERHEAD: u64 = 4;

/// Decodes the chunks of one array. It holds no file open.
#[derive(Debug)]
pub(super) struct Decoder {
    chain: Arc<CodecChain>,
    shape: Vec<NonZeroU64>,
    data_type: DataType,
    fill: FillValue,
    /// The most bytes that are read from a file at once.
    limit: u64,
}

impl Decoder {
    /// Prepares the decoding; `None` where the (checked) metadata is contradictory after all.
    pub(super) fn new(meta: &ArrayMeta) -> Option<Self> {
        let inner = inner_chain(meta)?;
        let chain = match &meta.shard {
            None => inner,
            Some(shard) => {
                let checksum: Arc<dyn BytesToBytesCodecTraits> = Arc::new(Crc32cCodec::new());
                let packing = if shard.index_has_checksum { vec![checksum] } else { Vec::new() };
                let index = CodecChain::new(Vec::new(), Arc::new(BytesCodec::little()), packing);
                let at_start = shard.index_at_start;
                let location =
                    if at_start { ShardingIndexLocation::Start } else { ShardingIndexLocation::End };
                let codec = ShardingCodec::new(sides(&shard.chunk)?, inner, Arc::new(index), location);
                Arc::new(CodecChain::new(Vec::new(), Arc::new(codec), Vec::new()))
            }
        };
        let index_bytes = meta.chunks_per_file().saturating_mul(16).saturating_add(INDEX_OVERHEAD);
        Some(Self {
            chain,
            shape: sides(&meta.chunk)?,
            data_type: data_type(meta.stored),
            fill: FillValue::new(meta.fill.clone()),
            limit: packed_limit(meta.inner_bytes()).max(index_bytes),
        })
    }

    /// Starts on one chunk or shard. A file that is missing is one of fill values.
    pub(super) fn chunk(&self, path: &Path) -> Result<Arc<dyn ArrayPartialDecoderTraits>, CodecError> {
        let file = Arc::new(ChunkFile { path: path.to_path_buf(), limit: self.limit, seen: OnceLock::new() });
        let chain = Arc::clone(&self.chain);
        chain.partial_decoder(file, &self.shape, &self.data_type, &self.fill, &options())
    }
}

fn data_type(stored: Stored) -> DataType {
    match stored {
        Stored::As(VoxelType::U8) | Stored::ShiftedByte => data_type::uint8(),
        Stored::As(VoxelType::I8) => data_type::int8(),
        Stored::As(VoxelType::U16) => data_type::uint16(),
        Stored::As(VoxelType::I16) => data_type::int16(),
        Stored::As(VoxelType::U32) => data_type::uint32(),
        Stored::As(VoxelType::I32) => data_type::int32(),
        Stored::As(VoxelType::U64) => data_type::uint64(),
        Stored::As(VoxelType::I64) => data_type::int64(),
        Stored::As(VoxelType::F32) => data_type::float32(),
        Stored::F16 => data_type::float16(),
        Stored::F64 => data_type::float64(),
    }
}

/// The chunks are decoded in parallel, so no chunk needs to be.
pub(super) fn options() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1)
}

fn sides(shape: &[u64]) -> Option<Vec<NonZeroU64>> {
    shape.iter().map(|&side| NonZeroU64::new(side)).collect()
}

fn inner_chain(meta: &ArrayMeta) -> Option<Arc<CodecChain>> {
    let mut order: Vec<Arc<dyn ArrayToArrayCodecTraits>> = Vec::new();
    if let Some(axes) = &meta.order {
        order.push(Arc::new(TransposeCodec::new(TransposeOrder::new(axes).ok()?)));
    }
    let bytes: Arc<dyn ArrayToBytesCodecTraits> =
        Arc::new(if meta.big_endian { BytesCodec::big() } else { BytesCodec::little() });
    let packing = meta
        .packing
        .iter()
        .map(|&packing| -> Arc<dyn BytesToBytesCodecTraits> { Arc::new(Unpacker(packing)) });
    Some(Arc::new(CodecChain::new(order, bytes, packing.collect())))
}

/// A file that is read in ranges, each checked against its length before a buffer is made.
///
/// The ranges come from a shard's index, so they may be anything.
struct ChunkFile {
    path: PathBuf,
    limit: u64,
    /// The version of which the first range was read: all of one shard are of one.
    seen: OnceLock<Object>,
}

impl ChunkFile {
    /// Reads a range, `None` where there is no file.
    fn read(&self, range: ByteRange) -> io::Result<Option<Vec<u8>>> {
        let too_long = |error: io::Error| match error.kind() {
            ErrorKind::FileTooLarge => {
                io::Error::new(ErrorKind::InvalidData, "more bytes than a chunk of this array can have")
            }
            _ => error,
        };
        let span = match range {
            ByteRange::FromStart(start, Some(len)) => Span::From(start, len),
            ByteRange::FromStart(0, None) => Span::All,
            // Codecs of shards know how long what they read is.
            ByteRange::FromStart(_, None) => return Err(ErrorKind::Unsupported.into()),
            ByteRange::Suffix(len) => Span::Last(len),
        };
        let found = match self.seen.get() {
            Some(object) => object.get(span, self.limit).map(Some),
            None => Object::first(&self.path, span, self.limit),
        };
        let Some((bytes, object)) = found.map_err(too_long)? else { return Ok(None) };
        self.seen.get_or_init(|| object);
        Ok(Some(bytes))
    }
}

impl BytesPartialDecoderTraits for ChunkFile {
    fn exists(&self) -> Result<bool, StorageError> {
        Ok(storage::stat(&self.path)?.is_some())
    }

    fn size_held(&self) -> usize {
        0
    }

    fn partial_decode_many(
        &self,
        ranges: ByteRangeIterator<'_>,
        _: &CodecOptions,
    ) -> Result<Option<Vec<ArrayBytesRaw<'_>>>, CodecError> {
        let read = |range| self.read(range).map_err(|error| CodecError::IOError(Arc::new(error)));
        let read = ranges.map(read).collect::<Result<Option<Vec<_>>, _>>()?;
        Ok(read.map(|all| all.into_iter().map(Cow::Owned).collect()))
    }

    fn supports_partial_decode(&self) -> bool {
        true
    }
}
