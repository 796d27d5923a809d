//! What the arguments of `convert` mean: numbers, a part of the volume, choices of OME-Zarr.

use std::path::Path;
use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use em_io::{Content, OmeZarrVersion, Roi, Volume, VoxelType, WriteOptions};

use crate::error::UserError;

/// Choices of how OME-Zarr is written.
#[derive(Debug, Default, Args)]
pub struct ZarrArgs {
    /// OME-Zarr: the version; 0.4 for tools from before 2025 [default: 0.5].
    #[arg(long, value_name = "VERSION")]
    pub zarr_version: Option<ZarrVersion>,
    /// OME-Zarr: the shape of a chunk in voxels [default: 16,256,256].
    #[arg(long, value_name = "Z,Y,X", value_parser = chunk)]
    pub chunk: Option<[usize; 3]>,
    /// OME-Zarr: the number of levels of the pyramid [default: until a section is one chunk].
    #[arg(long, value_name = "N")]
    pub levels: Option<usize>,
    /// OME-Zarr: the volume is a label, so that smaller levels show no value that was not there.
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
    /// Returns the options for a path, which has to be one of OME-Zarr where any was given.
    pub fn options(&self, path: &Path) -> Result<WriteOptions> {
        let given = [
            ("--zarr-version", self.zarr_version.is_some()),
            ("--chunk", self.chunk.is_some()),
            ("--levels", self.levels.is_some()),
            ("--labels", self.labels),
        ];
        let is_zarr = path.ancestors().any(|part| part.extension().is_some_and(|end| end == "zarr"));
        if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given && !is_zarr) {
            let message = format!("{flag} is about OME-Zarr, and `{}` is not", path.display());
            return Err(
                UserError::new(message, "let the output end in .zarr, or leave the option out").into()
            );
        }
        let default = WriteOptions::default();
        let mut options = default
            .with_version(self.zarr_version.map_or(default.version, ZarrVersion::meant))
            .with_chunk(self.chunk.unwrap_or(default.chunk));
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

/// A part of a volume, `z0:z1,y0:y1,x0:x1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crop {
    text: String,
    /// Start and end of `[z, y, x]`; `None` where it is left out.
    sides: [[Option<usize>; 2]; 3],
}

impl FromStr for Crop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |part: &str| {
            let (start, end) = part.split_once(':')?;
            let number = |text: &str| match text.trim() {
                "" => Some(None),
                text => text.parse().ok().map(Some),
            };
            Some([number(start)?, number(end)?])
        };
        let sides: Option<Vec<_>> = text.split(',').map(side).collect();
        match sides.map(<[_; 3]>::try_from) {
            Some(Ok(sides)) => Ok(Self { text: text.into(), sides }),
            _ => Err("expected three ranges z0:z1,y0:y1,x0:x1, as in 0:10,:,512:1024".into()),
        }
    }
}

impl Crop {
    /// Returns the block that is meant, which has to lie within the volume.
    pub fn of(&self, volume: &Volume) -> Result<Roi> {
        let whole = volume.shape();
        let start = std::array::from_fn(|axis| self.sides[axis][0].unwrap_or(0));
        let end: [usize; 3] = std::array::from_fn(|axis| self.sides[axis][1].unwrap_or(whole[axis]));
        if (0..3).any(|axis| start[axis] >= end[axis] || end[axis] > whole[axis]) {
            let [z, y, x] = whole;
            return Err(UserError::new(
                format!(
                    "--roi {} is no part of the volume, expected ranges within 0:{z},0:{y},0:{x}",
                    self.text
                ),
                "voxels are counted from 0, and the end is one behind the last",
            )
            .into());
        }
        Ok(Roi { start, shape: std::array::from_fn(|axis| end[axis] - start[axis]) })
    }
}

/// Reads `N` numbers with commas between them.
pub fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let numbers = numbers.ok().and_then(|numbers| <[f64; N]>::try_from(numbers).ok());
    numbers
        .filter(|numbers| numbers.iter().all(|number| number.is_finite()))
        .ok_or_else(|| format!("expected {N} numbers with commas between them"))
}

/// Reads a voxel size.
pub fn voxel_size(text: &str) -> Result<[f64; 3], String> {
    let size = numbers::<3>(text)?;
    let range = em_io::limits::VOXEL_SIZE_NM;
    if size.iter().all(|side| range.contains(side)) {
        return Ok(size);
    }
    Err(format!("expected sizes in nm from {} to {:e}", range.start(), range.end()))
}

/// Reads the shape of a chunk.
fn chunk(text: &str) -> Result<[usize; 3], String> {
    let sides: Option<Vec<usize>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let sides = sides.and_then(|sides| <[usize; 3]>::try_from(sides).ok());
    sides
        .filter(|sides| !sides.contains(&0))
        .ok_or_else(|| "expected three numbers above 0, as in 16,256,256".to_owned())
}

/// Reads a type by its short name.
pub fn voxel_type(text: &str) -> Result<VoxelType, String> {
    text.parse().map_err(|error: em_io::UnknownVoxelType| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn part(text: &str) -> Result<Roi> {
        let volume = Volume::from_voxels(Array3::<u8>::zeros((4, 5, 6)).into(), None);
        text.parse::<Crop>().map_err(anyhow::Error::msg)?.of(&volume)
    }

    #[test]
    fn a_part_is_read_as_in_python() {
        assert_eq!(part("1:3,:,2:").unwrap(), Roi { start: [1, 0, 2], shape: [2, 5, 4] });
        assert_eq!(part(":,:,:").unwrap(), Roi::whole([4, 5, 6]));
        for wrong in ["", "1:3", "1,2,3", "a:b,:,:", "2:2,:,:", "3:1,:,:", "0:5,:,:", "-1:2,:,:", ":,:,:,:"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_and_types_are_read() {
        assert_eq!(voxel_size("50, 4.6,4.6").unwrap(), [50.0, 4.6, 4.6]);
        assert!(
            ["5,5", "0,5,5", "5,5,nan", "inf,5,5", "-5,5,5"].iter().all(|text| voxel_size(text).is_err())
        );
        assert_eq!(voxel_type("u16").unwrap(), VoxelType::U16);
        assert!(voxel_type("double").unwrap_err().ends_with("u8, i8, u16, i16, u32, i32, u64, i64, f32"));
        assert_eq!(chunk("1,2,3").unwrap(), [1, 2, 3]);
        assert!(chunk("1,2,0").is_err());
    }
}
