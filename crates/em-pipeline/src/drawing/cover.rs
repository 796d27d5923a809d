//! The cover of a network: a section, and beside it what is found in it.

use image::RgbImage;
use ndarray::{Array2, ArrayView2};

use super::Contrast;
use super::overlay::{CLASSES, Overlay};

/// Pixels of the line around what is found.
const LINE: usize = 2;

/// Draws a section `[y, x]` and its masks, one per class, twice as wide as high where the section is square.
pub fn cover(section: ArrayView2<'_, f32>, masks: &[Array2<bool>]) -> RgbImage {
    let contrast = Contrast::of(&[section]);
    let plain = Overlay::new(&section.mapv(|value| contrast.shade(value)));
    let mut found = plain.clone();
    for (mask, colour) in masks.iter().zip(CLASSES.iter().cycle()) {
        found.show(mask.view(), *colour, LINE);
    }
    let (height, width) = section.dim();
    // Sections are far smaller than 32 bits.
    RgbImage::from_fn(2 * width as u32, height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        if x < width { plain.pixels[[y, x]] } else { found.pixels[[y, x - width]] }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_on_the_left_and_what_is_found_on_the_right() {
        let section = Array2::from_shape_fn((8, 8), |(y, x)| (y * 8 + x) as f32);
        let mut mask = Array2::from_elem((8, 8), false);
        mask[[3, 4]] = true;
        let cover = cover(section.view(), &[mask]);
        assert_eq!(cover.dimensions(), (16, 8));
        assert_eq!(cover[(8 + 4, 3)], CLASSES[0]);
        let grey = cover[(4, 3)].0;
        assert!(grey[0] == grey[1] && grey[1] == grey[2], "{grey:?}");
        assert_eq!(cover[(0, 0)], cover[(8, 0)]);
    }
}
