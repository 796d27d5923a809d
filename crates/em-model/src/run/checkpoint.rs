//! Tensors and text in one safetensors file, written whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tch::{Kind, Tensor};

use crate::{Error, Result};

/// Writes 32-bit float tensors, in the order of their names, and a text for each key.
pub(crate) fn write(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    texts: HashMap<String, String>,
) -> Result<()> {
    let mut buffers = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let flat =
            tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
        let mut bytes = vec![0; flat.numel() * 4];
        flat.f_copy_data_u8(&mut bytes, flat.numel())?;
        let shape: Vec<usize> = tensor.size().iter().map(|&edge| edge as usize).collect();
        buffers.push((name, shape, bytes));
    }
    let views = buffers.iter().map(|(name, shape, bytes)| {
        let view =
            TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| damaged(path, &error))?;
        Ok((name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let bytes = safetensors::serialize(views, Some(texts)).map_err(|error| damaged(path, &error))?;
    Ok(em_io::write_atomically(path, |file| file.write_all(&bytes))?)
}

/// Reads what [`write`] wrote, onto a device.
pub(crate) fn read(
    path: &Path,
    device: tch::Device,
) -> Result<(BTreeMap<String, Tensor>, HashMap<String, String>)> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::RunFile { path: path.into(), problem: format!("cannot be read: {error}") })?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(path, &error))?;
    let texts = header.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(path, &error))?;
    let tensors = file.iter().map(|(name, view)| {
        if view.dtype() != Dtype::F32 {
            return Err(Error::RunFile {
                path: path.into(),
                problem: format!("holds `{name}` as {:?}, expected 32-bit floats", view.dtype()),
            });
        }
        let size: Vec<i64> = view.shape().iter().map(|&edge| edge as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &size, Kind::Float)?.f_to_device(device)?;
        Ok((name.to_owned(), tensor))
    });
    Ok((tensors.collect::<Result<_>>()?, texts))
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::RunFile { path: path.into(), problem: format!("is not a whole safetensors file: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_and_texts_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let strided =
            Tensor::arange(24, (Kind::Float, tch::Device::Cpu)).view([1, 2, 3, 4]).permute([0, 3, 1, 2]);
        let tensors =
            BTreeMap::from([("a".to_owned(), strided.copy()), ("b.c".to_owned(), Tensor::from(2.5_f32))]);
        write(&path, &tensors, HashMap::from([("state".into(), "{}".into())])).unwrap();
        let (read, texts) = read(&path, tch::Device::Cpu).unwrap();
        assert_eq!(texts["state"], "{}");
        assert_eq!(read["a"].size(), [1, 4, 2, 3]);
        assert_eq!(read["a"], strided);
        assert_eq!(read["b.c"].double_value(&[]), 2.5);
    }

    #[test]
    fn a_truncated_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        write(&path, &BTreeMap::from([("a".to_owned(), Tensor::from(2.5_f32))]), HashMap::new()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 4, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let error = read(&path, tch::Device::Cpu).unwrap_err();
            assert!(error.to_string().contains("w.safetensors` is not a whole safetensors file"), "{error}");
        }
    }
}
