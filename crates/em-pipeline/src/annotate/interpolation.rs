//! Shapes in the sections between two that are painted.

use em_metrics::distance::distance_transform;
use ndarray::{Array2, Zip};

use super::shapes::{Frame, Runs};
use em_io::Roi;

/// Returns the shapes between two sections: what is nearer to the inside of both, weighted by how far each
/// is, by the mean of their signed distances (Raya and Udupa 1990, "Shape-based interpolation").
pub fn between(first: &Runs, last: &Runs) -> Vec<Runs> {
    let as_box = |runs: &Runs| Roi {
        start: [0, runs.start[0], runs.start[1]],
        shape: [1, runs.shape[0], runs.shape[1]],
    };
    let roi = as_box(first).around(as_box(last));
    let frame = Frame::from(roi);
    let [inside_first, inside_last] = [first, last].map(|runs| signed_distances(runs, frame));
    let gap = (last.z - first.z) as f64;
    let section = |z: usize| {
        let share = (z - first.z) as f64 / gap;
        let mask = Zip::from(&inside_first)
            .and(&inside_last)
            .map_collect(|&a, &b| (1.0 - share) * a + share * b > 0.0);
        Runs::of(z, frame.start, mask.view())
    };
    (first.z + 1..last.z).filter_map(section).collect()
}

/// Distances to the border of a shape, positive inside; a margin of one voxel is outside.
fn signed_distances(runs: &Runs, frame: Frame) -> Array2<f64> {
    let [height, width] = frame.shape;
    let mut mask = Array2::from_elem([height + 2, width + 2], false);
    runs.paint(frame, |[y, x]| mask[[y + 1 - frame.start[0], x + 1 - frame.start[1]]] = true);
    let distances = |mask: Array2<bool>| {
        distance_transform(mask.view(), &[1.0; 2]).expect("there is a spacing of 1 for both axes")
    };
    let signed = distances(mask.mapv(|inside| !inside)) - distances(mask);
    signed.slice_move(ndarray::s![1..=height, 1..=width])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(z: usize, start: usize, side: usize) -> Runs {
        Runs::of(z, [start; 2], Array2::from_elem([side; 2], true).view()).unwrap()
    }

    #[test]
    fn a_square_grows_from_section_to_section() {
        let filled = between(&square(3, 10, 4), &square(7, 6, 12));
        let sides: Vec<_> = filled.iter().map(|runs| (runs.z, runs.start[0], runs.shape)).collect();
        assert_eq!(sides, [(4, 9, [6, 6]), (5, 8, [8, 8]), (6, 7, [10, 10])]);
    }

    #[test]
    fn what_lies_apart_has_nothing_between() {
        assert_eq!(between(&square(0, 0, 4), &square(2, 40, 4)), []);
        assert_eq!(between(&square(0, 5, 4), &square(1, 5, 4)), [], "no section lies between neighbours");
    }
}
