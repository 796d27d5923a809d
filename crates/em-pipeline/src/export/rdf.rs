//! The description in a package of the BioImage Model Zoo, `rdf.yaml`, version 0.5.
//!
//! Fields are those of `bioimageio.spec` 0.5 as far as networks of images have them; others are left out when a
//! description is read. What is written is JSON, which is YAML, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version that is written: the earliest with all that is in it, so that most programs read it.
pub const FORMAT_VERSION: &str = "0.5.3";

/// A description of a network with its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// `0.5.x`.
    pub format_version: String,
    /// `model`.
    pub r#type: String,
    /// 5 to 128 letters, digits and `_+- ()`.
    pub name: String,
    /// Up to 1024 characters.
    #[serde(default)]
    pub description: String,
    /// Who made it; at least one.
    #[serde(default)]
    pub authors: Vec<Author>,
    /// What to cite; at least one.
    #[serde(default)]
    pub cite: Vec<Citation>,
    /// An SPDX identifier.
    #[serde(default)]
    pub license: Option<String>,
    /// A file in Markdown.
    #[serde(default)]
    pub documentation: Option<Source>,
    /// Pictures that show what it does.
    #[serde(default)]
    pub covers: Vec<Source>,
    /// Words that it is found by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When it was made, as in ISO 8601.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// What goes in.
    pub inputs: Vec<InputTensor>,
    /// What comes out.
    pub outputs: Vec<OutputTensor>,
    /// The weights, in one or several formats that are equal otherwise.
    pub weights: Weights,
    /// What programs keep for themselves, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, Value>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The name.
    pub name: String,
    /// Where the person works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliation: Option<String>,
}

/// Something to cite, with a DOI or an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// How it is cited.
    pub text: String,
    /// Its DOI, as `10.1000/182`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doi: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A file, by its name in the package or by an address; the digest is known for what is in the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// By its name alone.
    Named(String),
    /// With its digest.
    Digested(File),
}

impl Source {
    /// Returns the name or address.
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Digested(file) => &file.source,
        }
    }
}

/// A file and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name in the package, or its address.
    pub source: String,
    /// The SHA-256 of its bytes in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What goes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputTensor {
    /// Its name.
    pub id: String,
    /// What it is, in up to 128 characters.
    #[serde(default)]
    pub description: String,
    /// Its axes.
    pub axes: Vec<Axis>,
    /// An array of NumPy to test with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_tensor: Option<Source>,
    /// A picture to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_tensor: Option<Source>,
    /// The numbers in it.
    #[serde(default)]
    pub data: Data,
    /// What is done with it before it goes in, in this order.
    #[serde(default)]
    pub preprocessing: Vec<Step>,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputTensor {
    /// Its name.
    pub id: String,
    /// What it is, in up to 128 characters.
    #[serde(default)]
    pub description: String,
    /// Its axes.
    pub axes: Vec<Axis>,
    /// An array of NumPy to test with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_tensor: Option<Source>,
    /// A picture to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_tensor: Option<Source>,
    /// The numbers in it.
    #[serde(default)]
    pub data: Data,
    /// What is done with it when it comes out, in this order.
    #[serde(default)]
    pub postprocessing: Vec<Step>,
}

/// The numbers of a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "AnyData")]
pub struct Data {
    /// Their type, as `float32`.
    pub r#type: String,
    /// The least and the largest, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[Option<f64>; 2]>,
}

impl Default for Data {
    fn default() -> Self {
        Self { r#type: "float32".into(), range: None }
    }
}

/// What others write for the numbers of a tensor: once, or for each channel, whose types are the same.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyData {
    One(WideData),
    Each(Vec<WideData>),
}

#[derive(Deserialize)]
struct WideData {
    r#type: Option<String>,
    /// Numbers, nothing, or words as `inf`.
    range: Option<Value>,
    /// Those that there are, in place of a range.
    values: Option<Value>,
}

impl From<WideData> for Data {
    fn from(read: WideData) -> Self {
        let without = if read.values.is_some() { "uint8" } else { "float32" };
        let range = match read.range.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
            Some([least, largest]) => Some([least.as_f64(), largest.as_f64()]),
            _ => None,
        };
        Self { r#type: read.r#type.unwrap_or_else(|| without.into()), range }
    }
}

