//! The voxels of a split or a filling: looked at within the box of an object, a few sections at a time.

use em_io::{Roi, Volume};
use em_objects::{
    Components, Connectivity, Extent, postprocess, read_labels, read_probabilities, split_at_points,
    split_from_parts,
};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

use super::edit::Part;
use crate::annotate::{Frame, Runs, stroke};
use crate::error::Result;

/// The most voxels that are split at once; larger boxes are split on a coarser grid.
const MOST_VOXELS: usize = 16 << 20;
/// Of the shape that a line parts: smaller pieces go to their neighbours.
const SMALLEST_PIECE: f64 = 0.02;

/// An object to be split or filled.
pub struct Subject<'a> {
    /// Corrected labels.
    pub labels: &'a Volume,
    /// Probabilities of the same shape.
    pub probabilities: Option<&'a Volume>,
    /// Its value.
    pub object: u32,
    /// The box that it lies in.
    pub within: Roi,
}

/// How a person says where parts are.
pub enum Seeds<'a> {
    /// A voxel `[z, y, x]` of the volume in each.
    Points(&'a [[usize; 3]]),
    /// Pieces of the shape in a section, labelled from 1 within the box, `[y, x]`.
    Pieces { z: usize, labels: Array2<u32> },
}

impl Subject<'_> {
    /// Splits the object; the largest part keeps its value, the others get values from `next` on.
    pub fn split(&self, seeds: &Seeds<'_>, next: u32) -> Result<Vec<Part>> {
        let grid = Grid::of(self.within);
        let mut object = grid.sample(|z| self.mask(z))?;
        let probabilities = match self.probabilities {
            Some(volume) => Some(grid.sample(|z| {
                Ok(read_probabilities(volume, section_of(self.within, z))?.remove_axis(Axis(0)))
            })?),
            None => None,
        };
        let probabilities = probabilities.as_ref().map(|probabilities| probabilities.view());
        let size = self.labels.voxel_size_nm().unwrap_or([1.0; 3]);
        let spacing = size.map(|size| size * grid.step as f64);
        let labels = match seeds {
            Seeds::Points(points) => {
                let mut places = Vec::new();
                for &point in *points {
                    let Some(place) = grid.place(point) else { continue };
                    if self.holds(point)? {
                        places.push(place);
                    }
                }
                if places.len() < points.len() {
                    let (given, inside) = (points.len(), places.len());
                    return Err(em_objects::Error::SplitPoints { given, inside }.into());
                }
                // A point of a thin part may lie between those of the grid.
                places.iter().for_each(|&place| object[place] = true);
                split_at_points(object.view(), probabilities, &places, spacing)?
            }
            Seeds::Pieces { z, labels } => {
                let mut parts = Array3::zeros(object.dim());
                let place = (z - self.within.start[0]) / grid.step;
                for ((y, x), label) in parts.index_axis_mut(Axis(0), place).indexed_iter_mut() {
                    let found = labels[[y * grid.step, x * grid.step]];
                    (*label, object[[place, y, x]]) = (found, object[[place, y, x]] || found > 0);
                }
                split_from_parts(object.view(), probabilities, parts.view(), spacing)?
            }
        };
        self.parts(&grid, &labels, next)
    }

    /// Writes the parts of a grid as voxels, but for the largest.
    fn parts(&self, grid: &Grid, labels: &Array3<u32>, next: u32) -> Result<Vec<Part>> {
        let count = labels.iter().copied().max().unwrap_or(0) as usize;
        let mut sizes = vec![0_usize; count + 1];
        labels.iter().for_each(|&label| sizes[label as usize] += 1);
        // Of parts alike, the first keeps the value.
        let Some(largest) = (1..=count).rev().max_by_key(|&label| sizes[label]) else {
            return Ok(Vec::new());
        };
        let others = (1..=count).filter(|&label| label != largest && sizes[label] > 0);
        let mut parts: Vec<(usize, Part)> =
            others.zip(next..).map(|(label, object)| (label, Part { object, runs: Vec::new() })).collect();
        for z in self.within.ranges()[0].clone() {
            let mask = self.mask(z)?;
            let found = grid.section(labels, z, &mask);
            for (label, part) in &mut parts {
                let of_part = found.mapv(|found| found as usize == *label);
                part.runs.extend(Runs::of(z, self.corner(), of_part.view()));
            }
        }
        // A part of the grid may hold no voxel of the object.
        Ok(parts.into_iter().map(|(_, part)| part).filter(|part| !part.runs.is_empty()).collect())
    }

    /// Labels the pieces that a line parts the shape in section `z` into, from 1, `[y, x]` of the box;
    /// `None` where it is not parted.
    pub fn pieces(&self, z: usize, radius: f64, points: &[[f64; 2]]) -> Result<Option<Array2<u32>>> {
        let mut mask = self.mask(z)?;
        let whole = mask.iter().filter(|&&inside| inside).count();
        let frame = Frame::from(section_of(self.within, z));
        stroke(points, radius, frame, |[y, x]| mask[[y - frame.start[0], x - frame.start[1]]] = false);
        let section = mask.insert_axis(Axis(0));
        let pieces = Components::of(section.view(), Extent::Section, Connectivity::Faces);
        let smallest = (SMALLEST_PIECE * whole as f64).max(4.0);
        let mut numbers = vec![0; pieces.count() + 1];
        let mut count = 0;
        for (number, &size) in numbers[1..].iter_mut().zip(pieces.sizes()) {
            if size as f64 >= smallest {
                count += 1;
                *number = count;
            }
        }
        let labels = pieces.labels().index_axis_move(Axis(0), 0);
        Ok((count > 1).then(|| labels.mapv(|label| numbers[label as usize])))
    }

    /// Returns the background that the object encloses within a section, section by section.
    pub fn enclosed(&self) -> Result<Vec<Runs>> {
        let mut all = Vec::new();
        for z in self.within.ranges()[0].clone() {
            let labels = read_labels(self.labels, section_of(self.within, z))?;
            let mask = labels.mapv(|label| label == self.object);
            let filled = postprocess::fill_holes(mask.view(), Extent::Section);
            let mut holes = labels.mapv(|label| label == 0);
            holes.zip_mut_with(&filled, |hole, &filled| *hole &= filled);
            all.extend(Runs::of(z, self.corner(), holes.index_axis(Axis(0), 0)));
        }
        Ok(all)
    }

    /// Whether a voxel is the object's.
    fn holds(&self, voxel: [usize; 3]) -> Result<bool> {
        let labels = read_labels(self.labels, Roi { start: voxel, shape: [1; 3] })?;
        Ok(labels[[0; 3]] == self.object)
    }

    /// The object within a section of its box.
    fn mask(&self, z: usize) -> Result<Array2<bool>> {
        let labels = read_labels(self.labels, section_of(self.within, z))?;
        Ok(labels.index_axis(Axis(0), 0).mapv(|label| label == self.object))
    }

    fn corner(&self) -> [usize; 2] {
        [self.within.start[1], self.within.start[2]]
    }
}

