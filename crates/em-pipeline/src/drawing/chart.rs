//! What all charts have: their size, title, legend, axes and colours.

use image::{Rgb, RgbImage};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::failed;
use super::text::{self, Area};
use super::ticks::Ticks;
use crate::Result;

/// Width and height of a chart; three beside each other fill a slide.
const WIDTH: u32 = 800;
const HEIGHT: u32 = 680;
/// Charts side by side.
const COLUMNS: usize = 3;

/// The sizes of titles, and of all other words.
const TITLE: u32 = 34;
const WORDS: u32 = 26;
/// Space around a chart.
const MARGIN: u32 = 20;
/// Space for the numbers of an axis and its name.
const AXIS: u32 = 84;
/// Width of lines, and radius of dots.
pub const LINE: u32 = 4;
pub const DOT: u32 = 6;

/// A dash of a line of dashes with what follows it, in pixels, and the share that is drawn.
const DASH_AND_GAP: u32 = 20;
const DASH: f64 = 0.6;

const GRID: RGBColor = RGBColor(225, 225, 225);
/// The colour of what is marked.
pub const MARK: RGBColor = RGBColor(110, 110, 110);

/// Okabe and Ito's colours, which people with any colour vision tell apart.
pub const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Ticks of an axis at most.
pub const TICKS: usize = 7;

/// Draws charts in rows, by a function that gets the number of each and its place.
pub fn charts(count: usize, draw: impl Fn(usize, &Area<'_>) -> Result<()>) -> Result<RgbImage> {
    let count = count.max(1);
    // Four are two rows of two.
    let columns = if count == 4 { 2 } else { count.min(COLUMNS) };
    let rows = count.div_ceil(columns);
    // There are few.
    let [across, down] = [columns, rows].map(|side| side as u32);
    let mut picture = RgbImage::from_pixel(across * WIDTH, down * HEIGHT, Rgb([255; 3]));
    text::on(&mut picture, |area| {
        let places = area.split_evenly((rows, columns));
        places.iter().take(count).enumerate().try_for_each(|(number, place)| draw(number, place))
    })?;
    Ok(picture)
}

/// How a line of the legend looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key {
    /// A line.
    Line(RGBColor),
    /// A line of dashes.
    Dashes(RGBColor),
    /// Nothing: words that are no key.
    None,
}

/// Writes a title and a legend, and returns the part of the chart below them.
pub fn headed<'a>(area: &Area<'a>, title: &str, legend: &[(Key, String)]) -> Result<Area<'a>> {
    let (width, _) = area.dim_in_pixel();
    let size = |text: &str| (text::width(text, TITLE) + 2 * MARGIN).max(1);
    // A name that is too long is written smaller.
    let size = (TITLE * width / size(title)).min(TITLE);
    // Places are small numbers.
    text::write(area, title, size, (MARGIN as i32, (MARGIN / 2) as i32), BLACK)?;
    let (mut x, mut y) = (MARGIN, MARGIN / 2 + TITLE * 5 / 4);
    let line_height = WORDS * 5 / 4;
    let long = WORDS * 3 / 2;
    for (key, name) in legend {
        let before = if *key == Key::None { 0 } else { long + WORDS / 3 };
        let needed = before + text::width(name, WORDS) + WORDS;
        if x > MARGIN && x + needed > width {
            (x, y) = (MARGIN, y + line_height);
        }
        let (left, middle) = (x as i32, (y + WORDS / 2 + 3) as i32);
        let ends = [(left, middle), (left + long as i32, middle)];
        match key {
            Key::Line(colour) => area.draw(&PathElement::new(ends, colour.stroke_width(LINE))),
            Key::Dashes(colour) => area
                .draw(&PathElement::new(
                    [ends[0], (left + long as i32 * 2 / 5, middle)],
                    colour.stroke_width(LINE),
                ))
                .and_then(|()| {
                    let from = (left + long as i32 * 3 / 5, middle);
                    area.draw(&PathElement::new([from, ends[1]], colour.stroke_width(LINE)))
                }),
            Key::None => Ok(()),
        }
        .map_err(failed)?;
        text::write(area, name, WORDS, ((x + before) as i32, y as i32), BLACK)?;
        x += needed;
    }
    let top = if legend.is_empty() { y } else { y + line_height };
    Ok(area.split_vertically(top).1)
}

