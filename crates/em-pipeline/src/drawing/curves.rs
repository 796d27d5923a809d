//! Curves over epochs, or over what else grows.

use image::RgbImage;
use plotters::prelude::*;

use super::chart::{Axis, COLOURS, DOT, Key, LINE, MARK, TICKS, axes, charts, headed, mark};
use super::failed;
use super::text::Area;
use super::ticks::Ticks;
use crate::Result;

/// One line of a chart: a name and a value per epoch, or per step of another axis; steps without a value
/// are left out.
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Epoch, or step of another axis, and value.
    pub points: Vec<(f64, f64)>,
}

/// A chart of curves.
pub struct Chart<'a> {
    /// What the values are.
    pub title: &'a str,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// Draws charts side by side over an axis of that name, which has whole numbers and begins at 1; a step is
/// marked under a name, if any is.
pub fn curves(all: &[Chart<'_>], axis: &str, marked: Option<(f64, &str)>) -> Result<RgbImage> {
    charts(all.len(), |number, area| match all.get(number) {
        Some(chart) => draw(area, chart, axis, marked),
        None => Ok(()),
    })
}

fn draw(area: &Area<'_>, chart: &Chart<'_>, axis: &str, marked: Option<(f64, &str)>) -> Result<()> {
    let all = || chart.curves.iter().flat_map(|curve| &curve.points);
    let finite = || all().filter(|(_, value)| value.is_finite());
    let last = all().map(|(step, _)| *step).fold(2.0, f64::max);
    let y = range(finite().map(|(_, value)| *value));
    let coloured = || chart.curves.iter().zip(COLOURS.iter().cycle());
    let mut legend: Vec<(Key, String)> =
        coloured().map(|(curve, colour)| (Key::Line(*colour), curve.name.clone())).collect();
    legend.extend(marked.map(|(_, name)| (Key::Dashes(MARK), name.to_owned())));
    let below = headed(area, chart.title, &legend)?;
    // Dots of the first and the last step are whole.
    let side = (last - 1.0) * 0.02;
    let x_axis = Axis::new([1.0 - side, last + side], Ticks::whole([1.0, last], TICKS), axis);
    let mut plot = axes(&below, &x_axis, &Axis::new(y, Ticks::new(y, TICKS), ""))?;
    if let Some((step, _)) = marked {
        mark(&mut plot, step, y)?;
    }
    for (curve, colour) in coloured() {
        let points = || curve.points.iter().copied().filter(|(_, value)| value.is_finite());
        plot.draw_series(LineSeries::new(points(), colour.stroke_width(LINE))).map_err(failed)?;
        // Dots of many epochs would be a thick line.
        if curve.points.len() <= 60 {
            let dots = points().map(|point| Circle::new(point, DOT, colour.filled()));
            plot.draw_series(dots).map_err(failed)?;
        }
        let chosen = points().filter(|(step, _)| marked.is_some_and(|(marked, _)| marked == *step));
        let rings = chosen.map(|point| Circle::new(point, 2 * DOT, colour.stroke_width(LINE - 1)));
        plot.draw_series(rings).map_err(failed)?;
    }
    Ok(())
}

/// The range of an axis: from 0, or below where a value is, to a little above the largest.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let ends = values.fold(None, |ends: Option<[f64; 2]>, value| {
        Some(ends.map_or([value; 2], |[low, high]| [low.min(value), high.max(value)]))
    });
    let [low, high] = ends.map_or([0.0, 1.0], |[low, high]| [low.min(0.0), high]);
    [low, low + (high - low).max(1e-6) * 1.05]
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// Where a colour is, as the least and the largest x and y.
    fn place(picture: &RgbImage, RGBColor(r, g, b): RGBColor, below: u32) -> [u32; 4] {
        let found = picture.enumerate_pixels().filter(|(_, y, p)| **p == Rgb([r, g, b]) && *y > below);
        found.fold([u32::MAX, 0, u32::MAX, 0], |[left, right, top, bottom], (x, y, _)| {
            [left.min(x), right.max(x), top.min(y), bottom.max(y)]
        })
    }

    #[test]
    fn curves_are_below_their_legend_and_the_kept_epoch_is_marked() {
        let curve =
            Curve { name: "train".into(), points: vec![(1.0, 0.9), (2.0, 0.5), (3.0, 0.4), (4.0, f64::NAN)] };
        let chart = |marked| {
            let curve = Curve { name: curve.name.clone(), points: curve.points.clone() };
            curves(&[Chart { title: "loss", curves: vec![curve] }], "epoch", marked).unwrap()
        };
        let [plain, marked] = [None, Some((3.0, "kept: epoch 3"))].map(chart);
        // The legend is within the first hundred lines.
        let [left, right, top, _] = place(&plain, COLOURS[0], 110);
        assert!(top > 110 && left > 100 && right < 800, "{left} {right} {top}");
        let RGBColor(r, g, b) = MARK;
        let greys = |picture: &RgbImage| picture.pixels().filter(|p| **p == Rgb([r, g, b])).count();
        assert!(greys(&marked) > greys(&plain) + 600, "{} {}", greys(&marked), greys(&plain));
    }

    #[test]
    fn an_axis_begins_at_zero_unless_values_are_below_it() {
        assert_eq!(range([0.5, 2.0].into_iter()), [0.0, 2.1]);
        assert_eq!(range([-1.0, 1.0].into_iter()), [-1.0, 1.1]);
        assert_eq!(range(std::iter::empty()), [0.0, 1.05]);
    }
}
