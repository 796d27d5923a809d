//! An object split where a person says so: by points in its parts, or from parts that are cut already.
//!
//! Parts grow from their seeds over a landscape, the highest voxels first, so that they meet in its
//! valleys. Its height is the distance to the background, times the probability where that is known: it
//! is low at necks, and where a network was in doubt.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use em_metrics::distance::distance_transform;
use ndarray::{Array3, ArrayView3, Zip};

use crate::error::{Error, Result};
use crate::watershed::neighbours;

/// Splits an object `[z, y, x]` by points, one in each part, and labels the parts from 1 in their order.
///
/// Each point climbs to the summit of its part first; where two climb to the same one, there is no
/// valley between them, and each voxel goes to the point that is nearer within the object. Voxels that hang
/// together with no point are in part 1. `probabilities` are of the same shape, `spacing` is the size of a
/// voxel.
///
/// # Errors
///
/// [`Error::SplitPoints`] for fewer than two points, points outside of the object or at one place; and
/// [`Error::Distance`] for a spacing that is not above 0.
pub fn split_at_points(
    object: ArrayView3<'_, bool>,
    probabilities: Option<ArrayView3<'_, f32>>,
    points: &[[usize; 3]],
    spacing: [f64; 3],
) -> Result<Array3<u32>> {
    let is_inside = |point: &&[usize; 3]| object.get(**point) == Some(&true);
    let found = points.iter().filter(is_inside).count();
    let are_apart = (1..points.len()).all(|n| !points[..n].contains(&points[n]));
    if points.len() < 2 || found < points.len() || !are_apart {
        return Err(Error::SplitPoints { given: points.len(), inside: found });
    }
    let heights = landscape(object, probabilities, spacing)?;
    let places: Vec<usize> = points.iter().map(|&point| place_of(point, object.dim())).collect();
    Ok(match climbed(&heights, &places) {
        Some(labels) => flooded(&heights, labels),
        None => nearest(object, &places, spacing),
    })
}

/// Splits an object from parts of it: `parts` labels some voxels from 1, the others go to the part that
/// reaches them first from above. Voxels that hang together with none are in part 1.
///
/// # Errors
///
/// [`Error::SplitPoints`] where fewer than two parts are given, and [`Error::Distance`].
pub fn split_from_parts(
    object: ArrayView3<'_, bool>,
    probabilities: Option<ArrayView3<'_, f32>>,
    parts: ArrayView3<'_, u32>,
    spacing: [f64; 3],
) -> Result<Array3<u32>> {
    let mut labels = parts.to_owned();
    Zip::from(&mut labels).and(object).for_each(|label, &inside| {
        if !inside {
            *label = 0;
        }
    });
    let mut given: Vec<u32> = labels.iter().copied().filter(|&label| label > 0).collect();
    given.sort_unstable();
    given.dedup();
    if given.len() < 2 {
        return Err(Error::SplitPoints { given: given.len(), inside: given.len() });
    }
    Ok(flooded(&landscape(object, probabilities, spacing)?, labels))
}

/// How deep each voxel of an object lies, 0 outside.
fn landscape(
    object: ArrayView3<'_, bool>,
    probabilities: Option<ArrayView3<'_, f32>>,
    spacing: [f64; 3],
) -> Result<Array3<f32>> {
    let outside = object.mapv(|inside| !inside);
    let depth = match outside.iter().any(|&outside| outside) {
        true => distance_transform(outside.view(), &spacing).map_err(Error::Distance)?,
        // Nothing is known of a box that is full.
        false => Array3::ones(object.dim()),
    };
    // 32 bits tell distances within an object apart.
    let mut heights = depth.mapv(|distance| distance as f32);
    if let Some(probabilities) = probabilities {
        // What is inside stays above what is outside.
        Zip::from(&mut heights).and(probabilities).for_each(|height, &p| *height *= p.max(f32::EPSILON));
    }
    Ok(heights)
}

fn place_of([z, y, x]: [usize; 3], (_, height, width): (usize, usize, usize)) -> usize {
    (z * height + y) * width + x
}

