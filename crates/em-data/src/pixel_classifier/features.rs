//! What a pixel looks like, in numbers: filters of its neighbourhood at several scales.

use ndarray::{Array3, ArrayView2};

use super::filter::{Kernel, Plane};

/// Widths of the Gaussians, in pixels.
const SIGMAS: [f32; 4] = [1.0, 2.0, 4.0, 8.0];

/// How many features a pixel has.
pub const FEATURES: usize = 1 + 7 * SIGMAS.len();

/// How far a feature sees, in pixels: those of a crop equal those of the whole section where so many
/// pixels lie between them and each edge of the crop that is no edge of the section.
///
/// The products of the widest structure tensor are smoothed over 16 pixels, and each sees 32 more.
pub const FEATURE_HALO: usize = 48;

/// Computes the features `[feature, y, x]` of a normalised section `[y, x]`: [`FEATURES`] planes.
///
/// The first is the section itself. Then follow, for each sigma of 1, 2, 4 and 8 pixels:
/// the Gaussian, its gradient's magnitude, its Laplacian, the larger and the smaller eigenvalue of its
/// Hessian, and those of the structure tensor, whose products are smoothed with half of sigma.
/// The kinds and the smoothing of the tensor are those of ilastik (Berg et al. 2019).
///
/// Kernels are sampled derivatives of a Gaussian, cut at 4 sigma; borders are mirrored without
/// repeating the border pixel: the same as `scipy.ndimage.gaussian_filter(order=…, mode="mirror")`.
///
/// Rows are filtered in parallel on the current rayon pool, whose size does not change the result.
/// The planes take 4 x [`FEATURES`] bytes for each pixel: large sections are to be cut into crops.
///
/// ```
/// use em_data::pixel_classifier::{FEATURES, pixel_features};
/// use ndarray::Array2;
///
/// let section = Array2::<f32>::zeros((48, 64));
/// assert_eq!(pixel_features(section.view()).dim(), (FEATURES, 48, 64));
/// ```
pub fn pixel_features(section: ArrayView2<'_, f32>) -> Array3<f32> {
    let (height, width) = section.dim();
    let mut planes = vec![Plane::of(section)];
    if !section.is_empty() {
        for sigma in SIGMAS {
            let features = at_scale(&planes[0], sigma);
            planes.extend(features);
        }
    }
    let mut values = Vec::with_capacity(FEATURES * height * width);
    planes.iter().for_each(|plane| values.extend_from_slice(plane.values()));
    Array3::from_shape_vec((FEATURES, height, width), values).expect("each plane has the section's pixels")
}

/// The features of one scale, in their order.
fn at_scale(section: &Plane, sigma: f32) -> Vec<Plane> {
    let [smooth, first, second] = [0, 1, 2].map(|order| Kernel::gaussian(sigma, order));
    let smooth_x = section.along_x(&smooth);
    let first_x = section.along_x(&first);
    let (dx, dy) = (first_x.along_y(&smooth), smooth_x.along_y(&first));
    let (dxx, dyy) = (section.along_x(&second).along_y(&smooth), smooth_x.along_y(&second));
    let dxy = first_x.along_y(&first);

    let length = |[dx, dy]: [f32; 2]| (dx * dx + dy * dy).sqrt();
    let mut planes = vec![
        smooth_x.along_y(&smooth),
        Plane::of_each([&dx, &dy], length),
        Plane::of_each([&dxx, &dyy], |[dxx, dyy]| dxx + dyy),
    ];
    planes.extend(eigenvalues(&dxx, &dxy, &dyy));
    planes.extend(structure_tensor(&dx, &dy, sigma / 2.0));
    planes
}

/// The larger and the smaller eigenvalue of the smoothed products of a gradient.
fn structure_tensor(dx: &Plane, dy: &Plane, sigma: f32) -> [Plane; 2] {
    let smooth = Kernel::gaussian(sigma, 0);
    let smoothed = |a, b| Plane::of_each([a, b], |[a, b]| a * b).along_x(&smooth).along_y(&smooth);
    eigenvalues(&smoothed(dx, dx), &smoothed(dx, dy), &smoothed(dy, dy))
}

