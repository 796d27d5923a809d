//! What a TIFF file says of itself beside its pages, in the words of ImageJ or of OME.

use super::description::{Description, Resolution};
use super::ome::Ome;
use crate::error::Result;
use std::io::{Read, Seek};
use std::path::Path;
use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::Tag;

/// The most bytes of a description that are read. OME-XML may have a line per plane.
const DESCRIPTION_BYTES: u64 = 1 << 24;

/// The description of the first page.
#[derive(Debug)]
pub(super) enum Metadata {
    /// None, or one by other software.
    Unknown,
    ImageJ(Description, Resolution),
    Ome(Ome),
}

impl Metadata {
    /// Reads the description of the decoder's page, of a file of `file_bytes` bytes.
    pub(super) fn read<R: Read + Seek>(
        path: &Path,
        file_bytes: u64,
        decoder: &mut Decoder<R>,
    ) -> Result<Self> {
        let Some(text) = description(decoder, file_bytes.min(DESCRIPTION_BYTES)) else {
            return Ok(Self::Unknown);
        };
        if Ome::is(&text) {
            return Ok(Self::Ome(Ome::parse(path, &text)?));
        }
        let description = Description::parse(&text);
        Ok(description.map_or(Self::Unknown, |description| Self::ImageJ(description, resolution(decoder))))
    }

    /// Returns the voxel size, `[z, y, x]` in nm, where all three are known.
    pub(super) fn voxel_size_nm(&self) -> Option<[f64; 3]> {
        match self {
            Self::Unknown => None,
            Self::ImageJ(description, resolution) => description.voxel_size_nm(*resolution),
            Self::Ome(ome) => ome.voxel_size_nm,
        }
    }
}

/// Reads the description as UTF-8 or, from old versions of ImageJ, Latin-1.
fn description<R: Read + Seek>(decoder: &mut Decoder<R>, most: u64) -> Option<String> {
    let mut directory = decoder.image_ifd();
    let count = directory.find_entry(Tag::ImageDescription)?.count().min(most);
    let mut bytes = vec![0; usize::try_from(count).ok()?];
    directory.find_tag_bytes(Tag::ImageDescription, &mut bytes, 0).ok()??;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|&byte| char::from(byte)).collect());
    Some(text)
}

fn resolution<R: Read + Seek>(decoder: &mut Decoder<R>) -> Resolution {
    let mut rational = |tag| match decoder.find_tag(tag) {
        Ok(Some(Value::Rational(over, under))) => Some(f64::from(over) / f64::from(under)),
        _ => None,
    };
    let (x, y) = (rational(Tag::XResolution), rational(Tag::YResolution));
    let unit = decoder.find_tag_unsigned(Tag::ResolutionUnit).ok().flatten();
    Resolution { x, y, unit: unit.unwrap_or(1) }
}
