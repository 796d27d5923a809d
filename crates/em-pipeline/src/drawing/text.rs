//! Words on pictures, in the font that comes with the program, so that they look alike everywhere.

use std::sync::Once;

use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::failed;
use crate::Result;

/// A part of a picture that is drawn on.
pub type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// The name under which the font is known to plotters.
pub const FONT: &str = "sans-serif";

/// A word of a caption, with the colour that it explains, if any.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    text: String,
    key: Option<Rgb<u8>>,
}

impl Word {
    /// Says something.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: None }
    }

    /// Says what a colour means.
    pub fn key(text: impl Into<String>, colour: Rgb<u8>) -> Self {
        Self { text: text.into(), key: Some(colour) }
    }

    /// Returns how wide it is in a font of that size, with its key and the space behind it.
    fn width(&self, size: u32) -> u32 {
        width(&self.text, size) + size / 2 + self.key.map_or(0, |_| size + size / 4)
    }
}

/// Makes the font known; the first call does.
pub fn prepare() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let registered = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        assert!(registered.is_ok(), "the font that comes with the program is a font");
    });
}

/// Draws on a picture.
pub fn on<T>(picture: &mut RgbImage, draw: impl FnOnce(&Area<'_>) -> Result<T>) -> Result<T> {
    prepare();
    let size = picture.dimensions();
    let area = BitMapBackend::with_buffer(picture, size).into_drawing_area();
    let drawn = draw(&area)?;
    area.present().map_err(failed)?;
    Ok(drawn)
}

/// Returns how many pixels wide a text is in a font of that size.
pub fn width(text: &str, size: u32) -> u32 {
    prepare();
    let place = (FONT, size).into_font().layout_box(text);
    place.map_or(0, |((left, _), (right, _))| right.abs_diff(left))
}

/// Returns how wide words are beside each other.
pub fn width_of(words: &[Word], size: u32) -> u32 {
    words.iter().map(|word| word.width(size)).sum()
}

/// Writes a text with its upper left corner at a place; capitals stand four fifths of its size below.
pub fn write(area: &Area<'_>, text: &str, size: u32, (x, y): (i32, i32), colour: RGBColor) -> Result<()> {
    let style = TextStyle::from((FONT, size).into_font()).color(&colour);
    // plotters has them stand half of the size below the place; sizes are small.
    area.draw_text(text, &style, (x, y + size as i32 * 3 / 10)).map_err(failed)
}

/// Writes words beside each other, each behind a square of the colour that it explains.
pub fn write_words(area: &Area<'_>, words: &[Word], size: u32, place: (i32, i32)) -> Result<()> {
    let (mut x, y) = place;
    // Sizes are small.
    let edge = size as i32;
    for word in words {
        if let Some(Rgb([r, g, b])) = word.key {
            let corners = [(x, y + edge / 8), (x + edge, y + edge * 7 / 8)];
            area.draw(&Rectangle::new(corners, RGBColor(r, g, b).filled())).map_err(failed)?;
            x += edge + edge / 4;
        }
        write(area, &word.text, size, (x, y), BLACK)?;
        x += width(&word.text, size) as i32 + edge / 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_it_is_drawn() {
        let mut picture = RgbImage::from_pixel(600, 60, Rgb([255; 3]));
        on(&mut picture, |area| write(area, "found, 12 µm", 40, (0, 5), BLACK)).unwrap();
        let dark = picture.enumerate_pixels().filter(|(.., colour)| colour.0[0] < 128);
        let right = dark.map(|(x, ..)| x).max().unwrap();
        assert!(right.abs_diff(width("found, 12 µm", 40)) < 8, "{right}");
        let words = [Word::new("found"), Word::key("missed", Rgb([1, 2, 3]))];
        assert!(width_of(&words, 40) > width("found missed", 40) + 40);
    }
}
