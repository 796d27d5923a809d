//! Tensors and text in one safetensors file, written whole or not at all, and checked when read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use em_io::hex;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::strangers::{check_numbers, read_file, read_weights_of};
use super::{ModelCard, RunFolder};
use crate::error::Computed;
use crate::{Error, Result};

/// The keys of the texts of a training state.
const STATE: &str = "state";
const SHA256: &str = "sha256";

/// Named tensors.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// Writes the weights of a run; returns the digest of the file.
pub(crate) fn write_weights(run: &RunFolder, tensors: &Tensors) -> Computed<String> {
    // As PyTorch marks its own.
    let texts = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = serialized(&run.weights(), &flattened(tensors)?, texts)?;
    em_io::write_atomically(&run.weights(), |file| file.write_all(&bytes))?;
    Ok(hex(&Sha256::digest(&bytes)))
}

/// Reads the weights of a run onto a device, if they are those that its card was written for, and numbers.
///
/// It goes before the network is made, so that no card asks for more memory than its weights take.
pub(crate) fn read_weights(run: &RunFolder, card: &ModelCard, device: tch::Device) -> Computed<Tensors> {
    let path = run.weights();
    let bytes = read_weights_of(&path, card)?;
    // A file that was cut off is told from one that was changed.
    let (tensors, _) = deserialized(&path, &bytes, device)?;
    let is_changed = card.weights_sha256.as_ref().is_some_and(|known| *known != hex(&Sha256::digest(&bytes)));
    if is_changed {
        return Err(Error::Checksum { path, place: "model.json" }.into());
    }
    check_numbers(&path, &bytes, card)?;
    refuse_no_numbers(&path, &bytes)?;
    Ok(tensors)
}

/// Refuses NaN and infinities: a network that has one predicts nothing, and says so nowhere.
fn refuse_no_numbers(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(path, &error))?;
    let is_number = |four: &[u8; 4]| f32::from_le_bytes(*four).is_finite();
    match file.iter().find(|(_, view)| !view.data().as_chunks().0.iter().all(is_number)) {
        None => Ok(()),
        Some((name, _)) => {
            let problem = format!("holds NaN or an infinity in `{name}`, expected numbers");
            Err(Error::RunFile { path: path.into(), problem })
        }
    }
}

/// Writes a training state: tensors, and the text of the rest.
pub(crate) fn write_state(run: &RunFolder, tensors: &Tensors, text: String) -> Computed<()> {
    let flattened = flattened(tensors)?;
    let views = flattened.iter().map(|(name, shape, bytes)| (name.as_str(), shape.as_slice(), &bytes[..]));
    let sha256 = digest_of_state(views, &text);
    let texts = HashMap::from([(STATE.to_owned(), text), (SHA256.to_owned(), sha256)]);
    let bytes = serialized(&run.state(), &flattened, texts)?;
    Ok(em_io::write_atomically(&run.state(), |file| file.write_all(&bytes))?)
}

/// Reads a training state onto a device. Those of earlier versions have no checksum.
pub(crate) fn read_state(run: &RunFolder, device: tch::Device) -> Computed<(Tensors, String)> {
    let path = run.state();
    let bytes = read_bytes(&path)?;
    let (tensors, mut texts) = deserialized(&path, &bytes, device)?;
    let Some(text) = texts.remove(STATE) else {
        return Err(Error::RunFile { path, problem: "holds no training state".into() }.into());
    };
    if let Some(known) = texts.remove(SHA256) {
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&path, &error))?;
        let views: BTreeMap<String, TensorView<'_>> = file.tensors().into_iter().collect();
        let views = views.iter().map(|(name, view)| (name.as_str(), view.shape(), view.data()));
        if digest_of_state(views, &text) != known {
            return Err(Error::Checksum { path, place: "its header" }.into());
        }
    }
    Ok((tensors, text))
}

/// Reads the text of a training state, without its tensors.
pub(crate) fn read_state_text(run: &RunFolder) -> Result<String> {
    let path = run.state();
    let bytes = read_bytes(&path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&path, &error));
    let header = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&path, &error));
    let (_, (_, header)) = (file?, header?);
    let text = header.metadata().as_ref().and_then(|texts| texts.get(STATE)).cloned();
    text.ok_or_else(|| Error::RunFile { path, problem: "holds no training state".into() })
}

/// Returns the SHA-256 of a file in hexadecimal digits.
pub(crate) fn sha256_of_file(path: &Path) -> Result<String> {
    Ok(hex(&Sha256::digest(read_bytes(path)?)))
}

/// A tensor's name, shape and 32-bit floats.
type Flat = (String, Vec<usize>, Vec<u8>);

/// Copies tensors as 32-bit floats, in the order of their names.
fn flattened(tensors: &Tensors) -> Computed<Vec<Flat>> {
    let mut flattened = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let bytes = bytes_of(tensor)?;
        let shape: Vec<usize> = tensor.size().iter().map(|&edge| edge as usize).collect();
        flattened.push((name.clone(), shape, bytes));
    }
    Ok(flattened)
}

