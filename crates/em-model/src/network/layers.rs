//! The layers of a U-Net: blocks of two convolutions, norms, transposed convolutions. Each goes over
//! as many axes as its weight has: sections, or volumes.

use tch::{Kind, Tensor};

use super::Activation;
use crate::error::Computed;
use crate::ranks::{Norm, Share};

/// PyTorch's default, which most published networks use.
pub(crate) const NORM_EPSILON: f64 = 1e-5;
const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Whether dropout and batch statistics are active, and how precisely features are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode<'a> {
    /// Features of the given kind; weights, statistics and logits stay 32-bit floats. Statistics are those of
    /// the whole batch, of which the input is a share.
    Training(Kind, &'a Share<'a>),
    Inference,
}

/// Two convolutions with an optional dropout between them.
#[derive(Debug)]
pub(crate) struct Block {
    pub first: Convolution,
    pub second: Convolution,
    pub dropout: f64,
    pub activation: Activation,
    /// Whether the input is added to the second convolution's output.
    pub residual: bool,
    /// Brings the input of a residual block to its number of filters, where they differ.
    pub shortcut: Option<Convolution>,
}

impl Block {
    pub fn walk<C: Compute>(&self, compute: &mut C, input: &C::Value) -> Computed<C::Value> {
        let features = compute.convolution(&self.first, input)?;
        let features = compute.activated(self.activation, features)?;
        let features = compute.dropped(features, self.dropout)?;
        let mut features = compute.convolution(&self.second, &features)?;
        if self.residual {
            features = match &self.shortcut {
                Some(shortcut) => {
                    let shortcut = compute.convolution(shortcut, input)?;
                    compute.sum(features, &shortcut)?
                }
                None => compute.sum(features, input)?,
            };
        }
        compute.activated(self.activation, features)
    }

    pub fn folded(&self) -> Computed<Self> {
        Ok(Self {
            first: self.first.folded()?,
            second: self.second.folded()?,
            dropout: 0.0,
            activation: self.activation,
            residual: self.residual,
            shortcut: self.shortcut.as_ref().map(Convolution::folded).transpose()?,
        })
    }
}

/// What the layers are computed with, and what goes through them: tensors, or what is written of them.
pub(crate) trait Compute {
    /// What a layer takes and gives.
    type Value;

    /// A convolution and the norm behind it.
    fn convolution(&mut self, layer: &Convolution, input: &Self::Value) -> Computed<Self::Value>;

    /// A transposed convolution.
    fn up(&mut self, layer: &UpConvolution, input: &Self::Value) -> Computed<Self::Value>;

    fn activated(&mut self, activation: Activation, features: Self::Value) -> Computed<Self::Value>;

    /// Dropout, which is there in training alone.
    fn dropped(&mut self, features: Self::Value, share: f64) -> Computed<Self::Value>;

    fn sum(&mut self, features: Self::Value, other: &Self::Value) -> Computed<Self::Value>;

    /// The largest of each window, without overlap.
    fn pooled(&mut self, features: &Self::Value, window: &[i64]) -> Computed<Self::Value>;

    /// Channels of features from below, and behind them those of a skip without `inset` voxels on each side.
    fn joined(&mut self, raised: Self::Value, skip: Self::Value, inset: usize) -> Computed<Self::Value>;
}

