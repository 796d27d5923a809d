//! What the metadata of Zarr says of voxels that are missing: their fill value.

use super::metadata;
use crate::error::Result;
use crate::formats::stored::Stored;
use crate::sample::{Sample, Voxel, match_voxel_type};
use serde_json::Value;
use std::path::Path;

/// Reads a fill value, `null` being 0, into the machine's byte order.
pub(super) fn fill_bytes(file: &Path, stored: Stored, json: &Value) -> Result<Vec<u8>> {
    let voxel_type = stored.voxel_type();
    let bad = || metadata(file, format!("fill value {json}"), format!("a {voxel_type} number"));
    // Integers are read as such: a 64-bit one may be none as a float.
    let whole = json.as_u64().map(i128::from).or_else(|| json.as_i64().map(i128::from));
    let value = match json {
        Value::Null | Value::Bool(false) => 0.0,
        Value::Bool(true) => 1.0,
        Value::Number(number) => number.as_f64().ok_or_else(bad)?,
        Value::String(name) => match name.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return Err(bad()),
        },
        _ => return Err(bad()),
    };
    let fits = match_voxel_type!(voxel_type, T => match (T::WHOLE_RANGE, whole) {
        (None, _) => true,
        (Some((lowest, largest)), Some(whole)) => (lowest..=largest).contains(&whole),
        (Some(_), None) => voxel_type.holds(value),
    });
    if !fits {
        return Err(bad());
    }
    match stored {
        Stored::F16 => return Ok(half::f16::from_f64(value).to_ne_bytes().to_vec()),
        Stored::F64 => return Ok(value.to_ne_bytes().to_vec()),
        Stored::As(_) | Stored::ShiftedByte => {}
    }
    Ok(match_voxel_type!(voxel_type, T => {
        let fill = whole.map_or_else(|| T::from_f64(value), T::nearest_to_whole);
        fill.to_ne_bytes().to_vec()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VoxelType;
    use serde_json::json;

    #[test]
    fn fill_values_are_those_of_the_type() {
        let fill = |voxel_type, json| fill_bytes(Path::new("zarr.json"), Stored::As(voxel_type), &json).ok();
        assert_eq!(fill(VoxelType::U8, json!(null)), Some(vec![0]));
        assert_eq!(fill(VoxelType::U8, json!(true)), Some(vec![1]));
        assert_eq!(fill(VoxelType::U16, json!(700)), Some(700_u16.to_ne_bytes().to_vec()));
        assert_eq!(fill(VoxelType::F32, json!("-Infinity")), Some(f32::NEG_INFINITY.to_ne_bytes().to_vec()));
        for wrong in [json!(256), json!(-1), json!(0.5), json!("NaN"), json!([0]), json!("0x00")] {
            assert_eq!(fill(VoxelType::U8, wrong.clone()), None, "{wrong}");
        }
        let (last, lowest) = (u64::MAX, i64::MIN);
        assert_eq!(fill(VoxelType::U64, json!(last)), Some(last.to_ne_bytes().to_vec()));
        assert_eq!(fill(VoxelType::I64, json!(lowest)), Some(lowest.to_ne_bytes().to_vec()));
        assert_eq!(fill(VoxelType::I64, json!(last)), None);
        // 2^64, which is what the largest 64-bit integer is as a float.
        assert_eq!(fill(VoxelType::U64, json!(last as f64)), None);
        assert_eq!(fill(VoxelType::U64, json!(7.0)), Some(7_u64.to_ne_bytes().to_vec()));
        let float = |stored| fill_bytes(Path::new("zarr.json"), stored, &json!(-1.5)).ok();
        assert_eq!(float(Stored::F16), Some(0xbe00_u16.to_ne_bytes().to_vec()));
        assert_eq!(float(Stored::F64), Some((-1.5_f64).to_ne_bytes().to_vec()));
    }
}
