//! Writes a stack as TIFF pages, deflate-compressed or plain, with ImageJ's or OME's metadata.

use super::{description, ome_xml};
use crate::VolumeSpec;
use crate::atomic::AtomicFile;
use crate::error::{Error, Result};
use crate::formats::bytes_of_rows;
use crate::formats::sink::{Sink, cannot_write};
use crate::{TiffCompression, VoxelType, Voxels};
use flate2::{Compression, write::ZlibEncoder};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tiff::encoder::{Rational, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, ResolutionUnit, SampleFormat, Tag};
use tiff::{TiffError, TiffResult};

/// Sections are cut into strips of about this many bytes, so that a reader can decode a part.
const STRIP_BYTES: usize = 1 << 20;

/// The largest uncompressed size of a file with 32-bit offsets.
///
/// A sixteenth below 4 GiB: room for the directories, and for data that deflate cannot shrink.
const MAX_CLASSIC_BYTES: u64 = (1 << 32) - (1 << 28);

/// Out of 1 to 9. EM is noise that every level leaves at 86 %, in about the same time; labels
/// take a third less at 6 than at 4 (zlib, on EPFL CA1).
const DEFLATE_LEVEL: u32 = 6;

/// Whose metadata a TIFF file carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    ImageJ,
    Ome,
}

/// A TIFF file that is being written, of 32-bit (`TiffKindStandard`) or 64-bit offsets.
pub(crate) struct TiffSink<K: TiffKind> {
    path: PathBuf,
    file: AtomicFile,
    encoder: TiffEncoder<File, K>,
    spec: VolumeSpec,
    flavour: Flavour,
    compression: TiffCompression,
    pages: usize,
}

/// Starts a file, with 64-bit offsets (BigTIFF) where 32 bits may not do.
pub(crate) fn create(
    path: &Path,
    spec: VolumeSpec,
    flavour: Flavour,
    compression: TiffCompression,
) -> Result<Box<dyn Sink>> {
    if flavour == Flavour::Ome && ome_xml::pixel_type(spec.voxel_type).is_none() {
        let what = format!("{} voxels", spec.voxel_type);
        let expected = "8- to 32-bit integers or 32-bit float for OME-TIFF, or a path that ends in .tif";
        return Err(cannot_write(path, what, expected));
    }
    if spec.bytes() > MAX_CLASSIC_BYTES {
        TiffSink::<TiffKindBig>::start(path, spec, flavour, compression)
    } else {
        TiffSink::<TiffKindStandard>::start(path, spec, flavour, compression)
    }
}

impl<K: TiffKind + Send + 'static> TiffSink<K> {
    fn start(
        path: &Path,
        spec: VolumeSpec,
        flavour: Flavour,
        compression: TiffCompression,
    ) -> Result<Box<dyn Sink>> {
        let file = AtomicFile::create(path)?;
        // The encoder has no way to hand a buffered file back with its last error, so it gets the
        // file itself: its large writes are whole strips.
        let handle = file.as_file().try_clone().map_err(Error::io("write", path))?;
        let encoder = TiffEncoder::new_generic(handle).map_err(|error| failure(path, error))?;
        Ok(Box::new(Self { path: path.to_path_buf(), file, encoder, spec, flavour, compression, pages: 0 }))
    }

    /// Writes one page from its compressed strips.
    fn write_page(&mut self, strips: &[Vec<u8>]) -> TiffResult<()> {
        let [depth, height, width] = self.spec.shape;
        let voxel_type = self.spec.voxel_type;
        let mut page = self.encoder.image_directory()?;
        page.write_tag(Tag::ImageWidth, u32::try_from(width)?)?;
        page.write_tag(Tag::ImageLength, u32::try_from(height)?)?;
        page.write_tag(Tag::BitsPerSample, u16::try_from(8 * voxel_type.bytes())?)?;
        page.write_tag(Tag::SamplesPerPixel, 1_u16)?;
        page.write_tag(Tag::SampleFormat, [sample_format(voxel_type)].as_slice())?;
        page.write_tag(Tag::Compression, self.compression.method())?;
        page.write_tag(Tag::PhotometricInterpretation, PhotometricInterpretation::BlackIsZero)?;
        page.write_tag(Tag::RowsPerStrip, u32::try_from(rows_per_strip(&self.spec))?)?;
        if self.pages == 0 {
            let text = match self.flavour {
                Flavour::ImageJ => description::text(depth, self.spec.voxel_size_nm),
                Flavour::Ome => ome_xml::text(&self.spec),
            };
            page.write_tag(Tag::ImageDescription, text.as_str())?;
        }
        if let Some([_, y, x]) = self.spec.voxel_size_nm {
            page.write_tag(Tag::XResolution, pixels_per_nm(x))?;
            page.write_tag(Tag::YResolution, pixels_per_nm(y))?;
            page.write_tag(Tag::ResolutionUnit, ResolutionUnit::None)?;
        }
        let mut offsets = Vec::with_capacity(strips.len());
        let mut lengths = Vec::with_capacity(strips.len());
        for strip in strips {
            offsets.push(K::convert_offset(page.write_data(strip.as_slice())?)?);
            lengths.push(u32::try_from(strip.len())?);
        }
        page.write_tag(Tag::StripOffsets, K::convert_slice(&offsets))?;
        page.write_tag(Tag::StripByteCounts, lengths.as_slice())?;
        page.finish()?;
        self.pages += 1;
        Ok(())
    }
}

