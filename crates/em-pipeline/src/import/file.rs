//! What a file is that a network is to be imported from: by its bytes, since endings say little.

use std::fs::File;
use std::path::Path;

use zip::ZipArchive;

use crate::error::{Context, Result, UserError};

/// What a network is imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Onnx,
    Torchscript,
    /// A package of the BioImage Model Zoo, zipped or not.
    Package,
    /// Weights of PyTorch alone.
    Weights,
}

/// Names of a package's description.
const DESCRIPTIONS: [&str; 3] = ["rdf.yaml", "bioimageio.yaml", "model.yaml"];

impl FileKind {
    /// Tells what a file or folder is.
    pub fn of(path: &Path) -> Result<Self> {
        let shown = path.display();
        if em_io::place::is_address(path) {
            let message = format!("`{shown}` is an address, expected a file");
            return Err(UserError::new(message, "download it first").into());
        }
        if path.is_dir() {
            if DESCRIPTIONS.iter().any(|name| path.join(name).is_file()) {
                return Ok(Self::Package);
            }
            let message = format!("`{shown}` is a folder, and no package of the BioImage Model Zoo");
            return Err(UserError::new(message, "name the .onnx, .pt or .zip in it").into());
        }
        let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let Ok(archive) = ZipArchive::new(file) else {
            return match ending.as_str() {
                "onnx" => Ok(Self::Onnx),
                // Files of PyTorch before 2020 are no archives; what reads weights says what to do with them.
                "safetensors" | "pth" | "pt" | "ckpt" | "bin" => Ok(Self::Weights),
                _ => Err(unknown(path)),
            };
        };
        let holds = |ends: &[&str]| {
            let names = archive.file_names().filter_map(Result::ok);
            names.into_iter().any(|name| ends.iter().any(|end| name.ends_with(end)))
        };
        if holds(&DESCRIPTIONS) {
            Ok(Self::Package)
        } else if holds(&["/constants.pkl"]) {
            Ok(Self::Torchscript)
        } else if holds(&["/data.pkl"]) {
            Ok(Self::Weights)
        } else {
            Err(unknown(path))
        }
    }
}

fn unknown(path: &Path) -> crate::Error {
    let message = format!("`{}` is no network that can be imported", path.display());
    let hint = "expected ONNX (.onnx), TorchScript (.pt), a package of the BioImage Model Zoo (.zip) or weights of \
                PyTorch (.pt, .pth, .safetensors)";
    UserError::new(message, hint).into()
}
