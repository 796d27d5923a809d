//! Networks of others, read from ONNX files and run by libtorch, so that they predict and learn.
//!
//! | file | owns |
//! |---|---|
//! | `onnx/error.rs` | what can be wrong |
//! | `onnx/data.rs` | the numbers of a file's tensors |
//! | `onnx/weights.rs` | which of them are weights |
//! | `onnx/check.rs` | whether all that a file asks for is known |
//! | `onnx/plan.rs` | nodes made ready: places of values, functions, branches, constants |
//! | `onnx/run.rs` | one step after another |
//! | `onnx/node.rs` | a node at work: its inputs and attributes |
//! | `onnx/numbers.rs` | arithmetic with single numbers |
//! | `onnx/operators.rs` | the table of operators |
//! | the others | what computes the operators, by kind |
//!
//! All floats are 32-bit ones, whatever the file says. Integers and constants are on the processor until they meet
//! a tensor of another device. Not here: loops, sequences, texts, quantised numbers, random numbers, and operators of
//! other sets than ONNX's own, unless the file defines them.

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;
use tch::{Kind, Tensor};

use crate::Error;
use crate::error::Computed;
use crate::export::proto::{GraphProto, Length, ModelProto, ValueInfoProto};

mod activations;
mod arithmetic;
mod check;
#[cfg(test)]
mod conformance;
mod convolution;
mod data;
mod error;
mod indexing;
mod node;
mod normalization;
mod numbers;
mod operators;
mod plan;
mod pooling;
mod reduction;
mod resize;
mod run;
mod shapes;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use error::OnnxError;
use plan::Plan;

/// A network as an ONNX file describes it, without its weights.
#[derive(Debug)]
pub(crate) struct OnnxNetwork {
    model: ModelProto,
    plan: Plan,
    weights: Vec<(String, Vec<i64>)>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// What goes in or comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// Its name.
    pub name: String,
    /// Its axes; none where the file does not tell them.
    pub axes: Vec<Axis>,
    /// The kind of its numbers; all floats are [`Kind::Float`].
    pub kind: Kind,
}

/// How long an axis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// So long.
    Fixed(i64),
    /// Of any length, which the file may name.
    Free(Option<String>),
}

impl OnnxNetwork {
    /// Reads a file's bytes, and hands out its weights: all floats along at least one axis that are no settings of
    /// operators, by name, as 32-bit floats on the processor. Other files that hold numbers are in `folder`.
    ///
    /// # Errors
    ///
    /// Fails if the file is damaged, or asks for what is not known.
    pub fn read(bytes: &[u8], folder: Option<&Path>) -> Result<(Self, BTreeMap<String, Tensor>), OnnxError> {
        let mut model = decoded(bytes)?;
        check::check(&model, &graph_of(&model)?.node)?;
        let graph = model.graph.as_mut().ok_or_else(no_graph)?;
        let weights = weights::separate(graph, folder)?;
        Ok((Self::of(model)?, weights))
    }

