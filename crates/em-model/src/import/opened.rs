//! The file of a network, opened: its axes, its weights, and running it at any size.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::{Lacking, NetworkWeights, Wishes};
use crate::Error;
use crate::error::Computed;
use crate::network::onnx::{Axis, OnnxNetwork};
use crate::network::{Engine, Loaded, canonical, problem_of_axes, with_axes};

/// A network that runs.
#[derive(Debug)]
pub struct Opened {
    pub axes: String,
    pub output_axes: String,
    pub output: usize,
    pub in_channels: usize,
    pub weights: BTreeMap<String, Tensor>,
    /// The names of its outputs; numbers of a script, known once it has run.
    outputs: RefCell<Vec<String>>,
    /// The sizes along z, y and x that the file says the network has; most networks take others, too.
    pub declared: [Option<usize>; 3],
    loaded: Loaded,
    /// The same tensors in the engine's order.
    ordered: Vec<Tensor>,
    file: NetworkWeights,
}

impl Opened {
    pub fn new(file: NetworkWeights, wishes: &Wishes) -> Computed<Self> {
        match file.engine {
            Engine::Onnx => Self::onnx(file, wishes),
            Engine::Torchscript => Self::script(file, wishes),
        }
    }

    fn onnx(file: NetworkWeights, wishes: &Wishes) -> Computed<Self> {
        let (mut network, weights) =
            OnnxNetwork::read(&file.bytes, file.folder.as_deref()).map_err(Error::from)?;
        let inputs = network.inputs();
        let [input] = inputs.as_slice() else {
            let names: Vec<&str> = inputs.iter().map(|port| port.name.as_str()).collect();
            return Err(unsuited(
                format!("the network has the inputs {names:?}, expected one"),
                Lacking::OneInput,
            ));
        };
        let outputs: Vec<String> = network.outputs().into_iter().map(|port| port.name).collect();
        let output = which_output(wishes.output.as_deref(), &outputs)?;
        let axes = match (&wishes.axes, input.axes.len()) {
            (Some(axes), _) => axes.clone(),
            (None, 4) => "bcyx".into(),
            (None, 5) => "bczyx".into(),
            (None, found) => {
                return Err(unsuited(
                    format!("the network's input `{}` has {found} axes, expected 4 or 5", input.name),
                    Lacking::Axes,
                ));
            }
        };
        if axes.len() != input.axes.len() {
            return Err(unsuited(
                format!(
                    "the network's input `{}` has {} axes, and `{axes}` {}",
                    input.name,
                    input.axes.len(),
                    axes.len()
                ),
                Lacking::Axes,
            ));
        }
        if input.kind != Kind::Float {
            let problem =
                format!("the network's input `{}` is of {:?}, expected floats", input.name, input.kind);
            return Err(unsuited(problem, Lacking::OneInput));
        }
        let output_axes = checked_axes(&axes, wishes)?;
        let fixed = |axis: char| match axes.find(axis).map(|place| &input.axes[place]) {
            Some(Axis::Fixed(edge)) => usize::try_from(*edge).ok(),
            _ => None,
        };
        let in_channels = if axes.contains('c') { fixed('c').unwrap_or(1) } else { 1 };
        let declared = ['z', 'y', 'x'].map(fixed);
        network.free_lengths_but(axes.find('c'));
        let structure = network.structure();
        let ordered = network.weight_sizes().into_iter().map(|(name, _)| weights[&name].shallow_clone());
        let ordered = ordered.collect();
        let loaded = Loaded::onnx(network);
        let (file, outputs) = (NetworkWeights { bytes: structure, ..file }, RefCell::new(outputs));
        Ok(Self { axes, output_axes, output, in_channels, weights, outputs, declared, loaded, ordered, file })
    }

    fn script(file: NetworkWeights, wishes: &Wishes) -> Computed<Self> {
        let (loaded, named) = Loaded::script(&file.bytes, tch::Device::Cpu).map_err(|error| {
            let error = Error::from(error);
            Error::Import {
                problem: format!("the file is no TorchScript: {error}"),
                lacking: Lacking::Network,
            }
        })?;
        // The first convolution says over what it goes; a network may keep its weights elsewhere.
        let kernel = named.iter().map(|(_, tensor)| tensor.size()).find(|size| (4..=5).contains(&size.len()));
        let axes = match (&wishes.axes, &kernel) {
            (Some(axes), _) => axes.clone(),
            (None, Some(kernel)) if kernel.len() == 4 => "bcyx".into(),
            (None, Some(_)) => "bczyx".into(),
            (None, None) => {
                return Err(unsuited("nothing says which axes the script takes", Lacking::Axes));
            }
        };
        let output = match wishes.output.as_deref() {
            None => 0,
            Some(text) => text.parse().map_err(|_| Error::Import {
                problem: format!("`{text}` is no number of an output, which those of a script have"),
                lacking: Lacking::Output,
            })?,
        };
        let output_axes = checked_axes(&axes, wishes)?;
        let channels = kernel.map_or(1, |kernel| kernel[1].max(1) as usize);
        let channels = wishes.in_channels.unwrap_or(channels);
        let in_channels = if axes.contains('c') { channels } else { 1 };
        let ordered = named.iter().map(|(_, tensor)| tensor.shallow_clone()).collect();
        let weights = named.into_iter().collect();
        let (declared, outputs) = ([None; 3], RefCell::default());
        Ok(Self { axes, output_axes, output, in_channels, weights, outputs, declared, loaded, ordered, file })
    }

