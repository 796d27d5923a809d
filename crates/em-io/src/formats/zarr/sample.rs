//! What Zarr needs to know of a voxel type: its bytes, its fill value, and how voxels are averaged.
//!
//! A new voxel type is one line at [`zarr_samples`] and one in [`names`].

use super::metadata;
use crate::error::Result;
use crate::sample::{Sample, match_voxel_type};
use crate::{VoxelType, Voxels};
use ndarray::ArrayView3;
use serde_json::Value;
use std::path::Path;

/// A voxel type that a Zarr array can hold.
pub(super) trait ZarrSample: Sample + PartialOrd + 'static {
    /// Looks at voxels of this type, `None` where they are of another.
    fn view(voxels: &Voxels) -> Option<ArrayView3<'_, Self>>;

    /// Reads one voxel from as many bytes as it has, in the machine's byte order.
    fn from_ne(bytes: &[u8]) -> Self;

    /// Appends the voxel's bytes, little-endian.
    fn push_le(self, bytes: &mut Vec<u8>);

    /// Converts to a number that averages can be taken of.
    fn to_f64(self) -> f64;

    /// Converts an average, rounding to the nearest value.
    fn from_mean(mean: f64) -> Self;
}

macro_rules! zarr_samples {
    ($($sample:ty, $variant:ident, $mean:expr;)*) => {$(
        impl ZarrSample for $sample {
            fn view(voxels: &Voxels) -> Option<ArrayView3<'_, Self>> {
                match voxels {
                    Voxels::$variant(array) => Some(array.view()),
                    _ => None,
                }
            }

            fn from_ne(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$sample>()];
                own.copy_from_slice(bytes);
                <$sample>::from_ne_bytes(own)
            }

            fn push_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn from_mean(mean: f64) -> Self {
                $mean(mean)
            }
        }
    )*};
}

// A mean lies between the values it is taken of, so the casts keep it.
zarr_samples! {
    u8, U8, |mean: f64| mean.round() as u8;
    i8, I8, |mean: f64| mean.round() as i8;
    u16, U16, |mean: f64| mean.round() as u16;
    i16, I16, |mean: f64| mean.round() as i16;
    u32, U32, |mean: f64| mean.round() as u32;
    i32, I32, |mean: f64| mean.round() as i32;
    f32, F32, |mean: f64| mean as f32;
}

/// Returns what a voxel type is called: in Zarr 2 (after the byte order) and in Zarr 3.
pub(super) fn names(voxel_type: VoxelType) -> (&'static str, &'static str) {
    match voxel_type {
        VoxelType::U8 => ("u1", "uint8"),
        VoxelType::I8 => ("i1", "int8"),
        VoxelType::U16 => ("u2", "uint16"),
        VoxelType::I16 => ("i2", "int16"),
        VoxelType::U32 => ("u4", "uint32"),
        VoxelType::I32 => ("i4", "int32"),
        VoxelType::F32 => ("f4", "float32"),
    }
}

/// Reads a fill value, `null` being 0, into the machine's byte order.
pub(super) fn fill_bytes(file: &Path, voxel_type: VoxelType, json: &Value) -> Result<Vec<u8>> {
    let bad = || metadata(file, format!("fill value {json}"), format!("a {voxel_type} number"));
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
    let (lowest, largest) = voxel_type.range();
    let fits = value.fract() == 0.0 && (lowest..=largest).contains(&value);
    if voxel_type != VoxelType::F32 && !fits {
        return Err(bad());
    }
    Ok(match_voxel_type!(voxel_type, T => <T as Sample>::from_f64(value).to_ne_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fill_values_are_those_of_the_type() {
        let fill = |voxel_type, json| fill_bytes(Path::new("zarr.json"), voxel_type, &json).ok();
        assert_eq!(fill(VoxelType::U8, json!(null)), Some(vec![0]));
        assert_eq!(fill(VoxelType::U8, json!(true)), Some(vec![1]));
        assert_eq!(fill(VoxelType::U16, json!(700)), Some(700_u16.to_ne_bytes().to_vec()));
        assert_eq!(fill(VoxelType::F32, json!("-Infinity")), Some(f32::NEG_INFINITY.to_ne_bytes().to_vec()));
        for wrong in [json!(256), json!(-1), json!(0.5), json!("NaN"), json!([0]), json!("0x00")] {
            assert_eq!(fill(VoxelType::U8, wrong.clone()), None, "{wrong}");
        }
    }
}