/// The numbers of a tensor as 32-bit floats, little-endian, the last axis fastest.
pub(crate) fn bytes_of(tensor: &Tensor) -> Computed<Vec<u8>> {
    let flat = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut bytes = vec![0; flat.numel() * 4];
    flat.f_copy_data_u8(&mut bytes, flat.numel())?;
    Ok(bytes)
}

/// The bytes of a file of tensors, and a text for each key.
fn serialized(path: &Path, tensors: &[Flat], texts: HashMap<String, String>) -> Result<Vec<u8>> {
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view =
            TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| damaged(path, &error))?;
        Ok((name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, Some(texts)).map_err(|error| damaged(path, &error))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    read_file(path, u64::MAX)
}

/// Puts the tensors of a file onto a device, and returns its texts.
fn deserialized(
    path: &Path,
    bytes: &[u8],
    device: tch::Device,
) -> Computed<(Tensors, HashMap<String, String>)> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(path, &error))?;
    let texts = header.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(path, &error))?;
    let tensors = file.iter().map(|(name, view)| {
        if view.dtype() != Dtype::F32 {
            let problem = format!("holds `{name}` as {:?}, expected 32-bit floats", view.dtype());
            return Err(Error::RunFile { path: path.into(), problem }.into());
        }
        let size: Vec<i64> = view.shape().iter().map(|&edge| edge as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &size, Kind::Float)?.f_to_device(device)?;
        Ok((name.to_owned(), tensor))
    });
    Ok((tensors.collect::<Computed<_>>()?, texts))
}

/// The digest of tensors, in the order of their names, and of the text that goes with them.
fn digest_of_state<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>,
    text: &str,
) -> String {
    let mut digest = Sha256::new();
    for (name, shape, bytes) in tensors {
        digest.update(format!("{name:?} {shape:?}\n"));
        digest.update(bytes);
    }
    digest.update(text);
    hex(&digest.finalize())
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::RunFile { path: path.into(), problem: format!("is not a whole safetensors file: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> Tensors {
        let strided =
            Tensor::arange(24, (Kind::Float, tch::Device::Cpu)).view([1, 2, 3, 4]).permute([0, 3, 1, 2]);
        BTreeMap::from([("a".to_owned(), strided), ("b.c".to_owned(), Tensor::from(2.5_f32))])
    }

    fn run() -> (tempfile::TempDir, RunFolder) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        (folder, run)
    }

    #[test]
    fn tensors_and_the_text_come_back() {
        let (_folder, run) = run();
        write_state(&run, &tensors(), "{}".into()).unwrap();
        let (read, text) = read_state(&run, tch::Device::Cpu).unwrap();
        assert_eq!(text, "{}");
        assert_eq!(read["a"].size(), [1, 4, 2, 3]);
        assert_eq!(read["a"], tensors()["a"]);
        assert_eq!(read["b.c"].double_value(&[]), 2.5);
    }

    #[test]
    fn a_truncated_file_is_named() {
        let (_folder, run) = run();
        write_state(&run, &tensors(), "{}".into()).unwrap();
        let bytes = std::fs::read(run.state()).unwrap();
        for length in [0, 4, bytes.len() - 1] {
            std::fs::write(run.state(), &bytes[..length]).unwrap();
            let error = Error::from(read_state(&run, tch::Device::Cpu).unwrap_err());
            assert!(
                error.to_string().contains("state.safetensors` is not a whole safetensors file"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_changed_number_or_text_of_a_state_is_found() {
        let (_folder, run) = run();
        write_state(&run, &tensors(), r#"{"steps":100}"#.into()).unwrap();
        let whole = std::fs::read(run.state()).unwrap();
        let steps = whole.windows(3).position(|window| window == b"100").unwrap();
        // A digit of the text, and the lowest bit of the last number.
        for (place, bit) in [(steps, 2), (whole.len() - 4, 1)] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            std::fs::write(run.state(), &changed).unwrap();
            let error = Error::from(read_state(&run, tch::Device::Cpu).unwrap_err());
            assert!(error.to_string().ends_with("does not match its checksum in its header"), "{error}");
        }
    }

    #[test]
    fn a_state_of_an_earlier_version_has_no_checksum_and_is_read() {
        let (_folder, run) = run();
        let texts = HashMap::from([(STATE.to_owned(), "{}".to_owned())]);
        let bytes = serialized(&run.state(), &flattened(&tensors()).unwrap(), texts).unwrap();
        em_io::write_atomically(&run.state(), |file| file.write_all(&bytes)).unwrap();
        let (read, text) = read_state(&run, tch::Device::Cpu).unwrap();
        assert_eq!((read.len(), text.as_str()), (2, "{}"));
    }
}
