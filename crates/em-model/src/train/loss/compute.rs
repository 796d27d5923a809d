//! Losses on logits, computed. Voxels that do not count are left out.

use tch::{Kind, Tensor};

use super::{LossConfig, LossKind, Overlap};
use crate::augment::Targets;
use crate::error::Computed;
use crate::network::class_probabilities;
use crate::ranks::Share;

/// The class number that libtorch's cross-entropy leaves out.
const IGNORED_INDEX: i64 = -100;

/// A loss for one network.
#[derive(Debug)]
pub(crate) struct Loss {
    config: LossConfig,
    exclusive: bool,
    classes: i64,
    /// Foreground weights, one per class.
    weights: Tensor,
}

impl Loss {
    pub fn new(
        config: &LossConfig,
        classes: &[String],
        exclusive: bool,
        device: tch::Device,
    ) -> Computed<Self> {
        let weights: Vec<f32> =
            classes.iter().map(|class| config.class_weights.get(class).map_or(1.0, |&w| w as f32)).collect();
        Ok(Self {
            config: config.clone(),
            exclusive,
            classes: classes.len() as i64,
            weights: Tensor::from_slice(&weights).f_to_device(device)?,
        })
    }

    /// Computes the loss of logits `[n, channel, ..., y, x]`.
    pub fn of(&self, logits: &Tensor, targets: &Targets) -> Computed<Tensor> {
        self.of_share(logits, targets, &Share::whole(targets.masks.size()[0] as usize))
    }

    /// The loss of a whole batch, from the logits of a share of it.
    fn of_share(&self, logits: &Tensor, targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        match self.config.kind {
            LossKind::Bce => self.bce(logits, targets, share),
            LossKind::BcePlusDice => {
                Ok(self.bce(logits, targets, share)? + self.overlap(logits, targets, share)?)
            }
            LossKind::Focal => self.focal(logits, targets, share),
            LossKind::CrossEntropy => self.cross_entropy(logits, targets, share),
            LossKind::SoftDice | LossKind::Jaccard | LossKind::Tversky | LossKind::FocalTversky => {
                self.overlap(logits, targets, share)
            }
        }
    }

    /// The loss of a whole batch, from the logits of a share of it at several resolutions, the full one first,
    /// each against the masks at its own (every second voxel, as of Isensee et al. 2021) and weighing half of
    /// the one before; the weights sum to 1.
    pub fn of_levels(&self, levels: &[Tensor], targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        let full = self.of_share(&levels[0], targets, share)?;
        let (mut sum, mut weight, mut weights) = (full, 1.0, 1.0);
        for logits in &levels[1..] {
            weight /= 2.0;
            weights += weight;
            sum += self.of_share(logits, &targets.coarser(logits)?, share)? * weight;
        }
        Ok(sum / weights)
    }

    /// Probabilities of the classes, `[n, class, ..., y, x]`.
    pub fn probabilities(&self, logits: &Tensor) -> Computed<Tensor> {
        class_probabilities(logits, self.classes, self.exclusive)
    }

    fn bce(&self, logits: &Tensor, targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        let masks = &targets.masks;
        let z = logits.f_narrow(1, 0, self.classes)?;
        let weights = Some(self.foreground_weights(masks)?);
        if targets.counted.is_none() && self.config.boundary_weight == 0.0 && !share.is_part() {
            let mean = tch::Reduction::Mean;
            return Ok(z.f_binary_cross_entropy_with_logits(masks, None::<Tensor>, weights, mean)?);
        }
        let each =
            z.f_binary_cross_entropy_with_logits(masks, None::<Tensor>, weights, tch::Reduction::None)?;
        self.mean(&each, targets, share)
    }

    fn focal(&self, logits: &Tensor, targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        let masks = &targets.masks;
        let z = logits.f_narrow(1, 0, self.classes)?;
        // log p and log (1 - p) of a sigmoid without overflow.
        let (log_p, log_q) = (z.f_log_sigmoid()?, (-&z).f_log_sigmoid()?);
        let gamma = self.config.focal_gamma;
        let weighted = masks * self.foreground_weights(masks)?;
        let foreground = weighted * log_q.f_exp()?.f_pow_tensor_scalar(gamma)? * &log_p;
        let background = (1.0 - masks) * log_p.f_exp()?.f_pow_tensor_scalar(gamma)? * log_q;
        let sum: Tensor = foreground + background;
        self.mean(&-sum, targets, share)
    }

