//! The metadata of an image: which array is level 0, what its axes are, and how large a voxel is.
//!
//! OME-NGFF 0.4 and 0.5, section "multiscales" (<https://ngff.openmicroscopy.org/0.5/>). It is read
//! leniently: what is not needed is not looked at.

use super::{ZARR_JSON, ZARRAY, ZATTRS, metadata, parse, read_json};
use crate::error::Result;
use crate::limits::VOXEL_SIZE_NM;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// The orders of axes that are read, for error messages.
const AXES: &str = "[t, c,] z, y, x or y, x";

/// What a folder holds.
pub(super) enum Node {
    /// An array without an image around it.
    Array,
    Image(Image),
}

/// An image, as far as its group describes it.
#[derive(Debug, PartialEq)]
pub(super) struct Image {
    /// The metadata file, for error messages.
    pub file: PathBuf,
    /// The folder of level 0.
    pub folder: PathBuf,
    /// The number of levels of the pyramid.
    pub levels: usize,
    /// The names of the axes; the last two or three are those of space.
    pub axes: Vec<String>,
    pub voxel_size_nm: Option<[f64; 3]>,
    pub format: &'static str,
}

#[derive(Deserialize)]
struct Multiscale {
    axes: Vec<Axis>,
    datasets: Vec<Dataset>,
    #[serde(default, rename = "coordinateTransformations")]
    transforms: Vec<Transform>,
}

#[derive(Deserialize)]
struct Axis {
    name: String,
    #[serde(default)]
    unit: Option<String>,
}

#[derive(Deserialize)]
struct Dataset {
    path: String,
    #[serde(default, rename = "coordinateTransformations")]
    transforms: Vec<Transform>,
}

#[derive(Deserialize)]
struct Transform {
    #[serde(default)]
    scale: Option<Vec<f64>>,
}

/// Tells what a folder holds.
pub(super) fn node(folder: &Path) -> Result<Node> {
    let file = folder.join(ZARR_JSON);
    if let Some(mut json) = read_json(&file)? {
        if json["node_type"] == "array" {
            return Ok(Node::Array);
        }
        let attributes = json.get_mut("attributes").map(Value::take).unwrap_or_default();
        let ome = if attributes["ome"].is_object() { &attributes["ome"] } else { &attributes };
        return image(folder, &file, ome, "OME-Zarr 0.5").map(Node::Image);
    }
    if folder.join(ZARRAY).is_file() {
        return Ok(Node::Array);
    }
    let file = folder.join(ZATTRS);
    match read_json(&file)? {
        Some(json) => image(folder, &file, &json, "OME-Zarr 0.4").map(Node::Image),
        None => Err(metadata(folder, "no Zarr metadata", "a file `zarr.json`, `.zattrs` or `.zarray`")),
    }
}

fn image(folder: &Path, file: &Path, json: &Value, format: &'static str) -> Result<Image> {
    let Some(multiscale) = json["multiscales"].get(0) else {
        return Err(metadata(file, "no `multiscales`", "an image, such as a folder `0` within"));
    };
    let multiscale: Multiscale = parse(file, multiscale.clone())?;
    let Some(dataset) = multiscale.datasets.first() else {
        return Err(metadata(file, "an image without datasets", "at least one level"));
    };
    check_axes(file, &multiscale.axes)?;
    Ok(Image {
        file: file.to_path_buf(),
        folder: folder.join(inside(file, &dataset.path)?),
        levels: multiscale.datasets.len(),
        voxel_size_nm: voxel_size_nm(&multiscale.axes, &dataset.transforms, &multiscale.transforms),
        axes: multiscale.axes.into_iter().map(|axis| axis.name).collect(),
        format,
    })
}

/// Refuses a path that leads out of the image.
fn inside<'a>(file: &Path, path: &'a str) -> Result<&'a Path> {
    let path = Path::new(path);
    let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !stays || path.as_os_str().is_empty() {
        let found = format!("the dataset path `{}`", path.display());
        return Err(metadata(file, found, "a path within the image"));
    }
    Ok(path)
}

