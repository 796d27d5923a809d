//! An imported network with its weights, which looks like one of our own.

use tch::{Kind, Tensor};

use super::engine::Loaded;
use super::{ClassOutput, Combine, Imported, Raw};
use crate::error::Computed;
use crate::network::parameters::{Parameters, Start};
use crate::network::{Architecture, mirrored};
use crate::{Device, Error};

/// Probabilities are taken that far from 0 and 1 before they become logits: a few times what 32-bit floats
/// can tell from 1.
const CLOSEST: f64 = 1e-6;

/// A network that another program made, with its weights.
#[derive(Debug)]
pub(crate) struct ImportedNet {
    architecture: Architecture,
    engine: Loaded,
    parameters: Parameters,
    /// The tensors of the parameters, in the engine's order.
    weights: Vec<Tensor>,
}

impl ImportedNet {
    /// Makes a network whose weights are to be loaded.
    pub fn unfilled(architecture: &Architecture, device: Device) -> Computed<Self> {
        let imported = architecture.imported.as_deref().expect("asked for an imported network");
        let bytes = imported.network.bytes()?;
        let (engine, weights) = Loaded::new(imported.engine, &bytes, imported.parameters, device.torch())?;
        Self::new(architecture.clone(), engine, weights, device)
    }

    /// Takes a network and its weights.
    pub fn new(
        architecture: Architecture,
        engine: Loaded,
        named: Vec<(String, Tensor)>,
        device: Device,
    ) -> Computed<Self> {
        let mut parameters = Parameters::new(device.torch(), Start::Zero);
        let mut weights = Vec::with_capacity(named.len());
        let imported = architecture.imported.as_deref();
        for (name, tensor) in named {
            // A lone number is one of the operators', as the epsilon of a norm.
            let trains = tensor.numel() > 1 && !imported.is_some_and(|net| net.is_untrained(&name));
            // The very tensor: a script computes with it, too.
            weights.push(parameters.add(name, tensor, trains)?);
        }
        Ok(Self { architecture, engine, parameters, weights })
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// The same network with the same weights, for inference.
    pub fn detached(&self) -> Computed<Self> {
        Ok(Self {
            architecture: self.architecture.clone(),
            engine: self.engine.clone(),
            parameters: Parameters::new(self.parameters.device(), Start::Zero),
            weights: self.weights.iter().map(Tensor::f_detach).collect::<Result<_, _>>()?,
        })
    }

    fn imported(&self) -> &Imported {
        self.architecture.imported.as_deref().expect("an imported network says what it takes")
    }

    /// Maps `[n, in_channels, (z,) y, x]` to logits of the classes, `[n, class, (z,) y, x]`.
    pub fn forward(&self, input: &Tensor) -> Computed<Tensor> {
        let imported = self.imported();
        if !imported.one_at_a_time || input.size()[0] == 1 {
            return logits(&self.channels(input)?, imported);
        }
        let single = (0..input.size()[0]).map(|n| self.channels(&input.f_narrow(0, n, 1)?));
        let channels = single.collect::<Computed<Vec<_>>>()?;
        logits(&Tensor::f_cat(&channels, 0)?, imported)
    }

    /// The channels of the network's output, in the size of the input.
    fn channels(&self, input: &Tensor) -> Computed<Tensor> {
        let imported = self.imported();
        let size = input.size();
        let space: Vec<usize> = size[2..].iter().map(|&edge| edge as usize).collect();
        let flat = 3 - space.len();
        let mut tile = [1; 3];
        tile[flat..].copy_from_slice(&space);
        let Some(sizes) = imported.run_sizes(tile) else {
            let largest = imported.sizes.map(|sizes| sizes.smallest);
            let problem = format!("tiles of {tile:?} [z, y, x] do not fit into the network's {largest:?}");
            return Err(Error::Torch(problem).into());
        };
        let mut padded = input.f_to_kind(Kind::Float)?;
        for axis in flat..3 {
            let before = imported.before[axis];
            let after = sizes[axis] - tile[axis] - before;
            padded = mirrored(&padded, (2 + axis - flat) as i64, (before, after))?;
        }
        let outputs = self.engine.run(&self.weights, &with_axes(&padded, &imported.input_axes)?)?;
        let count = outputs.len();
        let Some(output) = outputs.into_iter().nth(imported.output) else {
            let problem = format!("the network has {count} outputs, and number {} is used", imported.output);
            return Err(Error::Torch(problem).into());
        };
        let mut output = canonical(&output.f_to_kind(Kind::Float)?, &imported.output_axes, space.len())?;
        for (axis, &edge) in space.iter().enumerate() {
            output = output.f_narrow(2 + axis as i64, 0, edge as i64)?;
        }
        Ok(output)
    }
}

/// A tensor `[b, c, (z,) y, x]` with the axes that a network takes; others are of length 1.
pub(crate) fn with_axes(tensor: &Tensor, axes: &str) -> Computed<Tensor> {
    let own = if tensor.dim() == 5 { "bczyx" } else { "bcyx" };
    let place = |axis: char| own.find(axis).map(|place| place as i64);
    let missing = own.chars().filter(|&axis| !axes.contains(axis)).filter_map(place);
    let order: Vec<i64> = axes.chars().filter_map(place).chain(missing).collect();
    let mut permuted = tensor.f_permute(order.as_slice())?;
    while permuted.dim() > axes.len() {
        if permuted.size().last() != Some(&1) {
            let problem = format!("{:?} has more than one along an axis that `{axes}` lacks", tensor.size());
            return Err(Error::Torch(problem).into());
        }
        permuted = permuted.f_squeeze_dim(-1)?;
    }
    Ok(permuted)
}

/// A tensor of these axes as `[b, c, (z,) y, x]`, with length 1 along those that it lacks.
pub(crate) fn canonical(tensor: &Tensor, axes: &str, space: usize) -> Computed<Tensor> {
    if tensor.dim() != axes.len() {
        let problem = format!("the network gives an array of {:?}, expected axes `{axes}`", tensor.size());
        return Err(Error::Torch(problem).into());
    }
    let own = if space == 3 { "bczyx" } else { "bcyx" };
    let mut whole = tensor.shallow_clone();
    let mut order = Vec::with_capacity(own.len());
    for axis in own.chars() {
        order.push(match axes.find(axis) {
            Some(place) => place as i64,
            None => {
                whole = whole.f_unsqueeze(-1)?;
                whole.dim() as i64 - 1
            }
        });
    }
    Ok(whole.f_permute(order.as_slice())?)
}

/// Logits of the classes from the channels of an output, `[n, channel, ...]`.
fn logits(channels: &Tensor, imported: &Imported) -> Computed<Tensor> {
    let pick = |class: &ClassOutput| {
        let places: Vec<i64> = class.channels.iter().map(|&channel| channel as i64).collect();
        Tensor::f_from_slice(&places)?.f_to_device(channels.device())
    };
    if imported.raw == Raw::Sigmoid && imported.classes.iter().all(ClassOutput::is_plain) {
        let all: Vec<i64> = imported.classes.iter().map(|class| class.channels[0] as i64).collect();
        let all = Tensor::f_from_slice(&all)?.f_to_device(channels.device())?;
        return Ok(channels.f_index_select(1, &all)?);
    }
    let probabilities = match imported.raw {
        Raw::Sigmoid => channels.f_sigmoid()?,
        Raw::Softmax => channels.f_softmax(1, Kind::Float)?,
        Raw::Tanh => (channels + 1.0) / 2.0,
        Raw::Probabilities => channels.shallow_clone(),
    };
    let classes = imported.classes.iter().map(|class| {
        let of_class = probabilities.f_index_select(1, &pick(class)?)?;
        let one = match class.combine {
            Combine::Mean => of_class.f_mean_dim([1_i64].as_slice(), true, Kind::Float)?,
            Combine::Min => of_class.f_amin([1_i64].as_slice(), true)?,
            Combine::Max => of_class.f_amax([1_i64].as_slice(), true)?,
            Combine::Sum => of_class.f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?,
        };
        Ok(if class.inverted { 1.0 - one } else { one })
    });
    let classes = Tensor::f_cat(&classes.collect::<Computed<Vec<_>>>()?, 1)?;
    Ok(classes.f_clamp(CLOSEST, 1.0 - CLOSEST)?.f_logit(None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().view(-1)).unwrap()
    }

    #[test]
    fn axes_are_brought_into_any_order_and_back() {
        let tensor = Tensor::arange(24, (Kind::Float, tch::Device::Cpu)).view([1, 1, 2, 3, 4]);
        for axes in ["bczyx", "xyzcb", "zyx", "byxzc", "cxzy"] {
            let turned = with_axes(&tensor, axes).unwrap();
            assert_eq!(turned.dim(), axes.len());
            let edge = |axis| turned.size()[axes.find(axis).unwrap()];
            assert_eq!((edge('z'), edge('y'), edge('x')), (2, 3, 4), "{axes}");
            assert_eq!(canonical(&turned, axes, 3).unwrap(), tensor, "{axes}");
        }
        assert!(canonical(&tensor, "bcyx", 2).is_err());
        let pair = Tensor::cat(&[&tensor, &tensor], 0);
        assert!(with_axes(&pair, "czyx").is_err(), "two do not fit into a network of one");
    }

    #[test]
    fn channels_become_classes() {
        let channels = Tensor::from_slice(&[0.2_f32, 0.5, 0.9]).view([1, 3, 1, 1]);
        let class = |channels: &[usize], combine, inverted| ClassOutput {
            channels: channels.to_vec(),
            combine,
            inverted,
        };
        let all = &[0, 1, 2];
        let imported = |raw, classes| Imported { raw, classes, ..crate::import::tests::imported_identity() };
        let of = |raw, classes| {
            let logits = logits(&channels, &imported(raw, classes)).unwrap();
            numbers(&logits.sigmoid())
        };
        let classes = vec![
            class(all, Combine::Mean, false),
            class(all, Combine::Min, false),
            class(all, Combine::Max, true),
            class(&[0, 1], Combine::Sum, false),
            class(&[2], Combine::Mean, false),
        ];
        let expected = [1.6 / 3.0, 0.2, 0.1, 0.7, 0.9];
        for (found, expected) in of(Raw::Probabilities, classes).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let plain = of(Raw::Sigmoid, vec![ClassOutput::channel(2), ClassOutput::channel(0)]);
        assert!((plain[0] - 1.0 / (1.0 + (-0.9_f32).exp())).abs() < 1e-6, "{plain:?}");
        assert!((plain[1] - 1.0 / (1.0 + (-0.2_f32).exp())).abs() < 1e-6, "{plain:?}");
        let exclusive = of(Raw::Softmax, vec![ClassOutput::channel(1)])[0];
        let sum: f32 = [0.2_f32, 0.5, 0.9].iter().map(|logit| logit.exp()).sum();
        assert!((exclusive - 0.5_f32.exp() / sum).abs() < 1e-6, "{exclusive}");
        let signed = of(Raw::Tanh, vec![ClassOutput::channel(1)])[0];
        assert!((signed - 0.75).abs() < 1e-6, "{signed}");
        // 0 and 1 stay numbers.
        let extreme = Tensor::from_slice(&[0.0_f32, 1.0]).view([1, 2, 1, 1]);
        let certain = self::logits(
            &extreme,
            &imported(Raw::Probabilities, vec![ClassOutput::channel(0), ClassOutput::channel(1)]),
        );
        assert!(numbers(&certain.unwrap()).iter().all(|logit| logit.is_finite() && logit.abs() > 13.0));
    }
}
