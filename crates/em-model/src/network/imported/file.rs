//! The file of an imported network, in the folder of its run.

use std::path::PathBuf;
use std::sync::Arc;

use em_io::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::run::read_file;
use crate::{Error, Result};

/// What runs a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The operators of an ONNX file, on libtorch; the weights lie in `model.safetensors`.
    Onnx,
    /// libtorch's interpreter of TorchScript.
    Torchscript,
}

impl Engine {
    /// Returns the name of the network's file in the folder of a run.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Onnx => "network.onnx",
            Self::Torchscript => "network.pt",
        }
    }
}

/// A file that is known by its digest: it is read when it is needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkFile {
    /// The SHA-256 of its bytes in hexadecimal digits.
    sha256: String,
    #[serde(skip)]
    place: Place,
}

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Unknown,
    File(PathBuf),
    Memory(Arc<[u8]>),
}

/// Files of the same bytes are equal, wherever they lie.
impl PartialEq for NetworkFile {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

/// Far more than networks of images have.
const MOST_BYTES: u64 = 1 << 33;

impl NetworkFile {
    /// Takes bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { sha256: hex(&Sha256::digest(&bytes)), place: Place::Memory(bytes.into()) }
    }

    /// Says where it lies.
    pub(crate) fn set_place(&mut self, path: PathBuf) {
        self.place = Place::File(path);
    }

    /// Reads it, if it is what its digest was made of.
    pub(crate) fn bytes(&self) -> Result<Arc<[u8]>> {
        match &self.place {
            Place::Memory(bytes) => Ok(Arc::clone(bytes)),
            Place::File(path) => {
                let bytes = read_file(path, MOST_BYTES)?;
                if hex(&Sha256::digest(&bytes)) != self.sha256 {
                    return Err(Error::Checksum { path: path.clone(), place: "model.json" });
                }
                Ok(bytes.into())
            }
            Place::Unknown => {
                let problem = "describes an imported network whose file is not known".to_owned();
                Err(Error::RunFile { path: "model.json".into(), problem })
            }
        }
    }
}
