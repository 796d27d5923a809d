//! Curves over epochs, or over what else grows.

use crate::Result;
use image::RgbImage;
use plotters::prelude::*;

use super::{failed, text};

/// One line of a chart: a name and a value per epoch, or per step of another axis; steps without a value
/// are left out.
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Epoch, or step of another axis, and value.
    pub points: Vec<(f64, f64)>,
}

/// Width of one chart.
const WIDTH: usize = 480;
/// Height of the picture.
const HEIGHT: usize = 360;

/// Okabe and Ito's colours, which people with any colour vision tell apart.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Draws charts side by side, each a title and its curves, over an axis of that name that begins at 1.
pub fn curves(charts: &[(&str, Vec<Curve>)], axis: &str) -> Result<RgbImage> {
    text::prepare();
    let (width, height) = (WIDTH * charts.len(), HEIGHT);
    let mut buffer = vec![255; width * height * 3];
    {
        let root = BitMapBackend::with_buffer(&mut buffer, (width as u32, height as u32)).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        for (area, (title, curves)) in root.split_evenly((1, charts.len())).iter().zip(charts) {
            chart(area, title, curves, axis)?;
        }
        root.present().map_err(failed)?;
    }
    RgbImage::from_raw(width as u32, height as u32, buffer).ok_or_else(|| failed("a chart lost its size"))
}

fn chart(
    area: &DrawingArea<BitMapBackend<'_>, plotters::coord::Shift>,
    title: &str,
    curves: &[Curve],
    axis: &str,
) -> Result<()> {
    let points = || curves.iter().flat_map(|curve| &curve.points).filter(|(_, value)| value.is_finite());
    let last = points().map(|(epoch, _)| *epoch).fold(1.0, f64::max);
    let low = points().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low <= high { (low.min(0.0), high.max(low + 1e-6)) } else { (0.0, 1.0) };
    let mut chart = ChartBuilder::on(area)
        .caption(title, (text::FONT, 20))
        .margin(10)
        .x_label_area_size(32)
        .y_label_area_size(46)
        .build_cartesian_2d(1.0..last.max(2.0), low..high * 1.05)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc(axis)
        .x_labels(8)
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .light_line_style(WHITE)
        .label_style((text::FONT, 13))
        .draw()
        .map_err(failed)?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let dots = curve.points.iter().map(move |&point| Circle::new(point, 2, colour.filled()));
        chart.draw_series(dots).map_err(failed)?;
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style))
            .map_err(failed)?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    // Losses fall and scores rise, which leaves one corner free.
    let falls = |curve: &Curve| curve.points.first().zip(curve.points.last()).is_some_and(|(a, b)| a.1 > b.1);
    let corner = if curves.iter().any(falls) {
        SeriesLabelPosition::UpperRight
    } else {
        SeriesLabelPosition::LowerRight
    };
    chart
        .configure_series_labels()
        .position(corner)
        .label_font((text::FONT, 13))
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(failed)
}