/// Labels the ways by which points climb to summits; `None` where two ways meet.
fn climbed(heights: &Array3<f32>, points: &[usize]) -> Option<Array3<u32>> {
    let shape = heights.dim();
    let at = heights.as_slice().expect("a new array is contiguous");
    let mut labels = Array3::zeros(shape);
    let of = labels.as_slice_mut().expect("a new array is contiguous");
    for (&point, label) in points.iter().zip(1..) {
        let mut place = point;
        loop {
            if of[place] != 0 {
                return None;
            }
            of[place] = label;
            let steepest = neighbours(place, shape).max_by(|&a, &b| at[a].total_cmp(&at[b]).then(b.cmp(&a)));
            match steepest.filter(|&next| at[next] > at[place]) {
                Some(next) => place = next,
                None => break,
            }
        }
    }
    Some(labels)
}

/// A voxel that a part has reached; the highest is the greatest, and of these the one reached first.
#[derive(PartialEq)]
struct Reached {
    height: f32,
    order: usize,
    place: usize,
}

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        self.height.total_cmp(&other.height).then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Lets labelled parts grow over what is above 0, the highest voxels first: through faces, so that they meet
/// in planes where there is no valley, and then to what hangs on by an edge or a corner.
fn flooded(heights: &Array3<f32>, mut labels: Array3<u32>) -> Array3<u32> {
    let shape = heights.dim();
    let at = heights.as_slice().expect("a new array is contiguous");
    let of = labels.as_slice_mut().expect("an array of labels is contiguous");
    flood(at, of, |place| neighbours(place, shape).filter(move |&next| share_a_face(place, next, shape)));
    flood(at, of, |place| neighbours(place, shape));
    for (label, &height) in of.iter_mut().zip(at) {
        if *label == 0 && height > 0.0 {
            *label = 1;
        }
    }
    labels
}

fn flood<I: Iterator<Item = usize>>(heights: &[f32], labels: &mut [u32], around: impl Fn(usize) -> I) {
    let is_open = |labels: &[u32], place: usize| labels[place] == 0 && heights[place] > 0.0;
    let mut reached = BinaryHeap::new();
    let mut order = 0;
    for place in 0..labels.len() {
        if labels[place] > 0 && around(place).any(|next| is_open(labels, next)) {
            reached.push(Reached { height: heights[place], order, place });
            order += 1;
        }
    }
    while let Some(Reached { place, .. }) = reached.pop() {
        for next in around(place) {
            if is_open(labels, next) {
                labels[next] = labels[place];
                reached.push(Reached { height: heights[next], order, place: next });
                order += 1;
            }
        }
    }
}

fn share_a_face(one: usize, other: usize, (_, height, width): (usize, usize, usize)) -> bool {
    let axes = |place: usize| [place / (height * width), place / width % height, place % width];
    let (one, other) = (axes(one), axes(other));
    (0..3).filter(|&axis| one[axis] != other[axis]).count() == 1
}

/// Gives each voxel of an object to the point that is nearest to it on a way within the object.
fn nearest(object: ArrayView3<'_, bool>, points: &[usize], spacing: [f64; 3]) -> Array3<u32> {
    let shape = object.dim();
    let inside = object.as_standard_layout();
    let inside = inside.as_slice().expect("a standard layout is contiguous");
    let mut labels = Array3::zeros(shape);
    let of: &mut [u32] = labels.as_slice_mut().expect("a new array is contiguous");
    let mut far = vec![f32::INFINITY; of.len()];
    let mut reached = BinaryHeap::new();
    let mut order = 0;
    for (&place, label) in points.iter().zip(1..) {
        (of[place], far[place]) = (label, 0.0);
        reached.push(Reached { height: 0.0, order, place });
        order += 1;
    }
    while let Some(Reached { height, place, .. }) = reached.pop() {
        // A way that was found to be longer meanwhile.
        if -height > far[place] {
            continue;
        }
        for next in neighbours(place, shape).filter(|&next| inside[next]) {
            let way = far[place] + step(place, next, shape, spacing);
            if way < far[next] {
                (of[next], far[next]) = (of[place], way);
                reached.push(Reached { height: -way, order, place: next });
                order += 1;
            }
        }
    }
    for (label, &inside) in of.iter_mut().zip(inside) {
        if *label == 0 && inside {
            *label = 1;
        }
    }
    labels
}

/// The distance of two neighbours.
fn step(from: usize, to: usize, (_, height, width): (usize, usize, usize), spacing: [f64; 3]) -> f32 {
    let axes = |place: usize| [place / (height * width), place / width % height, place % width];
    let (from, to) = (axes(from), axes(to));
    let along = (0..3).map(|axis| from[axis].abs_diff(to[axis]) as f64 * spacing[axis]);
    // 32 bits tell distances within an object apart.
    along.map(|side| side * side).sum::<f64>().sqrt() as f32
}
