//! The page of a measurement.

use std::collections::BTreeMap;
use std::time::SystemTime;

use em_objects::{Nearest, Object, Physical};
use serde::Serialize;

use super::Distances;
use super::class::{Labelled, Measured};
use super::montage::{self, Pictured};
use super::summary::{ClassSummary, Spread, Summary};
use crate::display;
use crate::error::Result;
use crate::report::charts::{Bars, Chart, Charts};
use crate::report::page::{self, MadeBy, Table, day};

/// Objects that the page lists: the largest ones.
const MOST_LISTED: usize = 300;

/// What the template takes.
#[derive(Serialize)]
struct Content<'a> {
    title: String,
    facts: Vec<String>,
    sections: Vec<(String, String)>,
    warnings: Vec<String>,
    overview: Table,
    classes: Vec<Class>,
    charts: &'a Charts,
    table: Table,
    listed: usize,
    objects: usize,
    made_by: MadeBy,
}

/// A class.
#[derive(Serialize)]
struct Class {
    name: String,
    words: Vec<String>,
    facts: Table,
    spreads: Table,
    pictures: Vec<Pictured>,
}

/// What the script draws.
#[derive(Serialize)]
struct Data<'a> {
    charts: &'a Charts,
}

/// Writes the page: summary, histograms, pictures and the list of objects of each class.
///
/// # Errors
///
/// Fails if the temporary file of the objects cannot be read.
pub fn of_objects(summary: &Summary<'_>, labelled: &[Labelled<'_>], nearest: &Distances) -> Result<String> {
    let found: Vec<&Measured> = labelled.iter().map(|class| class.measured).collect();
    let charts: Charts = found
        .iter()
        .zip(nearest)
        .enumerate()
        .map(|(number, (class, nearest))| (format!("class-{number}"), histograms(class, nearest)))
        .collect();
    let classes = labelled.iter().map(|class| of_class(class, summary)).collect::<Result<Vec<_>>>()?;
    let table = list(&found, nearest);
    let names = (1..).zip(&classes).map(|(number, class)| (format!("class-{number}"), class.name.clone()));
    let before = ("overview".to_owned(), "Volume".to_owned());
    let after = [("table", "Objects"), ("made-by", "Settings")].map(|(id, name)| (id.into(), name.into()));
    let content = Content {
        title: format!("Objects: {}", summary.classes.keys().copied().collect::<Vec<_>>().join(" and ")),
        facts: vec![day(SystemTime::now()), format!("em-cli {}", env!("CARGO_PKG_VERSION"))],
        sections: std::iter::once(before).chain(names).chain(after).collect(),
        warnings: warnings(summary),
        overview: overview(summary),
        classes,
        charts: &charts,
        listed: table.rows.len(),
        table,
        objects: found.iter().map(|class| class.objects.len()).sum(),
        made_by: MadeBy::new(
            summary.command.map(str::to_owned),
            &summary.inputs,
            &serde_json::to_string_pretty(&summary.settings).unwrap_or_default(),
        ),
    };
    page::html("measure.html", &content, &Data { charts: &charts })
}

fn warnings(summary: &Summary<'_>) -> Vec<String> {
    let unknown = "The voxel size is not known, so that nothing is measured in nm: give --voxel-size.";
    summary.voxel_size_nm.is_none().then(|| unknown.to_owned()).into_iter().collect()
}

fn overview(summary: &Summary<'_>) -> Table {
    let size =
        summary.voxel_size_nm.map_or("unknown".into(), |[z, y, x]| format!("{z} x {y} x {x} nm [z, y, x]"));
    Table::of_facts([
        ("voxels", format!("{} [z, y, x]", display::shape(summary.shape))),
        ("voxel size", size),
        ("volume", summary.volume_um3.map_or("unknown".into(), |volume| format!("{volume:.3} µm³"))),
    ])
}

fn of_class(labelled: &Labelled<'_>, summary: &Summary<'_>) -> Result<Class> {
    let found = labelled.measured;
    let of_class = summary.classes[found.name.as_str()];
    Ok(Class {
        name: found.name.clone(),
        words: words(found, of_class),
        facts: facts(of_class),
        spreads: spreads(of_class),
        pictures: montage::pictures(labelled)?,
    })
}

fn words(found: &Measured, summary: &ClassSummary) -> Vec<String> {
    let (objects, share) = (summary.objects, percent(summary.volume_fraction));
    let mut words = vec![match objects {
        1 => format!("1 object fills {share} of the volume."),
        _ => format!("{objects} objects fill {share} of the volume."),
    }];
    if summary.touching_border > 0 {
        let touching = summary.touching_border;
        words.push(format!("At the border of the volume, where a part may be cut off: {touching}."));
    }
    words.extend(found.split.map(|split| format!("{split}.")));
    words
}

