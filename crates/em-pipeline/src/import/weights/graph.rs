//! Layers with weights of a state dict as nodes of an ONNX graph, in operators of opset 17.
//!
//! Nodes are `Conv`, `ConvTranspose`, `InstanceNormalization`, `BatchNormalization`, `LeakyRelu`, `MaxPool`,
//! `AveragePool`, `Concat` and `Add`; group norm has `Reshape`, `Shape` and `Mul` besides.

use em_model::export::OPSET;
use em_model::export::proto::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, Length, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};

use super::checked::Checked;
use super::state_dict::{StateDict, Tensor};
use super::{Choices, Network};
use crate::error::Result;

/// The messages that belong to this opset.
const IR_VERSION: i64 = 8;
/// PyTorch's default for all norms, which MONAI and nnU-Net do not change.
const NORM_EPSILON: f32 = 1e-5;

/// A value of the graph.
#[derive(Clone, Debug)]
pub(super) struct Features {
    name: String,
    pub channels: usize,
}

/// A convolution besides its weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    /// By axis.
    pub strides: &'a [usize],
    /// Zeros at each end of an axis, by the lengths of kernel and stride; `None` where they do not fit.
    pub padding: fn(usize, usize) -> Option<usize>,
}

/// Nodes and weights in the making.
pub(super) struct Graph<'a> {
    pub weights: Checked<'a>,
    network: Network,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Axes of space.
    pub axes: usize,
    inputs: usize,
    slope: f32,
    groups: Option<usize>,
}

impl<'a> Graph<'a> {
    /// Begins a network whose first convolution is `first`; returns its input as well.
    pub fn new(
        dict: &'a StateDict,
        network: Network,
        first: &str,
        defaults: Choices,
    ) -> Result<(Self, Features)> {
        let mut weights = Checked::new(dict, network);
        let first = format!("{first}.weight");
        let shape = dict.get(&first).map_or(&[][..], |weight| &weight.shape);
        let axes = if shape.len() == 5 { 3 } else { 2 };
        let expected = [vec![None; 2], vec![None; axes]].concat();
        let inputs = weights.take(&first, &expected)?.shape[1];
        let graph = Self {
            weights,
            network,
            nodes: Vec::new(),
            initializers: Vec::new(),
            axes,
            inputs,
            slope: defaults.negative_slope.unwrap_or(0.0),
            groups: defaults.groups,
        };
        Ok((graph, Features { name: "input".into(), channels: inputs }))
    }

    /// A convolution, with a bias where there is one.
    pub fn convolution(&mut self, layer: &str, input: &Features, window: Window<'_>) -> Result<Features> {
        let expected = [&[None, Some(input.channels)][..], &vec![None; self.axes]].concat();
        let weight = self.weights.take(&format!("{layer}.weight"), &expected)?;
        let (kernel, channels) = (&weight.shape[2..], weight.shape[0]);
        let padding = kernel.iter().zip(window.strides);
        let padding: Option<Vec<usize>> =
            padding.map(|(&edge, &stride)| (window.padding)(edge, stride)).collect();
        let Some(padding) = padding else {
            let strides = window.strides;
            let problem =
                format!("`{layer}.weight` has a kernel {kernel:?}, which does not fit strides {strides:?}");
            return Err(self.weights.problem(problem));
        };
        let attributes = vec![
            ints("kernel_shape", kernel),
            ints("strides", window.strides),
            ints("pads", &[&padding[..], &padding[..]].concat()),
        ];
        self.weighted("Conv", layer, input, (weight, channels), attributes)
    }

    /// A transposed convolution whose strides are as long as its kernel.
    pub fn up(&mut self, layer: &str, input: &Features) -> Result<Features> {
        let expected = [&[Some(input.channels), None][..], &vec![None; self.axes]].concat();
        let weight = self.weights.take(&format!("{layer}.weight"), &expected)?;
        let (kernel, channels) = (&weight.shape[2..], weight.shape[1]);
        let attributes = vec![ints("kernel_shape", kernel), ints("strides", kernel)];
        self.weighted("ConvTranspose", layer, input, (weight, channels), attributes)
    }

