//! The file of ONNX around the graph of a network.

use prost::Message;

use super::ends::computed;
use super::graph::Graph;
use super::proto::{
    DataType, Dimension, GraphProto, Length, ModelProto, OperatorSetIdProto, StringStringEntryProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use super::{Interface, Takes};
use crate::error::Computed;
use crate::network::UNet;
use crate::{Error, MaskRule, ModelCard};

/// The operators that the graph is made of.
pub const OPSET: i64 = 17;

/// The messages that belong to this opset.
const IR_VERSION: i64 = 8;

/// The key of `metadata_props` that holds `model.json`. Names of weights are those of `model.safetensors`.
pub const CARD_KEY: &str = "model.json";

/// Writes a network.
pub(super) fn written(net: &UNet, card: &ModelCard, rules: &[MaskRule], takes: Takes) -> Computed<Vec<u8>> {
    let model = model(net, card, rules, takes)?;
    let bytes = model.encoded_len();
    if i32::try_from(bytes).is_err() {
        return Err(Error::TooLargeForOnnx { bytes }.into());
    }
    Ok(model.encode_to_vec())
}

/// The messages of a network.
pub(super) fn model(net: &UNet, card: &ModelCard, rules: &[MaskRule], takes: Takes) -> Computed<ModelProto> {
    let interface = Interface::of(card);
    let mut graph = Graph::new(net.parameters(), interface.dimensions);
    let input = match takes {
        Takes::GreyValues => "grey",
        Takes::Normalized => "normalized",
    };
    let output = computed(net, card, takes, &mut graph, input.to_owned())?;
    let Graph { nodes, initializers, .. } = graph;
    let graph = GraphProto {
        node: nodes,
        name: "network".into(),
        initializer: initializers,
        input: vec![value(input.into(), interface.sections, &interface, "")],
        output: vec![value(output, interface.classes.len(), &interface, output_prefix(&interface))],
        ..Default::default()
    };
    Ok(ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        producer_name: env!("CARGO_PKG_NAME").into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        model_version: 1,
        doc_string: described(card, takes),
        graph: Some(graph),
        metadata_props: metadata(card, rules, takes, &interface),
        ..Default::default()
    })
}

/// Lengths have a name of their own where the output is shorter than the input.
fn output_prefix(interface: &Interface) -> &'static str {
    if interface.margin == [0; 3] { "" } else { "output_" }
}

/// Input or output, `[batch, channels, (z,) y, x]`.
fn value(name: String, channels: usize, interface: &Interface, prefix: &str) -> ValueInfoProto {
    let dimension = |length| Dimension { value: Some(length) };
    let space = interface.of_space(["depth", "height", "width"]);
    let mut dim = vec![dimension(Length::Param("batch".into())), dimension(Length::Value(channels as i64))];
    dim.extend(space.iter().map(|name| dimension(Length::Param(format!("{prefix}{name}")))));
    let shape = Some(TensorShapeProto { dim });
    let tensor_type = Some(TensorTypeProto { elem_type: DataType::Float as i32, shape });
    ValueInfoProto { name, r#type: Some(TypeProto { tensor_type }), doc_string: String::new() }
}

fn described(card: &ModelCard, takes: Takes) -> String {
    let input = match takes {
        Takes::GreyValues => "grey values, which are normalised inside",
        Takes::Normalized => "normalised grey values",
    };
    format!("Probabilities of {} in {input}, of electron micrographs.", card.classes.join(", "))
}

/// What a program needs besides the graph: numbers and lists are JSON, lengths `[z, y, x]` in voxels.
fn metadata(
    card: &ModelCard,
    rules: &[MaskRule],
    takes: Takes,
    interface: &Interface,
) -> Vec<StringStringEntryProto> {
    let thresholds: Vec<f32> = rules.iter().map(|rule| rule.threshold).collect();
    let entries = [
        ("classes", json(&card.classes)),
        ("thresholds", json(&thresholds)),
        ("smallest", json(&interface.smallest)),
        ("step", json(&interface.step)),
        ("margin", json(&interface.margin)),
        ("halo", json(&interface.halo)),
        ("voxel_size_nm", json(&card.voxel_size_nm)),
        ("normalization", json(&card.normalization)),
        ("normalizes", json(&(takes == Takes::GreyValues))),
        (CARD_KEY, json(card)),
    ];
    let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.into(), value };
    entries.into_iter().map(entry).collect()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a card has no maps with keys other than text")
}
