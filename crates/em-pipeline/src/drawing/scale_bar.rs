//! A bar of a round length, from which distances in a picture are read.

use image::RgbImage;
use plotters::prelude::*;

use super::text;
use super::ticks::round_down;
use crate::{Result, display, drawing::failed};

/// How much of a picture's width the bar takes at most.
const SHARE: f64 = 0.25;

/// Returns a round length in nm for a picture of `pixels` pixels of `pixel_nm` each, and how it is written.
fn length(pixels: u32, pixel_nm: f64) -> (f64, String) {
    let nm = round_down(f64::from(pixels) * pixel_nm * SHARE);
    let label = match nm {
        nm if nm >= 1e6 => format!("{} mm", display::four_digits(nm / 1e6)),
        nm if nm >= 1e3 => format!("{} µm", display::four_digits(nm / 1e3)),
        nm => format!("{} nm", display::four_digits(nm)),
    };
    (nm, label)
}

/// Draws the bar into the lower left corner of a part of a picture, `[left, top, width, height]`, whose
/// pixels have a length in nm, with words of that size.
pub fn draw(picture: &mut RgbImage, part: [u32; 4], pixel_nm: f64, size: u32) -> Result<()> {
    let (nm, label) = length(part[2], pixel_nm);
    // All of it is some thousand pixels at most.
    let [left, top, _, height] = part.map(|side| side as i32);
    let (bar, em) = ((nm / pixel_nm).round() as i32, size as i32);
    let words = text::width(&label, size) as i32;
    let (margin, thick) = (em / 2, (em / 4).max(2));
    let box_width = bar.max(words) + 2 * margin;
    let box_height = em * 3 / 2 + thick + margin;
    let (x, y) = (left + margin, top + height - margin - box_height);
    text::on(picture, |area| {
        let dark = BLACK.mix(0.6).filled();
        area.draw(&Rectangle::new([(x, y), (x + box_width, y + box_height)], dark)).map_err(failed)?;
        let (from, below) = (x + (box_width - bar) / 2, y + em * 3 / 2);
        // Its corners are drawn, too.
        let corners = [(from, below), (from + bar, below + thick)];
        area.draw(&Rectangle::new(corners, WHITE.filled())).map_err(failed)?;
        text::write(area, &label, size, (x + (box_width - words) / 2, y + em / 8), WHITE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_bar_is_as_long_as_it_says() {
        let found = |pixels, nm| length(pixels, nm);
        assert_eq!(found(1024, 5.0), (1000.0, "1 µm".into()));
        assert_eq!(found(512, 4.6), (500.0, "500 nm".into()));
        assert_eq!(found(600, 0.13), (10.0, "10 nm".into()));
        assert_eq!(found(1000, 25_000.0), (5e6, "5 mm".into()));
        let mut picture = RgbImage::from_pixel(512, 512, Rgb([90; 3]));
        draw(&mut picture, [0, 0, 512, 512], 4.6, 20).unwrap();
        let white = |y: u32| picture.rows().nth(y as usize).unwrap().filter(|p| p.0 == [255; 3]).count();
        let longest = (0..512).map(white).max().unwrap();
        assert_eq!(longest, 109, "500 nm are 108.7 pixels");
    }
}
