//! The bytes of one chunk or shard on disk, and the chain of codecs that decodes them.

use super::array::ArrayMeta;
use super::unpack::Unpacker;
use crate::VoxelType;
use crate::formats::stored::Stored;
use crate::formats::unpack::packed_limit;
use crate::limits;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
        let file = Arc::new(ChunkFile { path: path.to_path_buf(), limit: self.limit });
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
}

impl ChunkFile {
    /// Opens the file with its length, `None` where there is none.
    fn open(&self) -> io::Result<Option<(File, u64)>> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // A pipe would be waited on for ever, and a folder has no bytes.
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no regular file"));
        }
        Ok(Some((File::open(&self.path)?, metadata.len())))
    }

    fn read(&self, file: &mut File, file_bytes: u64, range: ByteRange) -> io::Result<Vec<u8>> {
        let (start, len) = match range {
            ByteRange::FromStart(start, Some(len)) => (start, len),
            ByteRange::FromStart(start, None) => (start, file_bytes.saturating_sub(start)),
            ByteRange::Suffix(len) => (file_bytes.checked_sub(len).ok_or(io::ErrorKind::UnexpectedEof)?, len),
        };
        if start.checked_add(len).is_none_or(|end| end > file_bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if len > self.limit {
            let reason = format!("{len} bytes, more than a chunk of this array can have");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let out_of_memory = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut bytes = limits::zeroed::<u8>(len).map_err(out_of_memory)?;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl BytesPartialDecoderTraits for ChunkFile {
    fn exists(&self) -> Result<bool, StorageError> {
        Ok(self.path.exists())
    }

    fn size_held(&self) -> usize {
        0
    }

    fn partial_decode_many(
        &self,
        ranges: ByteRangeIterator<'_>,
        _: &CodecOptions,
    ) -> Result<Option<Vec<ArrayBytesRaw<'_>>>, CodecError> {
        let failed = |error| CodecError::IOError(Arc::new(error));
        let Some((mut file, file_bytes)) = self.open().map_err(failed)? else {
            return Ok(None);
        };
        let read = |range| self.read(&mut file, file_bytes, range).map(Cow::Owned).map_err(failed);
        ranges.map(read).collect::<Result<Vec<_>, _>>().map(Some)
    }

    fn supports_partial_decode(&self) -> bool {
        true
    }
}
