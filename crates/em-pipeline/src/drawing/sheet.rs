//! A contact sheet of training tiles with the outlines of their labels.

use em_metrics::quantile;
use em_model::SampleTile;
use image::{Rgb, RgbImage};
use ndarray::ArrayView2;

/// Tiles side by side.
const COLUMNS: usize = 4;
/// Space between tiles.
const GAP: usize = 6;
/// Share of the grey values, at each end, that are drawn black or white.
const CLIPPED: f64 = 0.005;

/// Okabe and Ito's colours, one per class.
pub(super) const OUTLINES: [Rgb<u8>; 5] =
    [Rgb([230, 159, 0]), Rgb([86, 180, 233]), Rgb([0, 158, 115]), Rgb([213, 94, 0]), Rgb([204, 121, 167])];

/// Draws tiles with one range of grey values for all, so that changes of brightness and contrast show.
pub fn sheet(tiles: &[SampleTile]) -> RgbImage {
    let [low, high] = range(tiles);
    let edge = tiles.iter().map(|tile| tile.grey.nrows()).max().unwrap_or(0);
    let rows = tiles.len().div_ceil(COLUMNS);
    let length = |count: usize| (count * (edge + GAP)).saturating_sub(GAP) as u32;
    let mut picture = RgbImage::from_pixel(length(tiles.len().min(COLUMNS)), length(rows), Rgb([255; 3]));
    for (number, tile) in tiles.iter().enumerate() {
        let [top, left] = [number / COLUMNS, number % COLUMNS].map(|place| place * (edge + GAP));
        // Where the output of the network lacks a margin, the labels start inside.
        let margin = (tile.grey.nrows() - tile.masks.dim().1) / 2;
        for ((y, x), &value) in tile.grey.indexed_iter() {
            let shade = ((value - low) / (high - low) * 255.0).clamp(0.0, 255.0).round() as u8;
            let inner = y.checked_sub(margin).zip(x.checked_sub(margin));
            let outlined = inner.and_then(|place| {
                let mut masks = tile.masks.outer_iter();
                masks.position(|mask| is_outline(mask, place))
            });
            let colour = outlined.map_or(Rgb([shade; 3]), |class| OUTLINES[class % OUTLINES.len()]);
            picture.put_pixel((left + x) as u32, (top + y) as u32, colour);
        }
    }
    picture
}

/// The darkest and the brightest grey value that are told apart.
fn range(tiles: &[SampleTile]) -> [f32; 2] {
    range_of(tiles.iter().flat_map(|tile| tile.grey.iter().copied()))
}

/// The same of any grey values.
pub(super) fn range_of(grey: impl Iterator<Item = f32>) -> [f32; 2] {
    let mut values: Vec<f64> = grey.map(f64::from).collect();
    values.sort_unstable_by(f64::total_cmp);
    let [low, high] = [(CLIPPED, 0.0), (1.0 - CLIPPED, 1.0)]
        .map(|(share, none)| quantile(&values, share).unwrap_or(none) as f32);
    [low, high.max(low + 1e-6)]
}

/// Whether a voxel is in the mask and one of its four neighbours is not.
pub(super) fn is_outline(mask: ArrayView2<'_, bool>, (y, x): (usize, usize)) -> bool {
    let at = |y: usize, x: usize| mask.get([y, x]).copied();
    let neighbours = [at(y + 1, x), at(y.wrapping_sub(1), x), at(y, x + 1), at(y, x.wrapping_sub(1))];
    at(y, x) == Some(true) && neighbours.contains(&Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn tiles_stand_in_rows_with_their_outlines() {
        let grey = Array2::from_shape_fn((8, 8), |(y, _)| y as f32);
        let mut masks = Array3::from_elem((1, 8, 8), false);
        masks.slice_mut(ndarray::s![0, 2..5, 2..5]).fill(true);
        let picture = sheet(&vec![SampleTile { grey, masks }; 5]);
        assert_eq!(picture.dimensions(), (4 * 8 + 3 * 6, 2 * 8 + 6));
        let outlined = picture.pixels().filter(|pixel| **pixel == OUTLINES[0]).count();
        assert_eq!(outlined, 5 * 8, "the middle of each 3 x 3 mask is grey");
        assert_eq!(picture.get_pixel(2, 17), &OUTLINES[0], "the second row starts at 14");
        assert_eq!((picture.get_pixel(0, 0), picture.get_pixel(0, 7)), (&Rgb([0; 3]), &Rgb([255; 3])));
    }
}
