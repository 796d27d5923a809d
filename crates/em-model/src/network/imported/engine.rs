//! What runs an imported network: the operators of its ONNX file, or libtorch's interpreter of TorchScript.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use tch::{CModule, IValue, Kind, Tensor};

use super::Engine;
use crate::Error;
use crate::error::Computed;
use crate::network::onnx::OnnxNetwork;

/// A network that is ready to run.
#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    /// Behind a lock, since its constants are tensors, which two threads may not hold.
    Onnx(Arc<Mutex<OnnxNetwork>>),
    Torchscript(Arc<CModule>),
}

/// Named weights, in the network's order.
pub(crate) type Weights = Vec<(String, Tensor)>;

impl Loaded {
    /// Makes a network of its file, and weights to be filled, so many numbers at most.
    pub fn new(
        engine: Engine,
        bytes: &[u8],
        numbers: usize,
        device: tch::Device,
    ) -> Computed<(Self, Weights)> {
        match engine {
            Engine::Onnx => {
                let network = OnnxNetwork::from_structure(bytes).map_err(Error::from)?;
                let count =
                    |size: &[i64]| size.iter().fold(1_i64, |product, edge| product.saturating_mul(*edge));
                let sizes = network.weight_sizes();
                let asked = sizes.iter().fold(0_i64, |sum, (_, size)| sum.saturating_add(count(size)));
                if asked != numbers as i64 {
                    let problem =
                        format!("the network takes {asked} weights, and model.json tells of {numbers}");
                    return Err(Error::Torch(problem).into());
                }
                let weights = sizes.into_iter().map(|(name, size)| {
                    let zeros = Tensor::f_zeros(size.as_slice(), (Kind::Float, device))?;
                    Ok((name, zeros))
                });
                let weights = weights.collect::<Computed<_>>()?;
                Ok((Self::onnx(network), weights))
            }
            Engine::Torchscript => Self::script(bytes, device),
        }
    }

    /// Takes a network of ONNX.
    pub fn onnx(network: OnnxNetwork) -> Self {
        Self::Onnx(Arc::new(Mutex::new(network)))
    }

    /// Loads a script with its weights.
    pub fn script(bytes: &[u8], device: tch::Device) -> Computed<(Self, Weights)> {
        // What the interpreter compiles anew for each size takes longer than it saves.
        tch::jit::f_set_graph_executor_optimize(false)?;
        let mut module = CModule::load_data_on_device(&mut Cursor::new(bytes), device)?;
        module.f_set_eval()?;
        module.to(device, Kind::Float, false);
        let weights = module.named_parameters()?;
        Ok((Self::Torchscript(Arc::new(module)), weights))
    }

    /// Runs it on one input; a script has its weights in it.
    pub fn run(&self, weights: &[Tensor], input: &Tensor) -> Computed<Vec<Tensor>> {
        match self {
            Self::Onnx(network) => {
                let network = network.lock().unwrap_or_else(PoisonError::into_inner);
                network.run(weights, std::slice::from_ref(input))
            }
            Self::Torchscript(module) => {
                let given = module.forward_is(&[IValue::Tensor(input.shallow_clone())])?;
                let mut tensors = Vec::new();
                flatten(given, &mut tensors);
                if tensors.is_empty() {
                    return Err(Error::Torch("the script gives no tensor".into()).into());
                }
                Ok(tensors)
            }
        }
    }
}

/// The tensors in what a script gives, in its order; those of a dictionary in the order of its keys.
fn flatten(value: IValue, tensors: &mut Vec<Tensor>) {
    match value {
        IValue::Tensor(tensor) => tensors.push(tensor),
        IValue::TensorList(list) => tensors.extend(list),
        IValue::Tuple(values) | IValue::GenericList(values) => {
            values.into_iter().for_each(|value| flatten(value, tensors));
        }
        IValue::GenericDict(entries) => {
            let named = entries.into_iter().map(|(key, value)| (format!("{key:?}"), value));
            named.collect::<BTreeMap<_, _>>().into_values().for_each(|value| flatten(value, tensors));
        }
        _ => {}
    }
}
