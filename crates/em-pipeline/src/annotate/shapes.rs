//! Which voxels of a section a stroke, a polygon or a computed shape covers.
//!
//! Only sums, products and comparisons of 64-bit numbers decide, so that a log paints the same voxels on
//! any machine.

use em_io::Roi;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

/// The part of a section that is painted: rows and columns of its first voxel, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `[y, x]`.
    pub start: [usize; 2],
    /// `[height, width]`.
    pub shape: [usize; 2],
}

impl From<Roi> for Frame {
    /// The frame of a part of one section.
    fn from(part: Roi) -> Self {
        Self { start: [part.start[1], part.start[2]], shape: [part.shape[1], part.shape[2]] }
    }
}

/// Calls `paint` for each voxel of a frame whose middle lies within `radius` of a polyline `[y, x]`.
pub fn stroke(points: &[[f64; 2]], radius: f64, frame: Frame, mut paint: impl FnMut([usize; 2])) {
    let single = points.first().map(|&point| [point, point]);
    let segments = points.windows(2).map(|pair| [pair[0], pair[1]]);
    for [from, to] in single.filter(|_| points.len() == 1).into_iter().chain(segments) {
        let rows = covered(from[0].min(to[0]) - radius, from[0].max(to[0]) + radius, frame, 0);
        for y in rows {
            for x in covered(from[1].min(to[1]) - radius, from[1].max(to[1]) + radius, frame, 1) {
                if squared_distance(middle([y, x]), from, to) <= radius * radius {
                    paint([y, x]);
                }
            }
        }
    }
}

/// Calls `paint` for each voxel of a frame whose middle lies within a polygon `[y, x]`, by the even-odd rule.
pub fn polygon(points: &[[f64; 2]], frame: Frame, mut paint: impl FnMut([usize; 2])) {
    let edges: Vec<_> = (0..points.len()).map(|n| (points[n], points[(n + 1) % points.len()])).collect();
    let bounds = bounds(points, 0.0);
    for y in covered(bounds[0][0], bounds[0][1], frame, 0) {
        let height = y as f64 + 0.5;
        let crossing = |&(from, to): &([f64; 2], [f64; 2])| {
            let crosses = (from[0] > height) != (to[0] > height);
            crosses.then(|| from[1] + (height - from[0]) * (to[1] - from[1]) / (to[0] - from[0]))
        };
        let mut crossings: Vec<f64> = edges.iter().filter_map(crossing).collect();
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            covered(pair[0], pair[1], frame, 1)
                .filter(|&x| (pair[0]..pair[1]).contains(&(x as f64 + 0.5)))
                .for_each(|x| paint([y, x]));
        }
    }
}

/// Returns the least and the largest coordinate of points along y and x, with a margin: `[[y, y], [x, x]]`.
pub fn bounds(points: &[[f64; 2]], margin: f64) -> [[f64; 2]; 2] {
    [0, 1].map(|axis| {
        let along = points.iter().map(|point| point[axis]);
        let least = along.clone().fold(f64::INFINITY, f64::min);
        [least - margin, along.fold(f64::NEG_INFINITY, f64::max) + margin]
    })
}

/// The voxels of a frame along an axis that may have their middle between two coordinates.
fn covered(from: f64, to: f64, frame: Frame, axis: usize) -> std::ops::Range<usize> {
    let (start, end) = (frame.start[axis], frame.start[axis] + frame.shape[axis]);
    // Numbers out of range become the nearest one that there is.
    let first = (from.floor().max(0.0) as usize).clamp(start, end);
    let last = (to.ceil().max(0.0) as usize).clamp(first, end);
    first..last
}

fn middle([y, x]: [usize; 2]) -> [f64; 2] {
    [y as f64 + 0.5, x as f64 + 0.5]
}

fn squared_distance(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let dot = (point[0] - from[0]) * along[0] + (point[1] - from[1]) * along[1];
    let share = if length > 0.0 { (dot / length).clamp(0.0, 1.0) } else { 0.0 };
    let off = [point[0] - from[0] - share * along[0], point[1] - from[1] - share * along[1]];
    off[0] * off[0] + off[1] * off[1]
}