fn check_axes(file: &Path, axes: &[Axis]) -> Result<()> {
    let names: Vec<_> = axes.iter().map(|axis| axis.name.as_str()).collect();
    match names.as_slice() {
        ["y", "x"] | ["z", "y", "x"] | ["t" | "c", "z", "y", "x"] | ["t", "c", "z", "y", "x"] => Ok(()),
        _ => Err(metadata(file, format!("the axes {}", names.join(", ")), AXES)),
    }
}

/// Multiplies the scales of level 0 and of the image, and the lengths of the axes' units.
///
/// It is `None` where an axis of space is missing or has no unit, and where nothing says its scale.
fn voxel_size_nm(axes: &[Axis], level: &[Transform], image: &[Transform]) -> Option<[f64; 3]> {
    let first = axes.len().checked_sub(3)?;
    let scales: Vec<_> = level.iter().chain(image).filter_map(|transform| transform.scale.as_ref()).collect();
    if scales.is_empty() {
        return None;
    }
    let mut size = [1.0; 3];
    for (length, axis) in size.iter_mut().zip(first..) {
        for scale in &scales {
            *length *= scale.get(axis)?;
        }
        *length *= unit_nm(axes[axis].unit.as_deref()?)?;
        if !VOXEL_SIZE_NM.contains(length) {
            return None;
        }
    }
    Some(size)
}

/// The length of a unit in nm: the names of UDUNITS-2 that OME-NGFF lists, and their symbols.
fn unit_nm(unit: &str) -> Option<f64> {
    match unit {
        "angstrom" | "Å" => Some(0.1),
        "picometer" | "pm" => Some(1e-3),
        "nanometer" | "nm" => Some(1.0),
        "micrometer" | "micron" | "um" | "µm" | "μm" => Some(1e3),
        "millimeter" | "mm" => Some(1e6),
        "centimeter" | "cm" => Some(1e7),
        "inch" => Some(2.54e7),
        "meter" | "m" => Some(1e9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn size(level: &[f64], whole: Option<&[f64]>, units: [Option<&str>; 3]) -> Option<[f64; 3]> {
        let axes = ["z", "y", "x"].iter().zip(units).map(|(name, unit)| json!({"name": name, "unit": unit}));
        let mut json = json!({"multiscales": [{
            "axes": axes.collect::<Vec<_>>(),
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": level}]}],
        }]});
        if let Some(whole) = whole {
            json["multiscales"][0]["coordinateTransformations"] = json!([{"type": "scale", "scale": whole}]);
        }
        image(Path::new("a"), Path::new("a/.zattrs"), &json, "").unwrap().voxel_size_nm
    }

    #[test]
    fn scales_and_units_are_multiplied() {
        let micro = [Some("micrometer"); 3];
        assert_eq!(size(&[0.5, 0.25, 0.25], None, micro), Some([500.0, 250.0, 250.0]));
        assert_eq!(size(&[0.5, 0.25, 0.25], Some(&[2.0, 1.0, 4.0]), micro), Some([1000.0, 250.0, 1000.0]));
        let mixed = [Some("micrometer"), Some("nanometer"), Some("angstrom")];
        assert_eq!(size(&[0.5, 4.0, 40.0], None, mixed), Some([500.0, 4.0, 4.0]));
    }

    #[test]
    fn a_size_that_is_not_given_is_not_guessed() {
        let nano = Some("nanometer");
        assert_eq!(size(&[5.0, 4.0, 4.0], None, [nano, None, nano]), None);
        assert_eq!(size(&[5.0, 4.0, 4.0], None, [nano, Some("pixel"), nano]), None);
        assert_eq!(size(&[5.0, 4.0], None, [nano; 3]), None);
        assert_eq!(size(&[0.0, 4.0, 4.0], None, [nano; 3]), None);
        assert_eq!(size(&[-5.0, 4.0, 4.0], None, [nano; 3]), None);
    }

    #[test]
    fn a_dataset_never_leads_out_of_the_image() {
        let file = Path::new("zarr.json");
        for path in ["../secret", "0/../../secret", "/etc", "", ".."] {
            assert!(inside(file, path).is_err(), "{path}");
        }
        for path in ["0", "scale0/image", "./s0"] {
            assert!(inside(file, path).is_ok(), "{path}");
        }
    }
}
