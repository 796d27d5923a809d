//! Small graphs of one or two nodes: what they compute, and what is said of damaged ones.

mod layers;
mod numbers;
mod reading;

use prost::Message;
use tch::{Kind, Tensor};

use super::{OnnxError, OnnxNetwork};
use crate::Error;
use crate::export::proto::{
    AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

fn floats(values: &[f32], shape: &[i64]) -> Tensor {
    Tensor::from_slice(values).reshape(shape)
}

fn integers(values: &[i64]) -> Tensor {
    Tensor::from_slice(values)
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let r#type = AttributeType::Ints as i32;
    AttributeProto { name: name.into(), r#type, ints: values.into(), ..Default::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    let r#type = AttributeType::Int as i32;
    AttributeProto { name: name.into(), r#type, i: value, ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    let r#type = AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: value, ..Default::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let r#type = AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type, s: value.into(), ..Default::default() }
}

fn graph_attribute(name: &str, graph: GraphProto) -> AttributeProto {
    let r#type = AttributeType::Graph as i32;
    AttributeProto { name: name.into(), r#type, g: Some(graph), ..Default::default() }
}

/// A node whose inputs and outputs are names with spaces between; `-` is left out.
fn node(operator: &str, inputs: &str, outputs: &str, attributes: &[AttributeProto]) -> NodeProto {
    let names = |text: &str| text.split_whitespace().map(|name| name.replace('-', "")).collect();
    NodeProto {
        op_type: operator.into(),
        input: names(inputs),
        output: names(outputs),
        name: format!("the_{}", operator.to_lowercase()),
        attribute: attributes.into(),
        ..Default::default()
    }
}

fn value(name: &str, elem_type: DataType) -> ValueInfoProto {
    let tensor_type = Some(TensorTypeProto { elem_type: elem_type as i32, shape: None });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }), ..Default::default() }
}

fn initializer(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let data_type = DataType::Float as i32;
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type,
        float_data: values.into(),
        ..Default::default()
    }
}

/// A graph of floats; names have spaces between.
fn graph(inputs: &str, nodes: Vec<NodeProto>, initializers: Vec<TensorProto>, outputs: &str) -> GraphProto {
    let values = |names: &str| names.split_whitespace().map(|name| value(name, DataType::Float)).collect();
    GraphProto {
        input: values(inputs),
        node: nodes,
        initializer: initializers,
        output: values(outputs),
        ..Default::default()
    }
}

fn model(opset: i64, graph: GraphProto) -> ModelProto {
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..Default::default() }
}

/// Reads a network without weights.
fn read(model: &ModelProto) -> Result<OnnxNetwork, OnnxError> {
    OnnxNetwork::read(&model.encode_to_vec(), None).map(|(network, _)| network)
}

fn run(network: &OnnxNetwork, weights: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    network.run(weights, inputs).map_err(|failure| Error::from(failure).to_string())
}

/// Applies one operator; what is left out of its inputs is nothing.
fn applied(
    operator: &str,
    opset: i64,
    inputs: &[Option<Tensor>],
    attributes: &[AttributeProto],
) -> Result<Tensor, String> {
    let name = |(i, input): (usize, &Option<Tensor>)| input.as_ref().map_or("-".into(), |_| format!("x{i}"));
    let names: Vec<String> = inputs.iter().enumerate().map(name).collect();
    let type_of = |tensor: &Tensor| match tensor.kind() {
        Kind::Int64 => DataType::Int64,
        Kind::Bool => DataType::Bool,
        _ => DataType::Float,
    };
    let given = inputs.iter().zip(&names).filter_map(|(input, name)| Some((name, input.as_ref()?)));
    let values = given.clone().map(|(name, input)| value(name, type_of(input))).collect();
    let mut graph = graph("", vec![node(operator, &names.join(" "), "y", attributes)], Vec::new(), "y");
    graph.input = values;
    let network = read(&model(opset, graph)).map_err(|error| error.to_string())?;
    let given: Vec<Tensor> = given.map(|(_, input)| input.shallow_clone()).collect();
    run(&network, &[], &given).map(|mut outputs| outputs.remove(0))
}

/// Checks the numbers of a tensor.
#[track_caller]
fn check(found: Result<Tensor, String>, shape: &[i64], numbers: &[f64]) {
    let found = found.unwrap();
    assert_eq!(found.size(), shape);
    let flat = Vec::<f64>::try_from(found.to_kind(Kind::Double).reshape(-1)).unwrap();
    let near = flat.iter().zip(numbers).all(|(found, expected)| (found - expected).abs() < 1e-4);
    assert!(near && flat.len() == numbers.len(), "{flat:?}, expected {numbers:?}");
}
