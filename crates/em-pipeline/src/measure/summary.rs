//! What the objects of a class come to: counts, density, volume fraction.

use std::collections::BTreeMap;

use em_metrics::{Bootstrap, Interval, quantile};
use em_objects::{Connectivity, Extent, FindConfig, Foreground, Nearest};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use super::MeasureRequest;
use super::class::Measured;
use crate::Result;
use crate::inputs::Input;
use crate::scores::intervals::FEWEST_SECTIONS;

const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 1000, confidence: 0.95 };

/// `summary.json`.
#[derive(Serialize)]
pub struct Summary<'a> {
    /// Version of this layout.
    pub format_version: u32,
    /// The command that asked for it, where there was one.
    pub command: Option<&'a str>,
    /// The files that were measured.
    pub inputs: Vec<Input>,
    /// How they were measured.
    pub settings: Settings,
    /// `[z, y, x]` in voxels.
    pub shape: [usize; 3],
    /// `[z, y, x]` in nm.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// The volume that was looked at.
    pub volume_um3: Option<f64>,
    /// Each class by its name.
    pub classes: BTreeMap<&'a str, &'a ClassSummary>,
}

/// How masks were measured, as the fields of [`MeasureRequest`] say.
#[derive(Serialize)]
pub struct Settings {
    foreground: String,
    extent: &'static str,
    connectivity: u8,
    fill_holes: bool,
    split_nm: Option<f64>,
    minimum_voxels: u64,
    /// The size that was given, whatever the files tell.
    voxel_size_nm: Option<[f64; 3]>,
    nearest_within_nm: f64,
    /// How many corrections of a person count.
    corrections: Option<usize>,
}

impl Settings {
    pub fn of(request: &MeasureRequest, corrections: Option<usize>) -> Self {
        let FindConfig { foreground, extent, connectivity, fill_holes } = request.find;
        Self {
            foreground: match foreground {
                Foreground::Mask => "mask".into(),
                Foreground::NonZero => "all but 0".into(),
                Foreground::Value(value) => format!("the value {value}"),
                Foreground::Above(probability) => format!("above {probability}"),
                Foreground::Instances => "instances".into(),
            },
            extent: match extent {
                Extent::Section => "section",
                Extent::Volume => "volume",
            },
            connectivity: match connectivity {
                Connectivity::Faces => 6,
                Connectivity::Edges => 18,
                Connectivity::Corners => 26,
            },
            fill_holes,
            split_nm: request.split_nm,
            minimum_voxels: request.minimum_voxels,
            voxel_size_nm: request.voxel_size_nm,
            nearest_within_nm: request.nearest_within_nm,
            corrections,
        }
    }
}

/// What the objects of a class come to; `None` where it needs a voxel size that is not known.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassSummary {
    /// How many there are.
    pub objects: usize,
    /// Those of them that touch the border of the volume.
    pub touching_border: usize,
    /// How many there are in a cubic micrometre.
    pub objects_per_um3: Option<f64>,
    /// Share of all voxels, from 0 to 1.
    pub volume_fraction: f64,
    /// 95 % percentile interval over resampled sections; `None` for fewer than 8, which have none.
    pub volume_fraction_interval: Option<Interval>,
    /// The voxels of all objects.
    pub voxels: u64,
    /// Their volumes, in cubic micrometres.
    pub volume_um3: Option<Spread>,
    /// Their surfaces, in square micrometres.
    pub surface_um2: Option<Spread>,
    /// The diameters of balls of their volumes, in nm.
    pub equivalent_diameter_nm: Option<Spread>,
    /// Distance in nm to the nearest object of each other class, of the objects that have one in reach.
    pub nearest_nm: BTreeMap<String, Spread>,
}

/// Mean, median and quartiles of a measure over objects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// The objects that have it.
    pub objects: usize,
    /// Its mean.
    pub mean: f64,
    /// A quarter of the objects are below it.
    pub lower_quartile: f64,
    /// Half of the objects are below it.
    pub median: f64,
    /// Three quarters of the objects are below it.
    pub upper_quartile: f64,
}

impl Spread {
    /// Returns the spread in another unit.
    pub fn times(self, factor: f64) -> Self {
        let Self { objects, mean, lower_quartile, median, upper_quartile } = self;
        let [mean, lower_quartile, median, upper_quartile] =
            [mean, lower_quartile, median, upper_quartile].map(|value| value * factor);
        Self { objects, mean, lower_quartile, median, upper_quartile }
    }

    /// `None` without values.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            objects: values.len(),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            lower_quartile: quantile(&values, 0.25)?,
            median: quantile(&values, 0.5)?,
            upper_quartile: quantile(&values, 0.75)?,
        })
    }
}

/// Summarises a class; `nearest` holds, for each other class, the nearest of each object.
pub fn of_class(
    class: &Measured,
    nearest: &BTreeMap<String, Vec<Option<Nearest>>>,
    volume_um3: Option<f64>,
) -> Result<ClassSummary> {
    let [_, height, width] = class.space.shape;
    let Measured { by_section, objects: measured, .. } = class;
    let fraction = |drawn: &[usize]| {
        let voxels: u64 = drawn.iter().map(|&z| by_section[z]).sum();
        Some(voxels as f64 / (drawn.len() * height * width) as f64)
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let all: Vec<usize> = (0..by_section.len()).collect();
    let spread = |of: fn(&em_objects::Physical) -> f64| {
        Spread::of(measured.iter().filter_map(|object| object.physical.as_ref()).map(of))
    };
    let near = nearest.iter().filter_map(|(class, nearest)| {
        let distances = nearest.iter().flatten().map(|nearest| nearest.distance_nm);
        Some((class.clone(), Spread::of(distances)?))
    });
    Ok(ClassSummary {
        objects: measured.len(),
        touching_border: measured.iter().filter(|object| object.touches_border).count(),
        objects_per_um3: volume_um3.map(|volume| measured.len() as f64 / volume),
        volume_fraction: fraction(&all).unwrap_or(0.0),
        volume_fraction_interval: match by_section.len() {
            ..FEWEST_SECTIONS => None,
            sections => BOOTSTRAP.interval(sections, &mut rng, fraction)?,
        },
        voxels: by_section.iter().sum(),
        volume_um3: spread(|p| p.volume_um3),
        surface_um2: spread(|p| p.surface_um2),
        equivalent_diameter_nm: spread(|p| p.equivalent_diameter_nm),
        nearest_nm: near.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_numpy() {
        // numpy.quantile([4, 1, 3, 10], [0.25, 0.5, 0.75])
        let spread = Spread::of([4.0, 1.0, 3.0, 10.0].into_iter()).unwrap();
        let found = [spread.lower_quartile, spread.median, spread.upper_quartile, spread.mean];
        assert_eq!(found, [2.5, 3.5, 5.5, 4.5]);
        assert_eq!(Spread::of(std::iter::empty()), None);
    }
}
