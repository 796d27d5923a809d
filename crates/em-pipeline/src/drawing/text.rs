//! The font of all pictures; it comes with the program, so that it looks alike everywhere.

use std::sync::Once;

use image::{Rgb, RgbImage};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::failed;
use crate::Result;

/// The height of a line of captions above pictures.
pub const CAPTION: u32 = 26;

/// The words of a caption with their colours.
pub type Caption<'a> = Vec<(&'a str, Rgb<u8>)>;

/// The name under which the font is known to plotters.
pub const FONT: &str = "sans-serif";

/// Makes the font known; the first call does.
pub fn prepare() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let registered = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        assert!(registered.is_ok(), "the font that comes with the program is a font");
    });
}

/// Writes captions above columns that begin at these places.
pub fn captioned(picture: RgbImage, columns: &[(u32, Caption<'_>)]) -> Result<RgbImage> {
    prepare();
    let size = picture.dimensions();
    let mut buffer = picture.into_raw();
    {
        let area = BitMapBackend::with_buffer(&mut buffer, size).into_drawing_area();
        for (left, words) in columns {
            let mut x = *left as i32 + 2;
            for (word, Rgb([r, g, b])) in words {
                let colour = RGBColor(*r, *g, *b);
                let style = TextStyle::from((FONT, 17).into_font()).color(&colour);
                area.draw_text(word, &style, (x, 4)).map_err(failed)?;
                x += 9 * word.len() as i32 + 8;
            }
        }
        area.present().map_err(failed)?;
    }
    RgbImage::from_raw(size.0, size.1, buffer).ok_or_else(|| failed("a picture lost its size"))
}
