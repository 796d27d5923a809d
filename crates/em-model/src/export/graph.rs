//! Layers as nodes of an ONNX graph, in operators of opset 17.

use std::collections::HashMap;

use em_data::Normalization;
use tch::Tensor;

use super::ends::{Ends, rows_of_bands};
use super::proto::{AttributeProto, AttributeType, DataType, NodeProto, TensorProto};
use crate::Activation;
use crate::error::Computed;
use crate::network::{Compute, Convolution, NORM_EPSILON, NormLayer, Parameter, Parameters, UpConvolution};
use crate::run::checkpoint::bytes_of;

/// Nodes and known values in the making. What goes through the layers are names of values.
#[derive(Debug)]
pub(super) struct Graph {
    pub nodes: Vec<NodeProto>,
    pub initializers: Vec<TensorProto>,
    /// The names of parameters by where their numbers lie.
    names: HashMap<usize, String>,
    /// Axes of space.
    dimensions: usize,
}

impl Graph {
    /// Begins a graph whose weights carry the names of a network's parameters.
    pub fn new(parameters: &Parameters, dimensions: usize) -> Self {
        let name = |p: &Parameter| (p.tensor.data_ptr() as usize, p.name.clone());
        let names = parameters.iter().map(name).collect();
        Self { nodes: Vec::new(), initializers: Vec::new(), names, dimensions }
    }

    /// Adds a node, which gives one value, named as the node is.
    pub fn node(
        &mut self,
        operator: &str,
        name: impl Into<String>,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let name = name.into();
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.into(),
            attribute: attributes,
            ..Default::default()
        });
        name
    }

    /// Adds the numbers of a parameter; returns its name.
    fn parameter(&mut self, tensor: &Tensor) -> Computed<String> {
        let name = self.names.get(&(tensor.data_ptr() as usize));
        let name = name.expect("the layers hold the network's parameters").clone();
        let raw_data = bytes_of(tensor)?;
        self.add(&name, tensor.size(), DataType::Float, raw_data);
        Ok(name)
    }

    /// Adds known integers; returns their name.
    pub fn integers(&mut self, name: impl Into<String>, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(&name.into(), vec![values.len() as i64], DataType::Int64, raw_data)
    }

    /// Adds a known number, of no axes; returns its name.
    pub fn number(&mut self, name: impl Into<String>, value: f64) -> String {
        // The numbers of the graph are 32-bit floats.
        self.add(&name.into(), Vec::new(), DataType::Float, (value as f32).to_le_bytes().into())
    }

    fn add(&mut self, name: &str, dims: Vec<i64>, data_type: DataType, raw_data: Vec<u8>) -> String {
        let data_type = data_type as i32;
        self.initializers.push(TensorProto {
            dims,
            data_type,
            name: name.into(),
            raw_data,
            ..Default::default()
        });
        name.into()
    }

    fn normed(&mut self, norm: &NormLayer, input: &str) -> Computed<String> {
        match norm {
            NormLayer::Batch(norm) => {
                let tensors = [&norm.gain, &norm.shift, &norm.mean, &norm.variance];
                let tensors = tensors.map(|tensor| self.parameter(tensor));
                let [gain, shift, mean, variance] = tensors;
                let (gain, shift, mean, variance) = (gain?, shift?, mean?, variance?);
                let inputs = [input, &gain, &shift, &mean, &variance];
                let epsilon = vec![float("epsilon", NORM_EPSILON)];
                Ok(self.node("BatchNormalization", layer_of(&gain), &inputs, epsilon))
            }
            NormLayer::Group(norm) => {
                let (gain, shift) = (self.parameter(&norm.gain)?, self.parameter(&norm.shift)?);
                let channels = norm.gain.size()[0];
                Ok(self.group_norm(layer_of(&gain), input, [channels, norm.groups], [&gain, &shift]))
            }
        }
    }

    /// Group norm, of one channel a group instance norm, with sums over rows first and over the rows of a group
    /// then: other runtimes add up one by one what an operator of its own is given, half a million voxels to four
    /// digits.
    fn group_norm(
        &mut self,
        name: &str,
        input: &str,
        [channels, groups]: [i64; 2],
        [gain, shift]: [&str; 2],
    ) -> String {
        let part = |what: &str| format!("{name}/{what}");
        // 0 keeps the length of an axis.
        let by_group = self.integers(part("by_group"), &[0, groups, -1]);
        let along = |axis: i64, keeps: i64| vec![ints("axes", &[axis]), int("keepdims", keeps)];
        let rows = self.node("ReduceMean", part("means_of_rows"), &[input], along(-1, 0));
        let rows = self.node("Reshape", part("grouped_means"), &[&rows, &by_group], Vec::new());
        let mean = self.node("ReduceMean", part("mean"), &[&rows], along(2, 1));

        let grouped = self.node("Reshape", part("grouped"), &[input, &by_group], Vec::new());
        let centred = self.node("Sub", part("grouped_centred"), &[&grouped, &mean], Vec::new());
        let shape = self.node("Shape", part("shape"), &[input], Vec::new());
        let centred = self.node("Reshape", part("centred"), &[&centred, &shape], Vec::new());

        let rows = self.node("ReduceSumSquare", part("squares_of_rows"), &[&centred], along(-1, 0));
        let rows = self.node("Reshape", part("grouped_squares"), &[&rows, &by_group], Vec::new());
        let squares = self.node("ReduceMean", part("squares"), &[&rows], along(2, 1));
        let last = self.integers(part("last"), &[-1]);
        let width = self.node("Gather", part("whole_width"), &[&shape, &last], Vec::new());
        let width = self.node("Cast", part("width"), &[&width], vec![int("to", DataType::Float as i64)]);
        let variance = self.node("Div", part("variance"), &[&squares, &width], Vec::new());
        let epsilon = self.number(part("epsilon"), NORM_EPSILON);
        let variance = self.node("Add", part("positive_variance"), &[&variance, &epsilon], Vec::new());
        let deviation = self.node("Sqrt", part("deviation"), &[&variance], Vec::new());

        let in_groups = self.integers(part("in_groups"), &[1, groups, channels / groups]);
        let gain = self.node("Reshape", part("grouped_gain"), &[gain, &in_groups], Vec::new());
        let scale = self.node("Div", part("grouped_scale"), &[&gain, &deviation], Vec::new());
        let by_channel = [vec![0, channels], vec![1; self.dimensions]].concat();
        let by_channel = self.integers(part("by_channel"), &by_channel);
        let scale = self.node("Reshape", part("scale"), &[&scale, &by_channel], Vec::new());
        let axes: Vec<i64> = (1..=self.dimensions as i64).collect();
        let axes = self.integers(part("axes"), &axes);
        let shift = self.node("Unsqueeze", part("shift"), &[shift, &axes], Vec::new());
        let scaled = self.node("Mul", part("scaled"), &[&centred, &scale], Vec::new());
        self.node("Add", name, &[&scaled, &shift], Vec::new())
    }

    /// Cuts `[start, end)` out of axes; what is negative counts from their ends.
    fn cut(&mut self, name: &str, input: &str, axes: &[i64], (start, end): (i64, i64)) -> String {
        let starts = self.integers(format!("{name}/starts"), &vec![start; axes.len()]);
        let ends = self.integers(format!("{name}/ends"), &vec![end; axes.len()]);
        let axes = self.integers(format!("{name}/axes"), axes);
        self.node("Slice", name, &[input, &starts, &ends, &axes], Vec::new())
    }
}

