//! The operators of the graphs, computed as plainly as can be.

use std::collections::HashMap;

use em_model::export::proto::{DataType, ModelProto, NodeProto, TensorProto};

use super::Tensor;

/// Computes the output of a graph.
pub(super) fn run(model: &ModelProto, input: &Tensor) -> Tensor {
    let graph = model.graph.as_ref().unwrap();
    let mut values: HashMap<&str, Tensor> = HashMap::from([(graph.input[0].name.as_str(), input.clone())]);
    for tensor in graph.initializer.iter().filter(|tensor| tensor.data_type == DataType::Float as i32) {
        assert!(values.insert(&tensor.name, numbers(tensor)).is_none(), "{} is there twice", tensor.name);
    }
    for node in &graph.node {
        let inputs: Vec<&Tensor> = node.input.iter().map(|name| &values[name.as_str()]).collect();
        let output = computed(node, &inputs);
        assert!(values.insert(&node.output[0], output).is_none(), "{} is there twice", node.output[0]);
    }
    values.remove(graph.output[0].name.as_str()).unwrap()
}

fn numbers(tensor: &TensorProto) -> Tensor {
    let shape = tensor.dims.iter().map(|&length| length as usize).collect();
    let values = tensor.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Tensor { shape, values }
}

fn computed(node: &NodeProto, inputs: &[&Tensor]) -> Tensor {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name).unwrap();
    let lengths = |name: &str| -> Vec<usize> { attribute(name).ints.iter().map(|&i| i as usize).collect() };
    let biased =
        |tensor| inputs.get(2).map_or_else(|| Tensor::clone(&tensor), |bias| added(&tensor, &bias.values));
    match node.op_type.as_str() {
        "Conv" => {
            assert_eq!(lengths("kernel_shape"), inputs[1].shape[2..]);
            let pads = lengths("pads");
            biased(convolved(inputs[0], inputs[1], &lengths("strides"), Some(&pads[..pads.len() / 2])))
        }
        "ConvTranspose" => {
            assert_eq!(lengths("strides"), inputs[1].shape[2..]);
            biased(upsampled(inputs[0], inputs[1]))
        }
        "InstanceNormalization" => {
            assert_eq!(attribute("epsilon").f, 1e-5);
            instance_normed(inputs[0], [1, 2].map(|input| &inputs[input].values[..]))
        }
        "BatchNormalization" => batch_normed(inputs[0], [1, 2, 3, 4].map(|input| &inputs[input].values[..])),
        "LeakyRelu" => rectified(inputs[0], attribute("alpha").f),
        "MaxPool" => max_pooled(inputs[0], &lengths("kernel_shape")),
        "AveragePool" => pooled(inputs[0], &lengths("kernel_shape"), |window| {
            window.iter().sum::<f32>() / window.len() as f32
        }),
        "Concat" => concatenated(inputs[0], inputs[1]),
        "Add" => {
            assert_eq!(inputs[0].shape, inputs[1].shape);
            let values = inputs[0].values.iter().zip(&inputs[1].values).map(|(a, b)| a + b).collect();
            Tensor { shape: inputs[0].shape.clone(), values }
        }
        other => panic!("{other} is not known here"),
    }
}

/// All indices below lengths, the last axis fastest.
fn indices(lengths: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..lengths.iter().product()).map(|mut place: usize| {
        let mut index = vec![0; lengths.len()];
        for axis in (0..lengths.len()).rev() {
            index[axis] = place % lengths[axis];
            place /= lengths[axis];
        }
        index
    })
}

fn at(tensor: &Tensor, index: &[usize]) -> f32 {
    let place = index.iter().zip(&tensor.shape).fold(0, |place, (index, length)| place * length + index);
    tensor.values[place]
}

fn made(shape: Vec<usize>, value: impl FnMut(Vec<usize>) -> f32) -> Tensor {
    let values = indices(&shape).map(value).collect();
    Tensor { shape, values }
}

