//! The U-Net of Ronneberger et al. 2015, from an [`Architecture`].

use tch::{Kind, Tensor};

use super::layers::{BatchNorm, Block, Compute, Convolution, GroupNorm, Mode, NormLayer, UpConvolution};
use super::parameters::{Parameters, Start};
use super::{Architecture, Norm, Padding};
use crate::Device;
use crate::error::Computed;

/// A kernel of one voxel, whatever the level.
const POINT: (usize, i64) = (0, 1);

/// The smallest share of the voxels that a class is expected to have at the start.
const RAREST_START: f64 = 0.02;

/// A network with its weights.
#[derive(Debug)]
pub(crate) struct UNet {
    architecture: Architecture,
    parameters: Parameters,
    encoders: Vec<Block>,
    ups: Vec<UpConvolution>,
    decoders: Vec<Block>,
    head: Convolution,
    /// The outputs of the decoder's lower levels, the second level first; for training.
    side_heads: Vec<Convolution>,
}

impl UNet {
    /// Makes a network whose weights follow from `seed`.
    pub fn new(architecture: &Architecture, device: Device, seed: u64) -> Computed<Self> {
        // `as` wraps, and any 64 bits are a seed.
        tch::manual_seed(seed as i64);
        Self::start(architecture, Parameters::new(device.torch(), Start::Random))
    }

    /// Makes a network whose weights are to be loaded. Draws no number.
    pub fn unfilled(architecture: &Architecture, device: Device) -> Computed<Self> {
        Self::start(architecture, Parameters::new(device.torch(), Start::Zero))
    }

    fn start(architecture: &Architecture, parameters: Parameters) -> Computed<Self> {
        let a = architecture;
        let mut make = Maker { parameters, architecture: a };
        let mut encoders = Vec::new();
        let (mut ups, mut decoders) = (Vec::new(), Vec::new());
        for (level, &filters) in a.filters.iter().enumerate() {
            let inputs = if level == 0 { a.in_channels } else { a.filters[level - 1] };
            encoders.push(make.block(&format!("enc{}", level + 1), inputs, filters, level)?);
        }
        for level in (0..a.depth()).rev() {
            let filters = a.filters[level];
            ups.push(make.up(level, a.filters[level + 1], filters)?);
            decoders.push(make.block(&format!("dec{}", level + 1), 2 * filters, filters, level)?);
        }
        let head = make.convolution("head", a.filters[0], a.out_channels, POINT, Norm::None)?;
        let side_levels = if a.deep_supervision { 1..a.depth() } else { 0..0 };
        let side_heads = side_levels
            .map(|level| {
                let name = format!("head{}", level + 1);
                make.convolution(&name, a.filters[level], a.out_channels, POINT, Norm::None)
            })
            .collect::<Computed<_>>()?;
        let parameters = make.parameters;
        Ok(Self { architecture: a.clone(), parameters, encoders, ups, decoders, head, side_heads })
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

    /// Sets the last layer's biases so that each class starts at its share of the voxels (Lin et al.
    /// 2017, section 4.1). From 0.5, a rare class can stay at all or nothing for whole epochs.
    pub fn expect(&mut self, shares: &[f64]) -> Computed<()> {
        let _guard = tch::no_grad_guard();
        let shares: Vec<f64> = shares.iter().map(|share| share.clamp(RAREST_START, 0.5)).collect();
        // Of a softmax the background takes what the classes leave.
        let background = (1.0 - shares.iter().sum::<f64>()).max(RAREST_START);
        for head in self.side_heads.iter().chain([&self.head]) {
            let bias = head.bias.as_ref().expect("an output has a bias");
            for (class, share) in shares.iter().enumerate() {
                let (channel, others) =
                    if self.architecture.exclusive { (class + 1, background) } else { (class, 1.0 - share) };
                let _ = bias.f_get(channel as i64)?.f_fill_((share / others).ln())?;
            }
        }
        Ok(())
    }

    /// Maps `[n, in_channels, y, x]` to logits `[n, out_channels, y - 2 margin, x - 2 margin]`; in 3D
    /// `[n, in_channels, z, y, x]` to `[n, out_channels, z, y, x]`.
    #[cfg(test)]
    pub fn forward(&self, input: &Tensor, mode: Mode<'_>) -> Computed<Tensor> {
        Ok(self.levels(input, mode)?.swap_remove(0))
    }

    /// The logits of each level that has an output, the full resolution first.
    pub fn levels(&self, input: &Tensor, mut mode: Mode<'_>) -> Computed<Vec<Tensor>> {
        let input = match mode {
            Mode::Training(kind, _) => &input.f_to_kind(kind)?,
            Mode::Inference => input,
        };
        let outputs = self.walk(&mut mode, input)?.into_iter();
        outputs.map(|logits| Ok(logits.f_to_kind(Kind::Float)?)).collect()
    }

    /// The way through the layers, whatever computes them; outputs as [`levels`](Self::levels) has them.
    pub fn walk<C: Compute>(&self, compute: &mut C, input: &C::Value) -> Computed<Vec<C::Value>> {
        let a = &self.architecture;
        let mut skips: Vec<C::Value> = Vec::with_capacity(self.encoders.len());
        for (level, block) in self.encoders.iter().enumerate() {
            let features = match level {
                0 => block.walk(compute, input)?,
                _ => {
                    let pooled = compute.pooled(&skips[level - 1], &a.window(level - 1, 2))?;
                    block.walk(compute, &pooled)?
                }
            };
            skips.push(features);
        }
        let mut features = skips.pop().expect("a network has at least two levels");
        let mut outputs = Vec::with_capacity(1 + self.side_heads.len());
        for (level, (up, block)) in (0..self.decoders.len()).rev().zip(self.ups.iter().zip(&self.decoders)) {
            let raised = compute.up(up, &features)?;
            let skip = skips.pop().expect("there is one skip per decoder");
            let joined = compute.joined(raised, skip, a.skip_inset(level))?;
            features = block.walk(compute, &joined)?;
            let head = if level == 0 { Some(&self.head) } else { self.side_heads.get(level - 1) };
            if let Some(head) = head {
                outputs.insert(0, compute.convolution(head, &features)?);
            }
        }
        Ok(outputs)
    }

    /// Returns the same network for inference, with batch norm folded into the convolutions.
    pub fn folded(&self) -> Computed<Self> {
        let _guard = tch::no_grad_guard();
        let fold = |blocks: &[Block]| blocks.iter().map(Block::folded).collect::<Computed<Vec<_>>>();
        Ok(Self {
            architecture: self.architecture.clone(),
            parameters: Parameters::new(tch::Device::Cpu, Start::Zero),
            encoders: fold(&self.encoders)?,
            ups: self.ups.iter().map(UpConvolution::detached).collect(),
            decoders: fold(&self.decoders)?,
            head: self.head.folded()?,
            side_heads: Vec::new(),
        })
    }
}

impl Architecture {
    /// The edges of a kernel or pooling window at a level: `edge` along each axis that the level has.
    fn window(&self, level: usize, edge: i64) -> Vec<i64> {
        let deep = if self.is_deep(level) { edge } else { 1 };
        if self.dimensions == 3 { vec![deep, edge, edge] } else { vec![edge, edge] }
    }
}

/// Makes layers whose parameters carry the layer's name.
struct Maker<'a> {
    parameters: Parameters,
    architecture: &'a Architecture,
}