impl Compute for Graph {
    type Value = String;

    fn convolution(&mut self, layer: &Convolution, input: &String) -> Computed<String> {
        let weight = self.parameter(&layer.weight)?;
        let bias = layer.bias.as_ref().map(|bias| self.parameter(bias)).transpose()?;
        let attributes = vec![
            ints("kernel_shape", &layer.weight.size()[2..]),
            ints("pads", &[&layer.padding[..], &layer.padding[..]].concat()),
        ];
        let inputs: Vec<&str> = [input, &weight].into_iter().chain(&bias).map(String::as_str).collect();
        let features = self.node("Conv", layer_of(&weight), &inputs, attributes);
        match &layer.norm {
            None => Ok(features),
            Some(norm) => self.normed(norm, &features),
        }
    }

    fn up(&mut self, layer: &UpConvolution, input: &String) -> Computed<String> {
        let (weight, bias) = (self.parameter(&layer.weight)?, self.parameter(&layer.bias)?);
        let window = &layer.weight.size()[2..];
        let attributes = vec![ints("kernel_shape", window), ints("strides", window)];
        let raised = self.node("ConvTranspose", layer_of(&weight), &[input, &weight, &bias], attributes);
        if layer.relu { self.activated(Activation::Relu, raised) } else { Ok(raised) }
    }

    fn activated(&mut self, activation: Activation, features: String) -> Computed<String> {
        let name = format!("{features}/activated");
        Ok(match activation {
            Activation::Relu => self.node("Relu", name, &[&features], Vec::new()),
            Activation::Elu => self.node("Elu", name, &[&features], vec![float("alpha", 1.0)]),
            Activation::LeakyRelu => self.node("LeakyRelu", name, &[&features], vec![float("alpha", 0.01)]),
            Activation::Silu => {
                let gate = self.node("Sigmoid", format!("{features}/gate"), &[&features], Vec::new());
                self.node("Mul", name, &[&features, &gate], Vec::new())
            }
        })
    }

    fn dropped(&mut self, features: String, _: f64) -> Computed<String> {
        Ok(features)
    }

    fn sum(&mut self, features: String, other: &String) -> Computed<String> {
        Ok(self.node("Add", format!("{features}/sum"), &[&features, other], Vec::new()))
    }

    fn pooled(&mut self, features: &String, window: &[i64]) -> Computed<String> {
        let attributes = vec![ints("kernel_shape", window), ints("strides", window)];
        Ok(self.node("MaxPool", format!("{features}/pooled"), &[features], attributes))
    }

