//! The same crops as a network sees them at several pixel sizes.

use image::{Rgb, RgbImage};
use ndarray::{Array2, Array3, Axis};

use super::sheet::{OUTLINES, is_outline, range_of};
use super::text::{self, CAPTION, Caption};
use crate::Result;

/// Space between the pictures.
const GAP: u32 = 6;

/// A crop `[y, x]`, and what the network finds in it at each size, `[class, y, x]`.
pub struct ScaledCrop {
    /// Grey values.
    pub grey: Array2<f32>,
    /// One entry for each size.
    pub found: Vec<Array3<bool>>,
}

/// Draws the crops one below the other: as they are, then with the outlines of what is found at each
/// size; all crops have one shape.
pub fn scales(crops: &[ScaledCrop], sizes: &[String], classes: &[String]) -> Result<RgbImage> {
    let (height, width) = crops.first().map_or((0, 0), |crop| crop.grey.dim());
    let (w, h) = (width as u32, height as u32);
    let columns = sizes.len() as u32 + 1;
    let rows = crops.len() as u32;
    let size = (columns * (w + GAP) - GAP, CAPTION + rows * (h + GAP));
    let mut picture = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let [low, high] = range_of(crops.iter().flat_map(|crop| crop.grey.iter().copied()));
    for (row, crop) in (0_u32..).zip(crops) {
        let top = CAPTION + row * (h + GAP);
        for ((y, x), &value) in crop.grey.indexed_iter() {
            let shade = ((value - low) / (high - low) * 255.0).clamp(0.0, 255.0).round() as u8;
            for column in 0..columns {
                // The first column has no outlines.
                let found = (column as usize).checked_sub(1).map(|size| &crop.found[size]);
                let class = found.and_then(|found| {
                    (0..found.len_of(Axis(0))).find(|&n| is_outline(found.index_axis(Axis(0), n), (y, x)))
                });
                let colour = class.map_or(Rgb([shade; 3]), |class| OUTLINES[class % OUTLINES.len()]);
                picture.put_pixel(column * (w + GAP) + x as u32, top + y as u32, colour);
            }
        }
    }
    let black = Rgb([0; 3]);
    let legend = classes.iter().zip(OUTLINES.iter().cycle()).map(|(class, colour)| (class.as_str(), *colour));
    let first: Caption<'_> = legend.collect();
    let others = sizes.iter().map(|size| vec![(size.as_str(), black)]);
    let captions = std::iter::once(first).chain(others);
    let places = (0..).map(|column| column * (w + GAP));
    text::captioned(picture, &places.zip(captions).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_a_column_with_its_outlines() {
        let grey = Array2::from_shape_fn((40, 60), |(y, _)| y as f32);
        let none = Array3::from_elem((2, 40, 60), false);
        let mut square = none.clone();
        square.slice_mut(ndarray::s![1, 10..14, 10..14]).fill(true);
        let crop = || ScaledCrop { grey: grey.clone(), found: vec![none.clone(), square.clone()] };
        let picture =
            scales(&[crop(), crop()], &["a".into(), "b".into()], &["m".into(), "s".into()]).unwrap();
        assert_eq!(picture.dimensions(), (3 * 60 + 2 * 6, 26 + 2 * 46));
        let outlined = |left: u32| {
            let inside = |x: u32, y: u32| (left..left + 60).contains(&x) && y >= 26;
            let pixels = picture.enumerate_pixels().filter(|(x, y, _)| inside(*x, *y));
            pixels.filter(|(_, _, colour)| **colour == OUTLINES[1]).count()
        };
        assert_eq!([0, 66, 132].map(outlined), [0, 0, 2 * 12]);
    }
}
