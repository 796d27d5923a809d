//! The surface of an object as triangles: surface nets (Gibson 1998, "Constrained elastic surface nets"),
//! smoothed without shrinking (Taubin 1995, "A signal processing approach to fair surface design").
//!
//! It knows no file and no nm: places are in voxels.

use ndarray::{Array3, ArrayView3};

/// The steps of Taubin's filter, which shrinks and swells in turns.
const STEPS: [f32; 2] = [0.5, -0.53];
/// How often both steps are taken: enough for the stairs of voxels to go, and few for corners to stay.
const ROUNDS: usize = 6;
/// A cell that the surface does not go through.
const NONE: u32 = u32::MAX;

/// A surface of triangles, seen from outside counter-clockwise where x is to the right, y up and z towards
/// whoever looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Corners of the triangles, `[z, y, x]` in voxels: the first voxel reaches from 0 to 1.
    pub vertices: Vec<[f32; 3]>,
    /// Three vertices each.
    pub triangles: Vec<[u32; 3]>,
}

/// Returns the closed surface of the voxels that are set; at the border of the block, it goes around them.
///
/// Memory: four bytes per voxel of the block, and about 50 per voxel of the surface.
///
/// ```
/// use em_objects::surface;
/// use ndarray::Array3;
///
/// let mesh = surface(Array3::from_elem((1, 1, 1), true).view());
/// assert_eq!((mesh.vertices.len(), mesh.triangles.len()), (8, 12));
/// ```
pub fn surface(object: ArrayView3<'_, bool>) -> Mesh {
    let (mut vertices, cells) = vertices(object);
    let quads = quads(object, &cells);
    for step in STEPS.into_iter().cycle().take(2 * ROUNDS) {
        smooth(&mut vertices, &quads, step);
    }
    let triangles = quads.iter().flat_map(|&[a, b, c, d]| [[a, b, c], [a, c, d]]).collect();
    Mesh { vertices, triangles }
}

/// Tells whether a voxel is set; places are one up, and what is around the block is not.
fn is_set(object: ArrayView3<'_, bool>, place: [usize; 3]) -> bool {
    let before = place.map(|along| along.wrapping_sub(1));
    object.get(before).copied().unwrap_or(false)
}

/// Puts a vertex into each cell between eight voxels of which some are set: to the mean of the middles of
/// those edges of the cell at which the object ends. Returns the number of each cell's vertex, too.
fn vertices(object: ArrayView3<'_, bool>) -> (Vec<[f32; 3]>, Array3<u32>) {
    let (depth, height, width) = object.dim();
    let mut vertices = Vec::new();
    let cells = Array3::from_shape_fn((depth + 1, height + 1, width + 1), |(z, y, x)| {
        let corner =
            |number: usize| is_set(object, [z + (number >> 2 & 1), y + (number >> 1 & 1), x + (number & 1)]);
        let corners: [bool; 8] = std::array::from_fn(corner);
        let Some(within) = mean_of_crossings(corners) else { return NONE };
        let cell = [z, y, x];
        vertices.push(std::array::from_fn(|axis| cell[axis] as f32 + within[axis] - 0.5));
        // A block that fits into memory has fewer cells than 2^32 at four bytes each.
        vertices.len() as u32 - 1
    });
    (vertices, cells)
}

/// The mean of the middles of the edges of a cell whose ends differ, from 0 to 1; `None` where none do.
fn mean_of_crossings(corners: [bool; 8]) -> Option<[f32; 3]> {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for (axis, bit) in [4, 2, 1].into_iter().enumerate() {
        for from in (0..8).filter(|corner| corner & bit == 0) {
            if corners[from] == corners[from | bit] {
                continue;
            }
            count += 1.0;
            for (other, bit) in [4, 2, 1].into_iter().enumerate() {
                let at_end = if from & bit == 0 { 0.0 } else { 1.0 };
                sum[other] += if other == axis { 0.5 } else { at_end };
            }
        }
    }
    (count > 0.0).then(|| sum.map(|along: f32| along / count))
}

/// Joins the four cells around each edge between a voxel that is set and one that is not.
fn quads(object: ArrayView3<'_, bool>, cells: &Array3<u32>) -> Vec<[u32; 4]> {
    let (depth, height, width) = object.dim();
    let mut quads = Vec::new();
    for place in ndarray::indices((depth + 1, height + 1, width + 1)) {
        let place: [usize; 3] = place.into();
        let here = is_set(object, place);
        for axis in 0..3 {
            let mut next = place;
            next[axis] += 1;
            if here == is_set(object, next) {
                continue;
            }
            // The edge lies between these cells, one step along either of the two other axes.
            let [one, other] = [(axis + 1) % 3, (axis + 2) % 3];
            let cell = |back: [usize; 2]| {
                let mut cell = place;
                cell[one] -= back[0];
                cell[other] -= back[1];
                cells[cell]
            };
            let [a, b, c, d] = [[0, 0], [0, 1], [1, 1], [1, 0]].map(cell);
            quads.push(if here { [a, b, c, d] } else { [d, c, b, a] });
        }
    }
    quads
}