    /// The mean over voxels and classes of the whole batch, with more weight near outlines.
    fn mean(&self, each: &Tensor, targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        let each = if self.config.boundary_weight > 0.0 {
            let near = near_outlines(&targets.masks, self.config.boundary_width)?;
            each * (near * self.config.boundary_weight + 1.0)
        } else {
            each.shallow_clone()
        };
        Ok(match &targets.counted {
            None if share.is_part() => share.sum(each.f_sum(Kind::Float)?)? / share.numbers(&each),
            None => each.f_mean(Kind::Float)?,
            Some(counted) => {
                // Once for all classes, or of each.
                let classes = self.classes as f64 / counted.size()[1] as f64;
                let voxels = share.sum(counted.f_sum(Kind::Float)?)?.f_clamp_min(1.0)? * classes;
                share.sum((each * counted).f_sum(Kind::Float)?)? / voxels
            }
        })
    }

    fn cross_entropy(&self, logits: &Tensor, targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        let weights = self.weights_of_channels(logits)?;
        let index = known_class(targets)?;
        if !share.is_part() {
            let mean = tch::Reduction::Mean;
            return Ok(logits.f_cross_entropy_loss(&index, Some(weights), mean, IGNORED_INDEX, 0.0)?);
        }
        // The mean, weighted as the voxels are.
        let sum = tch::Reduction::Sum;
        let own = logits.f_cross_entropy_loss(&index, Some(&weights), sum, IGNORED_INDEX, 0.0)?;
        let known = index.f_ne(IGNORED_INDEX)?;
        let of_voxels = weights.f_take(&index.f_clamp_min(0)?)? * known;
        Ok(share.sum(own)? / share.sum(of_voxels.f_sum(Kind::Float)?)?)
    }

    /// The weights of background, classes and channels that are neither.
    fn weights_of_channels(&self, logits: &Tensor) -> Computed<Tensor> {
        let ones = |count: i64| Tensor::f_ones([count], (Kind::Float, logits.device()));
        let spare = logits.size()[1] - self.classes - 1;
        Ok(Tensor::f_cat(&[ones(1)?, self.weights.shallow_clone(), ones(spare)?], 0)?)
    }

    /// The losses that compare sums over voxels.
    fn overlap(&self, logits: &Tensor, targets: &Targets, share: &Share<'_>) -> Computed<Tensor> {
        let mut p = self.probabilities(logits)?;
        let mut y = targets.masks.shallow_clone();
        if let Some(counted) = &targets.counted {
            (p, y) = (p * counted, y * counted);
        }
        let s = self.config.smoothing;
        let sum = |values: &Tensor| self.sum(values, share);
        let shared = sum(&(&p * &y))?;
        let (numerator, denominator) = match self.config.kind {
            LossKind::Jaccard => {
                let either = sum(&p)? + sum(&y)? - &shared;
                (shared, either)
            }
            LossKind::Tversky | LossKind::FocalTversky => {
                let false_positives = (sum(&p)? - &shared) * self.config.tversky_alpha;
                let false_negatives = (sum(&y)? - &shared) * self.config.tversky_beta;
                let all = &shared + false_positives + false_negatives;
                (shared, all)
            }
            _ => (shared * 2.0, sum(&(&p * &p))? + sum(&y)?),
        };
        let mut loss: Tensor = 1.0 - (numerator + s) / (denominator + s);
        if self.config.kind == LossKind::FocalTversky {
            // At 0 an exponent below 1 has no gradient.
            loss = loss.f_clamp_min(1e-6)?.f_pow_tensor_scalar(self.config.focal_tversky_exponent)?;
        }
        if share.is_part() && self.config.overlap == Overlap::Tile {
            return Ok(share.sum(loss.f_sum(Kind::Float)?)? / share.numbers(&loss));
        }
        Ok(loss.f_mean(Kind::Float)?)
    }

