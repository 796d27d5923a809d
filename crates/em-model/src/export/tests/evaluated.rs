//! The operators of our graphs on tensors, by what onnx.ai says of each: a second opinion without ONNX Runtime.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use crate::export::proto::{AttributeProto, DataType, ModelProto, NodeProto, TensorProto};

/// Computes the output of a graph with one input.
pub fn evaluated(model: &ModelProto, input: &Tensor) -> Tensor {
    let _guard = tch::no_grad_guard();
    let graph = model.graph.as_ref().unwrap();
    let mut values: HashMap<&str, Tensor> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), known(tensor))).collect();
    values.insert(&graph.input[0].name, input.shallow_clone());
    for node in &graph.node {
        let inputs: Vec<&Tensor> = node.input.iter().map(|name| &values[name.as_str()]).collect();
        let output = applied(node, &inputs);
        values.insert(&node.output[0], output);
    }
    values.remove(graph.output[0].name.as_str()).unwrap()
}

fn known(tensor: &TensorProto) -> Tensor {
    let bytes = &tensor.raw_data;
    let flat = match DataType::try_from(tensor.data_type).unwrap() {
        DataType::Float => {
            let numbers = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four));
            Tensor::from_slice(&numbers.collect::<Vec<_>>())
        }
        DataType::Int64 => {
            let numbers = bytes.as_chunks().0.iter().map(|eight| i64::from_le_bytes(*eight));
            Tensor::from_slice(&numbers.collect::<Vec<_>>())
        }
        other => panic!("`{}` is {other:?}", tensor.name),
    };
    flat.view(tensor.dims.as_slice())
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn ints(node: &NodeProto, name: &str) -> Vec<i64> {
    attribute(node, name).unwrap().ints.clone()
}

fn numbers(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor).unwrap()
}

fn shape_of(tensor: &Tensor) -> Tensor {
    Tensor::from_slice(&tensor.size())
}

fn applied(node: &NodeProto, inputs: &[&Tensor]) -> Tensor {
    let x = inputs[0];
    let epsilon = || f64::from(attribute(node, "epsilon").unwrap().f);
    match node.op_type.as_str() {
        "Conv" | "ConvTranspose" | "MaxPool" => windowed(node, inputs),
        "BatchNormalization" => {
            let [gain, shift, mean, variance] = [1, 2, 3, 4].map(|place| Some(inputs[place]));
            x.batch_norm(gain, shift, mean, variance, false, 0.0, epsilon(), true)
        }
        "InstanceNormalization" => {
            let axes: Vec<i64> = (2..x.dim() as i64).collect();
            let mean = x.mean_dim(axes.as_slice(), true, Kind::Float);
            let variance = (x - &mean).square().mean_dim(axes.as_slice(), true, Kind::Float);
            let by_channel: Vec<i64> = [1, -1].into_iter().chain(axes.iter().map(|_| 1)).collect();
            let [gain, shift] = [inputs[1], inputs[2]].map(|tensor| tensor.view(by_channel.as_slice()));
            (x - mean) / (variance + epsilon()).sqrt() * gain + shift
        }
        "Relu" => x.relu(),
        "Elu" => {
            let alpha = f64::from(attribute(node, "alpha").unwrap().f);
            x.clamp_min(0.0) + (x.clamp_max(0.0).exp() - 1.0) * alpha
        }
        "LeakyRelu" => {
            let alpha = f64::from(attribute(node, "alpha").unwrap().f);
            x.clamp_min(0.0) + x.clamp_max(0.0) * alpha
        }
        "Sigmoid" => x.sigmoid(),
        "Softmax" => x.softmax(attribute(node, "axis").unwrap().i, Kind::Float),
        "Concat" => Tensor::cat(inputs, attribute(node, "axis").unwrap().i),
        "Add" => x + inputs[1],
        "Mul" => x * inputs[1],
        "Div" => x / inputs[1],
        "Neg" => -x,
        // That of Python: the sign is the divisor's.
        "Mod" => x.remainder_tensor(inputs[1]),
        "Equal" => x.eq_tensor(inputs[1]),
        "Where" => inputs[1].where_self(x, inputs[2]),
        "Clip" => x.clamp_tensor(Some(inputs[1]), Some(inputs[2])),
        "Shape" => shape_of(x),
        "Unsqueeze" => {
            numbers(inputs[1]).into_iter().fold(x.shallow_clone(), |tensor, axis| tensor.unsqueeze(axis))
        }
        "Reshape" => reshaped(x, &numbers(inputs[1])),
        "ReduceL2" => x.square().sum_dim_intlist(ints(node, "axes").as_slice(), true, Kind::Float).sqrt(),
        "Pad" => {
            let pads = numbers(inputs[1]);
            let (before, behind) = pads.split_at(pads.len() / 2);
            // The last axis first.
            let pads: Vec<i64> = before.iter().zip(behind).rev().flat_map(|(a, b)| [*a, *b]).collect();
            x.constant_pad_nd(pads.as_slice())
        }
        "Slice" => {
            let [starts, ends, axes] = [1, 2, 3].map(|place| numbers(inputs[place]));
            let cuts = starts.into_iter().zip(ends).zip(axes);
            cuts.fold(x.shallow_clone(), |x, ((start, end), axis)| x.slice(axis, start, end, 1))
        }
        other => panic!("no operator `{other}`"),
    }
}

fn windowed(node: &NodeProto, inputs: &[&Tensor]) -> Tensor {
    let (x, kernel) = (inputs[0], ints(node, "kernel_shape"));
    let (ones, zeros) = (vec![1; kernel.len()], vec![0; kernel.len()]);
    if node.op_type == "MaxPool" {
        let strides = ints(node, "strides");
        return match kernel.len() {
            2 => x.max_pool2d(&kernel, &strides, &zeros, &ones, false),
            _ => x.max_pool3d(&kernel, &strides, &zeros, &ones, false),
        };
    }
    assert_eq!(inputs[1].size()[2..], kernel);
    let bias = inputs.get(2).copied();
    if node.op_type == "ConvTranspose" {
        let strides = ints(node, "strides");
        return x.convolution(inputs[1], bias, &strides, &zeros, &ones, true, &zeros, 1);
    }
    let pads = ints(node, "pads");
    let (before, behind) = pads.split_at(kernel.len());
    assert_eq!(before, behind);
    x.convolution(inputs[1], bias, &ones, before, &ones, false, &zeros, 1)
}

/// 0 keeps the length of an axis.
fn reshaped(x: &Tensor, shape: &[i64]) -> Tensor {
    let kept =
        shape.iter().enumerate().map(|(axis, &length)| if length == 0 { x.size()[axis] } else { length });
    x.reshape(kept.collect::<Vec<_>>().as_slice())
}
