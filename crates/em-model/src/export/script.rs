//! Layers as lines of TorchScript.

use std::collections::HashMap;

use em_data::Normalization;
use tch::Tensor;

use super::ends::{Ends, rows_of_bands};
use crate::Activation;
use crate::error::Computed;
use crate::network::{Compute, Convolution, NORM_EPSILON, NormLayer, Parameter, Parameters, UpConvolution};

/// Lines in the making. What goes through the layers are names of variables.
#[derive(Debug)]
pub(super) struct Script {
    lines: Vec<String>,
    /// Attributes of the module by where their numbers lie.
    names: HashMap<usize, String>,
}

/// The name of the module's attribute that holds a parameter: names have no dots there.
pub(super) fn attribute(parameter: &Parameter) -> String {
    parameter.name.replace('.', "_")
}

impl Script {
    /// Begins a script that finds a network's parameters in attributes of its module.
    pub fn new(parameters: &Parameters) -> Self {
        let name = |p: &Parameter| (p.tensor.data_ptr() as usize, attribute(p));
        Self { lines: Vec::new(), names: parameters.iter().map(name).collect() }
    }

    /// Returns the lines so far.
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Adds a line that gives a variable; returns its name.
    fn line(&mut self, expression: String) -> String {
        let name = format!("x{}", self.lines.len());
        self.lines.push(format!("{name} = {expression}"));
        name
    }

    fn parameter(&self, tensor: &Tensor) -> String {
        let name = self.names.get(&(tensor.data_ptr() as usize));
        format!("self.{}", name.expect("the layers hold the network's parameters"))
    }
}

impl Compute for Script {
    type Value = String;

    fn convolution(&mut self, layer: &Convolution, input: &String) -> Computed<String> {
        let weight = self.parameter(&layer.weight);
        let bias = layer.bias.as_ref().map_or("None".into(), |bias| self.parameter(bias));
        let axes = layer.padding.len();
        let (ones, padding) = (list(&vec![1; axes]), list(&layer.padding));
        let features =
            self.line(format!("torch.conv{axes}d({input}, {weight}, {bias}, {ones}, {padding}, {ones}, 1)"));
        Ok(match &layer.norm {
            None => features,
            Some(NormLayer::Batch(norm)) => {
                let tensors = [&norm.gain, &norm.shift, &norm.mean, &norm.variance];
                let tensors = tensors.map(|tensor| self.parameter(tensor)).join(", ");
                // Not in training; the momentum stands for nothing.
                self.line(format!(
                    "torch.batch_norm({features}, {tensors}, False, 0.0, {NORM_EPSILON:?}, True)"
                ))
            }
            Some(NormLayer::Group(norm)) => {
                let [gain, shift] = [&norm.gain, &norm.shift].map(|tensor| self.parameter(tensor));
                let groups = norm.groups;
                self.line(format!(
                    "torch.group_norm({features}, {groups}, {gain}, {shift}, {NORM_EPSILON:?}, True)"
                ))
            }
        })
    }

    fn up(&mut self, layer: &UpConvolution, input: &String) -> Computed<String> {
        let (weight, bias) = (self.parameter(&layer.weight), self.parameter(&layer.bias));
        let stride = &layer.weight.size()[2..];
        let axes = stride.len();
        let (stride, ones, zeros) = (list(stride), list(&vec![1; axes]), list(&vec![0; axes]));
        let raised = self.line(format!(
            "torch.conv_transpose{axes}d({input}, {weight}, {bias}, {stride}, {zeros}, {zeros}, 1, {ones})"
        ));
        if layer.relu { self.activated(Activation::Relu, raised) } else { Ok(raised) }
    }

    fn activated(&mut self, activation: Activation, features: String) -> Computed<String> {
        let function = match activation {
            Activation::Relu => "relu",
            Activation::Elu => "elu",
            Activation::LeakyRelu => "leaky_relu",
            Activation::Silu => "silu",
        };
        Ok(self.line(format!("torch.{function}({features})")))
    }

