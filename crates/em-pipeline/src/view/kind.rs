//! What a layer is: an image, numbered objects, a mask or probabilities, as its values tell.

use std::path::Path;

use em_io::{Content, MaskValues, Roi, Volume, Voxel, VoxelType, Voxels, match_voxels};
use ndarray::Axis;
use serde::Serialize;

use crate::error::{Result, UserError};

/// What the values of a layer mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Grey values.
    Image,
    /// Each value but 0 is an object.
    Objects,
    /// 0 in the background, 255 or 1 in the foreground.
    Mask,
    /// 0 to 1, or whole numbers whose largest is 1.
    Probabilities,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Image => "an image",
            Self::Objects => "objects",
            Self::Mask => "a mask",
            Self::Probabilities => "probabilities",
        })
    }
}

impl Kind {
    /// Tells whether values are numbers of objects, of which there is a table.
    pub fn is_label(self) -> bool {
        matches!(self, Self::Objects | Self::Mask)
    }

    /// Returns how smaller levels are made.
    pub fn content(self) -> Content {
        if self.is_label() { Content::Label } else { Content::Intensity }
    }
}

/// Sections that are looked at.
const SECTIONS: usize = 9;
/// Rows and columns that are looked at in the middle of each.
const EDGES: [usize; 2] = [512; 2];
/// Of probabilities, a smaller share of neighbours is equal, where they are neither 0 nor 1; of numbered
/// objects, whose borders are few voxels, a larger one.
const EQUAL_NEIGHBOURS: f64 = 0.5;

/// Guesses what a volume is that lies over an image, by its name, its type and some of its values.
///
/// # Errors
///
/// Fails if it cannot be read, and for values that are none of these.
pub fn guess(volume: &Volume, name: &str, path: &Path) -> Result<Kind> {
    let seen = Seen::of(volume, SECTIONS, EDGES)?;
    let voxel_type = volume.voxel_type();
    let kind = match voxel_type {
        // A part of a mask may be empty, and a part of a volume of objects may hold one.
        _ if seen.values.is_mask() && voxel_type.bytes() == 1 => Some(Kind::Mask),
        _ if seen.values.is_mask() => Some(wide(volume)?),
        VoxelType::F32 if seen.range.0 >= 0.0 && seen.range.1 <= 1.0 => Some(Kind::Probabilities),
        _ if seen.range.0 < 0.0 || !seen.is_whole => None,
        VoxelType::U8 | VoxelType::U16 if is_named(name, path) || seen.is_smooth() => {
            Some(Kind::Probabilities)
        }
        _ => Some(Kind::Objects),
    };
    kind.ok_or_else(|| {
        let (low, high) = seen.range;
        let message = format!(
            "`{}` holds values from {low} to {high}, which are neither a mask, nor numbers of objects, nor probabilities",
            path.display()
        );
        UserError::new(message, "an image is given first, as `em-cli view IMAGE`").into()
    })
}

/// A mask or objects of a type that is wide for a mask: whole sections tell.
fn wide(volume: &Volume) -> Result<Kind> {
    let seen = Seen::of(volume, 3, [usize::MAX; 2])?;
    Ok(if seen.values.is_mask() && seen.range.1 > 0.0 { Kind::Mask } else { Kind::Objects })
}

fn is_named(name: &str, path: &Path) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.to_lowercase().contains("prob") || file.contains("prob")
}

/// What was seen of a volume.
struct Seen {
    values: MaskValues,
    range: (f64, f64),
    is_whole: bool,
    /// Neighbours along x of which the first is neither 0 nor the largest of its type, and those that are equal.
    neighbours: [u64; 2],
}

impl Seen {
    fn of(volume: &Volume, sections: usize, edges: [usize; 2]) -> Result<Self> {
        let shape = volume.shape();
        let count = sections.min(shape[0]);
        let mut seen = Self {
            values: MaskValues::default(),
            range: (f64::INFINITY, f64::NEG_INFINITY),
            is_whole: true,
            neighbours: [0; 2],
        };
        for number in 0..count {
            let z = (2 * number + 1) * shape[0] / (2 * count);
            let edges = [edges[0].min(shape[1]), edges[1].min(shape[2])];
            seen.add(&volume.read(Roi::middle(shape, z..z + 1, edges))?);
        }
        Ok(seen)
    }

    fn add(&mut self, section: &Voxels) {
        self.values.add_section(section, 0);
        let (low, high) = section.range();
        self.range = (self.range.0.min(low), self.range.1.max(high));
        let most = section.voxel_type().range().1;
        match_voxels!(section, array => {
            for row in array.index_axis(Axis(0), 0).rows() {
                self.is_whole &= row.iter().all(|value| value.to_f64().fract() == 0.0);
                for (here, next) in row.iter().zip(row.iter().skip(1)) {
                    if here.to_f64() > 0.0 && here.to_f64() < most {
                        self.neighbours[0] += 1;
                        self.neighbours[1] += u64::from(here == next);
                    }
                }
            }
        });
    }

    fn is_smooth(&self) -> bool {
        let [all, equal] = self.neighbours.map(|count| count as f64);
        equal < all * EQUAL_NEIGHBOURS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn guessed(name: &str, voxels: impl Into<Voxels>) -> Result<Kind> {
        guess(&Volume::from_voxels(voxels.into(), None), name, Path::new("layer.tif"))
    }

    /// Balls of radius 5 on a grid, numbered from 1.
    fn balls((z, y, x): (usize, usize, usize)) -> u32 {
        let place = [z, y, x].map(|along| (along % 16).abs_diff(8).pow(2));
        let number = (z / 16 * 4 + y / 16) * 4 + x / 16 + 1;
        if place.iter().sum::<usize>() <= 25 { number as u32 } else { 0 }
    }

    #[test]
    fn values_and_types_tell_what_a_layer_is() {
        let shape = (32, 64, 64);
        let objects = Array3::from_shape_fn(shape, balls);
        assert_eq!(guessed("a", objects.clone()).unwrap(), Kind::Objects);
        assert_eq!(guessed("a", objects.mapv(|id| id as u8)).unwrap(), Kind::Objects);
        assert_eq!(guessed("a", objects.mapv(|id| id as f32)).unwrap(), Kind::Objects);
        assert_eq!(guessed("a", objects.mapv(|id| u8::from(id > 0))).unwrap(), Kind::Mask);
        assert_eq!(guessed("a", objects.mapv(|id| u16::from(id > 0) * 255)).unwrap(), Kind::Mask);
        assert_eq!(guessed("a", Array3::<u8>::zeros(shape)).unwrap(), Kind::Mask);
        assert_eq!(guessed("a", Array3::<u32>::zeros(shape)).unwrap(), Kind::Objects);
        let smooth = Array3::from_shape_fn(shape, |(z, y, x)| ((z + y + x) % 97) as f32 / 96.0);
        assert_eq!(guessed("a", smooth.clone()).unwrap(), Kind::Probabilities);
        assert_eq!(guessed("a", smooth.mapv(|value| (value * 255.0) as u8)).unwrap(), Kind::Probabilities);
        assert_eq!(guessed("mito_prob", objects.mapv(|id| id as u8)).unwrap(), Kind::Probabilities);
    }

    #[test]
    fn other_values_are_refused_with_their_range() {
        let error = guessed("a", Array3::from_elem((2, 3, 4), -3.5_f32)).unwrap_err().to_string();
        assert!(error.starts_with("`layer.tif` holds values from -3.5 to -3.5"), "{error}");
    }
}
