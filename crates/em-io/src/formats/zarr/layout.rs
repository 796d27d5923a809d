//! What is written beside the chunks: the metadata of both versions.

use super::shards::ChunkGrid;
use super::{OmeZarrVersion, ZARR_JSON, ZARRAY, ZATTRS, ZGROUP};
use crate::VoxelType;
use crate::formats::pyramid::Level;
use crate::formats::stored::numpy_code;
use serde_json::{Value, json};

/// A metadata file: its name and what is in it.
pub(super) type JsonFile = (&'static str, Value);

/// Describes the array of one level.
pub(super) fn array(
    version: OmeZarrVersion,
    shape: [usize; 3],
    grid: ChunkGrid,
    voxel_type: VoxelType,
) -> JsonFile {
    match version {
        OmeZarrVersion::V0_4 => {
            let order = if voxel_type.bytes() == 1 { '|' } else { '<' };
            let dtype = format!("{order}{}", numpy_code(voxel_type));
            let json = json!({
                "zarr_format": 2, "shape": shape, "chunks": grid.chunk, "dtype": dtype, "fill_value": 0,
                "order": "C", "filters": null, "dimension_separator": "/",
                "compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1, "blocksize": 0},
            });
            (ZARRAY, json)
        }
        OmeZarrVersion::V0_5 => {
            let packing = json!([
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "zstd", "configuration": {"level": 1, "checksum": false}},
            ]);
            let codecs = if grid.has_shards() { sharding(grid.chunk, packing) } else { packing };
            let json = json!({
                "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": voxel_type.long_name(),
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid.object()}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "fill_value": 0,
                "codecs": codecs,
                "attributes": {}, "dimension_names": ["z", "y", "x"],
            });
            (ZARR_JSON, json)
        }
    }
}

/// Describes shards of chunks that are packed so, as `shards` writes them.
fn sharding(chunk: [usize; 3], packing: Value) -> Value {
    json!([{"name": "sharding_indexed", "configuration": {
        "chunk_shape": chunk,
        "codecs": packing,
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }}])
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