/// A shape in a section as runs, row by row within its box: a number of voxels that are left out, one of
/// voxels that are painted, and so on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// The section.
    pub z: usize,
    /// First voxel of the box, `[y, x]`.
    pub start: [usize; 2],
    /// Size of the box.
    pub shape: [usize; 2],
    /// Left out and painted in turns.
    pub runs: Vec<u32>,
}

impl Runs {
    /// Writes a mask as runs, within the smallest box; `None` where it is empty.
    pub fn of(z: usize, start: [usize; 2], mask: ArrayView2<'_, bool>) -> Option<Self> {
        let inside = |lane: ArrayView2<'_, bool>, axis| {
            let holds: Vec<bool> =
                lane.axis_iter(ndarray::Axis(axis)).map(|line| line.iter().any(|&is| is)).collect();
            Some((holds.iter().position(|&is| is)?, holds.iter().rposition(|&is| is)? + 1))
        };
        let ((y0, y1), (x0, x1)) = (inside(mask, 0)?, inside(mask, 1)?);
        let mut runs = Vec::new();
        let (mut is_painted, mut length) = (false, 0);
        for &voxel in mask.slice(ndarray::s![y0..y1, x0..x1]) {
            if voxel != is_painted {
                runs.push(length);
                (is_painted, length) = (voxel, 0);
            }
            length += 1;
        }
        if is_painted {
            runs.push(length);
        }
        Some(Self { z, start: [start[0] + y0, start[1] + x0], shape: [y1 - y0, x1 - x0], runs })
    }

    /// Tells whether the runs lie within their box, and that within sections of a size.
    pub fn is_within(&self, section: [usize; 2]) -> bool {
        let fits = |axis: usize| {
            self.start[axis].checked_add(self.shape[axis]).is_some_and(|end| end <= section[axis])
        };
        let covered: u64 = self.runs.iter().map(|&run| u64::from(run)).sum();
        fits(0) && fits(1) && covered <= self.shape[0] as u64 * self.shape[1] as u64
    }

    /// Calls `paint` for each painted voxel of a frame.
    pub fn paint(&self, frame: Frame, mut paint: impl FnMut([usize; 2])) {
        let end = |axis: usize| frame.start[axis] + frame.shape[axis];
        let mut at = 0;
        for (number, &run) in self.runs.iter().enumerate() {
            let next = at + run as usize;
            if number % 2 == 1 {
                for place in at..next {
                    let (y, x) =
                        (self.start[0] + place / self.shape[1], self.start[1] + place % self.shape[1]);
                    if (frame.start[0]..end(0)).contains(&y) && (frame.start[1]..end(1)).contains(&x) {
                        paint([y, x]);
                    }
                }
            }
            at = next;
        }
    }
}

/// Fills what is connected with a point by its four neighbours, and alike.
///
/// `None` where the point lies outside of the picture.
pub fn connected(
    point: [usize; 2],
    shape: [usize; 2],
    is_alike: impl Fn([usize; 2]) -> bool,
) -> Option<Array2<bool>> {
    let mut filled = Array2::from_elem(shape, false);
    *filled.get_mut(point)? = true;
    let mut open = vec![point];
    while let Some([y, x]) = open.pop() {
        let neighbours = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)];
        for (y, x) in neighbours {
            if filled.get((y, x)) == Some(&false) && is_alike([y, x]) {
                filled[(y, x)] = true;
                open.push([y, x]);
            }
        }
    }
    Some(filled)
}

