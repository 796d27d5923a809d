//! What a file is that a network is to be imported from: by its bytes, since endings say little.

use std::io::Cursor;
use std::path::Path;

use zip::ZipArchive;

use crate::error::{Context, Result, UserError};

/// What a network is imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Onnx,
    Torchscript,
}

/// Reads a file whole.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    if em_io::place::is_address(path) {
        let message = format!("`{}` is an address, expected a file", path.display());
        return Err(UserError::new(message, "download it first").into());
    }
    if path.is_dir() {
        let message = format!("`{}` is a folder, expected a file", path.display());
        return Err(UserError::new(message, "name the .onnx, .pt or .zip in it").into());
    }
    std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}

impl FileKind {
    /// Tells what bytes are.
    pub fn of(path: &Path, bytes: &[u8]) -> Result<Self> {
        let Ok(archive) = ZipArchive::new(Cursor::new(bytes)) else {
            return if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
                Ok(Self::Onnx)
            } else {
                Err(unknown(path))
            };
        };
        let is_script = archive.file_names().any(|name| name.ends_with("/constants.pkl"));
        if is_script { Ok(Self::Torchscript) } else { Err(unknown(path)) }
    }
}

fn unknown(path: &Path) -> crate::Error {
    let message = format!("`{}` is no network that can be imported", path.display());
    let hint = "expected ONNX (.onnx), TorchScript (.pt, of torch.jit.save) or a package of the BioImage Model Zoo (.zip)";
    UserError::new(message, hint).into()
}