impl From<AnyData> for Data {
    fn from(read: AnyData) -> Self {
        match read {
            AnyData::One(data) => data.into(),
            AnyData::Each(channels) => {
                let channels: Vec<Self> = channels.into_iter().map(Self::from).collect();
                let Some(first) = channels.first().cloned() else { return Self::default() };
                let range = first.range.filter(|_| channels.iter().all(|data| data.range == first.range));
                Self { range, ..first }
            }
        }
    }
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Axis {
    /// Images that have nothing to do with each other.
    Batch {
        /// `batch`.
        #[serde(default = "batch")]
        id: String,
        /// 1 where it can have no more of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<usize>,
    },
    /// Channels.
    Channel {
        /// `channel`.
        #[serde(default = "channel")]
        id: String,
        /// Their names, which are identifiers.
        channel_names: Vec<String>,
    },
    /// Space.
    Space {
        /// `x`, `y` or `z`.
        #[serde(default = "x")]
        id: String,
        /// How long it is, in voxels.
        size: Size,
        /// The unit of `scale`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// The edge of a voxel.
        #[serde(default = "one")]
        scale: f64,
        /// Voxels of an output at each end that are not as good as the others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        halo: Option<usize>,
    },
    /// Anything else, which networks of images have rarely.
    #[serde(untagged)]
    Other(BTreeMap<String, Value>),
}

fn batch() -> String {
    "batch".into()
}

fn channel() -> String {
    "channel".into()
}

fn x() -> String {
    "x".into()
}

fn one() -> f64 {
    1.0
}

/// How long an axis is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// So many voxels.
    Fixed(usize),
    /// `min + n * step` for any `n` from 0.
    Parameterized {
        /// The least.
        min: usize,
        /// What longer ones are longer by.
        step: usize,
    },
    /// As long as another axis, on the scale of this one, and some more.
    Reference {
        /// The tensor of that axis.
        tensor_id: String,
        /// The axis.
        axis_id: String,
        /// What is added.
        #[serde(default)]
        offset: i64,
    },
}

/// A step before or behind a network: an operation by its name, and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The operation.
    pub id: String,
    /// The settings.
    #[serde(default)]
    pub kwargs: Value,
}

impl Step {
    /// Makes a step.
    pub fn new(id: &str, kwargs: Value) -> Self {
        Self { id: id.into(), kwargs }
    }
}

/// The weights in each format that there is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// As ONNX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<OnnxWeights>,
    /// As TorchScript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torchscript: Option<TorchscriptWeights>,
    /// In formats that are not read here.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// Weights as ONNX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnnxWeights {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// The version of the operators.
    pub opset_version: i64,
    /// The weights, where they are not in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_data: Option<File>,
}

/// Weights as TorchScript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorchscriptWeights {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// The version of PyTorch.
    pub pytorch_version: String,
    /// The format that these were made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_of_others_is_read_and_keeps_what_is_known() {
        // As bioimageio.spec writes them, with fields and axes that are not ours.
        let text = r#"{
          "format_version": "0.5.4", "type": "model", "name": "Any model", "description": "",
          "id": "affable-shark", "git_repo": "https://example.org", "cite": [{"text": "A", "doi": "10.1/2"}],
          "documentation": "README.md", "covers": [{"source": "cover.png", "sha256": "00"}],
          "inputs": [{"id": "raw", "axes": [{"type": "batch"}, {"type": "time", "id": "t", "size": 3},
            {"type": "channel", "channel_names": ["a"]},
            {"type": "space", "id": "y", "size": {"min": 64, "step": 16}, "concatenable": false}],
            "data": {"type": "uint8", "unit": "arbitrary unit"},
            "preprocessing": [{"id": "sigmoid"}]}],
          "outputs": [{"id": "p", "axes": [
            {"type": "space", "id": "y", "size": {"tensor_id": "raw", "axis_id": "y"}, "halo": 16}]}],
          "weights": {"pytorch_state_dict": {"source": "w.pt"}, "onnx": {"source": "w.onnx", "opset_version": 15}}
        }"#;
        let read: ModelDescription = serde_json::from_str(text).unwrap();
        assert_eq!(read.documentation.as_ref().unwrap().name(), "README.md");
        let axes = &read.inputs[0].axes;
        assert!(matches!(&axes[1], Axis::Other(fields) if fields["type"] == "time"), "{axes:?}");
        assert!(matches!(&axes[2], Axis::Channel { id, .. } if id == "channel"), "{axes:?}");
        let size = Size::Parameterized { min: 64, step: 16 };
        assert!(
            matches!(&axes[3], Axis::Space { size: found, scale: 1.0, .. } if *found == size),
            "{axes:?}"
        );
        let reference = Size::Reference { tensor_id: "raw".into(), axis_id: "y".into(), offset: 0 };
        let output = &read.outputs[0].axes[0];
        assert!(
            matches!(output, Axis::Space { size, halo: Some(16), .. } if *size == reference),
            "{output:?}"
        );
        assert_eq!(read.weights.onnx.as_ref().unwrap().opset_version, 15);
        assert!(read.weights.others.contains_key("pytorch_state_dict"));
        let again: ModelDescription = serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }
}
