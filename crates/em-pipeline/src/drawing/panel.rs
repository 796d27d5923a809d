//! Image, label, prediction and errors side by side.

use crate::Result;
use image::{Rgb, RgbImage};
use ndarray::ArrayView2;

use super::text::{self, CAPTION, Caption};

/// Space between the pictures.
const GAP: u32 = 8;

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
    const BLACK: Rgb<u8> = Rgb([0; 3]);
    let columns: [Caption<'_>; 4] = [
        vec![("image", BLACK)],
        vec![("label", BLACK)],
        vec![("prediction", BLACK)],
        vec![("found", TRUE_POSITIVE), ("wrong", FALSE_POSITIVE), ("missed", FALSE_NEGATIVE)],
    ];
    let places = (0_u32..).map(|column| column * (width + GAP));
    text::captioned(picture, &places.zip(columns).collect::<Vec<_>>())
}