/// Moves each vertex by a part of the way to the mean of its neighbours; away from it where that is negative.
fn smooth(vertices: &mut [[f32; 3]], quads: &[[u32; 4]], part: f32) {
    let mut sums = vec![([0.0_f32; 3], 0.0_f32); vertices.len()];
    for quad in quads {
        for side in 0..4 {
            let ends = [quad[side], quad[(side + 1) % 4]].map(|end| end as usize);
            for [to, from] in [ends, [ends[1], ends[0]]] {
                let (sum, count) = &mut sums[to];
                sum.iter_mut().zip(vertices[from]).for_each(|(sum, along)| *sum += along);
                *count += 1.0;
            }
        }
    }
    for (vertex, (sum, count)) in vertices.iter_mut().zip(sums) {
        vertex.iter_mut().zip(sum).for_each(|(along, sum)| *along += part * (sum / count - *along));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// How often the surface goes along each edge, one way and the other.
    fn edges(mesh: &Mesh) -> BTreeMap<(u32, u32), [usize; 2]> {
        let mut edges = BTreeMap::new();
        for [a, b, c] in &mesh.triangles {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                let both: &mut [usize; 2] = edges.entry((*from.min(to), *from.max(to))).or_default();
                both[usize::from(from > to)] += 1;
            }
        }
        edges
    }

    /// The volume that a closed surface encloses, by the divergence theorem: above 0 where it is seen from
    /// outside.
    fn volume(mesh: &Mesh) -> f64 {
        let signed = mesh.triangles.iter().map(|triangle| {
            let [[az, ay, ax], [bz, by, bx], [cz, cy, cx]] =
                triangle.map(|vertex| mesh.vertices[vertex as usize].map(f64::from));
            ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
        });
        signed.sum::<f64>() / 6.0
    }

    fn ball(radius: f64) -> Array3<bool> {
        let side = 2 * radius.ceil() as usize + 5;
        let middle = (side as f64 - 1.0) / 2.0;
        Array3::from_shape_fn((side, side, side), |(z, y, x)| {
            [z, y, x].iter().map(|&along| (along as f64 - middle).powi(2)).sum::<f64>() <= radius * radius
        })
    }

    #[test]
    fn a_ball_is_closed_and_has_its_volume_and_place() {
        for radius in [5.0, 12.0] {
            let ball = ball(radius);
            let mesh = surface(ball.view());
            assert!(
                edges(&mesh).values().all(|both| *both == [1, 1]),
                "each edge has a triangle at each side"
            );
            let voxels = ball.iter().filter(|&&set| set).count() as f64;
            assert!((volume(&mesh) / voxels - 1.0).abs() < 0.04, "{} of {voxels}", volume(&mesh));
            let middle = ball.dim().0 as f32 / 2.0;
            for vertex in &mesh.vertices {
                let distance = vertex.iter().map(|along| (along - middle).powi(2)).sum::<f32>().sqrt();
                assert!((distance - radius as f32).abs() < 1.0, "{vertex:?}");
            }
        }
    }

    #[test]
    fn a_box_that_fills_its_block_is_closed_at_the_border() {
        let mesh = surface(Array3::from_elem((20, 30, 40), true).view());
        assert!(edges(&mesh).values().all(|both| *both == [1, 1]));
        assert!((volume(&mesh) / 24_000.0 - 1.0).abs() < 0.02, "{}", volume(&mesh));
        for (axis, side) in [20.0, 30.0, 40.0].into_iter().enumerate() {
            let along = mesh.vertices.iter().map(|vertex| vertex[axis]);
            let (low, high) = along.fold((f32::MAX, f32::MIN), |(low, high), at| (low.min(at), high.max(at)));
            assert!(low.abs() < 0.2 && (high - side).abs() < 0.2, "{low} to {high}");
        }
    }

    #[test]
    fn nothing_has_no_surface() {
        assert_eq!(surface(Array3::from_elem((3, 4, 5), false).view()), Mesh::default());
        assert_eq!(surface(Array3::from_elem((0, 4, 5), true).view()), Mesh::default());
    }

    proptest! {
        #[test]
        fn any_surface_is_closed(voxels in prop::collection::vec(any::<bool>(), 4 * 5 * 6)) {
            let mesh = surface(Array3::from_shape_vec((4, 5, 6), voxels).unwrap().view());
            prop_assert!(edges(&mesh).values().all(|[there, back]| there == back));
            prop_assert!(mesh.vertices.iter().flatten().all(|along| along.is_finite()));
        }
    }
}
