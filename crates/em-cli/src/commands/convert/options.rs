//! What the arguments of `convert` mean: a voxel type, choices of OME-Zarr and of folders for Neuroglancer.

use std::path::Path;

use anyhow::Result;
use clap::{Args, ValueEnum};
use em_io::{Content, OmeZarrVersion, VoxelType, WriteOptions};

use crate::arguments::chunk;
use crate::error::UserError;

/// Choices of how volumes in chunks are written: OME-Zarr, and folders for Neuroglancer (.precomputed).
#[derive(Debug, Default, Args)]
pub struct ZarrArgs {
    /// OME-Zarr: the version; 0.4 for tools from before 2025 [default: 0.5].
    #[arg(long, value_name = "VERSION")]
    pub zarr_version: Option<ZarrVersion>,
    /// OME-Zarr and .precomputed: the shape of a chunk in voxels [default: 16,256,256].
    #[arg(long, value_name = "Z,Y,X", value_parser = chunk)]
    pub chunk: Option<[usize; 3]>,
    /// OME-Zarr 0.5: the shape of a shard, an object of many chunks, in voxels; whole chunks along every axis [default:
    /// each chunk is an object].
    #[arg(long, value_name = "Z,Y,X", value_parser = chunk)]
    pub shard: Option<[usize; 3]>,
    /// OME-Zarr and .precomputed: the number of levels of the pyramid [default: until a section is one chunk].
    #[arg(long, value_name = "N")]
    pub levels: Option<usize>,
    /// OME-Zarr and .precomputed: the volume is a label, so that smaller levels show no value that was not there.
    #[arg(long)]
    pub labels: bool,
}

/// The versions of OME-Zarr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ZarrVersion {
    /// In Zarr version 2.
    #[value(name = "0.4")]
    V0_4,
    /// In Zarr version 3.
    #[value(name = "0.5")]
    V0_5,
}

impl ZarrArgs {
    /// Returns the options for a path, which has to be one of a format that has those which were given.
    pub fn options(&self, path: &Path) -> Result<WriteOptions> {
        let is_zarr = path.ancestors().any(|part| part.extension().is_some_and(|end| end == "zarr"));
        let is_precomputed = path.extension().is_some_and(|end| end == "precomputed");
        let given = [
            ("--zarr-version", self.zarr_version.is_some(), is_zarr),
            ("--chunk", self.chunk.is_some(), is_zarr || is_precomputed),
            ("--shard", self.shard.is_some(), is_zarr),
            ("--levels", self.levels.is_some(), is_zarr || is_precomputed),
            ("--labels", self.labels, is_zarr || is_precomputed),
        ];
        if let Some((flag, ..)) = given.into_iter().find(|(_, given, is_known)| *given && !is_known) {
            let message = format!("{flag} is about OME-Zarr, and `{}` is not", path.display());
            return Err(
                UserError::new(message, "let the output end in .zarr, or leave the option out").into()
            );
        }
        let default = WriteOptions::default();
        let mut options = default
            .with_version(self.zarr_version.map_or(default.version, ZarrVersion::meant))
            .with_chunk(self.chunk.unwrap_or(default.chunk))
            .with_shard(self.shard);
        options.levels = self.levels.or(default.levels);
        options.content = if self.labels { Some(Content::Label) } else { default.content };
        Ok(options)
    }
}

impl ZarrVersion {
    fn meant(self) -> OmeZarrVersion {
        match self {
            Self::V0_4 => OmeZarrVersion::V0_4,
            Self::V0_5 => OmeZarrVersion::V0_5,
        }
    }
}

/// Reads a type by its short name.
pub fn voxel_type(text: &str) -> Result<VoxelType, String> {
    text.parse().map_err(|error: em_io::UnknownVoxelType| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_by_their_short_names() {
        assert_eq!(voxel_type("u16").unwrap(), VoxelType::U16);
        assert!(voxel_type("double").unwrap_err().ends_with("u8, i8, u16, i16, u32, i32, u64, i64, f32"));
    }

    #[test]
    fn choices_of_ome_zarr_are_for_ome_zarr() {
        let zarr = ZarrArgs {
            zarr_version: Some(ZarrVersion::V0_4),
            chunk: Some([2, 16, 16]),
            shard: Some([4, 32, 64]),
            levels: Some(2),
            labels: true,
        };
        let options = zarr.options(Path::new("out.zarr/labels/mitochondria")).unwrap();
        assert_eq!((options.version, options.chunk), (OmeZarrVersion::V0_4, [2, 16, 16]));
        assert_eq!((options.levels, options.content), (Some(2), Some(Content::Label)));
        assert_eq!(options.shard, Some([4, 32, 64]));
        let zarr = ZarrArgs { levels: Some(1), ..Default::default() };
        let error = zarr.options(Path::new("out.tif")).unwrap_err();
        assert!(error.to_string().starts_with("--levels is about OME-Zarr"), "{error}");
        assert_eq!(zarr.options(Path::new("out.precomputed")).unwrap().levels, Some(1));
        for zarr in [
            ZarrArgs { zarr_version: Some(ZarrVersion::V0_5), ..Default::default() },
            ZarrArgs { shard: Some([16, 512, 512]), ..Default::default() },
        ] {
            assert!(zarr.options(Path::new("out.precomputed")).is_err());
        }
    }
}
