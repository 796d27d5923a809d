//! Image, label, prediction and errors side by side.

use crate::Result;
use image::{Rgb, RgbImage};
use ndarray::ArrayView2;
use plotters::prelude::*;

use super::{failed, text};

/// Space between the pictures, and their captions' height.
const GAP: u32 = 8;
const CAPTION: u32 = 26;

/// Okabe and Ito's colours: green for found, vermilion for wrong, blue for missed.
const TRUE_POSITIVE: Rgb<u8> = Rgb([0, 158, 115]);
const FALSE_POSITIVE: Rgb<u8> = Rgb([213, 94, 0]);
const FALSE_NEGATIVE: Rgb<u8> = Rgb([86, 180, 233]);

/// Draws a panel of a section: grey values, label, prediction and error map, all `[y, x]`.
pub fn panel(
    grey: ArrayView2<'_, f32>,
    label: ArrayView2<'_, bool>,
    prediction: ArrayView2<'_, bool>,
) -> Result<RgbImage> {
    let (height, width) = grey.dim();
    let (low, high) = grey.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let shade = |y: usize, x: usize| ((grey[[y, x]] - low) / (high - low).max(1e-6) * 255.0).round() as u8;
    let mask = |on: bool| Rgb([if on { 255 } else { 0 }; 3]);
    let (w, h) = (width as u32, height as u32);
    let mut picture = RgbImage::from_pixel(4 * w + 3 * GAP, h + CAPTION, Rgb([255; 3]));
    for y in 0..height {
        for x in 0..width {
            let (truth, found) = (label[[y, x]], prediction[[y, x]]);
            let error = match (found, truth) {
                (true, true) => TRUE_POSITIVE,
                (true, false) => FALSE_POSITIVE,
                (false, true) => FALSE_NEGATIVE,
                (false, false) => Rgb([shade(y, x); 3]),
            };
            let colours = [Rgb([shade(y, x); 3]), mask(truth), mask(found), error];
            for (column, colour) in (0_u32..).zip(colours) {
                picture.put_pixel(column * (w + GAP) + x as u32, CAPTION + y as u32, colour);
            }
        }
    }
    captioned(picture, w)
}

fn captioned(picture: RgbImage, width: u32) -> Result<RgbImage> {
    text::prepare();
    let size = picture.dimensions();
    let mut buffer = picture.into_raw();
    {
        let area = BitMapBackend::with_buffer(&mut buffer, size).into_drawing_area();
        let columns: [&[(&str, Rgb<u8>)]; 4] = [
            &[("image", Rgb([0; 3]))],
            &[("label", Rgb([0; 3]))],
            &[("prediction", Rgb([0; 3]))],
            &[("found", TRUE_POSITIVE), ("wrong", FALSE_POSITIVE), ("missed", FALSE_NEGATIVE)],
        ];
        for (column, words) in (0_u32..).zip(columns) {
            let mut x = (column * (width + GAP)) as i32 + 2;
            for (word, Rgb([r, g, b])) in words {
                let colour = RGBColor(*r, *g, *b);
                let style = TextStyle::from((text::FONT, 17).into_font()).color(&colour);
                area.draw_text(word, &style, (x, 4)).map_err(failed)?;
                x += 9 * word.len() as i32 + 8;
            }
        }
        area.present().map_err(failed)?;
    }
    RgbImage::from_raw(size.0, size.1, buffer).ok_or_else(|| failed("a panel lost its size"))
}