    /// Sums over voxels: `[n, class]`, or over the whole batch if so configured, `[class]`.
    fn sum(&self, values: &Tensor, share: &Share<'_>) -> Computed<Tensor> {
        let mut axes: Vec<i64> = (2..values.dim() as i64).collect();
        if self.config.overlap == Overlap::Tile {
            return Ok(values.f_sum_dim_intlist(axes.as_slice(), false, Kind::Float)?);
        }
        axes.push(0);
        share.sum(values.f_sum_dim_intlist(axes.as_slice(), false, Kind::Float)?)
    }

    /// The foreground weights, in the shape of `masks` but for edges of 1.
    fn foreground_weights(&self, masks: &Tensor) -> Computed<Tensor> {
        let mut shape = vec![1; masks.dim()];
        shape[1] = self.classes;
        Ok(self.weights.f_reshape(shape)?)
    }
}

/// The class of each voxel, or the number that is left out where it is not known.
fn known_class(Targets { masks, counted }: &Targets) -> Computed<Tensor> {
    let Some(counted) = counted else { return class_index(masks) };
    // One class excludes the others, so that a voxel which is known for one is known for all, unless it is
    // background.
    let of_known = masks * counted;
    let known = of_known.f_amax([1], false)?.f_maximum(&counted.f_amin([1], false)?)?;
    Ok(class_index(&of_known)?.f_masked_fill(&known.f_lt(0.5)?, IGNORED_INDEX)?)
}

/// The class of each voxel, 0 for background; where masks overlap, the last class wins.
fn class_index(masks: &Tensor) -> Computed<Tensor> {
    let mut shape = vec![1; masks.dim()];
    shape[1] = masks.size()[1];
    let numbers = Tensor::f_arange_start(1, shape[1] + 1, (Kind::Float, masks.device()))?;
    Ok((masks * numbers.f_reshape(shape)?).f_amax([1], false)?.f_to_kind(Kind::Int64)?)
}

