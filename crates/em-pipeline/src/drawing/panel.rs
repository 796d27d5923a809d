//! Image, label, prediction and errors of a section.

use image::{Rgb, RgbImage};
use ndarray::{Array2, ArrayView2, Zip};

use super::contrast::Contrast;
use super::overlay::{CLASSES, Overlay};
use super::page::{Size, Tile, page};
use super::text::Word;
use crate::Result;

/// Okabe and Ito's colours: green for found, vermilion for wrong, sky blue for missed; those of
/// `web/src/report/painting.ts`.
const FOUND: Rgb<u8> = Rgb([0, 158, 115]);
const WRONG: Rgb<u8> = Rgb([213, 94, 0]);
const MISSED: Rgb<u8> = Rgb([86, 180, 233]);

/// How much of the tissue an error covers.
const COVERED: f32 = 0.55;

/// The shape of a slide, width through height, which a panel comes near to.
const SLIDE: f64 = 16.0 / 9.0;

/// A section to show, all of it `[y, x]`.
pub struct Panel<'a> {
    /// Class, section and score, as one line.
    pub title: String,
    /// Grey values.
    pub grey: ArrayView2<'a, f32>,
    /// What is right.
    pub label: ArrayView2<'a, bool>,
    /// What was found.
    pub prediction: ArrayView2<'a, bool>,
    /// Where nobody knows what is right, if anywhere.
    pub ignored: Option<ArrayView2<'a, bool>>,
    /// Length of a pixel in nm, where it is known.
    pub pixel_nm: Option<f64>,
}

/// Draws a panel.
pub fn panel(panel: &Panel<'_>) -> Result<RgbImage> {
    let (height, width) = panel.grey.dim();
    let columns = columns(width as f64 / height.max(1) as f64);
    let size = Size::new([height, width], columns, 4 / columns);
    let contrast = Contrast::of(&[panel.grey]);
    let shades = size.grey(panel.grey).mapv(|value| contrast.shade(value));
    let [label, prediction] = [panel.label, panel.prediction].map(|mask| size.mask(mask));
    let ignored = panel.ignored.map(|mask| size.mask(mask));
    let over = |mask: &Array2<bool>| {
        let mut overlay = Overlay::new(&shades);
        overlay.show(mask.view(), CLASSES[0], size.line_width());
        overlay
    };
    let mut errors = Overlay::new(&shades);
    let known = ignored.map_or_else(|| Array2::from_elem(shades.dim(), true), |mask| mask.mapv(|on| !on));
    for (is_label, is_found, colour) in [(true, true, FOUND), (false, true, WRONG), (true, false, MISSED)] {
        let of_kind = Zip::from(&label)
            .and(&prediction)
            .and(&known)
            .map_collect(|&label, &found, &known| known && (label, found) == (is_label, is_found));
        errors.fill(of_kind.view(), colour, COVERED);
    }
    let keys = [("found", FOUND), ("wrong", WRONG), ("missed", MISSED)];
    let tile =
        |overlay: Overlay, caption: Vec<Word>| Tile { pixels: overlay.pixels, caption, pixel_nm: None };
    let mut tiles = [
        tile(Overlay::new(&shades), vec![Word::new("image")]),
        tile(over(&label), vec![Word::key("label", CLASSES[0])]),
        tile(over(&prediction), vec![Word::key("prediction", CLASSES[0])]),
        tile(errors, keys.map(|(name, colour)| Word::key(name, colour)).to_vec()),
    ];
    tiles[0].pixel_nm = panel.pixel_nm.map(|nm| nm * size.pixels());
    page(&[Word::new(&panel.title)], columns, &tiles)
}

/// How many of the four pictures stand beside each other, so that the whole is most like a slide.
fn columns(shape: f64) -> usize {
    let unlike = |columns: usize| {
        let rows = 4 / columns;
        (shape * columns as f64 / rows as f64 / SLIDE).ln().abs()
    };
    [2, 4, 1].into_iter().min_by(|a, b| unlike(*a).total_cmp(&unlike(*b))).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pictures_are_laid_out_like_a_slide() {
        assert_eq!([4.0 / 3.0, 1.0, 0.3, 8.0].map(columns), [2, 2, 4, 1]);
    }

    #[test]
    fn errors_are_coloured_and_tissue_is_seen_under_them() {
        let grey = Array2::from_shape_fn((300, 300), |(y, _)| y as f32);
        let square = |from: usize| {
            Array2::from_shape_fn((300, 300), |(y, x)| {
                (100..200).contains(&y) && (from..from + 100).contains(&x)
            })
        };
        let (label, prediction) = (square(100), square(150));
        let draw = |ignored: Option<&Array2<bool>>| {
            let drawn = Panel {
                title: "a title".into(),
                grey: grey.view(),
                label: label.view(),
                prediction: prediction.view(),
                ignored: ignored.map(|mask| mask.view()),
                pixel_nm: Some(5.0),
            };
            panel(&drawn).unwrap()
        };
        let greenish = |picture: &RgbImage| {
            let is_green =
                |p: &&Rgb<u8>| p.0[1] > p.0[0].saturating_add(30) && p.0[1] > p.0[2].saturating_add(10);
            picture.pixels().filter(is_green).count()
        };
        let picture = draw(None);
        assert_eq!(picture.width() / 2, 900 + 13, "two columns of 300 pixels, three times enlarged");
        // Half of the squares is found, and the key is a square of a caption.
        let found = greenish(&picture);
        assert!((9 * 5_000..9 * 5_000 + 1000).contains(&found), "{found}");
        assert!(greenish(&draw(Some(&label))) < 1000, "where nothing is known nothing is right or wrong");
    }
}
