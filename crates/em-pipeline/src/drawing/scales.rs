//! The same crops as a network sees them at several pixel sizes.

use image::RgbImage;
use ndarray::{Array2, Array3};

use super::contrast::Contrast;
use super::overlay::{CLASSES, Overlay};
use super::page::{Size, Tile, page};
use super::text::Word;
use crate::Result;

/// A crop `[y, x]`, and what the network finds in it at each size, `[class, y, x]`.
pub struct ScaledCrop {
    /// Grey values.
    pub grey: Array2<f32>,
    /// One entry for each size.
    pub found: Vec<Array3<bool>>,
}

/// A pixel size that is tried.
pub struct TriedSize {
    /// What it is, in words.
    pub caption: String,
    /// Length of a pixel in nm.
    pub pixel_nm: f64,
}

/// Draws the crops one below the other: as they are, then with the outlines of what is found at each
/// size, and with a bar of what would be its length; all crops have one shape.
pub fn scales(crops: &[ScaledCrop], sizes: &[TriedSize], classes: &[String]) -> Result<RgbImage> {
    let (height, width) = crops.first().map_or((1, 1), |crop| crop.grey.dim());
    let columns = sizes.len() + 1;
    let size = Size::new([height, width], columns, crops.len());
    let contrast = Contrast::of(&crops.iter().map(|crop| crop.grey.view()).collect::<Vec<_>>());
    let mut tiles = Vec::new();
    for (row, crop) in crops.iter().enumerate() {
        let shades = size.grey(crop.grey.view()).mapv(|value| contrast.shade(value));
        let caption = |text: &str| if row == 0 { vec![Word::new(text)] } else { Vec::new() };
        let plain = Overlay::new(&shades);
        tiles.push(Tile { pixels: plain.pixels.clone(), caption: caption("image"), pixel_nm: None });
        for (tried, found) in sizes.iter().zip(&crop.found) {
            let mut overlay = plain.clone();
            for (mask, colour) in found.outer_iter().zip(CLASSES.iter().cycle()) {
                overlay.outline(size.mask(mask).view(), *colour, size.line_width());
            }
            let pixel_nm = (row == 0).then_some(tried.pixel_nm * size.pixels());
            tiles.push(Tile { pixels: overlay.pixels, caption: caption(&tried.caption), pixel_nm });
        }
    }
    let keys = classes.iter().zip(CLASSES.iter().cycle()).map(|(class, colour)| Word::key(class, *colour));
    let title: Vec<Word> = std::iter::once(Word::new("found at several pixel sizes")).chain(keys).collect();
    page(&title, columns, &tiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_a_column_with_its_outlines() {
        let grey = Array2::from_shape_fn((400, 400), |(y, _)| y as f32);
        let none = Array3::from_elem((2, 400, 400), false);
        let mut square = none.clone();
        square.slice_mut(ndarray::s![1, 100..140, 100..140]).fill(true);
        let crop = || ScaledCrop { grey: grey.clone(), found: vec![none.clone(), square.clone()] };
        let tried = |caption: &str| TriedSize { caption: caption.into(), pixel_nm: 5.0 };
        let picture =
            scales(&[crop(), crop()], &[tried("a"), tried("b")], &["m".into(), "s".into()]).unwrap();
        // Three columns of 800 pixels, with gaps of 12.
        assert_eq!(picture.width(), 3 * 800 + 4 * 12);
        let outlined = |left: u32| {
            let inside = |x: u32, y: u32| (left..left + 800).contains(&x) && y > 100;
            let pixels = picture.enumerate_pixels().filter(|(x, y, _)| inside(*x, *y));
            pixels.filter(|(_, _, colour)| **colour == CLASSES[1]).count()
        };
        let [plain, nothing, found] = [12, 824, 1636].map(outlined);
        assert_eq!([plain, nothing], [0, 0]);
        assert_eq!(found, 2 * (80 * 80 - 74 * 74), "two lines of three pixels");
    }
}
