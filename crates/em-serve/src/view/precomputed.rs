//! The metadata of a layer in Neuroglancer's format "precomputed", which is that of `em_io::precomputed`.

use em_io::precomputed::{self, Scale};
use em_pipeline::view::{Kind, Layer};
use serde_json::Value;

/// Returns the metadata of a layer.
pub fn info(layer: &Layer) -> Value {
    let scales: Vec<Scale> = layer
        .levels()
        .iter()
        .map(|level| Scale {
            shape: level.shape,
            voxel_size_nm: std::array::from_fn(|axis| layer.voxel_size_nm[axis] * level.factor[axis]),
            chunk: level.chunk,
        })
        .collect();
    let mut info = precomputed::info(layer.kind.content(), layer.served_type().voxel_type(), &scales);
    if layer.kind == Kind::Objects {
        info["mesh"] = "mesh".into();
    }
    info
}
