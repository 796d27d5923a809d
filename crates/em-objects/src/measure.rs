//! Measurements of objects: sizes, places, shapes.

use em_io::{Volume, Voxel, VoxelType, Voxels, match_voxels};
use ndarray::Axis;
use rayon::prelude::*;
use std::f64::consts::PI;
use std::ops::ControlFlow;

use crate::Extent;
use crate::eigen::eigen;
use crate::error::{Error, Result};
use crate::foreground::{check_probabilities, one_of};
use crate::moments::{Moments, moments_of_section};
use crate::objects::{Objects, batches, told};
use crate::runs::Run;
use crate::surface_area::PairAreas;

/// An object and its measurements. Axes are `[z, y, x]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The value of the object in a label volume.
    pub id: u32,
    /// The number of voxels.
    pub voxels: u64,
    /// The mean place of the voxels, in voxels.
    pub centroid: [f64; 3],
    /// The first voxel of the bounding box.
    pub start: [usize; 3],
    /// The voxel behind the last of the bounding box.
    pub end: [usize; 3],
    /// Whether the bounding box reaches the border of the volume, so that a part may be cut off.
    ///
    /// Where objects end with their section, the first and the last section are no border.
    pub touches_border: bool,
    /// The mean probability of the voxels, where probabilities were given.
    pub mean_probability: Option<f64>,
    /// How much the object changes from section to section, 0 to 1: 1 less the Dice coefficient of
    /// neighbouring sections, pooled over all of them. `None` for an object in one section, and where
    /// objects end with their section.
    pub section_change: Option<f64>,
    /// The faces that its voxels share with those of other objects of the volume.
    pub contact_faces: u64,
    /// What has a unit or depends on the sides of a voxel, where those are known.
    pub physical: Option<Physical>,
}

/// Measurements that need the size of a voxel. Axes are `[z, y, x]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Physical {
    /// Volume in µm³.
    pub volume_um3: f64,
    /// Centroid in nm: that of the first voxel is 0.
    pub centroid_nm: [f64; 3],
    /// The lower corner of the bounding box in nm: that of the volume is 0.
    pub start_nm: [f64; 3],
    /// The upper corner of the bounding box in nm.
    pub end_nm: [f64; 3],
    /// Surface area in µm², by Crofton's formula in 13 directions. Where the border of the volume
    /// cuts an object, the cut counts as surface.
    pub surface_um2: f64,
    /// Diameter in nm of the ball of the same volume, `(6 V / π)^(1/3)`.
    pub equivalent_diameter_nm: f64,
    /// Lengths in nm of the principal axes, longest first: those of the ellipsoid with the same second
    /// moments, `sqrt(20 λ)` with λ an eigenvalue of the covariance of the voxels' places. Where
    /// objects end with their section, or there is but one, those of the ellipse: `4 sqrt(λ)`.
    pub axes_nm: [f64; 3],
    /// Directions of the principal axes, unit vectors `[z, y, x]`.
    pub directions: [[f64; 3]; 3],
    /// Longest axis through the second, 1 for what is round. `None` where the second has no length.
    pub elongation: Option<f64>,
    /// Second axis through the shortest. `None` where the shortest has no length.
    pub flatness: Option<f64>,
    /// Surface of a ball of the same volume through the object's: 1 for a ball, less for the rest.
    ///
    /// `None` for objects of so few voxels that the estimate of their surface is too small by more
    /// than a twentieth for any body of their volume, of which a ball has the least.
    pub sphericity: Option<f64>,
}

