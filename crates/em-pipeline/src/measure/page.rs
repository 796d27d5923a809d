//! The page of a measurement.

use super::summary::{Spread, Summary};
use crate::display;
use crate::report::page::{escape, figure, html, made_by, table};

/// Writes the page: the summary of each class, and the histograms as a PNG.
pub fn of_objects(summary: &Summary<'_>, histograms: &[u8]) -> String {
    let size =
        summary.voxel_size_nm.map_or("unknown".into(), |[z, y, x]| format!("{z} x {y} x {x} nm [z, y, x]"));
    let volume = [
        ("voxels", format!("{} [z, y, x]", display::shape(summary.shape))),
        ("voxel size", size),
        ("volume", summary.volume_um3.map_or("unknown".into(), |volume| format!("{volume:.3} µm³"))),
    ];
    let mut body = table(&[], volume.map(|(name, value)| vec![name.to_owned(), value]));
    for (class, of_class) in &summary.classes {
        let percent = |share: f64| format!("{:.3} %", 100.0 * share);
        let interval = of_class.volume_fraction_interval.map_or(String::new(), |interval| {
            format!(" (95 % interval {} to {})", percent(interval.low), percent(interval.high))
        });
        let density = of_class.objects_per_um3;
        let facts = [
            ("objects", of_class.objects.to_string()),
            ("touching the border", of_class.touching_border.to_string()),
            ("objects per µm³", density.map_or("unknown".into(), |density| format!("{density:.4}"))),
            ("volume fraction", percent(of_class.volume_fraction) + &interval),
        ];
        body += &format!("<h2>{}</h2>\n", escape(class));
        body += &table(&[], facts.map(|(name, value)| vec![name.to_owned(), value]));
        let measures = [
            volume_row(of_class.volume_um3),
            ("surface, µm²".to_owned(), of_class.surface_um2),
            ("equivalent diameter, nm".to_owned(), of_class.equivalent_diameter_nm),
        ];
        let near =
            of_class.nearest_nm.iter().map(|(other, spread)| (format!("to {other}, nm"), Some(*spread)));
        let rows = measures.into_iter().chain(near).filter_map(|(name, spread)| Some(row(name, spread?)));
        body += &table(&["", "objects", "mean", "lower quartile", "median", "upper quartile"], rows);
    }
    body +=
        &figure("Sizes of the objects, and distances to the nearest object of each other class", histograms);
    body += &made_by(summary.command, &summary.inputs);
    let settings = serde_json::to_string_pretty(&summary.settings).unwrap_or_default();
    body += &format!("<h2>Settings</h2>\n<pre>{}</pre>\n", escape(&settings));
    html(&summary.classes.keys().copied().collect::<Vec<_>>().join(" and "), &body)
}

/// Volumes in the unit in which their median can be read.
fn volume_row(volume_um3: Option<Spread>) -> (String, Option<Spread>) {
    let (factor, unit) = display::volume_unit(volume_um3.map_or(0.0, |spread| spread.median));
    (format!("volume, {unit}"), volume_um3.map(|spread| spread.times(factor)))
}

fn row(name: String, spread: Spread) -> Vec<String> {
    let numbers = [spread.mean, spread.lower_quartile, spread.median, spread.upper_quartile];
    let numbers = numbers.map(display::four_digits);
    [name, spread.objects.to_string()].into_iter().chain(numbers).collect()
}
