//! The outlines of objects, as a class of their own to learn.

use ndarray::{Array3, ArrayView3};

/// Returns the voxels of objects near another object or the background, from labels `[z, y, x]` of
/// which each value but 0 is an object.
///
/// Near is within `width` voxels along y and x, or a different object in the section above or below.
/// Without these voxels, objects that touch fall apart.
pub fn outlines(labels: ArrayView3<'_, u32>, width: usize) -> Array3<bool> {
    let (depth, height, columns) = labels.dim();
    let mut outlines = Array3::from_elem(labels.dim(), false);
    for ((z, y, x), &label) in labels.indexed_iter() {
        if label == 0 {
            continue;
        }
        let near = |place: usize, edge: usize| place.saturating_sub(width)..(place + width + 1).min(edge);
        let (rows, row) = (near(y, height), near(x, columns));
        let around = rows.clone().any(|y| row.clone().any(|x| labels[[z, y, x]] != label));
        let other = |z: usize| ![0, label].contains(&labels[[z, y, x]]);
        outlines[[z, y, x]] = around || (z > 0 && other(z - 1)) || (z + 1 < depth && other(z + 1));
    }
    outlines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn objects_that_touch_fall_apart() {
        let labels = array![[[1, 1, 1, 1, 2, 2, 2, 2, 2, 0, 3, 3, 3]]];
        let of_width =
            |width| outlines(labels.view(), width).iter().map(|&near| u8::from(near)).collect::<Vec<_>>();
        assert_eq!(of_width(1), [0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0]);
        assert_eq!(of_width(2), [0, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0]);
    }

    #[test]
    fn objects_on_top_of_each_other_fall_apart_and_one_alone_does_not() {
        let mut labels = Array3::from_elem((4, 5, 5), 7);
        assert!(outlines(labels.view(), 1).iter().all(|near| !near));
        labels.slice_mut(s![2.., .., ..]).fill(9);
        let found = outlines(labels.view(), 1);
        let of_section = |z: usize| found.slice(s![z, .., ..]).iter().all(|&near| near);
        assert_eq!([0, 1, 2, 3].map(of_section), [false, true, true, false]);
        // Background above is no other object.
        labels.slice_mut(s![2.., .., ..]).fill(0);
        assert!(outlines(labels.view(), 1).iter().all(|near| !near));
    }
}
