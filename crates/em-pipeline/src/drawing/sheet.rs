//! A contact sheet of training tiles with the outlines of their labels.

use em_model::SampleTile;
use image::RgbImage;
use ndarray::Array2;

use super::contrast::Contrast;
use super::overlay::{CLASSES, Overlay};
use super::page::{Size, Tile, page};
use super::text::Word;
use crate::Result;

/// Tiles side by side.
const COLUMNS: usize = 4;

/// Draws tiles with one range of grey values for all, so that changes of brightness and contrast show.
pub fn sheet(tiles: &[SampleTile], classes: &[String]) -> Result<RgbImage> {
    let (height, width) = tiles.first().map_or((1, 1), |tile| tile.grey.dim());
    let size = Size::new([height, width], COLUMNS, tiles.len().div_ceil(COLUMNS));
    let contrast = Contrast::of(&tiles.iter().map(|tile| tile.grey.view()).collect::<Vec<_>>());
    let tile = |tile: &SampleTile| {
        let shades = size.grey(tile.grey.view()).mapv(|value| contrast.shade(value));
        let mut overlay = Overlay::new(&shades);
        // Where the output of the network lacks a margin, the labels start inside.
        let (_, rows, columns) = tile.masks.dim();
        let margin = (tile.grey.nrows() - rows) / 2;
        for (mask, colour) in tile.masks.outer_iter().zip(CLASSES.iter().cycle()) {
            let mut whole = Array2::from_elem(tile.grey.dim(), false);
            whole.slice_mut(ndarray::s![margin..margin + rows, margin..margin + columns]).assign(&mask);
            overlay.outline(size.mask(whole.view()).view(), *colour, size.line_width());
        }
        Tile { pixels: overlay.pixels, caption: Vec::new(), pixel_nm: None }
    };
    let keys = classes.iter().zip(CLASSES.iter().cycle()).map(|(class, colour)| Word::key(class, *colour));
    let title: Vec<Word> = std::iter::once(Word::new("training tiles")).chain(keys).collect();
    page(&title, COLUMNS, &tiles.iter().map(tile).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use ndarray::Array3;

    #[test]
    fn tiles_stand_in_rows_with_their_outlines() {
        let grey = Array2::from_shape_fn((80, 80), |(y, _)| y as f32);
        let mut masks = Array3::from_elem((1, 80, 80), false);
        masks.slice_mut(ndarray::s![0, 20..50, 20..50]).fill(true);
        let picture = sheet(&vec![SampleTile { grey, masks }; 5], &["m".into()]).unwrap();
        // Enlarged seven times, with a gap of a two hundredth of the whole.
        assert_eq!(picture.width(), 4 * 560 + 5 * 11);
        let rows: Vec<u32> =
            (0..picture.height()).filter(|y| picture.get_pixel(300, *y) == &CLASSES[0]).collect();
        let lines = rows.windows(2).filter(|pair| pair[1] > pair[0] + 1).count() + 1;
        assert_eq!(lines, 4, "two rows of tiles, each with an upper and a lower outline: {rows:?}");
        let title = picture.rows().take(50).flatten().filter(|pixel| **pixel == CLASSES[0]).count();
        assert!(title > 500, "the title has a key of the class");
        assert_eq!(picture.get_pixel(300, picture.height() - 1), &Rgb([255; 3]));
    }
}
