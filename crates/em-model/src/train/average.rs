//! A running average of the weights, which generalises better than the weights of any one step
//! (Polyak and Juditsky 1992; the start-up of the decay is that of Abadi et al. 2016, TensorFlow).

use std::collections::BTreeMap;

use tch::Tensor;

use crate::error::Computed;
use crate::network::Network;
use crate::{Architecture, Device};

#[derive(Debug)]
pub(super) struct Average {
    net: Network,
    decay: f64,
}

impl Average {
    /// Starts with the weights of `net`; `None` where nothing is averaged.
    pub fn new(
        decay: f64,
        net: &Network,
        architecture: &Architecture,
        device: Device,
    ) -> Computed<Option<Self>> {
        if decay == 0.0 {
            return Ok(None);
        }
        let mut average = Self { net: Network::unfilled(architecture, device)?, decay };
        let difference = average.net.parameters_mut().load(&tensors(net))?;
        assert!(difference.is_none(), "two networks of one architecture have the same weights");
        Ok(Some(average))
    }

    /// Moves the average towards `net` after step number `step`, from 1.
    pub fn follow(&mut self, net: &Network, step: usize) -> Computed<()> {
        let _guard = tch::no_grad_guard();
        let step = step as f64;
        let kept = self.decay.min((1.0 + step) / (10.0 + step));
        for (mine, theirs) in self.net.parameters().iter().zip(net.parameters().iter()) {
            let _ = mine.tensor.shallow_clone().f_lerp_(&theirs.tensor, 1.0 - kept)?;
        }
        Ok(())
    }

    /// The averaged network.
    pub fn net(&self) -> &Network {
        &self.net
    }

    /// Puts saved weights back. Returns the first difference if they do not fit.
    pub fn load(&mut self, tensors: &BTreeMap<String, Tensor>) -> Computed<Option<String>> {
        self.net.parameters_mut().load(tensors)
    }
}

/// The weights and statistics of a network, by name.
pub(super) fn tensors(net: &Network) -> BTreeMap<String, Tensor> {
    net.parameters().iter().map(|entry| (entry.name.clone(), entry.tensor.shallow_clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn the_average_moves_by_the_configured_share() {
        let architecture = Architecture { filters: vec![2, 4], ..Preset::Unet.architecture() };
        let start = Network::new(&architecture, Device::Cpu, 1).unwrap();
        let mut average = Average::new(0.9, &start, &architecture, Device::Cpu).unwrap().unwrap();
        let other = Network::new(&architecture, Device::Cpu, 2).unwrap();
        // (1 + 1000) / (10 + 1000) is above 0.9; at step 1 it is 2 / 11.
        for (step, kept) in [(1000, 0.9), (1, 2.0 / 11.0)] {
            let before: BTreeMap<String, Tensor> =
                tensors(average.net()).into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
            average.follow(&other, step).unwrap();
            for (name, tensor) in tensors(average.net()) {
                let expected = &before[&name] * kept + &tensors(&other)[&name] * (1.0 - kept);
                let difference = (tensor - expected).abs().max().double_value(&[]);
                assert!(difference < 1e-6, "{name}: {difference}");
            }
        }
        assert!(Average::new(0.0, &start, &architecture, Device::Cpu).unwrap().is_none());
    }
}