impl Compute for Mode<'_> {
    type Value = Tensor;

    fn convolution(&mut self, layer: &Convolution, input: &Tensor) -> Computed<Tensor> {
        layer.forward_norm(input, *self)
    }

    fn up(&mut self, layer: &UpConvolution, input: &Tensor) -> Computed<Tensor> {
        layer.forward(input)
    }

    fn activated(&mut self, activation: Activation, mut features: Tensor) -> Computed<Tensor> {
        Ok(match activation {
            Activation::Relu => features.f_relu_()?,
            Activation::Elu => features.f_elu()?,
            Activation::LeakyRelu => features.f_leaky_relu()?,
            Activation::Silu => features.f_silu()?,
        })
    }

    fn dropped(&mut self, features: Tensor, share: f64) -> Computed<Tensor> {
        match self {
            Mode::Training(_, batch) if share > 0.0 => batch.dropout(&features, share),
            _ => Ok(features),
        }
    }

    fn sum(&mut self, features: Tensor, other: &Tensor) -> Computed<Tensor> {
        Ok(features.f_add(other)?)
    }

    fn pooled(&mut self, features: &Tensor, window: &[i64]) -> Computed<Tensor> {
        Ok(match window.len() {
            2 => features.f_max_pool2d(window, window, [0, 0], [1, 1], false)?,
            _ => features.f_max_pool3d(window, window, [0; 3], [1; 3], false)?,
        })
    }

    fn joined(&mut self, raised: Tensor, mut skip: Tensor, inset: usize) -> Computed<Tensor> {
        let axes = if inset > 0 { 2..skip.dim() as i64 } else { 0..0 };
        for axis in axes {
            skip = skip.f_slice(axis, inset as i64, -(inset as i64), 1)?;
        }
        Ok(Tensor::f_cat(&[raised, skip], 1)?)
    }
}

#[derive(Debug)]
pub(crate) struct Convolution {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub norm: Option<NormLayer>,
    /// Zeros around the input, along each axis.
    pub padding: Vec<i64>,
}

impl Convolution {
    pub fn forward(&self, input: &Tensor) -> Computed<Tensor> {
        // Differentiable, so that gradients reach the 32-bit weights.
        let weight = self.weight.f_to_kind(input.kind())?;
        let bias = self.bias.as_ref().map(|bias| bias.f_to_kind(input.kind())).transpose()?;
        let (ones, zeros) = (vec![1; self.padding.len()], vec![0; self.padding.len()]);
        let mut padding = self.padding.clone();
        let padded = match padding.as_slice() {
            // oneDNN's weight gradient of two bf16 sections under a kernel of three leaves parts of it
            // as the memory was. It is right where the zeros around them are a part of the input.
            [1, _, _] if input.kind() == Kind::BFloat16 && input.size()[2] == 2 => {
                padding[0] = 0;
                &input.f_constant_pad_nd([0, 0, 0, 0, 1, 1])?
            }
            _ => input,
        };
        Ok(padded.f_convolution(&weight, bias, &ones, &padding, &ones, false, &zeros, 1)?)
    }

    pub fn forward_norm(&self, input: &Tensor, mode: Mode<'_>) -> Computed<Tensor> {
        let features = self.forward(input)?;
        match &self.norm {
            None => Ok(features),
            Some(NormLayer::Batch(norm)) => norm.forward(&features, mode),
            Some(NormLayer::Group(norm)) => norm.forward(&features),
        }
    }

    /// A batch norm's `(v - mean) / sqrt(variance + epsilon) * gain + shift` as part of weight and bias.
    pub fn folded(&self) -> Computed<Self> {
        let (weight, bias) = match &self.norm {
            Some(NormLayer::Group(norm)) => {
                let norm = Some(NormLayer::Group(norm.detached()));
                return Ok(Self {
                    weight: self.weight.f_detach()?,
                    bias: None,
                    norm,
                    padding: self.padding.clone(),
                });
            }
            None => (self.weight.f_detach()?, self.bias.as_ref().map(Tensor::detach)),
            Some(NormLayer::Batch(norm)) => {
                let factor = &norm.gain / (&norm.variance + NORM_EPSILON).f_sqrt()?;
                let shift = &norm.shift - &norm.mean * &factor;
                let mut shape = vec![1; self.weight.dim()];
                shape[0] = -1;
                (&self.weight * factor.f_reshape(shape)?, Some(shift.f_detach()?))
            }
        };
        Ok(Self { weight: weight.f_detach()?, bias, norm: None, padding: self.padding.clone() })
    }
}

#[derive(Debug)]
pub(crate) enum NormLayer {
    Batch(BatchNorm),
    Group(GroupNorm),
}

/// Normalises groups of channels of each tile; with one channel a group it is instance norm.
#[derive(Debug)]
pub(crate) struct GroupNorm {
    pub groups: i64,
    pub gain: Tensor,
    pub shift: Tensor,
}