impl Maker<'_> {
    fn block(&mut self, name: &str, inputs: usize, filters: usize, level: usize) -> Computed<Block> {
        let norm = self.architecture.norm;
        let kernel = (level, 3);
        let first = self.convolution(&format!("{name}.conv1"), inputs, filters, kernel, norm)?;
        let second = self.convolution(&format!("{name}.conv2"), filters, filters, kernel, norm)?;
        let shortcut = (self.architecture.residual && inputs != filters)
            .then(|| self.convolution(&format!("{name}.conv3"), inputs, filters, POINT, norm))
            .transpose()?;
        Ok(Block {
            residual: self.architecture.residual,
            activation: self.architecture.activation,
            shortcut,
            first,
            second,
            dropout: self.architecture.dropout.get(level).copied().unwrap_or(0.0),
        })
    }

    fn convolution(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        (level, edge): (usize, i64),
        norm: Norm,
    ) -> Computed<Convolution> {
        let (i, o) = (inputs as i64, outputs as i64);
        let kernel = self.architecture.window(level, edge);
        let fan_in = i * kernel.iter().product::<i64>();
        let p = &mut self.parameters;
        let weight = p.he_normal(format!("{name}.weight"), &[&[o, i], &kernel[..]].concat(), fan_in)?;
        let (mut bias, mut norm_layer) = (None, None);
        match norm {
            Norm::None => bias = Some(p.constant(format!("{name}.bias"), o, 0.0, true)?),
            Norm::Batch => {
                let name = name.replace("conv", "norm");
                norm_layer = Some(NormLayer::Batch(BatchNorm {
                    gain: p.constant(format!("{name}.weight"), o, 1.0, true)?,
                    shift: p.constant(format!("{name}.bias"), o, 0.0, true)?,
                    mean: p.constant(format!("{name}.running_mean"), o, 0.0, false)?,
                    variance: p.constant(format!("{name}.running_var"), o, 1.0, false)?,
                }));
            }
            Norm::Group | Norm::Instance => {
                let name = name.replace("conv", "norm");
                norm_layer = Some(NormLayer::Group(GroupNorm {
                    groups: norm.groups(outputs) as i64,
                    gain: p.constant(format!("{name}.weight"), o, 1.0, true)?,
                    shift: p.constant(format!("{name}.bias"), o, 0.0, true)?,
                }));
            }
        }
        let same = self.architecture.padding == Padding::Same;
        let padding = kernel.iter().map(|edge| if same { edge / 2 } else { 0 }).collect();
        Ok(Convolution { weight, bias, norm: norm_layer, padding })
    }

    /// The way up to `level`.
    fn up(&mut self, level: usize, inputs: usize, outputs: usize) -> Computed<UpConvolution> {
        let (i, o) = (inputs as i64, outputs as i64);
        let name = format!("up{}", level + 1);
        let window = self.architecture.window(level, 2);
        Ok(UpConvolution {
            // Each output voxel is reached by one kernel voxel of each input channel.
            weight: self.parameters.he_normal(
                format!("{name}.weight"),
                &[&[i, o], &window[..]].concat(),
                i,
            )?,
            bias: self.parameters.constant(format!("{name}.bias"), o, 0.0, true)?,
            relu: self.architecture.relu_after_up,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;
    use crate::ranks::Share;

    fn network(preset: Preset) -> UNet {
        UNet::new(&preset.architecture(), Device::Cpu, 1).unwrap()
    }

    #[test]
    fn presets_have_their_parameters_and_sizes() {
        for (preset, input, output) in [
            (Preset::Unet, 64, 64),
            (Preset::Notebook, 64, 64),
            (Preset::Ronneberger, 572, 388),
            (Preset::Residual, 64, 64),
        ] {
            let net = network(preset);
            let count: usize = net.parameters().trainable().map(|p| p.tensor.numel()).sum();
            assert_eq!(count, net.architecture.parameter_count());
            let channels = net.architecture.in_channels as i64;
            let logits = tch::no_grad(|| {
                let x = Tensor::zeros([1, channels, input, input], (Kind::Float, tch::Device::Cpu));
                net.forward(&x, Mode::Inference).unwrap()
            });
            let outputs = net.architecture.out_channels as i64;
            assert_eq!(logits.size(), [1, outputs, output, output]);
        }
    }

    #[test]
    fn a_network_to_be_loaded_draws_no_number() {
        let drawn = |make: fn()| {
            tch::manual_seed(7);
            make();
            Tensor::randn([4], (Kind::Float, tch::Device::Cpu))
        };
        let unfilled = || drop(UNet::unfilled(&Preset::Residual.architecture(), Device::Cpu).unwrap());
        assert_eq!(drawn(unfilled), drawn(|| ()));
        assert_ne!(drawn(|| drop(network(Preset::Residual))), drawn(|| ()));
    }

    #[test]
    fn a_network_starts_at_the_shares_of_its_classes() {
        for exclusive in [false, true] {
            let outputs = if exclusive { 3 } else { 2 };
            let architecture =
                Architecture { out_channels: outputs, exclusive, ..Preset::Unet.architecture() };
            let mut net = UNet::new(&architecture, Device::Cpu, 1).unwrap();
            net.expect(&[0.2, 0.05]).unwrap();
            let _ = tch::no_grad(|| net.head.weight.zero_());
            let x = Tensor::zeros([1, 1, 16, 16], (Kind::Float, tch::Device::Cpu));
            let logits = tch::no_grad(|| net.forward(&x, Mode::Inference).unwrap());
            let started = crate::network::class_probabilities(&logits, 2, exclusive).unwrap();
            for (class, share) in [0.2, 0.05].into_iter().enumerate() {
                let found = started.double_value(&[0, class as i64, 3, 5]);
                assert!((found - share).abs() < 1e-6, "{exclusive}: {found}, expected {share}");
            }
        }
    }

    #[test]
    fn folding_the_norm_changes_nothing() {
        for norm in [Norm::Batch, Norm::Group, Norm::Instance] {
            for residual in [false, true] {
                let architecture = Architecture { norm, residual, ..Preset::Unet.architecture() };
                let net = UNet::new(&architecture, Device::Cpu, 1).unwrap();
                let x = Tensor::randn([2, 1, 64, 64], (Kind::Float, tch::Device::Cpu));
                for _ in 0..3 {
                    let _ = net.forward(&x, Mode::Training(Kind::Float, &Share::whole(2))).unwrap();
                }
                let plain = tch::no_grad(|| net.forward(&x, Mode::Inference).unwrap());
                let folded = tch::no_grad(|| net.folded().unwrap().forward(&x, Mode::Inference).unwrap());
                let largest = plain.abs().max().double_value(&[]);
                let difference = (plain - folded).abs().max().double_value(&[]);
                let tolerance = f64::max(1e-4, 5e-6 * largest);
                assert!(difference < tolerance, "{norm:?}, residual {residual}: {difference} of {largest}");
            }
        }
    }

    #[test]
    fn the_receptive_radius_holds() {
        let net = network(Preset::Unet);
        let radius = net.architecture.receptive_radius() as i64;
        let size = 2 * radius + 32;
        let x = Tensor::randn([1, 1, size, size], (Kind::Float, tch::Device::Cpu));
        let changed = x.copy();
        // Everything but the read region of the 16 x 16 centre is replaced.
        let (start, inner) = (size / 2 - 8, 16);
        let far = changed.zeros_like() + 5.0;
        let read = |t: &Tensor| {
            t.narrow(2, start - radius, inner + 2 * radius).narrow(3, start - radius, inner + 2 * radius)
        };
        read(&far).copy_(&read(&x));
        let centre = |t: Tensor| t.narrow(2, start, inner).narrow(3, start, inner);
        let forward = |t: &Tensor| tch::no_grad(|| centre(net.forward(t, Mode::Inference).unwrap()));
        let difference = (forward(&x) - forward(&far)).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{difference}");
    }
}
