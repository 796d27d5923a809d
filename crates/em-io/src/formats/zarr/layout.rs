//! What is written beside the chunks: the levels of a pyramid, and the metadata of both versions.

use super::sample::name;
use super::{OmeZarrVersion, ZARR_JSON, ZARRAY, ZATTRS, ZGROUP};
use crate::VoxelType;
use crate::formats::stored::numpy_code;
use serde_json::{Value, json};

/// The most levels of a pyramid; the sides that the limits allow give fewer.
const MAX_LEVELS: usize = 20;

/// One level of a pyramid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// The number of voxels, `[z, y, x]`.
    pub shape: [usize; 3],
    /// The voxels of the full level along one voxel of this one, `[z, y, x]`.
    pub factor: [usize; 3],
}

/// Plans the levels, each half as long as the one before along every axis that is due.
///
/// An axis whose voxels are twice as long as the shortest ones, or longer, waits for the others:
/// thick sections are halved in y and x until voxels are about as long as wide.
pub(super) fn levels(
    shape: [usize; 3],
    voxel_size_nm: Option<[f64; 3]>,
    chunk: [usize; 3],
    wanted: Option<usize>,
) -> Vec<Level> {
    let mut all = vec![Level { shape, factor: [1; 3] }];
    let mut size = voxel_size_nm.unwrap_or([1.0; 3]);
    while let Some(&last) = all.last() {
        let enough = match wanted {
            Some(wanted) => all.len() >= wanted,
            None => last.shape[1] <= chunk[1] && last.shape[2] <= chunk[2],
        };
        let axes = 0..3;
        let shortest = axes.clone().filter(|&axis| last.shape[axis] > 1).map(|axis| size[axis]);
        let Some(shortest) = shortest.min_by(f64::total_cmp) else { break };
        if enough || all.len() == MAX_LEVELS {
            break;
        }
        let mut next = last;
        for axis in axes {
            if last.shape[axis] > 1 && size[axis] < 2.0 * shortest {
                next.shape[axis] = last.shape[axis].div_ceil(2);
                next.factor[axis] *= 2;
                size[axis] *= 2.0;
            }
        }
        all.push(next);
    }
    all
}

/// A metadata file: its name and what is in it.
pub(super) type JsonFile = (&'static str, Value);

/// Describes the array of one level.
pub(super) fn array(
    version: OmeZarrVersion,
    shape: [usize; 3],
    chunk: [usize; 3],
    voxel_type: VoxelType,
) -> JsonFile {
    match version {
        OmeZarrVersion::V0_4 => {
            let order = if voxel_type.bytes() == 1 { '|' } else { '<' };
            let dtype = format!("{order}{}", numpy_code(voxel_type));
            let json = json!({
                "zarr_format": 2, "shape": shape, "chunks": chunk, "dtype": dtype, "fill_value": 0,
                "order": "C", "filters": null, "dimension_separator": "/",
                "compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1, "blocksize": 0},
            });
            (ZARRAY, json)
        }
        OmeZarrVersion::V0_5 => {
            let json = json!({
                "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": name(voxel_type),
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "fill_value": 0,
                "codecs": [
                    {"name": "bytes", "configuration": {"endian": "little"}},
                    {"name": "zstd", "configuration": {"level": 1, "checksum": false}},
                ],
                "attributes": {}, "dimension_names": ["z", "y", "x"],
            });
            (ZARR_JSON, json)
        }
    }
}

/// Describes an image or a label with its levels, which are the arrays `0`, `1`, and so on.
pub(super) fn image(
    version: OmeZarrVersion,
    name: &str,
    levels: &[Level],
    voxel_size_nm: Option<[f64; 3]>,
    is_label: bool,
) -> Vec<JsonFile> {
    let axis = |name: &str| match voxel_size_nm {
        Some(_) => json!({"name": name, "type": "space", "unit": "nanometer"}),
        None => json!({"name": name, "type": "space"}),
    };
    let datasets = levels.iter().enumerate().map(|(index, level)| {
        let size = voxel_size_nm.unwrap_or([1.0; 3]);
        // Factors are powers of two up to 2^20, which a float holds.
        let scale: [f64; 3] = std::array::from_fn(|axis| size[axis] * level.factor[axis] as f64);
        // The centre of the first voxel is that of the voxels it covers.
        let shift: [f64; 3] = std::array::from_fn(|axis| (scale[axis] - size[axis]) / 2.0);
        let mut transforms = vec![json!({"type": "scale", "scale": scale})];
        if index > 0 {
            transforms.push(json!({"type": "translation", "translation": shift}));
        }
        json!({"path": index.to_string(), "coordinateTransformations": transforms})
    });
    let axes = ["z", "y", "x"].map(axis);
    let mut multiscale = json!({
        "name": name,
        "axes": axes,
        "datasets": datasets.collect::<Vec<_>>(),
        "type": if is_label { "max" } else { "mean" },
    });
    let mut attributes = json!({});
    if is_label {
        attributes["image-label"] = json!({"source": {"image": "../../"}});
        if version == OmeZarrVersion::V0_4 {
            attributes["image-label"]["version"] = "0.4".into();
        }
    }
    if version == OmeZarrVersion::V0_4 {
        multiscale["version"] = "0.4".into();
    }
    attributes["multiscales"] = json!([multiscale]);
    group(version, attributes)
}

/// Describes a group with these OME attributes.
pub(super) fn group(version: OmeZarrVersion, mut attributes: Value) -> Vec<JsonFile> {
    match version {
        OmeZarrVersion::V0_4 => vec![(ZGROUP, json!({"zarr_format": 2})), (ZATTRS, attributes)],
        OmeZarrVersion::V0_5 => {
            attributes["version"] = "0.5".into();
            let json = json!({"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}});
            vec![(ZARR_JSON, json)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(size: Option<[f64; 3]>, wanted: Option<usize>) -> Vec<[usize; 3]> {
        let levels = levels([40, 1000, 1001], size, [16, 256, 256], wanted);
        levels.iter().map(|level| level.shape).collect()
    }

    #[test]
    fn cubic_voxels_are_halved_along_every_axis() {
        let expected = vec![[40, 1000, 1001], [20, 500, 501], [10, 250, 251]];
        assert_eq!(shapes(Some([5.0; 3]), None), expected);
        assert_eq!(shapes(None, None), expected);
        assert_eq!(shapes(None, Some(1)), expected[..1]);
        assert_eq!(shapes(None, Some(2)), expected[..2]);
    }

    #[test]
    fn thick_sections_wait_until_voxels_are_cubes() {
        let expected = [[40, 1000, 1001], [40, 500, 501], [40, 250, 251], [20, 125, 126]];
        assert_eq!(shapes(Some([20.0, 5.0, 5.0]), Some(4)), expected);
    }

    #[test]
    fn a_pyramid_ends_at_one_voxel() {
        let all = levels([1, 3, 2], None, [1, 1, 1], Some(99));
        assert_eq!(all.last().unwrap().shape, [1, 1, 1]);
        assert_eq!(all.len(), 3);
    }
}
