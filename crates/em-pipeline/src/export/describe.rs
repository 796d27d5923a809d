//! The description of a run's network, `rdf.yaml`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use em_model::export::OPSET;
use em_model::{ExportedNetwork, Interface, LIBTORCH_VERSION};
use serde_json::json;

use super::example::smallest;
use super::normalizing::Normalizing;
use super::rdf::{
    Axis, Data, FORMAT_VERSION, File, InputTensor, ModelDescription, OnnxWeights, OutputTensor, Size, Source,
    TorchscriptWeights, Weights,
};
use super::words::PackageWords;
use crate::report::page::day;

/// The tensors' names.
const INPUT: &str = "raw";
const OUTPUT: &str = "probabilities";

/// The names of the files in a package.
pub(super) mod files {
    pub const RDF: &str = "rdf.yaml";
    pub const README: &str = "README.md";
    pub const COVER: &str = "cover.png";
    pub const ONNX: &str = "network.onnx";
    pub const TORCHSCRIPT: &str = "network.pt";
    pub const TEST_INPUT: &str = "test_input.npy";
    pub const TEST_OUTPUT: &str = "test_output.npy";
    pub const SAMPLE_INPUT: &str = "sample_input.tif";
    pub const SAMPLE_OUTPUT: &str = "sample_output.tif";
}

/// Describes a network whose files have these digests.
pub(super) fn described(
    network: &ExportedNetwork,
    words: &PackageWords,
    normalizing: &Normalizing,
    digests: &BTreeMap<&str, String>,
) -> ModelDescription {
    let card = network.card();
    let architecture = &card.architecture;
    let file = |name: &str| File { source: name.into(), sha256: digests.get(name).cloned() };
    let source = |name: &str| Source::Digested(file(name));
    let tensor = Tensors { network, interface: network.interface() };
    let axes = tensor.names();
    let normalized: Vec<&str> = std::iter::once("channel").chain(axes.iter().copied()).collect();
    ModelDescription {
        format_version: FORMAT_VERSION.into(),
        r#type: "model".into(),
        name: words.name(&card.classes),
        description: words.description(architecture, &card.classes),
        authors: words.authors.clone(),
        cite: words.citations(architecture),
        license: words.license.clone(),
        documentation: Some(source(files::README)),
        covers: vec![source(files::COVER)],
        tags: tags(architecture.dimensions),
        timestamp: Some(now()),
        inputs: vec![InputTensor {
            id: INPUT.into(),
            description: "grey values of an electron micrograph".into(),
            axes: tensor.input(),
            test_tensor: Some(source(files::TEST_INPUT)),
            sample_tensor: Some(source(files::SAMPLE_INPUT)),
            data: Data::default(),
            preprocessing: normalizing.steps(&normalized),
        }],
        outputs: vec![OutputTensor {
            id: OUTPUT.into(),
            description: "probabilities of the classes".into(),
            axes: tensor.output(),
            test_tensor: Some(source(files::TEST_OUTPUT)),
            sample_tensor: Some(source(files::SAMPLE_OUTPUT)),
            data: Data { range: Some([Some(0.0), Some(1.0)]), ..Data::default() },
            // Sigmoid or softmax are inside.
            postprocessing: Vec::new(),
        }],
        weights: Weights {
            onnx: Some(OnnxWeights { file: file(files::ONNX), opset_version: OPSET, external_data: None }),
            torchscript: Some(TorchscriptWeights {
                file: file(files::TORCHSCRIPT),
                pytorch_version: LIBTORCH_VERSION.into(),
                parent: Some("onnx".into()),
            }),
            others: BTreeMap::new(),
        },
        config: BTreeMap::from([("em_cli".into(), tensor.kept())]),
    }
}

fn tags(dimensions: usize) -> Vec<String> {
    let tags = ["electron-microscopy", "semantic-segmentation", "unet", "em-cli"];
    tags.map(str::to_owned).into_iter().chain([format!("{dimensions}d")]).collect()
}

