//! Neuroglancer's format "precomputed": metadata of a layer, and the names of its chunks.
//!
//! Source: `src/datasource/precomputed` of Neuroglancer, `volume.md` and `meshes.md`.

use std::ops::Range;

use em_io::Roi;
use em_pipeline::view::compressed_segmentation::BLOCK;
use em_pipeline::view::{Kind, Layer};
use serde_json::{Value, json};

/// Returns the metadata of a layer. Sizes and places of Neuroglancer are x, y, z.
pub fn info(layer: &Layer) -> Value {
    let encoding = if layer.kind.is_label() { "compressed_segmentation" } else { "raw" };
    let scales: Vec<Value> = layer
        .levels()
        .iter()
        .enumerate()
        .map(|(number, level)| {
            let resolution: [f64; 3] =
                std::array::from_fn(|axis| layer.voxel_size_nm[axis] * level.factor[axis]);
            let mut scale = json!({
                "key": number.to_string(),
                "size": x_first(level.shape),
                "resolution": x_first(resolution),
                "voxel_offset": [0, 0, 0],
                "chunk_sizes": [x_first(level.chunk)],
                "encoding": encoding,
            });
            if layer.kind.is_label() {
                scale["compressed_segmentation_block_size"] = vec![BLOCK; 3].into();
            }
            scale
        })
        .collect();
    let mut info = json!({
        "@type": "neuroglancer_multiscale_volume",
        "type": if layer.kind.is_label() { "segmentation" } else { "image" },
        "data_type": layer.served_type().name(),
        "num_channels": 1,
        "scales": scales,
    });
    if layer.kind == Kind::Objects {
        info["mesh"] = "mesh".into();
    }
    info
}

fn x_first<T>([z, y, x]: [T; 3]) -> [T; 3] {
    [x, y, z]
}

/// Reads the name of a chunk, `x0-x1_y0-y1_z0-z1`.
pub fn chunk(name: &str) -> Option<Roi> {
    let ranges: Option<Vec<Range<usize>>> = name.split('_').map(range).collect();
    let [x, y, z]: [Range<usize>; 3] = ranges?.try_into().ok()?;
    Some(Roi::from([z, y, x]))
}

fn range(text: &str) -> Option<Range<usize>> {
    let (start, end) = text.split_once('-')?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_named_by_their_voxels_x_first() {
        assert_eq!(chunk("0-64_64-128_3-19"), Some(Roi::from([3..19, 64..128, 0..64])));
        for name in
            ["", "0-64_64-128", "0-64_64-128_3-19_0-1", "0-64_64-128_3", "-1-64_0-1_0-1", "a-b_0-1_0-1"]
        {
            assert_eq!(chunk(name), None, "{name}");
        }
    }
}
