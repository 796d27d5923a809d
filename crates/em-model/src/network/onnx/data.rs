//! The numbers of a file's tensors, which lie in it or in another file of its folder.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use tch::{Kind, Tensor};

use super::error::OnnxError;
use crate::export::proto::{DataType, TensorProto};

/// `data_location` of numbers in another file.
const EXTERNAL: i32 = 1;

/// Returns the kind of tensor for a type of numbers. All floats are 32-bit ones here.
pub(super) fn kind_of(data_type: i32) -> Option<Kind> {
    Some(match DataType::try_from(data_type).ok()? {
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => Kind::Float,
        DataType::Uint8 => Kind::Uint8,
        DataType::Int8 => Kind::Int8,
        DataType::Int16 => Kind::Int16,
        DataType::Int32 => Kind::Int,
        DataType::Int64 => Kind::Int64,
        DataType::Bool => Kind::Bool,
        DataType::Undefined | DataType::String | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => {
            return None;
        }
    })
}

/// Whether the numbers are floats.
pub(super) fn is_floating(tensor: &TensorProto) -> bool {
    kind_of(tensor.data_type) == Some(Kind::Float)
}

/// Whether the file holds no number of the tensor, nor where they are.
pub(super) fn has_no_data(tensor: &TensorProto) -> bool {
    tensor.data_location != EXTERNAL
        && tensor.raw_data.is_empty()
        && tensor.float_data.is_empty()
        && tensor.double_data.is_empty()
        && tensor.int32_data.is_empty()
        && tensor.int64_data.is_empty()
}

/// How many numbers the tensor has, if its shape is one.
pub(super) fn numel(tensor: &TensorProto) -> Result<usize, OnnxError> {
    let product = tensor.dims.iter().try_fold(1_usize, |product, &length| {
        usize::try_from(length).ok().and_then(|length| product.checked_mul(length))
    });
    product.ok_or_else(|| wrong(tensor, format!("has the shape {:?}, expected lengths", tensor.dims)))
}

/// Makes a tensor of what a file holds.
pub(super) fn tensor_of(tensor: &TensorProto, folder: Option<&Path>) -> Result<Tensor, OnnxError> {
    let count = numel(tensor)?;
    let data_type = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
    let (Some(stored), Some(kind)) = (stored_kind(data_type), kind_of(tensor.data_type)) else {
        return Err(wrong(tensor, format!("has numbers of type {data_type:?}, expected floats or integers")));
    };
    let size = count.checked_mul(stored.elt_size_in_bytes());
    let size = size.ok_or_else(|| wrong(tensor, format!("has the shape {:?}, too large", tensor.dims)))?;
    let bytes = match tensor.data_location {
        EXTERNAL => external(tensor, folder, size)?,
        _ if !tensor.raw_data.is_empty() => tensor.raw_data.clone(),
        _ => listed(tensor, data_type),
    };
    if bytes.len() != size {
        let problem = format!("has {} bytes, expected {size} for its shape {:?}", bytes.len(), tensor.dims);
        return Err(wrong(tensor, problem));
    }
    let made = Tensor::f_from_data_size(&bytes, &tensor.dims, stored).and_then(|made| made.f_to_kind(kind));
    made.map_err(|error| wrong(tensor, format!("is no tensor of libtorch: {error}")))
}

/// The kind of the numbers as they are stored.
fn stored_kind(data_type: DataType) -> Option<Kind> {
    Some(match data_type {
        DataType::Double => Kind::Double,
        DataType::Float16 => Kind::Half,
        DataType::Bfloat16 => Kind::BFloat16,
        other => return kind_of(other as i32),
    })
}

/// The bytes of numbers that are written one by one.
fn listed(tensor: &TensorProto, data_type: DataType) -> Vec<u8> {
    let integers = tensor.int32_data.iter();
    match data_type {
        DataType::Float => tensor.float_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Double => tensor.double_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Int64 => tensor.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Int32 => integers.flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => {
            // The low half is the number.
            integers.flat_map(|&value| (value as u16).to_le_bytes()).collect()
        }
        // The lowest byte is the number.
        _ => integers.map(|&value| value as u8).collect(),
    }
}

/// The bytes of numbers in another file. No more of it is read than the shape asks for.
fn external(tensor: &TensorProto, folder: Option<&Path>, size: usize) -> Result<Vec<u8>, OnnxError> {
    let entry = |key| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let location =
        entry("location").ok_or_else(|| wrong(tensor, "lies in another file without a name".into()))?;
    let inside =
        Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let Some(folder) = folder.filter(|_| inside) else {
        let problem = format!("lies in the file `{location}`, expected one beside the network's file");
        return Err(wrong(tensor, problem));
    };
    let number = |key| entry(key).map_or(Some(None), |text| text.parse::<u64>().ok().map(Some));
    let (Some(offset), Some(length)) = (number("offset"), number("length")) else {
        return Err(wrong(tensor, "lies at an offset that is no number".into()));
    };
    if length.is_some_and(|length| length != size as u64) {
        let problem = format!("has {} bytes in `{location}`, expected {size}", length.unwrap_or_default());
        return Err(wrong(tensor, problem));
    }
    let path = folder.join(location);
    let unread = |error: std::io::Error| wrong(tensor, format!("lies in `{}`: {error}", path.display()));
    let mut file = File::open(&path).map_err(unread)?;
    let offset = offset.unwrap_or_default();
    let available = file.metadata().map_err(unread)?.len().saturating_sub(offset);
    if available < size as u64 {
        let problem = format!("has {available} bytes in `{}`, expected {size}", path.display());
        return Err(wrong(tensor, problem));
    }
    file.seek(SeekFrom::Start(offset)).map_err(unread)?;
    let mut bytes = vec![0; size];
    file.read_exact(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

fn wrong(tensor: &TensorProto, problem: String) -> OnnxError {
    OnnxError::Tensor { name: tensor.name.clone(), problem }
}