/// The time now, as in ISO 8601.
fn now() -> String {
    let time = SystemTime::now();
    let of_day = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()) % 86_400;
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{}T{hours:02}:{minutes:02}:{seconds:02}+00:00", day(time))
}

/// The tensors of a network.
struct Tensors<'a> {
    network: &'a ExportedNetwork,
    interface: Interface,
}

impl Tensors<'_> {
    /// The axes of space, with their numbers among z, y and x.
    fn axes(&self) -> Vec<(usize, &'static str)> {
        self.interface.of_space([(0, "z"), (1, "y"), (2, "x")])
    }

    fn names(&self) -> Vec<&'static str> {
        self.interface.of_space(["z", "y", "x"])
    }

    /// Unit and edge of a voxel along an axis.
    fn scale(&self, axis: usize) -> (Option<String>, f64) {
        match self.network.card().voxel_size_nm {
            Some(nm) => (Some("nanometer".into()), nm[axis]),
            None => (None, 1.0),
        }
    }

    fn input(&self) -> Vec<Axis> {
        let smallest = smallest(self.network);
        let space = self.axes().into_iter().map(|(axis, name)| {
            let (unit, scale) = self.scale(axis);
            let size = Size::Parameterized { min: smallest[axis], step: self.interface.step[axis] };
            Axis::Space { id: name.into(), size, unit, scale, halo: None }
        });
        with_channels(sections(self.interface.sections), space)
    }

    fn output(&self) -> Vec<Axis> {
        let space = self.axes().into_iter().map(|(axis, name)| {
            let (unit, scale) = self.scale(axis);
            // Margins are a few hundred voxels.
            let offset = -2 * self.interface.margin[axis] as i64;
            let size = Size::Reference { tensor_id: INPUT.into(), axis_id: name.into(), offset };
            let halo = Some(self.interface.halo[axis]).filter(|&halo| halo > 0);
            Axis::Space { id: name.into(), size, unit, scale, halo }
        });
        with_channels(identifiers(&self.interface.classes), space)
    }

    /// What em-cli itself would want to know again, as the names of classes that are no identifiers.
    fn kept(&self) -> serde_json::Value {
        let thresholds: Vec<f32> = self.network.rules().iter().map(|rule| rule.threshold).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "classes": self.interface.classes,
            "thresholds": thresholds,
            "normalization": self.network.card().normalization,
            "voxel_size_nm": self.network.card().voxel_size_nm,
        })
    }
}

fn with_channels(names: Vec<String>, space: impl Iterator<Item = Axis>) -> Vec<Axis> {
    let channel = Axis::Channel { id: "channel".into(), channel_names: names };
    [Axis::Batch { id: "batch".into(), size: None }, channel].into_iter().chain(space).collect()
}

/// The names of the sections that go in, the middle one being `section_0`.
fn sections(count: usize) -> Vec<String> {
    let middle = count / 2;
    let name = |number: usize| match number {
        number if number < middle => format!("section_before_{}", middle - number),
        number if number > middle => format!("section_behind_{}", number - middle),
        _ => "section_0".into(),
    };
    (0..count).map(name).collect()
}

/// Classes as identifiers of Python, which the names of channels have to be; each its own.
fn identifiers(classes: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(classes.len());
    for class in classes {
        let plain: String = class.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // A digit is no beginning; a keyword has no underscore at its end.
        let mut name = match plain.chars().next() {
            Some(first) if first.is_ascii_digit() => format!("class_{plain}"),
            _ if KEYWORDS.contains(&plain.as_str()) => format!("{plain}_"),
            _ => plain,
        };
        while names.contains(&name) {
            name.push('_');
        }
        names.push(name);
    }
    names
}

/// Python's, which are no identifiers.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_identifiers_of_their_own() {
        let classes = ["mitochondria", "a-b", "a b", "class", "3rd", "ö"].map(str::to_owned);
        assert_eq!(identifiers(&classes), ["mitochondria", "a_b", "a_b_", "class_", "class_3rd", "_"]);
        assert_eq!(sections(1), ["section_0"]);
        assert_eq!(sections(3), ["section_before_1", "section_0", "section_behind_1"]);
    }
}
