//! Distances between classes, against all pairs of voxels.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use em_io::Volume;
use em_objects::{FindConfig, Nearest, Objects, nearest};
use ndarray::Array3;
use proptest::prelude::*;

const SHAPE: [usize; 3] = [5, 7, 9];
const SPACING: [f64; 3] = [40.0, 5.0, 4.0];

fn find(mask: &Array3<u8>) -> Objects {
    let volume = Volume::from_voxels(mask.clone().into(), Some(SPACING));
    Objects::find(&volume, FindConfig::default(), &std::env::temp_dir(), em_objects::unwatched).unwrap()
}

/// A mask with foreground where the number of a voxel is below `share`.
fn mask(numbers: &[u8], share: u8) -> Array3<u8> {
    Array3::from_shape_vec(SHAPE, numbers.iter().map(|&n| u8::from(n < share)).collect()).unwrap()
}

/// The least distance of each object to each voxel of the others, in nm.
fn of_all_pairs(objects: &Objects, others: &Array3<u8>) -> Vec<f64> {
    let labels = objects.paint(0..SHAPE[0]).unwrap();
    let mut least = vec![f64::INFINITY; objects.count()];
    for (a, &label) in labels.indexed_iter().filter(|(_, label)| **label > 0) {
        for (b, _) in others.indexed_iter().filter(|(_, value)| **value > 0) {
            let steps = [a.0.abs_diff(b.0), a.1.abs_diff(b.1), a.2.abs_diff(b.2)];
            let squares = steps.iter().zip(SPACING).map(|(&step, side)| (step as f64 * side).powi(2));
            let distance = squares.sum::<f64>().sqrt();
            let place = &mut least[label as usize - 1];
            *place = place.min(distance);
        }
    }
    least
}

proptest! {
    #[test]
    fn the_nearest_is_that_of_all_pairs(
        a in prop::collection::vec(any::<u8>(), 315), b in prop::collection::vec(any::<u8>(), 315),
        within in 0.0..250.0_f64,
    ) {
        let (a, b) = (mask(&a, 20), mask(&b, 12));
        let (objects, others) = (find(&a), find(&b));
        let found = nearest(&objects, &others, within, em_objects::unwatched).unwrap();
        let expected = of_all_pairs(&objects, &b);
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            match found {
                Some(found) => prop_assert!((found.distance_nm - expected).abs() < 1e-9),
                None => prop_assert!(expected > within, "{expected} is within {within}"),
            }
        }
    }
}

#[test]
fn the_nearest_object_is_named() {
    let mut others = Array3::zeros(SHAPE);
    (others[[0, 0, 0]], others[[0, 6, 8]], others[[4, 6, 8]]) = (1, 1, 1);
    let mut objects = Array3::zeros(SHAPE);
    objects[[0, 6, 6]] = 1;
    let (objects, others) = (find(&objects), find(&others));
    let found = nearest(&objects, &others, 100.0, em_objects::unwatched).unwrap();
    assert_eq!(found, [Some(Nearest { id: 2, distance_nm: 8.0 })]);
    assert_eq!(nearest(&objects, &others, 7.9, em_objects::unwatched).unwrap(), [None]);
}

#[test]
fn without_a_voxel_size_no_distance_is_known() {
    let volume = Volume::from_voxels(Array3::from_elem(SHAPE, 1_u8).into(), None);
    let objects =
        Objects::find(&volume, FindConfig::default(), &std::env::temp_dir(), em_objects::unwatched).unwrap();
    assert_eq!(nearest(&objects, &objects, 100.0, em_objects::unwatched).unwrap(), [None]);
}
