//! Histograms side by side.

use em_metrics::quantile;
use image::RgbImage;
use plotters::prelude::*;

use super::bins::Bins;
use super::chart::{Axis, COLOURS, Key, MARK, TICKS, axes, charts, headed, mark};
use super::failed;
use super::text::Area;
use super::ticks::Ticks;
use crate::{Result, display};

/// A histogram: what is counted, and its values.
pub struct Histogram {
    /// Of what.
    pub title: String,
    /// What is measured, with the unit.
    pub axis: String,
    /// The values; those that are not finite are left out.
    pub values: Vec<f64>,
}

/// Draws histograms side by side, with as many bins as their values are good for and a mark at the median.
pub fn histograms(all: &[Histogram]) -> Result<RgbImage> {
    charts(all.len(), |number, area| match all.get(number) {
        Some(histogram) => draw(area, histogram),
        None => Ok(()),
    })
}

fn draw(area: &Area<'_>, histogram: &Histogram) -> Result<()> {
    let bins = Bins::new(&histogram.values);
    let mut sorted: Vec<f64> = histogram.values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let noun = if sorted.len() == 1 { "object" } else { "objects" };
    let mut legend = vec![(Key::None, format!("{} {noun}", sorted.len()))];
    let median = quantile(&sorted, 0.5);
    legend.extend(median.map(|value| (Key::Dashes(MARK), format!("median {}", display::four_digits(value)))));
    let below = headed(area, &histogram.title, &legend)?;
    let x = match (bins.edges.first(), bins.edges.last()) {
        (Some(&low), Some(&high)) => [low, high],
        _ => [0.0, 1.0],
    };
    let highest = f64::from(bins.counts.iter().copied().max().unwrap_or(1).max(1));
    let y = [0.0, highest * 1.05];
    let mut x_axis = Axis::new(x, Ticks::new(x, TICKS), &histogram.axis);
    if bins.by_powers {
        (x_axis.ticks, x_axis.label) = (Ticks::whole(x, TICKS), power);
    }
    let mut plot = axes(&below, &x_axis, &Axis::new(y, Ticks::whole([0.0, highest], TICKS), "objects"))?;
    let bars = bins.edges.windows(2).zip(&bins.counts).map(|(edges, count)| {
        let mut bar = Rectangle::new([(edges[0], 0.0), (edges[1], f64::from(*count))], COLOURS[0].filled());
        // Bars stand apart by a pixel on each side.
        bar.set_margin(0, 0, 1, 1);
        bar
    });
    plot.draw_series(bars).map_err(failed)?;
    if let Some(median) = median {
        mark(&mut plot, if bins.by_powers { median.log10() } else { median }, y)?;
    }
    Ok(())
}

/// A tick of an axis of powers of ten.
fn power(_: &Ticks, exponent: f64) -> String {
    display::four_digits(10_f64.powf(exponent.round()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn bars_are_as_high_as_their_counts() {
        let histogram = |values: &[f64]| Histogram {
            title: "mitochondria".into(),
            axis: "equivalent diameter, nm".into(),
            values: values.to_vec(),
        };
        let all = [histogram(&[210.0, 250.0, 275.0, 290.0, 310.0, 330.0, 420.0]), histogram(&[])];
        let picture = histograms(&all).unwrap();
        assert_eq!(picture.width(), 1600);
        let RGBColor(r, g, b) = COLOURS[0];
        let heights: Vec<usize> = (0..800)
            .map(|x| (0..picture.height()).filter(|y| picture.get_pixel(x, *y) == &Rgb([r, g, b])).count())
            .collect();
        let mut bars: Vec<usize> = heights.iter().copied().filter(|height| *height > 20).collect();
        bars.dedup();
        // What the mark of the median covers is lower.
        let [highest, lowest] = [bars.iter().max().unwrap(), bars.last().unwrap()];
        assert!((highest / 3).abs_diff(*lowest) <= 2, "three to one: {bars:?}");
        let right = picture.enumerate_pixels().filter(|(x, _, p)| *x >= 800 && **p == Rgb([r, g, b])).count();
        assert_eq!(right, 0, "no value has no bar");
        assert_eq!([0.0, 3.0, -1.0].map(|x| power(&Ticks::whole([0.0, 3.0], 4), x)), ["1", "1000", "0.1"]);
    }
}