/// Measures all objects in one pass, sections on all cores; the objects come in order of their numbers.
///
/// `probabilities` is a volume of the same shape; 8- and 16-bit unsigned integers count their largest
/// value as 1. Where the objects bring sums of them, as those of [`join_parts`](crate::join_parts) may, the volume is
/// not read. `progress` is told the sections done, and ends the work where it breaks.
///
/// Memory: 350 bytes per object, and a batch of sections of the probabilities.
///
/// # Errors
///
/// [`Error::ShapeMismatch`], [`Error::NotAProbability`], [`Error::TemporaryFile`], and those of
/// [`Volume::read`].
pub fn measure(
    objects: &Objects,
    probabilities: Option<&Volume>,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Vec<Object>> {
    let shape = objects.shape();
    probabilities.map_or(Ok(()), |volume| check_shape(volume, shape))?;
    let stored = probabilities.map(Volume::voxel_type);
    let known = stored.and_then(|stored| objects.probability_sums(stored));
    let probabilities = probabilities.filter(|_| known.is_none());
    let mut sums = vec![Moments::default(); objects.count()];
    let mut contact_faces = vec![0; objects.count()];
    for place in
        batches(em_io::Roi::whole(shape), probabilities.map_or(1, |volume| volume.voxel_type().bytes()))
            .iter()
    {
        let [sections, ..] = place.ranges();
        let first = sections.start;
        let block = probabilities.map(|volume| volume.read(place)).transpose()?;
        if let Some((volume, block)) = probabilities.zip(block.as_ref()) {
            sections.clone().try_for_each(|z| check_probabilities(volume, block, z - first, z))?;
        }
        let of_sections = sections
            .into_par_iter()
            .map(|z| {
                let before = z.checked_sub(1).map(|z| objects.section(z)).transpose()?;
                let here = objects.section(z)?;
                let probability =
                    |y, run| block.as_ref().map_or(0.0, |block| sum_of(block, z - first, y, run));
                Ok(moments_of_section(z as u32, &here, before.as_ref(), probability))
            })
            .collect::<Result<Vec<_>>>()?;
        for (of_section, contacts) in &of_sections {
            for (number, of_object) in of_section {
                sums[*number as usize - 1].add(of_object);
            }
            for (pair, faces) in contacts {
                pair.iter().for_each(|&number| contact_faces[number as usize - 1] += faces);
            }
        }
        told(progress(place.shape[0] as u64))?;
    }
    for (sums, known) in sums.iter_mut().zip(known.into_iter().flatten()) {
        sums.probability = *known as f64;
    }
    let measures = Measures::of(objects.space(), stored);
    let all = objects.names().iter().zip(&sums).zip(contact_faces);
    Ok(all.map(|((&id, sums), faces)| measures.object(id, sums, faces)).collect())
}

/// Checks that probabilities have the shape of the objects.
pub(crate) fn check_shape(volume: &Volume, expected: [usize; 3]) -> Result<()> {
    if volume.shape() == expected {
        return Ok(());
    }
    let path = volume.path().map(std::path::Path::to_path_buf);
    let reference = "the objects".to_owned();
    Err(Error::ShapeMismatch { path, found: volume.shape(), expected, reference })
}

/// The sum of the probabilities of a run, as they are stored: what stands for 1 is divided by at the end, so that
/// sums of integers are exact in any order, below 2^53.
pub(crate) fn sum_of(block: &Voxels, z: usize, y: usize, run: Run) -> f64 {
    let range = run.start as usize..run.end as usize;
    match_voxels!(block, array => {
        let section = array.index_axis(Axis(0), z);
        range.map(|x| section[[y, x]].to_f64()).sum()
    })
}

/// The volume that objects lie in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    /// Voxels along `[z, y, x]`.
    pub shape: [usize; 3],
    /// Whether objects go through sections.
    pub extent: Extent,
    /// Size of a voxel along `[z, y, x]` in nm, `None` where it is unknown.
    pub voxel_size_nm: Option<[f64; 3]>,
}

/// What measurements follow from beside the sums.
pub(crate) struct Measures {
    shape: [usize; 3],
    extent: Extent,
    spacing: Option<([f64; 3], PairAreas)>,
    /// What stands for a probability of 1, where there are probabilities.
    one: Option<f64>,
}