    fn joined(&mut self, raised: String, mut skip: String, inset: usize) -> Computed<String> {
        if inset > 0 {
            let inset = inset as i64;
            let axes: Vec<i64> = (2..2 + self.dimensions as i64).collect();
            skip = self.cut(&format!("{skip}/cut"), &skip, &axes, (inset, -inset));
        }
        Ok(self.node("Concat", format!("{raised}/joined"), &[&raised, &skip], vec![int("axis", 1)]))
    }
}

impl Ends for Graph {
    fn normalized(&mut self, input: String, normalization: Normalization) -> Computed<String> {
        let Some(linear) = normalization.linear() else {
            return Ok(self.normalized_by_columns(&input, rows_of_bands(normalization)));
        };
        let gain = self.number("normalization/gain", linear.gain);
        let shift = self.number("normalization/shift", linear.shift);
        let scaled = self.node("Mul", "normalization/scaled", &[&input, &gain], Vec::new());
        let shifted = self.node("Add", "normalization/shifted", &[&scaled, &shift], Vec::new());
        Ok(match linear.clip {
            None => shifted,
            Some((low, high)) => {
                let low = self.number("normalization/low", low);
                let high = self.number("normalization/high", high);
                self.node("Clip", "normalization/clipped", &[&shifted, &low, &high], Vec::new())
            }
        })
    }

    fn repeated(&mut self, input: String, channels: usize) -> Computed<String> {
        if channels == 1 {
            return Ok(input);
        }
        let inputs = vec![input.as_str(); channels];
        Ok(self.node("Concat", "input/repeated", &inputs, vec![int("axis", 1)]))
    }

    fn probabilities(&mut self, logits: String, classes: usize, exclusive: bool) -> Computed<String> {
        let classes = classes as i64;
        Ok(if exclusive {
            let shares = self.node("Softmax", "shares", &[&logits], vec![int("axis", 1)]);
            self.cut("probabilities", &shares, &[1], (1, classes + 1))
        } else {
            let logits = self.cut("logits", &logits, &[1], (0, classes));
            self.node("Sigmoid", "probabilities", &[&logits], Vec::new())
        })
    }
}

impl Graph {
    /// Divides each column of a band of `rows` rows by its norm. Rows of zeros complete the last band meanwhile.
    fn normalized_by_columns(&mut self, input: &str, rows: i64) -> String {
        let part = |what: &str| format!("normalization/{what}");
        // [batch, channel, (z), y, x]
        let y = self.dimensions as i64;
        let shape = self.node("Shape", part("shape"), &[input], Vec::new());
        let height = self.cut(&part("height"), &shape, &[0], (y, y + 1));
        let width = self.cut(&part("width"), &shape, &[0], (y + 1, y + 2));
        let band = self.integers(part("rows"), &[rows]);
        let negative = self.node("Neg", part("negative_height"), &[&height], Vec::new());
        let missing = self.node("Mod", part("missing"), &[&negative, &band], Vec::new());
        // Before all axes, then behind them.
        let before = self.integers(part("before"), &vec![0; (2 + y + y) as usize]);
        let behind = self.integers(part("behind"), &[0]);
        let pads = [before.as_str(), &missing, &behind];
        let pads = self.node("Concat", part("pads"), &pads, vec![int("axis", 0)]);
        let whole = self.node("Pad", part("whole"), &[input, &pads], Vec::new());
        // [batch, channel, (z), band, row, x]; 0 keeps the length of an axis.
        let bands = self.integers(part("bands"), &[vec![0; y as usize], vec![-1, rows]].concat());
        let bands = self.node("Concat", part("banded_shape"), &[&bands, &width], vec![int("axis", 0)]);
        let banded = self.node("Reshape", part("banded"), &[&whole, &bands], Vec::new());
        let norm = self.node("ReduceL2", part("norm"), &[&banded], vec![ints("axes", &[y + 1])]);
        let [zero, one] =
            [("nothing", 0.0), ("one", 1.0)].map(|(name, value)| self.number(part(name), value));
        let is_zero = self.node("Equal", part("is_zero"), &[&norm, &zero], Vec::new());
        let divisor = self.node("Where", part("divisor"), &[&is_zero, &one, &norm], Vec::new());
        let divided = self.node("Div", part("divided"), &[&banded, &divisor], Vec::new());
        let whole = self.node("Shape", part("whole_shape"), &[&whole], Vec::new());
        let divided = self.node("Reshape", part("divided_whole"), &[&divided, &whole], Vec::new());
        let first = self.integers(part("first"), &[0]);
        let axis = self.integers(part("axis"), &[y]);
        self.node("Slice", part("normalized"), &[&divided, &first, &height, &axis], Vec::new())
    }
}

/// The layer that a parameter belongs to.
fn layer_of(parameter: &str) -> &str {
    parameter.rsplit_once('.').map_or(parameter, |(layer, _)| layer)
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let r#type = AttributeType::Ints as i32;
    AttributeProto { name: name.into(), r#type, ints: values.into(), ..Default::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..Default::default() }
}

fn float(name: &str, value: f64) -> AttributeProto {
    let r#type = AttributeType::Float as i32;
    // Attributes are 32-bit floats.
    AttributeProto { name: name.into(), r#type, f: value as f32, ..Default::default() }
}
