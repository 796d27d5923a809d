//! Histograms side by side.

use crate::Result;
use image::RgbImage;
use plotters::prelude::*;

use super::{failed, text};

const WIDTH: usize = 480;
const HEIGHT: usize = 360;
const BINS: usize = 30;
const BAR: RGBColor = RGBColor(0, 114, 178);

/// A histogram: what is counted, and its values.
pub struct Histogram {
    /// The title, with the unit.
    pub title: String,
    /// The values; those that are not finite are left out.
    pub values: Vec<f64>,
}

/// Draws histograms side by side, each of 30 bins from the least to the largest value.
pub fn histograms(all: &[Histogram]) -> Result<RgbImage> {
    text::prepare();
    let (width, height) = (WIDTH * all.len().max(1), HEIGHT);
    let mut buffer = vec![255; width * height * 3];
    {
        let root = BitMapBackend::with_buffer(&mut buffer, (width as u32, height as u32)).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        for (area, histogram) in root.split_evenly((1, all.len().max(1))).iter().zip(all) {
            draw(area, histogram)?;
        }
        root.present().map_err(failed)?;
    }
    RgbImage::from_raw(width as u32, height as u32, buffer).ok_or_else(|| failed("a histogram lost its size"))
}

fn draw(area: &DrawingArea<BitMapBackend<'_>, plotters::coord::Shift>, histogram: &Histogram) -> Result<()> {
    let (low, width, counts) = bins(&histogram.values);
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut chart = ChartBuilder::on(area)
        .caption(&histogram.title, (text::FONT, 18))
        .margin(10)
        .x_label_area_size(32)
        .y_label_area_size(46)
        .build_cartesian_2d(low..low + width * BINS as f64, 0..highest)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .y_desc("objects")
        .label_style((text::FONT, 13))
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    let bars = counts.iter().enumerate().map(|(bin, &count)| {
        let left = low + bin as f64 * width;
        Rectangle::new([(left, 0), (left + width, count)], BAR.filled())
    });
    chart.draw_series(bars).map_err(failed)?;
    Ok(())
}

/// Where the first bin starts, how wide each is, and how many values are in each.
fn bins(values: &[f64]) -> (f64, f64, [u32; BINS]) {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let mut counts = [0; BINS];
    if low > high {
        return (0.0, 1.0 / BINS as f64, counts);
    }
    // Values that are all alike still need a bin of some width.
    let width = ((high - low) / BINS as f64).max(f64::max(low.abs() * 1e-3, 1e-9));
    for value in finite() {
        // `as` cuts off at 0; the largest value belongs to the last bin.
        counts[(((value - low) / width) as usize).min(BINS - 1)] += 1;
    }
    (low, width, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finite_value_is_in_one_bin() {
        let mut values: Vec<f64> = (0..=60).map(f64::from).collect();
        values.push(f64::NAN);
        let (low, width, counts) = bins(&values);
        assert_eq!((low, width), (0.0, 2.0));
        assert_eq!((counts[0], counts[29], counts.iter().sum::<u32>()), (2, 3, 61));
        assert_eq!(bins(&[]).2, [0; BINS]);
        assert_eq!(bins(&[5.0, 5.0]).2[0], 2);
    }
}