/// 1 within `width` voxels, along y and x, of a change between mask and background, else 0.
fn near_outlines(masks: &Tensor, width: usize) -> Computed<Tensor> {
    let size = masks.size();
    let [height, length] = [size[size.len() - 2], size[size.len() - 1]];
    let sections = masks.f_reshape([-1, 1, height, length])?;
    let (edge, padding) = (2 * width as i64 + 1, width as i64);
    let largest =
        |values: &Tensor| values.f_max_pool2d([edge, edge], [1, 1], [padding, padding], [1, 1], false);
    let (dilated, eroded) = (largest(&sections)?, -largest(&-&sections)?);
    Ok((dilated - eroded).f_reshape(size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(masks: Tensor) -> Targets {
        Targets { masks, counted: None }
    }

    fn loss(config: LossConfig, exclusive: bool) -> Loss {
        Loss::new(&config, &["a".to_owned()], exclusive, tch::Device::Cpu).unwrap()
    }

    #[test]
    fn outlines_are_found_on_both_sides() {
        let mask = Tensor::from_slice(&[0.0_f32, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]).view([1, 1, 1, 7]);
        let near: Vec<f32> = Vec::try_from(near_outlines(&mask, 1).unwrap().view(-1)).unwrap();
        assert_eq!(near, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn levels_weigh_half_of_the_one_before() {
        let loss = loss(LossConfig { kind: LossKind::Bce, ..Default::default() }, false);
        let full = Tensor::randn([2, 1, 4, 8, 12], (Kind::Float, tch::Device::Cpu));
        let masks = Tensor::rand([2, 1, 4, 8, 12], (Kind::Float, tch::Device::Cpu)).round();
        // A level that was not pooled along z, and one that was.
        let flat = Tensor::randn([2, 1, 4, 4, 6], (Kind::Float, tch::Device::Cpu));
        let deep = Tensor::randn([2, 1, 2, 2, 3], (Kind::Float, tch::Device::Cpu));
        let alone = loss.of(&full, &all_of(masks.copy())).unwrap().double_value(&[]);
        let of_one = loss
            .of_levels(&[full.shallow_clone()], &all_of(masks.copy()), &Share::whole(2))
            .unwrap()
            .double_value(&[]);
        assert!((of_one - alone).abs() < 1e-7);
        let coarse = masks.slice(3, None, None, 2).slice(4, None, None, 2);
        let second = loss.of(&flat, &all_of(coarse.copy())).unwrap().double_value(&[]);
        let coarser = coarse.slice(2, None, None, 2).slice(3, None, None, 2).slice(4, None, None, 2);
        let third = loss.of(&deep, &all_of(coarser)).unwrap().double_value(&[]);
        let all =
            loss.of_levels(&[full, flat, deep], &all_of(masks), &Share::whole(2)).unwrap().double_value(&[]);
        assert!((all - (alone + second / 2.0 + third / 4.0) / 1.75).abs() < 1e-6, "{all}");
    }

    #[test]
    fn ignored_voxels_change_neither_loss_nor_gradient() {
        let kinds = [LossKind::Bce, LossKind::BcePlusDice, LossKind::Focal, LossKind::SoftDice]
            .into_iter()
            .map(|kind| (kind, false))
            .chain(
                [LossKind::CrossEntropy, LossKind::Jaccard, LossKind::FocalTversky].map(|kind| (kind, true)),
            );
        for (kind, exclusive) in kinds {
            let loss = loss(LossConfig { kind, ..Default::default() }, exclusive);
            let logits = Tensor::randn([2, 2, 4, 6], (Kind::Float, tch::Device::Cpu));
            let mask = Tensor::rand([2, 1, 4, 6], (Kind::Float, tch::Device::Cpu)).round();
            // The last two columns do not count, so that the loss is that of the first four.
            let ignored = mask.zeros_like();
            let _ = ignored.narrow(3, 4, 2).fill_(1.0);
            let with = logits.copy().set_requires_grad(true);
            let targets = Targets { masks: mask.copy(), counted: Some(1.0 - &ignored) };
            let value = loss.of(&with, &targets).unwrap();
            value.backward();
            let without = logits.narrow(3, 0, 4).copy();
            let expected = loss.of(&without, &all_of(mask.narrow(3, 0, 4))).unwrap();
            let difference = (value - expected).abs().double_value(&[]);
            assert!(difference < 1e-6, "{kind:?}: {difference}");
            let gradient = with.grad().narrow(3, 4, 2).abs().max().double_value(&[]);
            assert_eq!(gradient, 0.0, "{kind:?}");
        }
    }

    #[test]
    fn what_is_unknown_of_one_class_counts_for_the_other() {
        let classes = ["a", "b"].map(str::to_owned);
        let options = (Kind::Float, tch::Device::Cpu);
        let masks = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]).view([1, 2, 1, 4]);
        // Voxel 0 is unknown for class b, voxels 2 and 3 for class a.
        let counted = Tensor::from_slice(&[1.0_f32, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]).view([1, 2, 1, 4]);
        let gradient = |kind: LossKind, exclusive: bool| {
            let config = LossConfig { kind, ..Default::default() };
            let loss = Loss::new(&config, &classes, exclusive, tch::Device::Cpu).unwrap();
            let channels = if exclusive { 3 } else { 2 };
            let logits = Tensor::randn([1, channels, 1, 4], options).set_requires_grad(true);
            let targets = Targets { masks: masks.copy(), counted: Some(counted.copy()) };
            let value = loss.of(&logits, &targets).unwrap();
            value.backward();
            let zero: Vec<bool> = Vec::try_from(logits.grad().eq(0.0).view(-1)).unwrap();
            (value.double_value(&[]), logits, zero)
        };
        for kind in [LossKind::Bce, LossKind::BcePlusDice, LossKind::Focal, LossKind::SoftDice] {
            let (_, _, zero) = gradient(kind, false);
            assert_eq!(zero, [false, false, true, true, true, false, false, false], "{kind:?}");
        }
        // The mean of those that count: 2 of class a, 3 of class b.
        let (value, logits, _) = gradient(LossKind::Bce, false);
        let each = logits.binary_cross_entropy_with_logits(
            &masks,
            None::<Tensor>,
            None::<Tensor>,
            tch::Reduction::None,
        );
        let expected = (each * &counted).sum(Kind::Float).double_value(&[]) / 5.0;
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        // Of classes that exclude each other, voxel 0 is known to be a and voxel 2 to be b; of voxel 3 it
        // is known only that it is not b.
        let (_, _, zero) = gradient(LossKind::CrossEntropy, true);
        let of_voxel: Vec<bool> =
            (0..4).map(|voxel| (0..3).all(|channel| zero[channel * 4 + voxel])).collect();
        assert_eq!(of_voxel, [false, false, false, true]);
    }
}