    pub fn dimensions(&self) -> usize {
        if self.axes.contains('z') { 3 } else { 2 }
    }

    pub fn parameters(&self) -> usize {
        self.weights.values().map(Tensor::numel).sum()
    }

    /// Numbers in the weights that a training changes.
    pub fn trainable(&self, untrained: &[String]) -> usize {
        let trains = |(name, weight): &(&String, &Tensor)| weight.numel() > 1 && !untrained.contains(*name);
        self.weights.iter().filter(trains).map(|(_, weight)| weight.numel()).sum()
    }

    /// What its input may have for channels: as many as it tells, or those that a script may be meant for.
    pub fn likely_channels(&self, told: Option<usize>) -> Vec<usize> {
        let guessed = self.file.engine == Engine::Torchscript && told.is_none() && self.axes.contains('c');
        if guessed { vec![self.in_channels, 1, 3] } else { vec![self.in_channels] }
    }

    /// The names of its outputs.
    pub fn outputs(&self) -> Vec<String> {
        self.outputs.borrow().clone()
    }

    pub fn named(&self) -> Vec<(String, Tensor)> {
        let named = self.weights.iter();
        named.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }

    /// The file as the run keeps it, and what runs it.
    pub fn file(&self) -> (Engine, Vec<u8>) {
        (self.file.engine, self.file.bytes.clone())
    }

    /// Runs it on `[n, c, (z,) y, x]`: the used output, `[n, channel, (z,) y, x]`.
    pub fn run(&self, input: &Tensor) -> Computed<Tensor> {
        let outputs = self.loaded.run(&self.ordered, &with_axes(input, &self.axes)?)?;
        let count = outputs.len();
        let mut names = self.outputs.borrow_mut();
        if names.is_empty() {
            names.extend((0..count).map(|number| number.to_string()));
        }
        let output = outputs.into_iter().nth(self.output).ok_or_else(|| {
            let problem = format!("the network has {count} outputs, and number {} is asked for", self.output);
            Error::Import { problem, lacking: Lacking::Output }
        })?;
        if output.dim() != self.output_axes.len() {
            return Err(unsuited(
                format!(
                    "the network gives an array of {:?}, and `{}` are its axes",
                    output.size(),
                    self.output_axes
                ),
                Lacking::OutputAxes,
            ));
        }
        canonical(&output.f_to_kind(Kind::Float)?, &self.output_axes, self.dimensions())
    }

    /// Numbers of the size `[z, y, x]` for its input, as after a normalisation.
    pub fn noise(&self, batch: usize, [z, y, x]: [usize; 3]) -> Computed<Tensor> {
        let [n, c, z, y, x] = [batch, self.in_channels, z, y, x].map(|edge| edge as i64);
        let options = (Kind::Float, tch::Device::Cpu);
        Ok(if self.dimensions() == 3 {
            Tensor::f_randn([n, c, z, y, x], options)?
        } else {
            Tensor::f_randn([n, c, y, x], options)?
        })
    }
}

/// The axes of the output, where those of both can be.
fn checked_axes(axes: &str, wishes: &Wishes) -> Computed<String> {
    let dimensions = if axes.contains('z') { 3 } else { 2 };
    let output_axes = wishes.output_axes.clone().unwrap_or_else(|| axes.to_owned());
    for (axes, lacking) in [(axes, Lacking::Axes), (&output_axes, Lacking::OutputAxes)] {
        if let Some(expected) = problem_of_axes(axes, dimensions) {
            return Err(unsuited(format!("the axes are `{axes}`, expected {expected}"), lacking));
        }
    }
    Ok(output_axes)
}

fn which_output(wanted: Option<&str>, outputs: &[String]) -> Computed<usize> {
    let Some(wanted) = wanted else { return Ok(0) };
    let named = outputs.iter().position(|name| name == wanted);
    let numbered = wanted.parse().ok().filter(|number| *number < outputs.len());
    named.or(numbered).ok_or_else(|| {
        unsuited(format!("the network has no output `{wanted}`, but {outputs:?}"), Lacking::Output)
    })
}

pub fn unsuited(problem: impl Into<String>, lacking: Lacking) -> crate::error::Failure {
    Error::Import { problem: problem.into(), lacking }.into()
}
