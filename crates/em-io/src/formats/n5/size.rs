//! The size of voxels, as programs write it into attributes: `transform`, `pixelResolution` and `resolution`.
//!
//! Sources: `N5SingleScaleMetadataParser` and `N5CosemMetadata` of n5-universe, and the README of Paintera.

use super::dataset::Dataset;
use super::group::{attributes, parents};
use crate::error::Result;
use crate::formats::units::unit_nm;
use crate::formats::{DOUBLE_DIGITS, voxel_size};
use serde_json::Value;
use std::path::Path;

/// The size of a voxel `[z, y, x]` in nm, and what a user should know of it.
pub(super) struct Size {
    pub nm: [f64; 3],
    pub note: Option<String>,
}

/// Finds the size of the voxels of a dataset in its own attributes, or in those of what it is a level of.
pub(super) fn of(dataset: &Dataset, own: &Value) -> Result<Option<Size>> {
    let level = &dataset.folder;
    let mut factors = numbers(&own["downsamplingFactors"]);
    let parents: Vec<Value> = parents(level).map(attributes).collect::<Result<_>>()?;
    if factors.is_none() {
        factors = parents.iter().find_map(|group| listed_factors(group, level));
    }
    let listed = parents.first().and_then(|group| listed_transform(group, level));
    let transform = by_transform(&own["transform"]).or_else(|| listed.and_then(by_transform));
    let scaled = || by_pixel_resolution(own).or_else(|| parents.iter().find_map(by_pixel_resolution));
    let found = transform
        .or_else(|| scaled().map(|size| times(size, factors.as_deref())))
        .or_else(|| by_resolution(own))
        .or_else(|| parents.iter().find_map(by_resolution).map(|size| times(size, factors.as_deref())));
    Ok(found.and_then(|(lengths, note)| {
        // Lengths are those of the axes of the dataset, x first, or of the first three.
        let axes = dataset.axes.space()?;
        let count = dataset.block.len();
        let along = |axis: usize| lengths.get(count - 1 - axis).copied();
        let nm = [along(axes[0])?, along(axes[1])?, along(axes[2])?];
        Some(Size { nm: voxel_size(nm, DOUBLE_DIGITS)?, note })
    }))
}

/// Lengths in nm, x first, and a note.
type Lengths = (Vec<f64>, Option<String>);

fn times((lengths, note): Lengths, factors: Option<&[f64]>) -> Lengths {
    let factor = |axis: usize| factors.and_then(|factors| factors.get(axis)).copied().unwrap_or(1.0);
    (lengths.into_iter().enumerate().map(|(axis, length)| length * factor(axis)).collect(), note)
}

/// Reads numbers, `None` where one is none.
fn numbers(json: &Value) -> Option<Vec<f64>> {
    json.as_array()?.iter().map(Value::as_f64).collect()
}

/// Reads `{"axes": ["z", "y", "x"], "scale": [...], "units": ["nm", ...]}`, as COSEM writes it.
fn by_transform(json: &Value) -> Option<Lengths> {
    let scale = numbers(&json["scale"])?;
    let text = |json: &Value| {
        json.as_array()?.iter().map(|of| of.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    };
    let (axes, units) = (text(&json["axes"])?, text(&json["units"])?);
    let length = |name: &str| {
        let axis = axes.iter().position(|of| of.eq_ignore_ascii_case(name))?;
        Some(scale.get(axis)? * unit_nm(units.get(axis)?)?)
    };
    Some((vec![length("x")?, length("y")?, length("z")?], None))
}

/// Reads `{"dimensions": [...], "unit": "nm"}`, or bare numbers of micrometres, as N5 Viewer has them.
fn by_pixel_resolution(attributes: &Value) -> Option<Lengths> {
    let json = &attributes["pixelResolution"];
    let lengths = numbers(&json["dimensions"])?;
    let nm = unit_nm(json["unit"].as_str()?)?;
    Some((lengths.into_iter().map(|length| length * nm).collect(), None))
}

/// Reads bare numbers, as Paintera and BigDataViewer write them; Paintera's are nm, and so are most.
fn by_resolution(attributes: &Value) -> Option<Lengths> {
    let lengths = numbers(&attributes["resolution"])?;
    let unit = ["unit", "units"].into_iter().find_map(|key| match &attributes[key] {
        Value::Array(units) => units.first().and_then(Value::as_str),
        unit => unit.as_str(),
    });
    let (nm, note) = match unit {
        Some(unit) => (unit_nm(unit)?, None),
        None => (1.0, Some("the resolution has no unit: taken as nm".to_owned())),
    };
    Some((lengths.into_iter().map(|length| length * nm).collect(), note))
}

/// Finds the factors of a level in the list of its group: `downsamplingFactors` of BigDataViewer, or `scales` of
/// N5 Viewer.
fn listed_factors(group: &Value, level: &Path) -> Option<Vec<f64>> {
    let number: usize = level.file_name()?.to_str()?.strip_prefix('s')?.parse().ok()?;
    ["downsamplingFactors", "scales"].into_iter().find_map(|key| numbers(group[key].get(number)?))
}

/// Finds what a group's `multiscales` say of a level.
fn listed_transform<'a>(group: &'a Value, level: &Path) -> Option<&'a Value> {
    let name = level.file_name()?.to_str()?;
    let datasets = group["multiscales"][0]["datasets"].as_array()?;
    datasets.iter().find(|dataset| dataset["path"] == name).map(|dataset| &dataset["transform"])
}