impl GroupNorm {
    fn forward(&self, input: &Tensor) -> Computed<Tensor> {
        // Statistics of 32-bit floats, whatever the features are.
        let features = input.f_to_kind(Kind::Float)?;
        let (gain, shift) = (Some(&self.gain), Some(&self.shift));
        Ok(features.f_group_norm(self.groups, gain, shift, NORM_EPSILON, true)?.f_to_kind(input.kind())?)
    }

    fn detached(&self) -> Self {
        Self { groups: self.groups, gain: self.gain.detach(), shift: self.shift.detach() }
    }
}

#[derive(Debug)]
pub(crate) struct BatchNorm {
    pub gain: Tensor,
    pub shift: Tensor,
    pub mean: Tensor,
    pub variance: Tensor,
}

impl BatchNorm {
    pub fn forward(&self, input: &Tensor, mode: Mode<'_>) -> Computed<Tensor> {
        if let Mode::Training(_, share) = mode
            && let Some(normed) = share.batch_norm(&self.of(input))
        {
            return normed;
        }
        Ok(input.f_batch_norm(
            Some(&self.gain),
            Some(&self.shift),
            Some(&self.mean),
            Some(&self.variance),
            matches!(mode, Mode::Training(..)),
            BATCH_NORM_MOMENTUM,
            NORM_EPSILON,
            true,
        )?)
    }

    fn of<'a>(&'a self, input: &'a Tensor) -> Norm<'a> {
        let Self { gain, shift, mean, variance } = self;
        let (momentum, epsilon) = (BATCH_NORM_MOMENTUM, NORM_EPSILON);
        Norm { input, gain, shift, mean, variance, momentum, epsilon }
    }
}

/// A transposed convolution of 2 voxels and stride 2 along each axis that the level below pooled, with
/// an optional ReLU.
#[derive(Debug)]
pub(crate) struct UpConvolution {
    pub weight: Tensor,
    pub bias: Tensor,
    pub relu: bool,
}

impl UpConvolution {
    pub fn forward(&self, input: &Tensor) -> Computed<Tensor> {
        let (weight, bias) = (self.weight.f_to_kind(input.kind())?, self.bias.f_to_kind(input.kind())?);
        let stride = &weight.size()[2..];
        let (ones, zeros) = (vec![1; stride.len()], vec![0; stride.len()]);
        let mut raised = input.f_convolution(&weight, Some(&bias), stride, &zeros, &ones, true, &zeros, 1)?;
        if self.relu {
            raised = raised.f_relu_()?;
        }
        Ok(raised)
    }

    pub fn detached(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), relu: self.relu }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output, and the gradients of input and weight, with features of `kind`.
    fn pass(input: &Tensor, weight: &Tensor, kind: Kind) -> [Tensor; 3] {
        let input = input.to_kind(kind).detach().set_requires_grad(true);
        let weight = weight.detach().copy().set_requires_grad(true);
        let padding = weight.size()[2..].iter().map(|edge| edge / 2).collect();
        let convolution = Convolution { weight, bias: None, norm: None, padding };
        let output = convolution.forward(&input).unwrap();
        output.to_kind(Kind::Float).square().mean(Kind::Float).backward();
        [output, input.grad(), convolution.weight.grad()]
    }

    #[test]
    fn bf16_agrees_with_fp32_at_every_depth() {
        tch::manual_seed(0);
        let randn = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, tch::Device::Cpu));
        for depth in 1..=5 {
            for filters in [4, 16, 32] {
                for kernel_depth in [1, 3] {
                    // Numbers that bf16 holds, so that both start from the same.
                    let input = randn(&[2, filters, depth, 12, 12]).to_kind(Kind::BFloat16);
                    let weight = randn(&[filters, filters, kernel_depth, 3, 3]).to_kind(Kind::BFloat16);
                    let weight = weight.to_kind(Kind::Float);
                    let exact = pass(&input, &weight, Kind::Float);
                    let found = pass(&input, &weight, Kind::BFloat16);
                    for (exact, found) in exact.into_iter().zip(found) {
                        let apart = (&exact - found.to_kind(Kind::Float)).abs().max();
                        let apart = f64::try_from(apart / exact.abs().max()).unwrap();
                        assert!(apart < 0.02, "{depth} sections, {filters} filters: {apart} apart");
                    }
                }
            }
        }
    }
}