impl Measures {
    /// `probabilities` is the type that they are stored as.
    pub fn of(space: Space, probabilities: Option<VoxelType>) -> Self {
        let Space { shape, extent, voxel_size_nm } = space;
        let spacing = voxel_size_nm.map(|size| (size, PairAreas::of(size)));
        Self { shape, extent, spacing, one: probabilities.map(one_of) }
    }

    pub fn object(&self, id: u32, sums: &Moments, contact_faces: u64) -> Object {
        let n = sums.voxels as f64;
        let (start, end) = (sums.start.map(|side| side as usize), sums.end.map(|side| side as usize));
        let borders = if self.extent == Extent::Section { 1..3 } else { 0..3 };
        Object {
            id,
            voxels: sums.voxels,
            centroid: sums.first.map(|sum| sum as f64 / n),
            start,
            end,
            touches_border: borders.into_iter().any(|axis| start[axis] == 0 || end[axis] == self.shape[axis]),
            mean_probability: self.one.map(|one| sums.probability / (one * n)),
            section_change: sums.section_change().filter(|_| self.extent == Extent::Volume),
            contact_faces,
            physical: self
                .spacing
                .as_ref()
                .map(|(spacing, areas)| physical(sums, *spacing, areas, self.is_planar())),
        }
    }
}

impl Measures {
    fn is_planar(&self) -> bool {
        self.extent == Extent::Section || self.shape[0] == 1
    }
}

fn physical(sums: &Moments, spacing: [f64; 3], areas: &PairAreas, is_planar: bool) -> Physical {
    let scaled = |place: [f64; 3]| std::array::from_fn(|axis| place[axis] * spacing[axis]);
    let volume = sums.voxels as f64 * spacing.iter().product::<f64>();
    let surface = areas.area(sums.voxels, &sums.pairs);
    let (values, directions) = eigen(covariance(sums, spacing));
    let factor = if is_planar { 16.0 } else { 20.0 };
    let axes_nm = values.map(|value| (factor * value.max(0.0)).sqrt());
    let ratio = |a: f64, b: f64| (b > 0.0).then(|| a / b);
    Physical {
        volume_um3: volume * 1e-9,
        centroid_nm: scaled(sums.first.map(|sum| sum as f64 / sums.voxels as f64)),
        start_nm: scaled(sums.start.map(f64::from)),
        end_nm: scaled(sums.end.map(f64::from)),
        surface_um2: surface * 1e-6,
        equivalent_diameter_nm: (6.0 * volume / PI).cbrt(),
        axes_nm,
        directions,
        elongation: ratio(axes_nm[0], axes_nm[1]),
        flatness: ratio(axes_nm[1], axes_nm[2]),
        sphericity: sphericity(volume, surface),
    }
}

/// How far an estimated surface may be below that of a ball of its volume; estimates are good to 5 %.
const SURFACE_ERROR: f64 = 0.05;

/// The surface of a ball of a volume through an estimate of an object's, where there can be such one.
fn sphericity(volume: f64, surface: f64) -> Option<f64> {
    let ratio = PI.cbrt() * (6.0 * volume).powf(2.0 / 3.0) / surface;
    (ratio <= 1.0 + SURFACE_ERROR).then_some(ratio.min(1.0))
}

/// The covariance of the places of the voxels' centres, in the square of the unit of `spacing`.
fn covariance(sums: &Moments, spacing: [f64; 3]) -> [[f64; 3]; 3] {
    /// Where the sum of the product of two axes is in [`Moments::second`].
    const PLACES: [[usize; 3]; 3] = [[0, 3, 4], [3, 1, 5], [4, 5, 2]];
    let n = u128::from(sums.voxels);
    let square = (sums.voxels as f64).powi(2);
    std::array::from_fn(|a| {
        std::array::from_fn(|b| {
            // In integers, so that nothing cancels out far from the origin.
            let (product, means) = (n * sums.second[PLACES[a][b]], sums.first[a] * sums.first[b]);
            let difference =
                if product >= means { (product - means) as f64 } else { -((means - product) as f64) };
            difference / square * spacing[a] * spacing[b]
        })
    })
}
