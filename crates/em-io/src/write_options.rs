//! What a caller can choose when a volume is written, nearly all of it about volumes in chunks.

/// A version of OME-Zarr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OmeZarrVersion {
    /// OME-Zarr 0.4, in Zarr version 2: for tools from before 2025. Chunks are packed with blosc.
    V0_4,
    /// OME-Zarr 0.5, in Zarr version 3. Chunks are packed with Zstandard.
    #[default]
    V0_5,
}

/// What voxels mean, which decides how smaller levels are made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Grey values or probabilities: a voxel of a smaller level is the mean of those it covers.
    Intensity,
    /// Masks or numbers of objects: a voxel of a smaller level is the largest of those it covers,
    /// so that no number comes up that was not there, and thin objects do not vanish.
    Label,
}

/// How the voxels of a TIFF file are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TiffCompression {
    /// Adobe's deflate: it leaves about 86 % of EM, and little of a mask.
    #[default]
    Deflate,
    /// Voxels as they are, which other programs can map into memory.
    None,
}

/// How a volume is written, beyond what [`crate::VolumeSpec`] says of it.
///
/// All but the last is about OME-Zarr, and of that all but the version and the shard about precomputed folders, too;
/// what does not concern a format, it ignores.
///
/// ```
/// use em_io::{TiffCompression, VolumeSpec, VolumeWriter, VoxelType, WriteOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("volume.tif");
/// let spec = VolumeSpec { shape: [8, 64, 64], voxel_type: VoxelType::U8, voxel_size_nm: None };
/// let options = WriteOptions::default().with_tiff_compression(TiffCompression::None);
/// let mut writer = VolumeWriter::with_options(&path, spec, options)?;
/// writer.write(&ndarray::Array3::<u8>::zeros((8, 64, 64)).into())?;
/// writer.finish()?;
/// assert!(std::fs::metadata(&path)?.len() > 8 * 64 * 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The version of OME-Zarr. A label takes that of its image.
    pub version: OmeZarrVersion,
    /// The shape of a chunk, `[z, y, x]`. As many sections as a chunk is deep are held in memory.
    pub chunk: [usize; 3],
    /// The shape of a shard, `[z, y, x]`: an object of many chunks, for servers and stores to which many small
    /// objects are dear. It is whole chunks along every axis, and OME-Zarr 0.5 alone has it. `None` makes each
    /// chunk an object. All levels have it, clipped to their size; a label has that of its own options, as with
    /// chunks. The packed chunks of as many sections as a shard is deep are held in memory, too.
    pub shard: Option<[usize; 3]>,
    /// The number of levels, with the full one. `None` goes on until a section is one chunk.
    /// A label has as many as its image.
    pub levels: Option<usize>,
    /// What the voxels mean. `None` is a label under `labels/`, and intensity elsewhere. Of a precomputed folder,
    /// a label is a segmentation.
    pub content: Option<Content>,
    /// How TIFF is packed.
    pub tiff_compression: TiffCompression,
}

impl Default for WriteOptions {
    /// OME-Zarr 0.5 in chunks of 1 MB (8-bit), with as many levels as are of use.
    fn default() -> Self {
        Self {
            version: OmeZarrVersion::default(),
            chunk: [16, 256, 256],
            shard: None,
            levels: None,
            content: None,
            tiff_compression: TiffCompression::default(),
        }
    }
}

impl WriteOptions {
    /// Chooses the version of OME-Zarr.
    pub fn with_version(mut self, version: OmeZarrVersion) -> Self {
        self.version = version;
        self
    }

    /// Chooses the shape of a chunk, `[z, y, x]`.
    pub fn with_chunk(mut self, chunk: [usize; 3]) -> Self {
        self.chunk = chunk;
        self
    }

    /// Chooses the shape of a shard, `[z, y, x]`, in whole chunks; `None` makes each chunk an object.
    pub fn with_shard(mut self, shard: Option<[usize; 3]>) -> Self {
        self.shard = shard;
        self
    }

    /// Chooses the number of levels, with the full one.
    pub fn with_levels(mut self, levels: usize) -> Self {
        self.levels = Some(levels);
        self
    }

    /// Says what the voxels mean.
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = Some(content);
        self
    }

    /// Chooses how TIFF is packed.
    pub fn with_tiff_compression(mut self, compression: TiffCompression) -> Self {
        self.tiff_compression = compression;
        self
    }
}
