//! Optimisers whose whole state can be saved.

use std::collections::BTreeMap;

use em_data::SettingError;
use em_data::settings::{self, Checks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::config::ABOVE_0;
use crate::Result;
use crate::error::Computed;
use crate::network::Parameters;

/// Section `[train.optimizer]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// `adam` (Kingma and Ba 2015), `adamw` (Loshchilov and Hutter 2019) or `sgd` with momentum.
    pub kind: OptimizerKind,
    /// Decay of the weights: decoupled in `adamw`, added to the gradient in `adam` and `sgd`.
    pub weight_decay: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Decay rates of the two moments of `adam` and `adamw`.
    pub betas: [f64; 2],
    /// Added to the denominator of `adam` and `adamw`.
    pub epsilon: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        // PyTorch's defaults.
        Self {
            kind: OptimizerKind::Adamw,
            weight_decay: 0.01,
            momentum: 0.9,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
        }
    }
}

/// The kinds of optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam, weight decay as part of the gradient.
    Adam,
    /// Adam with decoupled weight decay.
    Adamw,
    /// Gradient descent with momentum.
    Sgd,
}

impl OptimizerConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("OptimizerConfig");
        checks
            .within("weight_decay", self.weight_decay, 0.0.., "0 or more")
            .within("momentum", self.momentum, 0.0..1.0, "0 to below 1")
            .within("betas", self.betas[0], 0.0..1.0, "0 to below 1")
            .within("betas", self.betas[1], 0.0..1.0, "0 to below 1")
            .within("epsilon", self.epsilon, ABOVE_0, "above 0");
        checks.finish()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        Ok(settings::first(self.problems())?)
    }
}

/// Moments of one weight.
#[derive(Debug)]
struct Moments {
    name: String,
    weight: Tensor,
    first: Tensor,
    /// Not used by SGD.
    second: Option<Tensor>,
}

/// Updates weights from their gradients.
#[derive(Debug)]
pub(crate) struct Optimizer {
    config: OptimizerConfig,
    moments: Vec<Moments>,
    steps: i32,
}

impl Optimizer {
    pub fn new(config: &OptimizerConfig, parameters: &Parameters) -> Computed<Self> {
        let second = config.kind != OptimizerKind::Sgd;
        let moments = parameters.trainable().map(|parameter| {
            let weight = parameter.tensor.shallow_clone();
            let zeros = || tch::no_grad(|| weight.f_zeros_like());
            Ok(Moments {
                name: parameter.name.clone(),
                first: zeros()?,
                second: if second { Some(zeros()?) } else { None },
                weight,
            })
        });
        Ok(Self { config: config.clone(), moments: moments.collect::<Computed<_>>()?, steps: 0 })
    }

    /// The gradients of all weights that train.
    pub fn gradients(&self) -> Vec<Tensor> {
        self.moments.iter().map(|m| m.weight.grad()).collect()
    }

    /// The moments of all weights, and the steps that they are of.
    pub fn moments(&mut self) -> (Vec<Tensor>, &mut i32) {
        let both = self.moments.iter().flat_map(|m| [Some(&m.first), m.second.as_ref()]);
        (both.flatten().map(Tensor::shallow_clone).collect(), &mut self.steps)
    }

    /// Scales all gradients so that their joint L2 norm is at most `limit`.
    pub fn clip_gradients(&self, limit: f64) -> Computed<()> {
        let _guard = tch::no_grad_guard();
        let norms: Vec<Tensor> =
            self.moments.iter().map(|m| m.weight.grad().f_norm()).collect::<std::result::Result<_, _>>()?;
        let total = Tensor::f_stack(&norms, 0)?.f_norm()?;
        // As torch.nn.utils.clip_grad_norm_: the factor is never more than 1.
        let factor = (limit / (total + 1e-6)).f_clamp_max(1.0)?;
        for m in &self.moments {
            let _ = m.weight.grad().f_mul_(&factor)?;
        }
        Ok(())
    }

    /// Does one step at a learning rate, and clears the gradients.
    pub fn step(&mut self, learning_rate: f64) -> Computed<()> {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        for m in &mut self.moments {
            let gradient = m.weight.grad();
            match self.config.kind {
                OptimizerKind::Sgd => sgd(m, gradient, learning_rate, &self.config)?,
                _ => adam(m, gradient, learning_rate, self.steps, &self.config)?,
            }
            m.weight.zero_grad();
        }
        Ok(())
    }

