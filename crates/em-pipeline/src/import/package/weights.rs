//! Which weights of a package are taken, and their bytes.

use em_io::hex;
use sha2::{Digest, Sha256};

use super::Place;
use super::archive::{Files, MOST_WEIGHTS_BYTES};
use crate::error::Result;
use crate::export::rdf::{File, Weights};

/// The weights that are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WeightsFile {
    /// What the bytes are.
    pub format: WeightsFormat,
    /// The file's name in the package.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Where a file of ONNX has its numbers in another one.
    pub external: Option<ExternalData>,
}

/// A file with the numbers of a file of ONNX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExternalData {
    /// Its name in the package, by which the other one refers to it.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The formats that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightsFormat {
    /// ONNX, which is taken where there are both: it holds no program.
    Onnx,
    /// TorchScript.
    TorchScript,
}

/// Reads the weights of a package, and checks the digests that it tells.
pub(super) fn taken(weights: &Weights, files: &mut Files, place: Place<'_>) -> Result<WeightsFile> {
    let (format, file) = match (&weights.onnx, &weights.torchscript) {
        (Some(onnx), _) => (WeightsFormat::Onnx, &onnx.file),
        (None, Some(torchscript)) => (WeightsFormat::TorchScript, &torchscript.file),
        (None, None) => {
            let found: Vec<&str> = weights.others.keys().map(String::as_str).collect();
            let found = if found.is_empty() { "no format".into() } else { found.join(", ") };
            let hint = "weights without their network need the Python code that they belong to: export it as ONNX \
                        there (bioimageio.core's `add_weights`, or torch.onnx.export), and add that to the package";
            let problem = format!("has weights as {found}, expected onnx or torchscript");
            return Err(place.problem(problem, hint));
        }
    };
    let bytes = checked(file, files, place)?;
    let external = match weights.onnx.as_ref().and_then(|onnx| onnx.external_data.as_ref()) {
        None => None,
        Some(file) => Some(ExternalData { name: file.source.clone(), bytes: checked(file, files, place)? }),
    };
    Ok(WeightsFile { format, name: file.source.clone(), bytes, external })
}

fn checked(file: &File, files: &mut Files, place: Place<'_>) -> Result<Vec<u8>> {
    let bytes = files.read(&file.source, MOST_WEIGHTS_BYTES)?;
    let Some(expected) = &file.sha256 else { return Ok(bytes) };
    let found = hex(&Sha256::digest(&bytes));
    if !found.eq_ignore_ascii_case(expected.trim()) {
        let problem = format!("`{}` has the SHA-256 {found}, expected {expected}", file.source);
        let hint = "download the package again: the file is damaged, or not the one that was described";
        return Err(place.problem(problem, hint));
    }
    Ok(bytes)
}
