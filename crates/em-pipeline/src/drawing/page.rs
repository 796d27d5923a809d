//! Pictures in rows and columns, under a title and captions whose size follows that of the whole, so that
//! they are read on a slide however large the pictures are.

use image::{Rgb, RgbImage};
use ndarray::{Array2, ArrayView2};

use super::scale_bar;
use super::text::{self, Word};
use crate::Result;

/// How wide a page is at most.
const WIDEST: usize = 2400;
/// How high its pictures are at most, one below the other.
const HIGHEST: usize = 2100;
/// How many times a small picture is enlarged at most.
const ENLARGED: usize = 8;

/// The size of captions and of the title, as parts of the width: 32 and 40 pixels of 2400.
const CAPTION: u32 = 75;
const TITLE: u32 = 60;
/// Smaller words are not read.
const LEAST: u32 = 12;

/// A picture and what is above it.
pub struct Tile {
    /// The pixels, `[y, x]`; all tiles have one size.
    pub pixels: Array2<Rgb<u8>>,
    /// What it shows.
    pub caption: Vec<Word>,
    /// Length of a pixel in nm, where a scale bar is drawn.
    pub pixel_nm: Option<f64>,
}

/// How large pictures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Height and width as they are.
    source: [usize; 2],
    /// Height and width as they are drawn.
    shown: [usize; 2],
}

impl Size {
    /// Chooses how large pictures of `[height, width]` are drawn in columns and rows: enlarged by a whole
    /// number, or made smaller, so that they fill a page.
    pub fn new(source: [usize; 2], columns: usize, rows: usize) -> Self {
        let [height, width] = source.map(|side| side.max(1));
        let [highest, widest] = [HIGHEST / rows.max(1), WIDEST / columns.max(1)];
        let whole = (highest / height).min(widest / width).min(ENLARGED);
        let shown = if whole > 0 {
            [height * whole, width * whole]
        } else {
            let factor = (highest as f64 / height as f64).min(widest as f64 / width as f64);
            // Sides are small.
            [height, width].map(|side| ((side as f64 * factor).round() as usize).max(1))
        };
        Self { source, shown }
    }

    /// Returns how many pixels of the source one that is drawn shows.
    pub fn pixels(self) -> f64 {
        self.source[1] as f64 / self.shown[1] as f64
    }

    /// Returns how wide lines are: 3 pixels, and fewer in small pictures.
    pub fn line_width(self) -> usize {
        (self.shown[1] / 150).clamp(1, 3)
    }

    /// Draws grey values: the mean of those that a pixel shows.
    pub fn grey(self, values: ArrayView2<'_, f32>) -> Array2<f32> {
        self.drawn(|rows, columns| {
            let part = values.slice(ndarray::s![rows, columns]);
            part.sum() / part.len() as f32
        })
    }

    /// Draws a mask: where half of what a pixel shows is inside.
    pub fn mask(self, mask: ArrayView2<'_, bool>) -> Array2<bool> {
        self.drawn(|rows, columns| {
            let part = mask.slice(ndarray::s![rows, columns]);
            2 * part.iter().filter(|inside| **inside).count() >= part.len()
        })
    }

    fn drawn<T>(self, of: impl Fn(std::ops::Range<usize>, std::ops::Range<usize>) -> T) -> Array2<T> {
        let Self { source, shown } = self;
        let range = |axis: usize, place: usize| {
            let start = place * source[axis] / shown[axis];
            start..((place + 1) * source[axis] / shown[axis]).max(start + 1)
        };
        Array2::from_shape_fn(shown, |(y, x)| of(range(0, y), range(1, x)))
    }
}

