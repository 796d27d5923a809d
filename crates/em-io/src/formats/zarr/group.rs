//! The metadata of a group: the image that it is, or the images and arrays that are in it.
//!
//! OME-NGFF 0.1 to 0.5, section "multiscales" (<https://ngff.openmicroscopy.org/0.5/>). It is read
//! leniently: what is not needed is not looked at.

use super::axes::Axis;
use super::consolidated;
use super::{ZARR_JSON, ZARRAY, ZATTRS, ZGROUP, metadata, parse, read_json, read_v3};
use crate::error::Result;
use crate::formats::json::inside;
use crate::formats::units::unit_nm;
use crate::storage;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How deep groups within groups are searched for volumes, how many are listed, and how many folders
/// are looked into for them.
const DEPTH: usize = 8;
const MOST: usize = 64;
const MOST_FOLDERS: usize = 4096;

/// What a folder holds.
pub(super) enum Node {
    /// An array without an image around it.
    Array,
    Image(Image),
    /// A group of images and arrays, or of none.
    Group,
}

/// An image, as far as its group describes it.
#[derive(Debug, PartialEq)]
pub(super) struct Image {
    /// The metadata file, for error messages.
    pub file: PathBuf,
    /// The folder of the level that was asked for.
    pub folder: PathBuf,
    /// The number of levels of the pyramid.
    pub levels: usize,
    /// The axes; versions 0.1 and 0.2 have none, and mean t, c, z, y and x.
    pub axes: Option<Vec<Axis>>,
    pub format: &'static str,
}

#[derive(Deserialize)]
struct Multiscale {
    #[serde(default)]
    version: Value,
    #[serde(default)]
    axes: Option<Vec<AxisJson>>,
    datasets: Vec<Dataset>,
    #[serde(default, rename = "coordinateTransformations")]
    transforms: Vec<Transform>,
}

/// An axis, which in version 0.3 is no more than its name.
#[derive(Deserialize)]
#[serde(untagged)]
enum AxisJson {
    Name(String),
    Full {
        name: String,
        #[serde(default, rename = "type")]
        of_type: Option<String>,
        #[serde(default)]
        unit: Option<String>,
    },
}

#[derive(Deserialize)]
struct Dataset {
    path: String,
    #[serde(default, rename = "coordinateTransformations")]
    transforms: Vec<Transform>,
}

#[derive(Deserialize)]
struct Transform {
    #[serde(default, rename = "type")]
    of_type: String,
    #[serde(default)]
    scale: Option<Vec<f64>>,
}

/// Tells what a folder holds, of an image the full level.
pub(super) fn node(folder: &Path) -> Result<Node> {
    level(folder, 0)
}

/// Tells what a folder holds, of an image the level of this number.
pub(super) fn level(folder: &Path, level: usize) -> Result<Node> {
    let file = folder.join(ZARR_JSON);
    if let Some(mut json) = read_v3(folder)? {
        if json["node_type"] == "array" {
            return Ok(Node::Array);
        }
        let attributes = json.get_mut("attributes").map(Value::take).unwrap_or_default();
        let ome = if attributes["ome"].is_object() { &attributes["ome"] } else { &attributes };
        return image_or_group((folder, level), &file, ome, ome["version"].as_str());
    }
    if storage::is_file(&folder.join(ZARRAY)) {
        return Ok(Node::Array);
    }
    let file = folder.join(ZATTRS);
    match read_json(&file)? {
        Some(json) => image_or_group((folder, level), &file, &json, None),
        None => Ok(Node::Group),
    }
}

/// An image's folder, and the number of a level.
type LevelOf<'a> = (&'a Path, usize);

fn image_or_group(of: LevelOf<'_>, file: &Path, json: &Value, version: Option<&str>) -> Result<Node> {
    if json["multiscales"].is_null() {
        return Ok(Node::Group);
    }
    image(of, file, json, version).map(Node::Image)
}

fn image((folder, level): LevelOf<'_>, file: &Path, json: &Value, version: Option<&str>) -> Result<Image> {
    let Some(multiscale) = json["multiscales"].get(0) else {
        return Err(metadata(file, "no image in `multiscales`", "at least one"));
    };
    let multiscale: Multiscale = parse(file, multiscale.clone())?;
    if multiscale.datasets.is_empty() {
        return Err(metadata(file, "an image without datasets", "at least one level"));
    }
    let Some(dataset) = multiscale.datasets.get(level) else {
        return Err(metadata(file, format!("an image without level {level}"), "a dataset for each level"));
    };
    let transforms: Vec<_> = dataset.transforms.iter().chain(&multiscale.transforms).collect();
    let axes = multiscale.axes.as_ref().map(|axes| {
        let axes = axes.iter().enumerate();
        axes.map(|(index, axis)| match axis {
            AxisJson::Name(name) => Axis::new(name, None, None),
            AxisJson::Full { name, of_type, unit } => {
                Axis::new(name, of_type.as_deref(), nm(&transforms, index, unit.as_deref()))
            }
        })
        .collect()
    });
    Ok(Image {
        file: file.to_path_buf(),
        folder: folder.join(inside(file, "dataset path", &dataset.path)?),
        levels: multiscale.datasets.len(),
        axes,
        format: format(file, version.or(multiscale.version.as_str())),
    })
}