    fn weighted(
        &mut self,
        operator: &str,
        layer: &str,
        input: &Features,
        (weight, channels): (&Tensor, usize),
        attributes: Vec<AttributeProto>,
    ) -> Result<Features> {
        let mut inputs = vec![input.name.clone(), self.floats(&format!("{layer}.weight"), weight)];
        if self.weights.has(&format!("{layer}.bias")) {
            inputs.push(self.numbers(&format!("{layer}.bias"), channels)?);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Ok(self.node(operator, layer, &inputs, channels, attributes))
    }

    /// A norm: by statistics that are there, else by those of each channel or group of channels.
    pub fn norm(&mut self, layer: &str, input: &Features) -> Result<Features> {
        let channels = input.channels;
        let has_statistics = self.weights.has(&format!("{layer}.running_mean"));
        let (gain, shift) = if self.weights.has(&format!("{layer}.weight")) {
            let gain = self.numbers(&format!("{layer}.weight"), channels)?;
            (gain, self.numbers(&format!("{layer}.bias"), channels)?)
        } else {
            (
                self.repeated(format!("{layer}/ones"), 1.0, channels),
                self.repeated(format!("{layer}/zeros"), 0.0, channels),
            )
        };
        let epsilon = vec![float("epsilon", NORM_EPSILON)];
        if has_statistics {
            let mean = self.numbers(&format!("{layer}.running_mean"), channels)?;
            let variance = self.numbers(&format!("{layer}.running_var"), channels)?;
            let inputs = [&input.name, &gain, &shift, &mean, &variance].map(String::as_str);
            return Ok(self.node("BatchNormalization", layer, &inputs, channels, epsilon));
        }
        match self.groups {
            Some(groups) => self.group_norm(layer, input, groups, [&gain, &shift]),
            None => {
                let inputs = [&input.name, &gain, &shift].map(String::as_str);
                Ok(self.node("InstanceNormalization", layer, &inputs, channels, epsilon))
            }
        }
    }

    /// Group norm, which has an operator of its own from opset 18 on: instance norm over the voxels of all channels
    /// of a group, then gain and shift by channel.
    fn group_norm(
        &mut self,
        layer: &str,
        input: &Features,
        groups: usize,
        [gain, shift]: [&str; 2],
    ) -> Result<Features> {
        let channels = input.channels;
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(self
                .weights
                .problem(format!("`{layer}` has {channels} channels, not a multiple of {groups} groups")));
        }
        let part = |what: &str| format!("{layer}/{what}");
        // 0 keeps the length of an axis.
        let grouped = self.integers(part("groups"), &[0, groups as i64, -1]);
        let grouped = self.node("Reshape", &part("grouped"), &[&input.name, &grouped], groups, Vec::new());
        let one = self.repeated(part("group_ones"), 1.0, groups);
        let zero = self.repeated(part("group_zeros"), 0.0, groups);
        let epsilon = vec![float("epsilon", NORM_EPSILON)];
        let inputs = [grouped.name.as_str(), &one, &zero];
        let normed = self.node("InstanceNormalization", &part("normed"), &inputs, groups, epsilon);
        let shape = self.node("Shape", &part("shape"), &[&input.name], channels, Vec::new());
        let normed =
            self.node("Reshape", &part("ungrouped"), &[&normed.name, &shape.name], channels, Vec::new());
        // One number per channel, along the axes behind it.
        let by_channel = [vec![channels as i64], vec![1; self.axes]].concat();
        let by_channel = self.integers(part("by_channel"), &by_channel);
        let [gain, shift] = [("gain", gain), ("shift", shift)].map(|(what, numbers)| {
            self.node("Reshape", &part(what), &[numbers, &by_channel], channels, Vec::new())
        });
        let scaled = self.node("Mul", &part("scaled"), &[&normed.name, &gain.name], channels, Vec::new());
        Ok(self.node("Add", layer, &[&scaled.name, &shift.name], channels, Vec::new()))
    }

    pub fn activated(&mut self, input: &Features) -> Features {
        let (name, slope) = (format!("{}/activated", input.name), self.slope);
        let (operator, attributes) =
            if slope == 0.0 { ("Relu", Vec::new()) } else { ("LeakyRelu", vec![float("alpha", slope)]) };
        self.node(operator, &name, &[&input.name], input.channels, attributes)
    }

    /// The largest of each window, without overlap.
    pub fn pooled(&mut self, input: &Features, window: &[usize]) -> Features {
        self.pool("MaxPool", input, window)
    }

    /// The mean of each window, without overlap.
    pub fn averaged(&mut self, input: &Features, window: &[usize]) -> Features {
        self.pool("AveragePool", input, window)
    }

    fn pool(&mut self, operator: &str, input: &Features, window: &[usize]) -> Features {
        let attributes = vec![ints("kernel_shape", window), ints("strides", window)];
        self.node(operator, &format!("{}/pooled", input.name), &[&input.name], input.channels, attributes)
    }