    /// The moments by name, and the number of steps.
    pub fn state(&self) -> (BTreeMap<String, Tensor>, i32) {
        let mut tensors = BTreeMap::new();
        for m in &self.moments {
            tensors.insert(format!("first.{}", m.name), m.first.shallow_clone());
            if let Some(second) = &m.second {
                tensors.insert(format!("second.{}", m.name), second.shallow_clone());
            }
        }
        (tensors, self.steps)
    }

    /// Puts a saved state back. Returns the name of a tensor that is missing or has another size.
    pub fn load(&mut self, tensors: &BTreeMap<String, Tensor>, steps: i32) -> Computed<Option<String>> {
        self.steps = steps;
        for m in &mut self.moments {
            let slots = [("first", Some(&mut m.first)), ("second", m.second.as_mut())];
            for (prefix, slot) in slots {
                let Some(slot) = slot else { continue };
                let name = format!("{prefix}.{}", m.name);
                match tensors.get(&name) {
                    Some(value) if value.size() == slot.size() => slot.f_copy_(value)?,
                    _ => return Ok(Some(name)),
                }
            }
        }
        Ok(None)
    }
}

/// `torch.optim.SGD` with momentum and no dampening.
fn sgd(m: &mut Moments, gradient: Tensor, learning_rate: f64, config: &OptimizerConfig) -> Computed<()> {
    let gradient =
        if config.weight_decay > 0.0 { gradient + &m.weight * config.weight_decay } else { gradient };
    let _ = m.first.f_mul_scalar_(config.momentum)?.f_add_(&gradient)?;
    let _ = m.weight.f_sub_(&(&m.first * learning_rate))?;
    Ok(())
}

/// `torch.optim.Adam` and `torch.optim.AdamW`, which differ in the weight decay.
fn adam(
    m: &mut Moments,
    mut gradient: Tensor,
    learning_rate: f64,
    steps: i32,
    config: &OptimizerConfig,
) -> Computed<()> {
    let [beta1, beta2] = config.betas;
    if config.weight_decay > 0.0 {
        match config.kind {
            OptimizerKind::Adamw => {
                m.weight.f_mul_scalar_(1.0 - learning_rate * config.weight_decay).map(drop)?
            }
            _ => gradient += &m.weight * config.weight_decay,
        }
    }
    let second = m.second.as_mut().expect("adam keeps a second moment");
    let _ = m.first.f_lerp_(&gradient, 1.0 - beta1)?;
    let _ = second.f_mul_scalar_(beta2)?.f_add_(&(gradient.f_square()? * (1.0 - beta2)))?;
    let bias1 = 1.0 - beta1.powi(steps);
    let bias2 = 1.0 - beta2.powi(steps);
    let denominator = second.f_sqrt()? / bias2.sqrt() + config.epsilon;
    let _ = m.weight.f_sub_(&(m.first.f_div(&denominator)? * (learning_rate / bias1)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Start;
    use tch::Kind;

    /// Weights after three steps on `sum(w^4)` from `w = [1, -2]` with learning rate 0.1.
    fn three_steps(config: OptimizerConfig) -> Vec<f32> {
        let mut parameters = Parameters::new(tch::Device::Cpu, Start::Zero);
        let mut weight = parameters.constant("w".into(), 2, 1.0, true).unwrap();
        tch::no_grad(|| weight.copy_(&Tensor::from_slice(&[1.0_f32, -2.0])));
        let mut optimizer = Optimizer::new(&config, &parameters).unwrap();
        for _ in 0..3 {
            weight.pow_tensor_scalar(4).sum(Kind::Float).backward();
            optimizer.clip_gradients(10.0).unwrap();
            optimizer.step(0.1).unwrap();
        }
        Vec::try_from(weight).unwrap()
    }

    fn close(found: &[f32], expected: [f32; 2]) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{found:?} expected {expected:?}");
        }
    }

    // python: w = torch.tensor([1., -2.], requires_grad=True)
    //         o = torch.optim.AdamW([w], 0.1, weight_decay=0.01)   (Adam, SGD(momentum=0.9) likewise)
    //         for _ in range(3): o.zero_grad(); (w**4).sum().backward()
    //             torch.nn.utils.clip_grad_norm_([w], 10.0); o.step()
    #[test]
    fn three_steps_equal_pytorch() {
        let kind = |kind| OptimizerConfig { kind, ..Default::default() };
        close(&three_steps(kind(OptimizerKind::Adamw)), [0.700_190_9, -1.694_287]);
        close(&three_steps(kind(OptimizerKind::Adam)), [0.702_870_4, -1.699_982]);
        close(&three_steps(kind(OptimizerKind::Sgd)), [0.101_808_85, 1.458_744_9]);
    }
}