    fn dropped(&mut self, features: String, _: f64) -> Computed<String> {
        Ok(features)
    }

    fn sum(&mut self, features: String, other: &String) -> Computed<String> {
        Ok(self.line(format!("torch.add({features}, {other})")))
    }

    fn pooled(&mut self, features: &String, window: &[i64]) -> Computed<String> {
        let axes = window.len();
        let (window, zeros, ones) = (list(window), list(&vec![0; axes]), list(&vec![1; axes]));
        Ok(self
            .line(format!("torch.max_pool{axes}d({features}, {window}, {window}, {zeros}, {ones}, False)")))
    }

    fn joined(&mut self, raised: String, mut skip: String, inset: usize) -> Computed<String> {
        if inset > 0 {
            // Valid convolutions are those of sections alone.
            for axis in [2, 3] {
                skip = self.line(format!("torch.slice({skip}, {axis}, {inset}, -{inset}, 1)"));
            }
        }
        Ok(self.line(format!("torch.cat([{raised}, {skip}], 1)")))
    }
}

impl Ends for Script {
    fn normalized(&mut self, grey: String, normalization: Normalization) -> Computed<String> {
        let Some(linear) = normalization.linear() else {
            return Ok(self.normalized_by_columns(&grey, rows_of_bands(normalization)));
        };
        let scaled = self.line(format!("torch.mul({grey}, {:?})", linear.gain));
        let shifted = self.line(format!("torch.add({scaled}, {:?})", linear.shift));
        Ok(match linear.clip {
            None => shifted,
            Some((low, high)) => self.line(format!("torch.clamp({shifted}, {low:?}, {high:?})")),
        })
    }

    fn repeated(&mut self, input: String, channels: usize) -> Computed<String> {
        if channels == 1 {
            return Ok(input);
        }
        Ok(self.line(format!("torch.cat([{}], 1)", vec![input; channels].join(", "))))
    }

    fn probabilities(&mut self, logits: String, classes: usize, exclusive: bool) -> Computed<String> {
        Ok(if exclusive {
            let shares = self.line(format!("torch.softmax({logits}, 1)"));
            self.line(format!("torch.slice({shares}, 1, 1, {}, 1)", classes + 1))
        } else {
            let logits = self.line(format!("torch.slice({logits}, 1, 0, {classes}, 1)"));
            self.line(format!("torch.sigmoid({logits})"))
        })
    }
}

impl Script {
    /// Divides each column of a band of `rows` rows by its norm. Rows of zeros complete the last band meanwhile.
    fn normalized_by_columns(&mut self, grey: &str, rows: i64) -> String {
        let height = self.line(format!("torch.size({grey}, -2)"));
        let negative = self.line(format!("torch.neg({height})"));
        let missing = self.line(format!("torch.remainder({negative}, {rows})"));
        let whole = self.line(format!("torch.constant_pad_nd({grey}, [0, 0, 0, {missing}], 0)"));
        let width = self.line(format!("torch.size({grey}, -1)"));
        // All that stands before y is one axis meanwhile.
        let banded = self.line(format!("torch.reshape({whole}, [-1, {rows}, {width}])"));
        let squares = self.line(format!("torch.mul({banded}, {banded})"));
        let norm = self.line(format!("torch.sqrt(torch.sum({squares}, [1], True))"));
        let ones = self.line(format!("torch.ones_like({norm})"));
        let divisor = self.line(format!("torch.where(torch.gt({norm}, 0), {norm}, {ones})"));
        let divided =
            self.line(format!("torch.reshape(torch.div({banded}, {divisor}), torch.size({whole}))"));
        self.line(format!("torch.slice({divided}, -2, 0, {height}, 1)"))
    }
}

fn list(values: &[i64]) -> String {
    format!("{values:?}")
}