/// An axis: its range, its ticks, and its name with the unit.
pub struct Axis<'a> {
    /// The least and the largest value that is drawn.
    pub range: [f64; 2],
    /// Its ticks.
    pub ticks: Ticks,
    /// Its name.
    pub name: &'a str,
    /// How a tick is written, where that is not its number.
    pub label: fn(&Ticks, f64) -> String,
}

impl<'a> Axis<'a> {
    /// Makes an axis whose ticks are written as numbers.
    pub fn new(range: [f64; 2], ticks: Ticks, name: &'a str) -> Self {
        Self { range, ticks, name, label: Ticks::label }
    }

    fn coordinates(&self) -> Coordinates {
        Coordinates { range: self.range, ticks: self.ticks.values.clone() }
    }
}

/// A range of values with the ticks that were chosen, where plotters would choose its own.
pub struct Coordinates {
    range: [f64; 2],
    ticks: Vec<f64>,
}

impl Ranged for Coordinates {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let [low, high] = self.range;
        let share = (value - low) / (high - low);
        // A place on a picture; `as` keeps what is far outside of it at the ends of its type.
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range[0]..self.range[1]
    }
}

/// What is drawn between the axes.
pub type Plot<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<Coordinates, Coordinates>>;

/// Draws axes with lines at the ticks of the second one.
pub fn axes<'a, 'b>(area: &'a Area<'b>, x: &Axis<'_>, y: &Axis<'_>) -> Result<Plot<'a, 'b>> {
    let mut plot = ChartBuilder::on(area)
        .margin(MARGIN)
        // Half of the last number stands there.
        .margin_right(5 * MARGIN / 2)
        .x_label_area_size(AXIS)
        .y_label_area_size(AXIS + 30)
        .build_cartesian_2d(x.coordinates(), y.coordinates())
        .map_err(failed)?;
    plot.configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID.stroke_width(2))
        .light_line_style(WHITE)
        .axis_style(BLACK.stroke_width(2))
        .x_labels(x.ticks.values.len())
        .y_labels(y.ticks.values.len())
        .x_label_formatter(&|value| (x.label)(&x.ticks, *value))
        .y_label_formatter(&|value| (y.label)(&y.ticks, *value))
        .x_desc(x.name)
        .y_desc(y.name)
        .label_style((text::FONT, WORDS))
        .axis_desc_style((text::FONT, WORDS))
        .set_all_tick_mark_size(8)
        .draw()
        .map_err(failed)?;
    Ok(plot)
}

/// Draws a line of dashes from the bottom to the top of a chart.
pub fn mark(plot: &mut Plot<'_, '_>, place: f64, [low, high]: [f64; 2]) -> Result<()> {
    let (_, height) = plot.plotting_area().dim_in_pixel();
    let count = (height / DASH_AND_GAP).max(1);
    let step = (high - low) / f64::from(count);
    // Not plotters' own dashes: they call `hypotf`, whose newest version would ask for glibc 2.35.
    let dashes = (0..count).map(|number| {
        let from = low + f64::from(number) * step;
        PathElement::new([(place, from), (place, from + DASH * step)], MARK.stroke_width(LINE - 1))
    });
    plot.draw_series(dashes).map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_stand_in_rows_of_three_and_four_in_two_of_two() {
        let size = |count| charts(count, |_, _| Ok(())).unwrap().dimensions();
        let expected = [(1, 1), (1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (3, 2), (3, 3)];
        let sizes = expected.map(|(columns, rows)| (columns * WIDTH, rows * HEIGHT));
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(size), sizes);
    }

    #[test]
    fn a_legend_is_above_the_lines_and_goes_on_below_itself() {
        let top = |entries: usize| {
            let mut picture = RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([255; 3]));
            let legend = vec![(Key::Line(COLOURS[0]), "val mitochondria".to_owned()); entries];
            text::on(&mut picture, |area| Ok(headed(area, "IoU", &legend)?.get_pixel_range().1.start))
                .unwrap()
        };
        let line = (WORDS * 5 / 4) as i32;
        assert_eq!([top(1) - top(0), top(3) - top(1), top(7) - top(3)], [line, 0, 2 * line]);
    }
}