/// Puts pictures into columns, row by row.
pub fn page(title: &[Word], columns: usize, tiles: &[Tile]) -> Result<RgbImage> {
    let (height, width) = tiles.first().map_or((1, 1), |tile| tile.pixels.dim());
    let columns = tiles.len().clamp(1, columns);
    // Sides are at most a few thousand pixels.
    let [width, height, across] = [width, height, columns].map(|side| side as u32);
    let gap = (across * width / 200).max(4);
    let whole = across * width + (across + 1) * gap;
    let title_size = fitting(whole / TITLE, |size| text::width_of(title, size), whole - 2 * gap);
    let widest = |size| tiles.iter().map(|tile| text::width_of(&tile.caption, size)).max().unwrap_or(0);
    let caption_size = fitting(whole / CAPTION, widest, width);
    let caption_height = caption_size * 3 / 2;
    let title_height = if title.is_empty() { 0 } else { title_size * 3 / 2 };
    // Rows without captions need no room for them.
    let has_captions = |row: &[Tile]| row.iter().any(|tile| !tile.caption.is_empty());
    let (mut top, mut places) = (gap + title_height, Vec::new());
    for row in tiles.chunks(columns) {
        top += if has_captions(row) { caption_height } else { 0 };
        places.extend((0..across).map(|column| (gap + column * (width + gap), top)));
        top += height + gap;
    }
    let mut picture = RgbImage::from_pixel(whole, top, Rgb([255; 3]));
    for (tile, (left, top)) in tiles.iter().zip(&places) {
        for ((y, x), colour) in tile.pixels.indexed_iter() {
            picture.put_pixel(left + x as u32, top + y as u32, *colour);
        }
        if let Some(nm) = tile.pixel_nm {
            scale_bar::draw(&mut picture, [*left, *top, width, height], nm, caption_size)?;
        }
    }
    text::on(&mut picture, |area| {
        text::write_words(area, title, title_size, (gap as i32, gap as i32))?;
        for (tile, (left, top)) in tiles.iter().zip(&places).filter(|(tile, _)| !tile.caption.is_empty()) {
            let place = (*left as i32, (top - caption_height) as i32 + caption_size as i32 / 4);
            text::write_words(area, &tile.caption, caption_size, place)?;
        }
        Ok(())
    })?;
    Ok(picture)
}

/// The largest size of a font, from `size` down, at which something fits.
fn fitting(size: u32, width: impl Fn(u32) -> u32, room: u32) -> u32 {
    (LEAST..=size).rev().find(|size| width(*size) <= room).unwrap_or(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(side: usize, words: &str) -> Tile {
        Tile {
            pixels: Array2::from_elem((side, side), Rgb([9; 3])),
            caption: vec![Word::new(words)],
            pixel_nm: None,
        }
    }

    #[test]
    fn pictures_fill_a_page_and_no_more() {
        let shown = |source, columns, rows| Size::new(source, columns, rows).shown;
        assert_eq!(shown([768, 1024], 2, 2), [768, 1024]);
        assert_eq!(shown([512, 512], 2, 2), [1024, 1024]);
        assert_eq!(shown([300, 500], 2, 2), [600, 1000]);
        assert_eq!(shown([4, 4], 2, 2), [32, 32]);
        assert_eq!(shown([3000, 6000], 2, 2), [600, 1200]);
        assert_eq!(shown([6000, 3000], 2, 2), [1050, 525]);
    }

    #[test]
    fn smaller_pictures_are_means_and_majorities() {
        let size = Size::new([2000, 3600], 1, 1);
        assert_eq!(size.shown, [1333, 2400]);
        let size = Size { source: [2, 4], shown: [1, 2] };
        let grey = ndarray::array![[1.0, 3.0, 0.0, 0.0], [5.0, 7.0, 0.0, 8.0]];
        assert_eq!(size.grey(grey.view()), ndarray::array![[4.0, 2.0]]);
        let mask = grey.mapv(|value| value > 3.0);
        assert_eq!(size.mask(mask.view()), ndarray::array![[true, false]]);
        let size = Size { source: [1, 2], shown: [2, 4] };
        assert_eq!(size.grey(ndarray::array![[1.0, 2.0]].view()).row(1).to_vec(), [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(size.pixels(), 0.5);
    }

    #[test]
    fn captions_grow_with_the_page_and_stay_within_their_column() {
        let tiles = |side| [tile(side, "found"), tile(side, "found"), tile(side, "found")];
        let [small, large] = [200, 1100].map(|side| page(&[Word::new("title")], 2, &tiles(side)).unwrap());
        assert_eq!(small.width(), 2 * 200 + 3 * 4);
        // Two rows of pictures; the rest is title, captions and gaps.
        let rest = |picture: &RgbImage, side: u32| picture.height() - 2 * side;
        assert!(rest(&large, 1100) > 3 * rest(&small, 200) / 2);
        let long = "a caption that is far longer than its column is wide";
        let picture = page(&[], 2, &[tile(400, long), tile(400, "b")]).unwrap();
        let gap = 404..408_u32;
        let is_white = |x: u32, y: u32| picture.get_pixel(x, y) == &Rgb([255; 3]);
        assert!(gap.clone().all(|x| (0..picture.height()).all(|y| is_white(x, y))), "nothing is in the gap");
    }
}
