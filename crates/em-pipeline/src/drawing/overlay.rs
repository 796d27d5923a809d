//! Masks over tissue, which stays to be seen: a translucent fill, and a line around it.

use image::Rgb;
use ndarray::{Array2, ArrayView2, Zip};

/// Okabe and Ito's colours, one per class.
pub const CLASSES: [Rgb<u8>; 5] =
    [Rgb([230, 159, 0]), Rgb([86, 180, 233]), Rgb([0, 158, 115]), Rgb([213, 94, 0]), Rgb([204, 121, 167])];

/// How much of a fill covers the tissue.
const FILL: f32 = 0.3;

/// A picture of grey values, to draw masks over.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// The pixels, `[y, x]`.
    pub pixels: Array2<Rgb<u8>>,
}

impl Overlay {
    /// Begins with the tissue alone.
    pub fn new(shades: &Array2<u8>) -> Self {
        Self { pixels: shades.mapv(|shade| Rgb([shade; 3])) }
    }

    /// Fills a mask.
    pub fn fill(&mut self, mask: ArrayView2<'_, bool>, colour: Rgb<u8>, covered: f32) {
        Zip::from(&mut self.pixels).and(mask).for_each(|pixel, &inside| {
            if inside {
                *pixel = mixed(*pixel, colour, covered);
            }
        });
    }

    /// Draws a line of so many pixels along the inside of a mask.
    pub fn outline(&mut self, mask: ArrayView2<'_, bool>, colour: Rgb<u8>, width: usize) {
        let mut inner = mask.to_owned();
        for _ in 0..width {
            let before = inner.clone();
            inner.indexed_iter_mut().for_each(|(place, inside)| {
                *inside = *inside && !is_outline(before.view(), place);
            });
        }
        Zip::from(&mut self.pixels).and(mask).and(&inner).for_each(|pixel, &inside, &inner| {
            if inside && !inner {
                *pixel = colour;
            }
        });
    }

    /// Shows a mask of a class: filled, with a line around it.
    pub fn show(&mut self, mask: ArrayView2<'_, bool>, colour: Rgb<u8>, width: usize) {
        self.fill(mask, colour, FILL);
        self.outline(mask, colour, width);
    }
}

fn mixed(under: Rgb<u8>, over: Rgb<u8>, covered: f32) -> Rgb<u8> {
    let channel = |n: usize| f32::from(under.0[n]) * (1.0 - covered) + f32::from(over.0[n]) * covered;
    // Between two bytes there is a byte.
    Rgb(std::array::from_fn(|n| channel(n).round() as u8))
}

/// Whether a voxel is in the mask and one of its four neighbours is not.
fn is_outline(mask: ArrayView2<'_, bool>, (y, x): (usize, usize)) -> bool {
    let at = |y: usize, x: usize| mask.get([y, x]).copied();
    let neighbours = [at(y + 1, x), at(y.wrapping_sub(1), x), at(y, x + 1), at(y, x.wrapping_sub(1))];
    at(y, x) == Some(true) && neighbours.contains(&Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tissue_is_seen_under_a_mask_and_not_under_its_outline() {
        let shades = Array2::from_shape_fn((9, 9), |(y, x)| (y * 20 + x) as u8);
        let mut mask = Array2::from_elem((9, 9), false);
        mask.slice_mut(ndarray::s![1..8, 1..8]).fill(true);
        let mut overlay = Overlay::new(&shades);
        overlay.show(mask.view(), CLASSES[0], 2);
        let of_class = overlay.pixels.iter().filter(|pixel| **pixel == CLASSES[0]).count();
        assert_eq!(of_class, 49 - 9, "the middle 3 x 3 of 7 x 7 is filled only");
        assert_eq!(overlay.pixels[[0, 0]], Rgb([0; 3]));
        let [a, b] = [[3, 4], [5, 4]].map(|place| overlay.pixels[place]);
        assert!(a != b && a.0[0] > a.0[2], "tissue and colour: {a:?} {b:?}");
    }
}
