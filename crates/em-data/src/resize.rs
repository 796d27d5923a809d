//! Sections to another size.

use ndarray::{Array2, ArrayView2};

/// Resizes a section `[y, x]` to `[height, width]` by bilinear interpolation between voxel
/// centres; borders are repeated.
///
/// The same as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.
///
/// # Panics
///
/// Panics if the section is empty.
pub fn bilinear(section: ArrayView2<'_, f32>, [height, width]: [usize; 2]) -> Array2<f32> {
    let (rows, columns) = (weights(section.nrows(), height), weights(section.ncols(), width));
    Array2::from_shape_fn((height, width), |(y, x)| {
        let ((y0, y1, fy), (x0, x1, fx)) = (rows[y], columns[x]);
        let top = section[[y0, x0]] * (1.0 - fx) + section[[y0, x1]] * fx;
        let bottom = section[[y1, x0]] * (1.0 - fx) + section[[y1, x1]] * fx;
        top * (1.0 - fy) + bottom * fy
    })
}

/// Resizes a section `[y, x]` to `[height, width]`: along an axis that shrinks each new voxel is the
/// mean of what it covers, in parts where it covers a part; along one that grows as [`bilinear`].
///
/// # Panics
///
/// Panics if the section is empty.
pub fn area(section: ArrayView2<'_, f32>, [height, width]: [usize; 2]) -> Array2<f32> {
    let (rows, columns) = (spans(section.nrows(), height), spans(section.ncols(), width));
    let mut narrowed = Array2::zeros((section.nrows(), width));
    for (old, mut new) in section.rows().into_iter().zip(narrowed.rows_mut()) {
        for (new, (first, weights)) in new.iter_mut().zip(&columns) {
            *new = weights.iter().enumerate().map(|(n, weight)| old[first + n] * weight).sum();
        }
    }
    let mut resized = Array2::zeros((height, width));
    for (mut new, (first, weights)) in resized.rows_mut().into_iter().zip(&rows) {
        for (n, weight) in weights.iter().enumerate() {
            new.scaled_add(*weight, &narrowed.row(first + n));
        }
    }
    resized
}

/// Resizes a section `[y, x]` to `[height, width]` by taking the nearest voxel: for labels.
///
/// # Panics
///
/// Panics if the section is empty.
pub fn nearest<T: Copy>(section: ArrayView2<'_, T>, [height, width]: [usize; 2]) -> Array2<T> {
    let (rows, columns) = section.dim();
    Array2::from_shape_fn((height, width), |(y, x)| {
        section[[(2 * y + 1) * rows / (2 * height), (2 * x + 1) * columns / (2 * width)]]
    })
}

/// For each new place: the two old places and the weight of the second.
fn weights(old: usize, new: usize) -> Vec<(usize, usize, f32)> {
    (0..new)
        .map(|place| {
            let source = ((place as f64 + 0.5) * old as f64 / new as f64 - 0.5).clamp(0.0, (old - 1) as f64);
            let low = source.floor() as usize;
            (low, (low + 1).min(old - 1), source.fract() as f32)
        })
        .collect()
}

/// For each new place: the first of the old places that it takes from, and the weight of each.
fn spans(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    if new >= old {
        let bilinear = |(low, high, share): (usize, usize, f32)| {
            (low, if high == low { vec![1.0] } else { vec![1.0 - share, share] })
        };
        return weights(old, new).into_iter().map(bilinear).collect();
    }
    let width = old as f64 / new as f64;
    (0..new)
        .map(|place| {
            let (start, end) = (place as f64 * width, ((place + 1) as f64 * width).min(old as f64));
            let (first, last) = (start.floor() as usize, (end.ceil() as usize).min(old));
            let covered = |n: usize| (end.min((n + 1) as f64) - start.max(n as f64)).max(0.0);
            (first, (first..last).map(|n| (covered(n) / (end - start)) as f32).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use ndarray::array;

    // python: x = torch.tensor([[0.,1.,2.],[3.,4.,5.]])[None,None]
    //         torch.nn.functional.interpolate(x, (3,4), mode="bilinear", align_corners=False)
    #[test]
    fn bilinear_equals_pytorch() {
        let resized = bilinear(array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]].view(), [3, 4]);
        let expected = array![[0.0, 0.625, 1.375, 2.0], [1.5, 2.125, 2.875, 3.5], [3.0, 3.625, 4.375, 5.0]];
        assert_eq!(resized.dim(), expected.dim());
        resized.iter().zip(&expected).for_each(|(a, b)| assert_abs_diff_eq!(a, b, epsilon = 1e-6));
    }

    #[test]
    fn what_shrinks_is_the_mean_of_what_it_covers() {
        let section = array![[1.0, 2.0, 6.0], [3.0, 4.0, 8.0]];
        // 1.5 columns each: (1 + 0.5 * 2) / 1.5 and (0.5 * 2 + 6) / 1.5, and the same below.
        let [left, right] = [(2.0 + 5.0) / 3.0, (7.0 + 10.0) / 3.0];
        let shrunk = area(section.view(), [1, 2]);
        [left, right].iter().zip(&shrunk).for_each(|(a, b)| assert_abs_diff_eq!(a, b, epsilon = 1e-6));
        assert_eq!(area(section.view(), [4, 6]), bilinear(section.view(), [4, 6]));
        assert_eq!(area(section.view(), [2, 3]), section);
        for size in [[1, 1], [2, 1], [1, 3], [2, 2], [5, 2]] {
            let even = area(Array2::from_elem((7, 11), 3.0).view(), size);
            even.iter().for_each(|value| assert_abs_diff_eq!(*value, 3.0, epsilon = 1e-5));
        }
    }

    #[test]
    fn nearest_keeps_label_values() {
        let resized = nearest(array![[0_u8, 255], [255, 0]].view(), [4, 4]);
        assert_eq!(resized.row(0).to_vec(), [0, 0, 255, 255]);
        assert_eq!(nearest(resized.view(), [2, 2]), array![[0, 255], [255, 0]]);
    }
}