    /// The channels of both, those of the first before those of the second.
    pub fn joined(&mut self, first: &Features, second: &Features) -> Features {
        let (name, channels) = (format!("{}/joined", first.name), first.channels + second.channels);
        let axis = vec![int("axis", 1)];
        self.node("Concat", &name, &[&first.name, &second.name], channels, axis)
    }

    /// The sum of features and of the way around them, as the layer that it belongs to is called.
    pub fn sum(&mut self, layer: &str, features: &Features, other: &Features) -> Result<Features> {
        let (found, expected) = (features.channels, other.channels);
        if found != expected {
            let problem = format!("`{layer}` adds {found} channels to {expected}, expected as many");
            return Err(self.weights.problem(problem));
        }
        Ok(self.node("Add", &format!("{layer}/sum"), &[&features.name, &other.name], found, Vec::new()))
    }

    /// The strides of a transposed convolution, which are as long as its kernel.
    pub fn strides_of(&mut self, layer: &str) -> Result<Vec<usize>> {
        let expected = vec![None; 2 + self.axes];
        Ok(self.weights.take(&format!("{layer}.weight"), &expected)?.shape[2..].to_vec())
    }

    /// Ends the network with its logits. Lengths of the input have to be multiples of `step`.
    pub fn finish(mut self, logits: &Features, step: &[usize]) -> Result<Box<ModelProto>> {
        self.weights.finish()?;
        let outputs = self.nodes.iter_mut().flat_map(|node| &mut node.output);
        outputs.filter(|output| **output == logits.name).for_each(|output| "output".clone_into(output));
        let graph = GraphProto {
            node: self.nodes,
            name: self.network.name().into(),
            initializer: self.initializers,
            input: vec![value("input", self.inputs, self.axes)],
            output: vec![value("output", logits.channels, self.axes)],
            ..Default::default()
        };
        let step = [&vec![1; 3 - self.axes][..], step].concat();
        let metadata =
            [("network", self.network.name().to_owned()), ("step", format!("{step:?}").replace(' ', ""))];
        let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.into(), value };
        Ok(Box::new(ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            model_version: 1,
            graph: Some(graph),
            metadata_props: metadata.into_iter().map(entry).collect(),
            ..Default::default()
        }))
    }

    /// Adds a node, which gives one value, named as the node is.
    fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        channels: usize,
        attributes: Vec<AttributeProto>,
    ) -> Features {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operator.into(),
            attribute: attributes,
            ..Default::default()
        });
        Features { name: name.to_owned(), channels }
    }

    /// Adds a tensor of one number per channel; returns its name.
    fn numbers(&mut self, name: &str, channels: usize) -> Result<String> {
        let tensor = self.weights.take(name, &[Some(channels)])?;
        Ok(self.floats(name, tensor))
    }

    fn floats(&mut self, name: &str, tensor: &Tensor) -> String {
        let raw_data = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(name, &tensor.shape, DataType::Float, raw_data)
    }

    fn repeated(&mut self, name: String, value: f32, count: usize) -> String {
        self.floats(&name, &Tensor { shape: vec![count], values: vec![value; count] })
    }

    fn integers(&mut self, name: String, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(&name, &[values.len()], DataType::Int64, raw_data)
    }

    fn add(&mut self, name: &str, shape: &[usize], data_type: DataType, raw_data: Vec<u8>) -> String {
        self.initializers.push(TensorProto {
            dims: shape.iter().map(|&length| length as i64).collect(),
            data_type: data_type as i32,
            name: name.into(),
            raw_data,
            ..Default::default()
        });
        name.into()
    }
}

/// Input or output, `[batch, channels, (z,) y, x]`.
fn value(name: &str, channels: usize, axes: usize) -> ValueInfoProto {
    let dimension = |length| Dimension { value: Some(length) };
    let mut dim = vec![dimension(Length::Param("batch".into())), dimension(Length::Value(channels as i64))];
    let space = &["depth", "height", "width"][3 - axes..];
    dim.extend(space.iter().map(|&name| dimension(Length::Param(name.into()))));
    let shape = Some(TensorShapeProto { dim });
    let tensor_type = Some(TensorTypeProto { elem_type: DataType::Float as i32, shape });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }), doc_string: String::new() }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let (r#type, ints) = (AttributeType::Ints as i32, values.iter().map(|&value| value as i64).collect());
    AttributeProto { name: name.into(), r#type, ints, ..Default::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Float as i32, f: value, ..Default::default() }
}
