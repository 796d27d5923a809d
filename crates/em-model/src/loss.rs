//! Losses on logits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::{Error, Result};

/// Section `[loss]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// `bce`, `soft-dice`, `jaccard`, `bce+dice` and `focal` on sigmoids; `cross-entropy` on a softmax (model.exclusive = true), where `soft-dice` and `jaccard` work too.
    pub kind: LossKind,
    /// Weight of a class's foreground voxels in `bce`, `bce+dice`, `focal` and `cross-entropy`; background weighs 1, and so does a class that is not named.
    pub class_weights: BTreeMap<String, f64>,
    /// Added to numerator and denominator of `soft-dice` and `jaccard`, so that an empty tile gives loss 0 for an empty prediction.
    pub smoothing: f64,
    /// Whether `soft-dice`, `jaccard` and the Dice part of `bce+dice` are averaged over tiles (`tile`, as in the original) or computed over the batch (`batch`, steadier for rare classes).
    pub overlap: Overlap,
    /// Exponent of `focal`.
    pub focal_gamma: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            kind: LossKind::BcePlusDice,
            class_weights: BTreeMap::new(),
            smoothing: 1.0,
            overlap: Overlap::Batch,
            focal_gamma: 2.0,
        }
    }
}

/// The kinds of loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Binary cross-entropy, averaged over voxels and classes.
    Bce,
    /// `1 - (2 sum(p y) + s) / (sum(p^2) + sum(y^2) + s)` (Milletari et al. 2016, V-Net, with squares).
    SoftDice,
    /// `1 - (sum(p y) + s) / (sum(p) + sum(y) - sum(p y) + s)`.
    Jaccard,
    /// The sum of `bce` and `soft-dice`.
    #[serde(rename = "bce+dice")]
    BcePlusDice,
    /// `-(1 - p_true)^gamma log(p_true)` (Lin et al. 2017).
    Focal,
    /// Cross-entropy of a softmax over background and classes.
    CrossEntropy,
}

/// Over what an overlap loss sums before it divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// All tiles of a batch.
    Batch,
    /// Each tile by itself; the losses are averaged.
    Tile,
}

impl LossConfig {
    /// Checks that the loss fits the output of the network and that the weights name classes.
    ///
    /// # Errors
    ///
    /// Fails with the key that does not fit.
    pub fn check(&self, classes: &[String], exclusive: bool) -> Result<()> {
        let sigmoids = matches!(self.kind, LossKind::Bce | LossKind::BcePlusDice | LossKind::Focal);
        if (sigmoids && exclusive) || (self.kind == LossKind::CrossEntropy && !exclusive) {
            return Err(Error::Setting {
                key: "loss.kind",
                found: format!("{:?} with model.exclusive = {exclusive}", self.kind),
                expected: if exclusive {
                    "cross-entropy, soft-dice or jaccard"
                } else {
                    "bce, bce+dice, focal, soft-dice or jaccard"
                }
                .into(),
            });
        }
        if let Some(unknown) = self.class_weights.keys().find(|name| !classes.contains(name)) {
            return Err(Error::Setting {
                key: "loss.class_weights",
                found: format!("a weight for `{unknown}`"),
                expected: format!("classes of this training: {}", classes.join(", ")),
            });
        }
        if self.class_weights.values().any(|weight| !(weight.is_finite() && *weight > 0.0)) {
            return Err(Error::Setting {
                key: "loss.class_weights",
                found: format!("{:?}", self.class_weights),
                expected: "numbers above 0".into(),
            });
        }
        Ok(())
    }
}

/// A loss for one network.
#[derive(Debug)]
pub(crate) struct Loss {
    config: LossConfig,
    exclusive: bool,
    /// Foreground weights, one per class.
    weights: Tensor,
}

impl Loss {
    pub fn new(
        config: &LossConfig,
        classes: &[String],
        exclusive: bool,
        device: tch::Device,
    ) -> Result<Self> {
        config.check(classes, exclusive)?;
        let weights: Vec<f32> =
            classes.iter().map(|class| config.class_weights.get(class).map_or(1.0, |&w| w as f32)).collect();
        Ok(Self {
            config: config.clone(),
            exclusive,
            weights: Tensor::from_slice(&weights).f_to_device(device)?,
        })
    }

