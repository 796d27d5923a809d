//! Which numbers of a file are weights: floats that layers compute with, but no settings of operators.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use tch::Tensor;

use super::data::{has_no_data, is_floating, numel, tensor_of};
use super::error::OnnxError;
use crate::export::proto::{AttributeProto, DataType, GraphProto, NodeProto, TensorProto};

/// Takes the weights out of a graph. Their names, types and shapes stay; everything else has its numbers there.
pub(super) fn separate(
    graph: &mut GraphProto,
    folder: Option<&Path>,
) -> Result<BTreeMap<String, Tensor>, OnnxError> {
    turn_constants_into_initializers(graph);
    let mut used: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    collect_used(&graph.node, &mut used);
    let mut weights = BTreeMap::new();
    for initializer in &mut graph.initializer {
        if can_be_weight(initializer) && used.contains(&initializer.name) {
            let name = initializer.name.clone();
            let tensor = tensor_of(initializer, folder)?;
            *initializer = without_data(initializer);
            if weights.insert(name.clone(), tensor).is_some() {
                return Err(OnnxError::Tensor { name, problem: "is there twice".into() });
            }
        } else if !initializer.external_data.is_empty() || is_weight(initializer) {
            // Without numbers it would look like a weight: it is damaged.
            *initializer = with_data(initializer, &tensor_of(initializer, folder)?)?;
        }
    }
    Ok(weights)
}

/// Names and shapes of the weights of a graph that they were taken out of, in its order.
pub(super) fn names_and_sizes(graph: &GraphProto) -> Result<Vec<(String, Vec<i64>)>, OnnxError> {
    let weights = graph.initializer.iter().filter(|initializer| is_weight(initializer));
    weights.map(|weight| numel(weight).map(|_| (weight.name.clone(), weight.dims.clone()))).collect()
}

/// Whether an initializer of a graph is a weight that was taken out of it.
pub(super) fn is_weight(initializer: &TensorProto) -> bool {
    can_be_weight(initializer) && has_no_data(initializer)
}

/// Floats along at least one axis. Single numbers are those of formulas, as the square root of 2 in GELU.
fn can_be_weight(tensor: &TensorProto) -> bool {
    is_floating(tensor) && !tensor.dims.is_empty() && !tensor.dims.contains(&0)
}

/// Tensors of more than one float are written as nodes too.
fn turn_constants_into_initializers(graph: &mut GraphProto) {
    let value_of = |node: &NodeProto| -> Option<TensorProto> {
        let [AttributeProto { name, t: Some(value), .. }] = node.attribute.as_slice() else { return None };
        let is_tensor = node.op_type == "Constant" && name == "value" && can_be_weight(value);
        let value = (is_tensor && value.dims.iter().any(|&length| length != 1)).then(|| value.clone())?;
        Some(TensorProto { name: node.output.first()?.clone(), ..value })
    };
    let mut values = Vec::new();
    graph.node.retain(|node| match value_of(node) {
        Some(value) => {
            values.push(value);
            false
        }
        None => true,
    });
    graph.initializer.extend(values);
}

/// Collects the values that nodes and their branches compute with.
fn collect_used(nodes: &[NodeProto], used: &mut HashSet<String>) {
    for node in nodes {
        let settings = settings_of(&node.op_type);
        let inputs = node.input.iter().enumerate().filter(|(i, _)| !settings.contains(i));
        used.extend(inputs.map(|(_, name)| name.clone()));
        for branch in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            collect_used(&branch.node, used);
            used.extend(branch.output.iter().map(|output| output.name.clone()));
        }
    }
}

/// Which inputs of an operator are settings and nothing to learn.
fn settings_of(operator: &str) -> &'static [usize] {
    match operator {
        "Resize" => &[1, 2],
        "Upsample" | "Dropout" => &[1],
        "Clip" | "OneHot" => &[1, 2],
        "Pad" => &[2],
        "Range" => &[0, 1, 2],
        _ => &[],
    }
}

fn without_data(tensor: &TensorProto) -> TensorProto {
    TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        data_type: DataType::Float as i32,
        ..Default::default()
    }
}

/// Numbers of another file, in this one.
fn with_data(tensor: &TensorProto, numbers: &Tensor) -> Result<TensorProto, OnnxError> {
    let floating = is_floating(tensor);
    let wrong = |error| OnnxError::Tensor {
        name: tensor.name.clone(),
        problem: format!("is not to be had: {error:?}"),
    };
    let mut held = without_data(tensor);
    if floating {
        held.float_data =
            super::node::numbers_of(numbers).map_err(wrong)?.into_iter().map(|n| n as f32).collect();
        return Ok(held);
    }
    held.data_type = tensor.data_type;
    let integers = super::node::integers_of(numbers).map_err(wrong)?;
    if tensor.data_type == DataType::Int64 as i32 {
        held.int64_data = integers;
    } else {
        // Kinds of at most 32 bits.
        held.int32_data = integers.into_iter().map(|n| n as i32).collect();
    }
    Ok(held)
}