impl<K: TiffKind + Send + 'static> Sink for TiffSink<K> {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        let rows = rows_per_strip(&self.spec);
        let [depth, height, _] = sections.shape();
        let per_page = height.div_ceil(rows);
        let strips = (0..depth * per_page)
            .into_par_iter()
            .map(|strip| {
                let (z, top) = (strip / per_page, strip % per_page * rows);
                self.compression.pack(bytes_of_rows(sections, z, top..height.min(top + rows)))
            })
            .collect::<io::Result<Vec<_>>>()
            .map_err(Error::io("compress", &self.path))?;
        strips
            .chunks(per_page)
            .try_for_each(|page| self.write_page(page))
            .map_err(|error| failure(&self.path, error))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.commit()
    }
}

/// As many rows as fill a strip, at least one.
fn rows_per_strip(spec: &VolumeSpec) -> usize {
    let [_, height, width] = spec.shape;
    (STRIP_BYTES / (width * spec.voxel_type.bytes()).max(1)).clamp(1, height.max(1))
}

impl TiffCompression {
    fn method(self) -> CompressionMethod {
        match self {
            Self::Deflate => CompressionMethod::Deflate,
            Self::None => CompressionMethod::None,
        }
    }

    fn pack(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(DEFLATE_LEVEL));
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
            Self::None => Ok(bytes),
        }
    }
}

fn sample_format(voxel_type: VoxelType) -> SampleFormat {
    match voxel_type {
        VoxelType::U8 | VoxelType::U16 | VoxelType::U32 | VoxelType::U64 => SampleFormat::Uint,
        VoxelType::I8 | VoxelType::I16 | VoxelType::I32 | VoxelType::I64 => SampleFormat::Int,
        VoxelType::F32 => SampleFormat::IEEEFP,
    }
}

/// Writes 1 / `voxel_nm` as a fraction of two integers, to nine digits.
///
/// They stay below 2^31, since older versions of ImageJ read them as signed.
fn pixels_per_nm(voxel_nm: f64) -> Rational {
    let (mut over, mut under) = (1_000_000_000_u32, voxel_nm * 1e9);
    while under > f64::from(i32::MAX) {
        over /= 10;
        under /= 10.0;
    }
    // The loop has brought it into range, and `limits::VOXEL_SIZE_NM` keeps both from 0.
    Rational { n: over, d: under.round() as u32 }
}

fn failure(path: &Path, error: TiffError) -> Error {
    let source = match error {
        TiffError::IoError(source) => source,
        other => io::Error::other(other),
    };
    Error::io("write", path)(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_64_bit_offsets_are_read_back_in_both_packings() {
        let folder = tempfile::tempdir().unwrap();
        let voxels =
            Voxels::from(ndarray::Array3::from_shape_fn((3, 5, 7), |(z, y, x)| (z * 35 + y * 7 + x) as u16));
        let spec = VolumeSpec {
            shape: voxels.shape(),
            voxel_type: voxels.voxel_type(),
            voxel_size_nm: Some([50.0, 4.6, 4.6]),
        };
        for flavour in [Flavour::ImageJ, Flavour::Ome] {
            for compression in [TiffCompression::Deflate, TiffCompression::None] {
                let path = folder.path().join("big.tif");
                let mut sink = TiffSink::<TiffKindBig>::start(&path, spec, flavour, compression).unwrap();
                sink.write(&voxels).unwrap();
                sink.finish().unwrap();
                // 43 is the version of BigTIFF, 42 that of TIFF.
                assert_eq!(std::fs::read(&path).unwrap()[2], 43);
                let volume = crate::open(&path).unwrap();
                assert_eq!(volume.read_all().unwrap(), voxels);
                assert_eq!(volume.voxel_size_nm(), spec.voxel_size_nm);
            }
        }
    }

    #[test]
    fn a_voxel_size_survives_as_a_fraction() {
        for size in [1e-3, 4.6, 5.0, 50.0, 123.456_789, 1e6, 1e9] {
            let Rational { n, d } = pixels_per_nm(size);
            let back = f64::from(d) / f64::from(n);
            assert!((back - size).abs() <= 1e-8 * size, "{size} became {back}");
        }
    }
}