    /// Computes the loss of logits `[n, channel, y, x]` for masks `[n, class, y, x]` of 0 and 1.
    pub fn of(&self, logits: &Tensor, masks: &Tensor) -> Result<Tensor> {
        let smoothing = self.config.smoothing;
        match self.config.kind {
            LossKind::Bce => self.bce(logits, masks),
            LossKind::BcePlusDice => Ok(self.bce(logits, masks)? + self.soft_dice(logits, masks)?),
            LossKind::SoftDice => self.soft_dice(logits, masks),
            LossKind::Jaccard => {
                let p = self.probabilities(logits, masks)?;
                let shared = self.sum(&(&p * masks))?;
                let either = self.sum(&p)? + self.sum(masks)? - &shared;
                Ok(1.0 - ((shared + smoothing) / (either + smoothing)).f_mean(Kind::Float)?)
            }
            LossKind::Focal => {
                let z = self.class_channels(logits, masks)?;
                // log p and log (1 - p) of a sigmoid without overflow.
                let (log_p, log_q) = (z.f_log_sigmoid()?, (-&z).f_log_sigmoid()?);
                let gamma = self.config.focal_gamma;
                let foreground =
                    masks * self.foreground_weights()? * log_q.f_exp()?.f_pow_tensor_scalar(gamma)? * &log_p;
                let background = (1.0 - masks) * log_p.f_exp()?.f_pow_tensor_scalar(gamma)? * log_q;
                let sum: Tensor = foreground + background;
                Ok(-sum.f_mean(Kind::Float)?)
            }
            LossKind::CrossEntropy => {
                let background = Tensor::f_ones([1], (Kind::Float, logits.device()))?;
                let spare = logits.size()[1] - masks.size()[1] - 1;
                let unused = Tensor::f_ones([spare], (Kind::Float, logits.device()))?;
                let weights = Tensor::f_cat(&[background, self.weights.shallow_clone(), unused], 0)?;
                Ok(logits.f_cross_entropy_loss(
                    &class_index(masks)?,
                    Some(weights),
                    tch::Reduction::Mean,
                    -100,
                    0.0,
                )?)
            }
        }
    }

    /// Probabilities of the classes, `[n, class, y, x]`.
    pub fn probabilities(&self, logits: &Tensor, masks: &Tensor) -> Result<Tensor> {
        class_probabilities(logits, masks.size()[1], self.exclusive)
    }

    fn bce(&self, logits: &Tensor, masks: &Tensor) -> Result<Tensor> {
        let z = self.class_channels(logits, masks)?;
        let weights = self.foreground_weights()?;
        Ok(z.f_binary_cross_entropy_with_logits(masks, None::<Tensor>, Some(weights), tch::Reduction::Mean)?)
    }

    fn soft_dice(&self, logits: &Tensor, masks: &Tensor) -> Result<Tensor> {
        let p = self.probabilities(logits, masks)?;
        let smoothing = self.config.smoothing;
        let shared = self.sum(&(&p * masks))? * 2.0;
        let both = self.sum(&(&p * &p))? + self.sum(masks)?;
        Ok(1.0 - ((shared + smoothing) / (both + smoothing)).f_mean(Kind::Float)?)
    }

    /// Sums over voxels, and over the batch if so configured: `[class]` or `[n, class]`.
    fn sum(&self, values: &Tensor) -> Result<Tensor> {
        let axes: &[i64] = match self.config.overlap {
            Overlap::Batch => &[0, 2, 3],
            Overlap::Tile => &[2, 3],
        };
        Ok(values.f_sum_dim_intlist(axes, false, Kind::Float)?)
    }

    fn foreground_weights(&self) -> Result<Tensor> {
        Ok(self.weights.f_reshape([1, -1, 1, 1])?)
    }

    fn class_channels(&self, logits: &Tensor, masks: &Tensor) -> Result<Tensor> {
        Ok(logits.f_narrow(1, 0, masks.size()[1])?)
    }
}

/// Probabilities of `classes` classes from logits `[n, channel, y, x]`: sigmoids, or a softmax
/// whose channel 0 is background.
pub(crate) fn class_probabilities(logits: &Tensor, classes: i64, exclusive: bool) -> Result<Tensor> {
    Ok(if exclusive {
        logits.f_softmax(1, Kind::Float)?.f_narrow(1, 1, classes)?
    } else {
        logits.f_narrow(1, 0, classes)?.f_sigmoid()?
    })
}

/// The class of each voxel, 0 for background; where masks overlap, the last class wins.
fn class_index(masks: &Tensor) -> Result<Tensor> {
    let classes = masks.size()[1];
    let numbers =
        Tensor::f_arange_start(1, classes + 1, (Kind::Float, masks.device()))?.f_reshape([1, -1, 1, 1])?;
    Ok((masks * numbers).f_amax([1], false)?.f_to_kind(Kind::Int64)?)
}