/// Returns all objects of a part of a label volume, section by section.
pub fn foreground(labels: &Volume, part: Roi) -> Result<Vec<Runs>> {
    let mut all = Vec::new();
    for z in part.ranges()[0].clone() {
        let section = read_labels(labels, section_of(part, z))?.mapv(|label| label > 0);
        all.extend(Runs::of(z, [part.start[1], part.start[2]], section.index_axis(Axis(0), 0)));
    }
    Ok(all)
}

fn section_of(within: Roi, z: usize) -> Roi {
    let ([_, y, x], [_, height, width]) = (within.start, within.shape);
    Roi { start: [z, y, x], shape: [1, height, width] }
}

/// Every so many voxels of a box along each axis.
struct Grid {
    within: Roi,
    step: usize,
}

impl Grid {
    fn of(within: Roi) -> Self {
        let points = |step: usize| within.shape.iter().map(|side| side.div_ceil(step)).product::<usize>();
        let step = (1..).find(|&step| points(step) <= MOST_VOXELS).unwrap_or(1);
        Self { within, step }
    }

    fn shape(&self) -> [usize; 3] {
        self.within.shape.map(|side| side.div_ceil(self.step))
    }

    /// Takes the voxels of the grid, section by section of the box.
    fn sample<T: Copy>(&self, section: impl Fn(usize) -> Result<Array2<T>>) -> Result<Array3<T>> {
        let mut all = Vec::new();
        let step = self.step as isize;
        for z in self.within.ranges()[0].clone().step_by(self.step) {
            all.extend(section(z)?.slice(s![..;step, ..;step]).iter().copied());
        }
        Ok(Array3::from_shape_vec(self.shape(), all).expect("a value for each point of the grid"))
    }

    /// The point of the grid at or before a voxel of the volume; `None` outside of the box.
    fn place(&self, voxel: [usize; 3]) -> Option<[usize; 3]> {
        let is_inside = (0..3).all(|axis| self.within.ranges()[axis].contains(&voxel[axis]));
        is_inside.then(|| std::array::from_fn(|axis| (voxel[axis] - self.within.start[axis]) / self.step))
    }

    /// The labels of a section of the box, from those of the grid; what no point of the grid is near to is
    /// in part 1.
    fn section(&self, labels: &Array3<u32>, z: usize, mask: &Array2<bool>) -> Array2<u32> {
        let plane = labels.index_axis(Axis(0), (z - self.within.start[0]) / self.step);
        Array2::from_shape_fn(mask.dim(), |(y, x)| match mask[[y, x]] {
            true => self.label_near(plane, y, x),
            false => 0,
        })
    }

    fn label_near(&self, plane: ArrayView2<'_, u32>, y: usize, x: usize) -> u32 {
        let (y, x) = (y / self.step, x / self.step);
        let around = [[0, 0], [0, 1], [1, 0], [1, 1], [0, -1], [-1, 0], [-1, -1], [1, -1], [-1, 1_isize]];
        let near = around.iter().filter_map(|&[dy, dx]| {
            let place = [y.checked_add_signed(dy)?, x.checked_add_signed(dx)?];
            plane.get(place).copied().filter(|&label| label > 0)
        });
        near.into_iter().next().unwrap_or(1)
    }
}