    /// Returns the network as bytes of an ONNX file whose weights have names and shapes, but no numbers.
    pub fn structure(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    /// Reads the bytes that [`structure`](Self::structure) made.
    ///
    /// # Errors
    ///
    /// Fails if they are damaged, or ask for what is not known.
    pub fn from_structure(bytes: &[u8]) -> Result<Self, OnnxError> {
        let model = decoded(bytes)?;
        check::check(&model, &graph_of(&model)?.node)?;
        Self::of(model)
    }

    fn of(model: ModelProto) -> Result<Self, OnnxError> {
        let graph = graph_of(&model)?;
        let weights = weights::names_and_sizes(graph)?;
        let initializers: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let inputs = graph.input.iter().filter(|input| !initializers.contains(&input.name.as_str()));
        let inputs = inputs.map(port).collect::<Result<Vec<_>, _>>()?;
        let outputs = graph.output.iter().map(port).collect::<Result<Vec<_>, _>>()?;
        let given = weights.iter().map(|(name, _)| name.as_str());
        let given: Vec<&str> = given.chain(inputs.iter().map(|input| input.name.as_str())).collect();
        let plan = plan::plan_of(&model, graph, &given)?;
        Ok(Self { plan, weights, inputs, outputs, model })
    }

    /// Forgets how long axes of the one input are said to be, but for one of them: files tell the lengths that a
    /// network was exported with, and most networks take others.
    pub fn free_lengths_but(&mut self, kept: Option<usize>) {
        let Some(port) = self.inputs.first_mut() else { return };
        for (place, axis) in port.axes.iter_mut().enumerate() {
            if Some(place) != kept {
                *axis = Axis::Free(None);
            }
        }
        let inputs = self.model.graph.iter_mut().flat_map(|graph| &mut graph.input);
        for input in inputs.filter(|input| input.name == port.name) {
            let tensor = input.r#type.as_mut().and_then(|of| of.tensor_type.as_mut());
            let shape = tensor.and_then(|tensor| tensor.shape.as_mut());
            for (place, dimension) in shape.into_iter().flat_map(|shape| &mut shape.dim).enumerate() {
                if Some(place) != kept {
                    dimension.value = None;
                }
            }
        }
    }

    /// Returns names and sizes of the weights, in the file's order.
    pub fn weight_sizes(&self) -> Vec<(String, Vec<i64>)> {
        self.weights.clone()
    }

    /// Returns what goes in.
    pub fn inputs(&self) -> Vec<Port> {
        self.inputs.clone()
    }

    /// Returns what comes out.
    pub fn outputs(&self) -> Vec<Port> {
        self.outputs.clone()
    }

    /// Computes the outputs of some inputs. `weights` are in the order of [`weight_sizes`](Self::weight_sizes).
    ///
    /// # Errors
    ///
    /// Fails if sizes do not fit, an operator cannot be applied, or memory runs out.
    pub fn run(&self, weights: &[Tensor], inputs: &[Tensor]) -> Computed<Vec<Tensor>> {
        let sizes = self.weights.iter().map(|(_, size)| size);
        if weights.len() != self.weights.len()
            || !sizes.zip(weights).all(|(size, weight)| *size == weight.size())
        {
            let problem = format!("other weights than its {} ones", self.weights.len());
            return Err(Error::OnnxInput { problem }.into());
        }
        if inputs.len() != self.inputs.len() {
            let problem = format!("{} inputs, expected {}", inputs.len(), self.inputs.len());
            return Err(Error::OnnxInput { problem }.into());
        }
        if let Some((port, input)) = self.inputs.iter().zip(inputs).find(|(port, input)| !port.takes(input)) {
            let Port { name, axes, kind } = port;
            let (size, found) = (input.size(), input.f_kind()?);
            let problem = format!("{found:?} {size:?} as `{name}`, expected {kind:?} {axes:?}");
            return Err(Error::OnnxInput { problem }.into());
        }
        let given: Vec<&Tensor> = weights.iter().chain(inputs).collect();
        self.plan.run(&given)
    }
}

impl Port {
    /// Whether a tensor has the kind, and lengths where they are fixed.
    fn takes(&self, tensor: &Tensor) -> bool {
        let size = tensor.size();
        let fits = |(axis, length): (&Axis, &i64)| match axis {
            Axis::Fixed(fixed) => fixed == length,
            Axis::Free(_) => true,
        };
        let axes = self.axes.is_empty() || self.axes.len() == size.len();
        axes && self.axes.iter().zip(&size).all(fits) && tensor.f_kind().is_ok_and(|kind| kind == self.kind)
    }
}

fn decoded(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    ModelProto::decode(bytes).map_err(|error| OnnxError::Bytes(error.to_string()))
}

fn graph_of(model: &ModelProto) -> Result<&GraphProto, OnnxError> {
    model.graph.as_ref().ok_or_else(no_graph)
}

fn no_graph() -> OnnxError {
    OnnxError::Bytes("it has no graph".into())
}

fn port(value: &ValueInfoProto) -> Result<Port, OnnxError> {
    let name = value.name.clone();
    let tensor = value.r#type.as_ref().and_then(|of| of.tensor_type.as_ref());
    let kind = tensor.and_then(|tensor| data::kind_of(tensor.elem_type));
    let Some((tensor, kind)) = tensor.zip(kind) else {
        return Err(OnnxError::Tensor { name, problem: "is no tensor of floats or integers".into() });
    };
    let axes = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dimension| match &dimension.value {
        Some(Length::Value(length)) if *length >= 0 => Axis::Fixed(*length),
        Some(Length::Param(name)) if !name.is_empty() => Axis::Free(Some(name.clone())),
        _ => Axis::Free(None),
    });
    Ok(Port { axes: axes.collect(), name, kind })
}
