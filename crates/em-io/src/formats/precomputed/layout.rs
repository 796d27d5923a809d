//! What readers, writers and servers of the format share: the names of chunks, and the metadata.

use super::{BLOCK, x_first};
use crate::{Content, Roi, VoxelType};
use serde_json::{Value, json};
use std::ops::Range;

/// One level of a volume, as its metadata describe it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The number of its voxels, `[z, y, x]`.
    pub shape: [usize; 3],
    /// The size of its voxels along `[z, y, x]` in nm.
    pub voxel_size_nm: [f64; 3],
    /// The number of voxels of a chunk, `[z, y, x]`.
    pub chunk: [usize; 3],
}

/// Returns the metadata of a volume of one channel whose levels, the full one first, are called `0`, `1`, and
/// so on: what `info` holds. Labels are packed by [`compress_labels`](super::compress_labels), images are not.
///
/// ```
/// use em_io::precomputed::{Scale, info};
/// use em_io::{Content, VoxelType};
///
/// let scale = Scale { shape: [8, 64, 96], voxel_size_nm: [40.0, 4.0, 4.0], chunk: [8, 64, 64] };
/// let info = info(Content::Intensity, VoxelType::U8, &[scale]);
/// assert_eq!(info["scales"][0]["size"], serde_json::json!([96, 64, 8]));
/// ```
pub fn info(content: Content, voxel_type: VoxelType, scales: &[Scale]) -> Value {
    let is_label = content == Content::Label;
    let scales: Vec<Value> = scales
        .iter()
        .enumerate()
        .map(|(number, scale)| {
            let mut json = json!({
                "key": number.to_string(),
                "size": x_first(scale.shape),
                "resolution": x_first(scale.voxel_size_nm),
                "voxel_offset": [0, 0, 0],
                "chunk_sizes": [x_first(scale.chunk)],
                "encoding": if is_label { "compressed_segmentation" } else { "raw" },
            });
            if is_label {
                json["compressed_segmentation_block_size"] = vec![BLOCK; 3].into();
            }
            json
        })
        .collect();
    json!({
        "@type": "neuroglancer_multiscale_volume",
        "type": if is_label { "segmentation" } else { "image" },
        "data_type": voxel_type.long_name(),
        "num_channels": 1,
        "scales": scales,
    })
}

/// Returns the name of a chunk from its first voxel and its shape, both `[z, y, x]`: `x0-x1_y0-y1_z0-z1`.
///
/// ```
/// assert_eq!(em_io::precomputed::chunk_name([3, 64, 0], [16, 64, 64]), "0-64_64-128_3-19");
/// ```
pub fn chunk_name(start: [i64; 3], shape: [usize; 3]) -> String {
    // Sides are far below 2^63.
    let range = |axis: usize| format!("{}-{}", start[axis], start[axis] + shape[axis] as i64);
    format!("{}_{}_{}", range(2), range(1), range(0))
}

/// Reads the name of a chunk of a volume whose first voxel is 0; `None` where it is none.
pub fn roi_of_chunk(name: &str) -> Option<Roi> {
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
        assert_eq!(roi_of_chunk("0-64_64-128_3-19"), Some(Roi::from([3..19, 64..128, 0..64])));
        assert_eq!(chunk_name([-3, 64, 0], [16, 64, 64]), "0-64_64-128_-3-13");
        for name in
            ["", "0-64_64-128", "0-64_64-128_3-19_0-1", "0-64_64-128_3", "-1-64_0-1_0-1", "a-b_0-1_0-1"]
        {
            assert_eq!(roi_of_chunk(name), None, "{name}");
        }
    }
}