/// Copies a section of voxels into the part of a frame that both have in common.
pub fn copy_common<T: Copy>(
    from: ArrayView2<'_, T>,
    at: Frame,
    mut into: ArrayViewMut2<'_, T>,
    frame: Frame,
) {
    for y in at.start[0].max(frame.start[0])..(at.start[0] + at.shape[0]).min(frame.start[0] + frame.shape[0])
    {
        let columns =
            at.start[1].max(frame.start[1])..(at.start[1] + at.shape[1]).min(frame.start[1] + frame.shape[1]);
        for x in columns {
            into[[y - frame.start[0], x - frame.start[1]]] = from[[y - at.start[0], x - at.start[1]]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    const FRAME: Frame = Frame { start: [2, 3], shape: [5, 6] };

    fn painted(draw: impl FnOnce(&mut dyn FnMut([usize; 2]))) -> Array2<u8> {
        let mut section = Array2::zeros((5, 6));
        draw(&mut |[y, x]| section[[y - 2, x - 3]] = 1);
        section
    }

    #[test]
    fn a_stroke_covers_middles_within_its_radius() {
        let dot = painted(|paint| stroke(&[[4.5, 5.5]], 1.0, FRAME, paint));
        let expected = array![
            [0, 0, 0, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 1, 1, 1, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 0, 0, 0, 0]
        ];
        assert_eq!(dot, expected);
        // From far outside to far outside, through the middle row.
        let line = painted(|paint| stroke(&[[4.5, -70.0], [4.5, 900.0]], 0.5, FRAME, paint));
        assert_eq!(line.sum_axis(ndarray::Axis(1)), array![0, 0, 6, 0, 0]);
        let slanted = painted(|paint| stroke(&[[2.5, 3.5], [6.5, 7.5]], 0.6, FRAME, paint));
        assert_eq!(slanted.diag(), array![1, 1, 1, 1, 1]);
        assert_eq!(slanted.sum(), 5);
    }

    #[test]
    fn a_polygon_has_holes_where_it_crosses_itself() {
        let triangle = painted(|paint| polygon(&[[2.0, 3.0], [7.0, 3.0], [2.0, 8.0]], FRAME, paint));
        // A middle on the slanted side lies outside.
        assert_eq!(triangle.sum_axis(ndarray::Axis(1)), array![4, 3, 2, 1, 0]);
        let square = [[2.0, 3.0], [2.0, 7.0], [6.0, 7.0], [6.0, 3.0]];
        let twice: Vec<_> = square.iter().chain(&square).copied().collect();
        assert_eq!(painted(|paint| polygon(&square, FRAME, paint)).sum(), 16);
        assert_eq!(painted(|paint| polygon(&twice, FRAME, paint)).sum(), 0);
    }

    #[test]
    fn runs_are_the_mask_again() {
        let mask =
            array![[false, false, false, false], [false, true, true, false], [false, false, true, false]];
        let runs = Runs::of(7, [10, 20], mask.view()).unwrap();
        assert_eq!(runs, Runs { z: 7, start: [11, 21], shape: [2, 2], runs: vec![0, 2, 1, 1] });
        assert!(runs.is_within([13, 23]) && !runs.is_within([12, 23]) && !runs.is_within([13, 22]));
        assert!(!Runs { runs: vec![0, 2, 1, 2], ..runs.clone() }.is_within([99, 99]));
        let mut found = Vec::new();
        runs.paint(Frame { start: [10, 20], shape: [9, 3] }, |voxel| found.push(voxel));
        assert_eq!(found, [[11, 21], [11, 22], [12, 22]]);
        found.clear();
        runs.paint(Frame { start: [12, 20], shape: [9, 9] }, |voxel| found.push(voxel));
        assert_eq!(found, [[12, 22]]);
        assert_eq!(Runs::of(0, [0, 0], Array2::from_elem((3, 3), false).view()), None);
    }

    #[test]
    fn a_flood_goes_to_four_sides_and_stops_at_walls() {
        let open = array![[1, 1, 0, 1], [0, 1, 0, 1], [1, 0, 1, 1]];
        let filled = connected([0, 0], [3, 4], |at| open[at] == 1).unwrap();
        let expected = array![[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]];
        assert_eq!(filled.mapv(i32::from), expected);
        assert_eq!(connected([3, 0], [3, 4], |_| true), None);
    }

    #[test]
    fn what_two_frames_share_is_copied() {
        let from = Array2::from_shape_fn((2, 2), |(y, x)| 1 + 2 * y + x);
        let mut into = Array2::zeros((5, 6));
        copy_common(from.view(), Frame { start: [6, 8], shape: [2, 2] }, into.view_mut(), FRAME);
        assert_eq!((into[[4, 5]], into.sum()), (1, 1));
    }
}