fn percent(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

fn facts(summary: &ClassSummary) -> Table {
    let interval = summary.volume_fraction_interval.map_or(String::new(), |interval| {
        format!(" (95 % interval {} to {})", percent(interval.low), percent(interval.high))
    });
    let density = summary.objects_per_um3;
    Table::of_facts([
        ("objects", summary.objects.to_string()),
        ("touching the border", summary.touching_border.to_string()),
        ("objects per µm³", density.map_or("unknown".into(), |density| format!("{density:.4}"))),
        ("volume fraction", percent(summary.volume_fraction) + &interval),
    ])
}

fn spreads(summary: &ClassSummary) -> Table {
    let measures = [
        volume_row(summary.volume_um3),
        ("surface, µm²".to_owned(), summary.surface_um2),
        ("equivalent diameter, nm".to_owned(), summary.equivalent_diameter_nm),
    ];
    let near = summary.nearest_nm.iter().map(|(other, spread)| (format!("to {other}, nm"), Some(*spread)));
    let rows = measures.into_iter().chain(near).filter_map(|(name, spread)| Some(row(name, spread?)));
    let head = ["measure", "objects", "mean", "lower quartile", "median", "upper quartile"];
    Table { head: head.map(str::to_owned).to_vec(), rows: rows.collect() }
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

/// Histograms of what was measured: volumes or voxels, diameters, sphericity, distances to other classes.
fn histograms(class: &Measured, nearest: &BTreeMap<String, Vec<Option<Nearest>>>) -> Vec<Chart> {
    let physical = |of: fn(&Physical) -> Option<f64>| -> Vec<f64> {
        class.objects.iter().filter_map(|object| of(object.physical.as_ref()?)).collect()
    };
    let mut volumes = physical(|p| Some(p.volume_um3));
    volumes.sort_unstable_by(f64::total_cmp);
    let (factor, unit) = display::volume_unit(volumes.get(volumes.len() / 2).copied().unwrap_or(0.0));
    volumes.iter_mut().for_each(|volume| *volume *= factor);
    let voxels: Vec<f64> = match volumes.is_empty() {
        true => class.objects.iter().map(|object| object.voxels as f64).collect(),
        false => Vec::new(),
    };
    let near = nearest.iter().map(|(other, nearest)| {
        let distances: Vec<f64> = nearest.iter().flatten().map(|nearest| nearest.distance_nm).collect();
        (format!("Distance to the nearest of {other}"), "nm".to_owned(), distances)
    });
    [
        ("Volume", unit, volumes),
        ("Size", "voxels", voxels),
        ("Diameter of a ball as large", "nm", physical(|p| Some(p.equivalent_diameter_nm))),
        ("Sphericity", "1 is a ball", physical(|p| p.sphericity)),
    ]
    .map(|(title, unit, values)| (title.to_owned(), unit.to_owned(), values))
    .into_iter()
    .chain(near)
    .filter(|(_, _, values)| !values.is_empty())
    .map(|(title, unit, values)| {
        let mut bars = Bars::of(&title, &unit, &[("objects", &values)]);
        bars.note = if values.len() == 1 { "1 object".into() } else { format!("{} objects", values.len()) };
        Chart::Bars(bars)
    })
    .collect()
}

/// The largest objects of all classes.
fn list(found: &[&Measured], nearest: &Distances) -> Table {
    let mut rows: Vec<(usize, usize)> = (0..found.len())
        .flat_map(|class| (0..found[class].objects.len()).map(move |place| (class, place)))
        .collect();
    rows.sort_by_key(|&(class, place)| std::cmp::Reverse(found[class].objects[place].voxels));
    rows.truncate(MOST_LISTED);
    let head = [
        "class",
        "object",
        "voxels",
        "volume, µm³",
        "diameter, nm",
        "sphericity",
        "elongation",
        "probability",
        "border",
        "z",
        "y",
        "x",
    ];
    let others: Vec<&str> = match found {
        [_] => Vec::new(),
        several => several.iter().map(|class| class.name.as_str()).collect(),
    };
    let head = head.iter().map(|&cell| cell.to_owned());
    let head = head.chain(others.iter().map(|other| format!("to {other}, nm")));
    let cells = |(class, place): (usize, usize)| {
        let near = others.iter().map(|other| {
            number(nearest[class].get(*other).and_then(|found| found[place]).map(|n| n.distance_nm))
        });
        let mut cells = vec![found[class].name.clone()];
        cells.extend(of_object(&found[class].objects[place]));
        cells.extend(near);
        cells
    };
    Table { head: head.collect(), rows: rows.into_iter().map(cells).collect() }
}

fn of_object(object: &Object) -> Vec<String> {
    let physical = object.physical.as_ref();
    let measures = [
        physical.map(|p| p.volume_um3),
        physical.map(|p| p.equivalent_diameter_nm),
        physical.and_then(|p| p.sphericity),
        physical.and_then(|p| p.elongation),
        object.mean_probability,
    ];
    let border = if object.touches_border { "yes" } else { "no" };
    let place = object.centroid.map(|place| format!("{place:.1}"));
    [object.id.to_string(), object.voxels.to_string()]
        .into_iter()
        .chain(measures.map(number))
        .chain([border.to_owned()])
        .chain(place)
        .collect()
}

/// A measure, or nothing where it does not exist.
fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), display::four_digits)
}
