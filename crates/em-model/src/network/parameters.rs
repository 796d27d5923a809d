//! The named tensors of a network: weights that train and statistics that do not.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::error::Computed;

/// Named tensors of one network, in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Parameters {
    device: tch::Device,
    start: Start,
    entries: Vec<Parameter>,
}

/// What weights are when they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Drawn from libtorch's generator.
    Random,
    /// 0, until others are [loaded](Parameters::load).
    Zero,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub tensor: Tensor,
    pub trains: bool,
}

impl Parameters {
    pub fn new(device: tch::Device, start: Start) -> Self {
        Self { device, start, entries: Vec::new() }
    }

    pub fn device(&self) -> tch::Device {
        self.device
    }

    /// Makes a convolution weight by He et al. 2015 (normal, fan-in), eq. 10.
    ///
    /// Drawn on the CPU, so that a seed means the same weights on each device.
    pub fn he_normal(&mut self, name: String, size: &[i64], fan_in: i64) -> Computed<Tensor> {
        let options = (Kind::Float, tch::Device::Cpu);
        let made = match self.start {
            Start::Random => Tensor::f_randn(size, options)? * (2.0 / fan_in as f64).sqrt(),
            Start::Zero => Tensor::f_zeros(size, options)?,
        };
        // Strides of channels_last, which convolutions keep.
        let weight = channels_last(&made.f_to_device(self.device)?)?;
        self.add(name, weight, true)
    }

    /// Makes a vector of one value.
    pub fn constant(&mut self, name: String, length: i64, value: f64, trains: bool) -> Computed<Tensor> {
        let tensor = Tensor::f_full([length], value, (Kind::Float, self.device))?;
        self.add(name, tensor, trains)
    }

    /// Takes a tensor in, whose values are loaded later or there already.
    pub fn add(&mut self, name: String, tensor: Tensor, trains: bool) -> Computed<Tensor> {
        let tensor = tensor.f_set_requires_grad(trains)?;
        self.entries.push(Parameter { name, tensor: tensor.shallow_clone(), trains });
        Ok(tensor)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter()
    }

    /// The weights that train.
    pub fn trainable(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|parameter| parameter.trains)
    }

    /// Lets the tensors whose names begin with `prefix` stay as they are.
    pub fn freeze(&mut self, prefix: &str) -> Computed<()> {
        for entry in self.entries.iter_mut().filter(|entry| entry.name.starts_with(prefix)) {
            entry.trains = false;
            // The same tensor as the layer's, whose gradient is not computed from here on.
            let _ = entry.tensor.f_requires_grad_(false)?;
        }
        Ok(())
    }

    /// Copies values in, by name.
    ///
    /// Returns the first difference if names or sizes do not match; nothing is copied then.
    pub fn load(&mut self, values: &BTreeMap<String, Tensor>) -> Computed<Option<String>> {
        for Parameter { name, tensor, .. } in &self.entries {
            match values.get(name) {
                None => return Ok(Some(format!("it has no tensor `{name}`"))),
                Some(value) if value.size() != tensor.size() => {
                    return Ok(Some(format!(
                        "its tensor `{name}` has shape {:?}, expected {:?}",
                        value.size(),
                        tensor.size()
                    )));
                }
                Some(_) => {}
            }
        }
        if let Some(name) = values.keys().find(|name| self.entries.iter().all(|entry| entry.name != **name)) {
            return Ok(Some(format!("it has a tensor `{name}` that this network lacks")));
        }
        let _guard = tch::no_grad_guard();
        for Parameter { name, tensor, .. } in &mut self.entries {
            tensor.f_copy_(&values[name])?;
        }
        Ok(None)
    }
}

/// Lays a tensor `[a, b, ...]` out with `b` fastest, keeping its shape.
pub(crate) fn channels_last(tensor: &Tensor) -> Computed<Tensor> {
    Ok(tensor.f_movedim_int(1, -1)?.f_contiguous()?.f_movedim_int(-1, 1)?)
}