/// A convolution; zeros around it keep the size where none are told.
pub(super) fn convolved(
    input: &Tensor,
    weight: &Tensor,
    strides: &[usize],
    padding: Option<&[usize]>,
) -> Tensor {
    let kernel = &weight.shape[2..];
    let same: Vec<usize> = kernel.iter().map(|edge| edge / 2).collect();
    let padding = padding.unwrap_or(&same);
    let space = (0..kernel.len())
        .map(|axis| (input.shape[2 + axis] + 2 * padding[axis] - kernel[axis]) / strides[axis] + 1);
    let shape = [input.shape[0], weight.shape[0]].into_iter().chain(space).collect();
    made(shape, |index| {
        let mut sum = 0.0;
        for inner in indices(&weight.shape[1..]) {
            let place = (0..kernel.len()).map(|axis| {
                (index[2 + axis] * strides[axis] + inner[1 + axis])
                    .checked_sub(padding[axis])
                    .filter(|&place| place < input.shape[2 + axis])
            });
            if let Some(place) = place.collect::<Option<Vec<usize>>>() {
                let value = at(input, &[&[index[0], inner[0]][..], &place].concat());
                sum += f64::from(value) * f64::from(at(weight, &[&[index[1]][..], &inner].concat()));
            }
        }
        sum as f32
    })
}

/// A transposed convolution without overlap.
pub(super) fn upsampled(input: &Tensor, weight: &Tensor) -> Tensor {
    let kernel = &weight.shape[2..];
    let space = kernel.iter().zip(&input.shape[2..]).map(|(edge, length)| edge * length);
    let shape = [input.shape[0], weight.shape[1]].into_iter().chain(space).collect();
    made(shape, |index| {
        let from: Vec<usize> = index[2..].iter().zip(kernel).map(|(place, edge)| place / edge).collect();
        let within: Vec<usize> = index[2..].iter().zip(kernel).map(|(place, edge)| place % edge).collect();
        let channels = 0..input.shape[1];
        channels
            .map(|channel| {
                let value = at(input, &[&[index[0], channel][..], &from].concat());
                value * at(weight, &[&[channel, index[1]][..], &within].concat())
            })
            .sum()
    })
}

pub(super) fn added(input: &Tensor, by_channel: &[f32]) -> Tensor {
    assert_eq!(by_channel.len(), input.shape[1]);
    made(input.shape.clone(), |index| at(input, &index) + by_channel[index[1]])
}

pub(super) fn batch_normed(input: &Tensor, [gain, shift, mean, variance]: [&[f32]; 4]) -> Tensor {
    made(input.shape.clone(), |index| {
        let channel = index[1];
        let normed = (at(input, &index) - mean[channel]) / (variance[channel] + 1e-5).sqrt();
        normed * gain[channel] + shift[channel]
    })
}

/// For one sample, whose statistics are those of its own voxels.
fn instance_normed(input: &Tensor, [gain, shift]: [&[f32]; 2]) -> Tensor {
    assert_eq!(input.shape[0], 1);
    let voxels = input.values.chunks(input.values.len() / input.shape[1]);
    let means: Vec<f64> =
        voxels.clone().map(|v| v.iter().map(|&v| f64::from(v)).sum::<f64>() / v.len() as f64).collect();
    let square = |value: f32, mean: f64| (f64::from(value) - mean).powi(2);
    let variances: Vec<f32> = voxels
        .zip(&means)
        .map(|(v, &mean)| (v.iter().map(|&v| square(v, mean)).sum::<f64>() / v.len() as f64) as f32)
        .collect();
    let means: Vec<f32> = means.iter().map(|&mean| mean as f32).collect();
    batch_normed(input, [gain, shift, &means, &variances])
}

pub(super) fn rectified(input: &Tensor, slope: f32) -> Tensor {
    let values = input.values.iter().map(|&value| if value < 0.0 { slope * value } else { value }).collect();
    Tensor { shape: input.shape.clone(), values }
}

pub(super) fn max_pooled(input: &Tensor, window: &[usize]) -> Tensor {
    pooled(input, window, |window| window.iter().copied().fold(f32::MIN, f32::max))
}

fn pooled(input: &Tensor, window: &[usize], one: impl Fn(&[f32]) -> f32) -> Tensor {
    let space = window.iter().zip(&input.shape[2..]).map(|(edge, length)| length / edge);
    let shape = input.shape[..2].iter().copied().chain(space).collect();
    made(shape, |index| {
        let inside = indices(window).map(|within| {
            let place = (0..window.len()).map(|axis| index[2 + axis] * window[axis] + within[axis]);
            at(input, &index[..2].iter().copied().chain(place).collect::<Vec<_>>())
        });
        one(&inside.collect::<Vec<_>>())
    })
}

/// Of one sample.
pub(super) fn concatenated(first: &Tensor, second: &Tensor) -> Tensor {
    assert_eq!((first.shape[0], &first.shape[2..]), (1, &second.shape[2..]));
    let mut shape = first.shape.clone();
    shape[1] += second.shape[1];
    Tensor { shape, values: [&first.values[..], &second.values].concat() }
}
