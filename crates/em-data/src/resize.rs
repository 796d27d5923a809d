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
    fn nearest_keeps_label_values() {
        let resized = nearest(array![[0_u8, 255], [255, 0]].view(), [4, 4]);
        assert_eq!(resized.row(0).to_vec(), [0, 0, 255, 255]);
        assert_eq!(nearest(resized.view(), [2, 2]), array![[0, 255], [255, 0]]);
    }
}
