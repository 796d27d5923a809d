//! Whether a label was mirrored or turned against its raw stack.

use ndarray::{Array2, ArrayView2};

/// The ways in which a section may lie, by their index in what [`outline_contrast`] returns.
pub const TURNS: [&str; 8] = [
    "as it is",
    "mirrored along x",
    "mirrored along y",
    "turned by 180 degrees",
    "with x and y exchanged",
    "turned by 90 degrees clockwise",
    "turned by 90 degrees counterclockwise",
    "mirrored along the other diagonal",
];

/// Measures how strong the edges of a raw section are on the outlines of its mask, for each way in
/// which the mask may lie: the mean grey-value gradient there, divided by that of the section.
///
/// Both are `[y, x]`, of one shape; sections that are not square have no values for the last four.
/// `None` where the mask has no outline, or the section no edges.
pub fn outline_contrast(raw: ArrayView2<'_, f32>, mask: ArrayView2<'_, bool>) -> Option<[Option<f64>; 8]> {
    let edges = gradient(raw);
    let mean = edges.mean().filter(|mean| *mean > 0.0)?;
    let is_square = raw.nrows() == raw.ncols();
    let strength = |mask: ArrayView2<'_, bool>| {
        let (mut sum, mut count) = (0.0, 0_usize);
        for ((y, x), &inside) in mask.indexed_iter() {
            let is_outline = |other: Option<&bool>| other.is_some_and(|&other| other != inside);
            if is_outline(mask.get((y + 1, x))) || is_outline(mask.get((y, x + 1))) {
                sum += edges[[y, x]];
                count += 1;
            }
        }
        (count > 0).then(|| sum / count as f64 / mean)
    };
    let flip = |mask: ArrayView2<'_, bool>, y: bool, x: bool| {
        let mut mask = mask;
        if y {
            mask.invert_axis(ndarray::Axis(0));
        }
        if x {
            mask.invert_axis(ndarray::Axis(1));
        }
        strength(mask)
    };
    let plain = flip(mask, false, false)?;
    let transposed = mask.reversed_axes();
    let turned = |y, x| if is_square { flip(transposed, y, x) } else { None };
    Some([
        Some(plain),
        flip(mask, false, true),
        flip(mask, true, false),
        flip(mask, true, true),
        turned(false, false),
        turned(false, true),
        turned(true, false),
        turned(true, true),
    ])
}

/// The length of the gradient of a smoothed section (Sobel); 0 on its border.
fn gradient(raw: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut edges = Array2::zeros(raw.dim());
    for ((y, x), w) in raw.windows((3, 3)).into_iter().enumerate().map(|(n, w)| {
        let width = raw.ncols() - 2;
        ((n / width + 1, n % width + 1), w)
    }) {
        let at = |y: usize, x: usize| f64::from(w[[y, x]]);
        let along = |far: [f64; 3], near: [f64; 3]| {
            far[0] + 2.0 * far[1] + far[2] - near[0] - 2.0 * near[1] - near[2]
        };
        let dx = along([at(0, 2), at(1, 2), at(2, 2)], [at(0, 0), at(1, 0), at(2, 0)]);
        let dy = along([at(2, 0), at(2, 1), at(2, 2)], [at(0, 0), at(0, 1), at(0, 2)]);
        // Squares of 32-bit numbers do not overflow 64 bits; `hypot` would ask for glibc 2.35.
        let length = (dx * dx + dy * dy).sqrt();
        edges[[y, x]] = if length.is_finite() { length } else { 0.0 };
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dark disc away from the middle, and its mask.
    fn disc(height: usize, width: usize) -> (Array2<f32>, Array2<bool>) {
        let mask = Array2::from_shape_fn((height, width), |(y, x)| {
            y.abs_diff(8).pow(2) + x.abs_diff(14).pow(2) < 25
        });
        (mask.mapv(|inside| if inside { 50.0 } else { 150.0 }), mask)
    }

    #[test]
    fn each_turn_is_the_one_that_finds_the_edges_again() {
        let (raw, mask) = disc(40, 40);
        let transposed = mask.t().to_owned();
        let flipped =
            |mask: &Array2<bool>, y: isize, x: isize| mask.slice(ndarray::s![..;y, ..;x]).to_owned();
        // Each label lies so that the turn of its place brings it back.
        let labels = [
            mask.clone(),
            flipped(&mask, 1, -1),
            flipped(&mask, -1, 1),
            flipped(&mask, -1, -1),
            transposed.clone(),
            flipped(&transposed, -1, 1),
            flipped(&transposed, 1, -1),
            flipped(&transposed, -1, -1),
        ];
        for (place, label) in labels.iter().enumerate() {
            let found = outline_contrast(raw.view(), label.view()).unwrap().map(|value| value.unwrap());
            let best = (0..8).max_by(|&a, &b| found[a].total_cmp(&found[b])).unwrap();
            assert_eq!(best, place, "{found:?}");
            assert!(found[place] > 2.0 * found[(place + 1) % 8], "{found:?}");
        }
    }

    #[test]
    fn sections_that_are_not_square_are_only_mirrored() {
        let (raw, mask) = disc(30, 40);
        let found = outline_contrast(raw.view(), mask.view()).unwrap();
        assert!(found[..4].iter().all(Option::is_some) && found[4..].iter().all(Option::is_none));
        assert_eq!(outline_contrast(raw.view(), Array2::from_elem((30, 40), true).view()), None);
        assert_eq!(outline_contrast(Array2::zeros((30, 40)).view(), mask.view()), None);
    }
}