/// The larger and the smaller eigenvalue of the symmetric matrix `[[xx, xy], [xy, yy]]`.
fn eigenvalues(xx: &Plane, xy: &Plane, yy: &Plane) -> [Plane; 2] {
    [1.0, -1.0].map(|sign| {
        Plane::of_each([xx, xy, yy], |[xx, xy, yy]| {
            let (middle, half) = ((xx + yy) / 2.0, (xx - yy) / 2.0);
            middle + sign * (half * half + xy * xy).sqrt()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    fn pattern(height: usize, width: usize) -> Array2<f32> {
        Array2::from_shape_fn((height, width), |(y, x)| {
            ((y * y * 7 + x * 13 + x * y) % 17) as f32 / 8.0 - 1.0 + (x * y) as f32 / 64.0
        })
    }

    // import numpy as np; from scipy.ndimage import gaussian_filter
    // y, x = np.mgrid[:20, :26]
    // a = ((y * y * 7 + x * 13 + x * y) % 17) / 8 - 1 + x * y / 64
    // def eigenvalues(xx, xy, yy):
    //     root = np.sqrt(((xx - yy) / 2) ** 2 + xy ** 2)
    //     return [(xx + yy) / 2 + root, (xx + yy) / 2 - root]
    // planes = [a]
    // for sigma in 1, 2, 4, 8:
    //     f = lambda *order: gaussian_filter(a, sigma, order=order, mode="mirror")
    //     dx, dy, xx, xy, yy = f(0, 1), f(1, 0), f(0, 2), f(1, 1), f(2, 0)
    //     planes += [f(0, 0), np.hypot(dx, dy), xx + yy, *eigenvalues(xx, xy, yy)]
    //     g = lambda b: gaussian_filter(b, sigma / 2, mode="mirror")
    //     planes += eigenvalues(g(dx * dx), g(dx * dy), g(dy * dy))
    // for y, x in (0, 1), (17, 24), (9, 14):
    //     print([round(float(p[y, x]), 6) for p in planes])
    const GOLDEN: [([usize; 2], [f32; FEATURES]); 3] = [
        (
            [0, 1],
            [
                0.625, -0.15935, 0.040962, 0.071908, 0.053067, 0.018841, 0.002696, 0.001895, -0.00751,
                0.013277, 0.060126, 0.047151, 0.012975, 0.001389, 0.000169, 0.175444, 0.010208, 0.022741,
                0.0128, 0.009941, 0.000946, 0.000124, 0.651169, 0.009583, 0.018221, 0.009503, 0.008717,
                0.002235, 0.000249,
            ],
        ),
        (
            [17, 24],
            [
                6.125, 6.108473, 0.345973, 0.168413, 0.157638, 0.010775, 0.113806, 0.002854, 6.003153,
                0.239601, -0.149387, -0.071167, -0.078221, 0.057444, 0.004161, 5.225436, 0.136591, -0.105616,
                -0.046311, -0.059305, 0.029133, 0.004084, 3.642198, 0.053227, -0.043023, -0.019045,
                -0.023977, 0.009729, 0.001865,
            ],
        ),
        (
            [9, 14],
            [
                1.96875, 2.003187, 0.232775, -0.014108, 0.076771, -0.090879, 0.050163, 0.004302, 1.966923,
                0.262467, -0.00475, 0.004253, -0.009003, 0.069946, 0.00011, 1.979173, 0.251164, 0.001957,
                0.015426, -0.013468, 0.060696, 0.000753, 1.980686, 0.155421, -0.000982, 0.005997, -0.006979,
                0.018056, 0.000921,
            ],
        ),
    ];

    #[test]
    fn features_are_those_of_scipy() {
        let features = pixel_features(pattern(20, 26).view());
        for ([y, x], expected) in GOLDEN {
            for (place, (found, expected)) in features.slice(s![.., y, x]).iter().zip(expected).enumerate() {
                assert!(
                    (found - expected).abs() < 2e-6 + 1e-5 * expected.abs(),
                    "feature {place} at {y}, {x}: {found}, {expected}"
                );
            }
        }
    }

    #[test]
    fn a_crop_with_a_halo_has_the_features_of_the_whole_section() {
        let section = pattern(170, 200);
        let whole = pixel_features(section.view());
        // One edge of the crop is that of the section.
        let crop = pixel_features(section.slice(s![..120, 20..190]));
        let inner = crop.slice(s![.., ..120 - FEATURE_HALO, FEATURE_HALO..170 - FEATURE_HALO]);
        let expected = whole.slice(s![.., ..120 - FEATURE_HALO, 20 + FEATURE_HALO..190 - FEATURE_HALO]);
        let difference = (&inner - &expected).fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(difference <= 1e-5, "{difference}");
        let halo = FEATURE_HALO - 1;
        let nearer = &crop.slice(s![.., ..120 - halo, ..]) - &whole.slice(s![.., ..120 - halo, 20..190]);
        assert!(nearer.iter().any(|value| value.abs() > 1e-5), "a smaller halo would do");
    }

    #[test]
    fn sections_without_a_neighbourhood_have_features_too() {
        assert_eq!(pixel_features(Array2::zeros((0, 5)).view()).dim(), (FEATURES, 0, 5));
        let one = pixel_features(Array2::from_elem((1, 1), 2.0).view());
        assert!(one.iter().all(|value| value.is_finite()) && (one[[1, 0, 0]] - 2.0).abs() < 1e-6);
    }
}