/// Names the version of OME-Zarr; where it is not given, Zarr's own version tells.
fn format(file: &Path, version: Option<&str>) -> &'static str {
    match version {
        Some("0.1") => "OME-Zarr 0.1",
        Some("0.2") => "OME-Zarr 0.2",
        Some("0.3") => "OME-Zarr 0.3",
        _ if file.ends_with(ZARR_JSON) => "OME-Zarr 0.5",
        _ => "OME-Zarr 0.4",
    }
}

/// Multiplies the scales of level 0 and of the image along one axis, and the length of its unit.
///
/// It is `None` where the axis has no unit, and where nothing says its scale.
fn nm(transforms: &[&Transform], axis: usize, unit: Option<&str>) -> Option<f64> {
    let mut scales = transforms.iter().filter(|of| of.of_type == "scale" || of.scale.is_some()).peekable();
    scales.peek()?;
    let mut nm = 1.0;
    for of in scales {
        // A scale may be in a file of its own, which is not read.
        nm *= of.scale.as_ref()?.get(axis)?;
    }
    Some(nm * unit_nm(unit?)?)
}

/// Lists the images and arrays of two axes or more in a group, by their paths within it.
pub(super) fn volumes(group: &Path) -> Result<Vec<String>> {
    if !storage::can_list(group) {
        return consolidated::volumes(group);
    }
    let mut names = Vec::new();
    let mut seen = 0;
    let mut groups = vec![(group.to_path_buf(), 0)];
    while let Some((folder, depth)) = groups.pop() {
        // A folder that cannot be listed has nothing to offer.
        let within = storage::list(&folder).unwrap_or_default();
        for entry in within.into_iter().filter(|entry| entry.is_folder) {
            let path = entry.path;
            seen += 1;
            if seen > MOST_FOLDERS || names.len() >= MOST {
                break;
            }
            if ![ZARR_JSON, ZARRAY, ZGROUP, ZATTRS].iter().any(|name| storage::is_file(&path.join(name))) {
                continue;
            }
            match node(&path)? {
                Node::Group if depth < DEPTH => groups.push((path, depth + 1)),
                Node::Group => {}
                Node::Array if axes_of_array(&path)? < 2 => {}
                Node::Array | Node::Image(_) => {
                    let name = path.strip_prefix(group).unwrap_or(&path);
                    names.push(name.to_string_lossy().replace('\\', "/"));
                }
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Counts the axes of an array, 0 where its metadata does not tell.
fn axes_of_array(folder: &Path) -> Result<usize> {
    let json = match read_v3(folder)? {
        Some(json) => Some(json),
        None => read_json(&folder.join(ZARRAY))?,
    };
    Ok(json.and_then(|json| json["shape"].as_array().map(Vec::len)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn size(level: &[f64], whole: Option<&[f64]>, units: [Option<&str>; 3]) -> [Option<f64>; 3] {
        let axes = ["z", "y", "x"].iter().zip(units).map(|(name, unit)| json!({"name": name, "unit": unit}));
        let mut json = json!({"multiscales": [{
            "axes": axes.collect::<Vec<_>>(),
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": level}]}],
        }]});
        if let Some(whole) = whole {
            json["multiscales"][0]["coordinateTransformations"] = json!([{"type": "scale", "scale": whole}]);
        }
        let axes = image((Path::new("a"), 0), Path::new("a/.zattrs"), &json, None).unwrap().axes.unwrap();
        [0, 1, 2].map(|index| axes[index].nm)
    }

    #[test]
    fn scales_and_units_are_multiplied() {
        let micro = [Some("micrometer"); 3];
        assert_eq!(size(&[0.5, 0.25, 0.25], None, micro), [500.0, 250.0, 250.0].map(Some));
        assert_eq!(
            size(&[0.5, 0.25, 0.25], Some(&[2.0, 1.0, 4.0]), micro),
            [1000.0, 250.0, 1000.0].map(Some)
        );
        let mixed = [Some("micrometer"), Some("nanometer"), Some("angstrom")];
        assert_eq!(size(&[0.5, 4.0, 40.0], None, mixed), [500.0, 4.0, 4.0].map(Some));
    }

    #[test]
    fn a_size_that_is_not_given_is_not_guessed() {
        let nano = Some("nanometer");
        assert_eq!(size(&[5.0, 4.0, 4.0], None, [nano, None, nano]), [Some(5.0), None, Some(4.0)]);
        assert_eq!(size(&[5.0, 4.0, 4.0], None, [nano, Some("pixel"), nano])[1], None);
        assert_eq!(size(&[5.0, 4.0], None, [nano; 3])[2], None);
        let json = json!({"multiscales": [{
            "axes": [{"name": "y", "unit": "nanometer"}, {"name": "x", "unit": "nanometer"}],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "path": "scales"}]}],
        }]});
        let axes = image((Path::new("a"), 0), Path::new("a/.zattrs"), &json, None).unwrap().axes.unwrap();
        assert_eq!([axes[0].nm, axes[1].nm], [None; 2]);
    }

    #[test]
    fn older_versions_have_names_or_nothing() {
        let json = |axes: Value, version: &str| json!({"multiscales": [{"version": version, "axes": axes, "datasets": [{"path": "0"}]}]});
        let read = |json| image((Path::new("a"), 0), Path::new("a/.zattrs"), &json, None).unwrap();
        let old = read(json(Value::Null, "0.1"));
        assert_eq!((old.axes, old.format), (None, "OME-Zarr 0.1"));
        let third = read(json(json!(["z", "y", "x"]), "0.3"));
        assert_eq!((third.axes, third.format), (Some(Axis::of_names(["z", "y", "x"])), "OME-Zarr 0.3"));
    }
}
