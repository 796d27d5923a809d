//! Losses on logits: which there are, and their settings.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

mod compute;

pub(crate) use compute::{Loss, split_ignored};

/// Section `[loss]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// `bce`, `bce+dice` and `focal` on sigmoids; `cross-entropy` on a softmax (model.exclusive = true); `soft-dice`, `jaccard`, `tversky` and `focal-tversky` on either.
    pub kind: LossKind,
    /// Weight of a class's foreground voxels in `bce`, `bce+dice`, `focal` and `cross-entropy`; background weighs 1, and so does a class that is not named.
    pub class_weights: BTreeMap<String, f64>,
    /// Weigh the foreground of classes that `class_weights` does not name by the square root of background over foreground in the training voxels, at most 10.
    pub balance_classes: bool,
    /// Added to the weight 1 of voxels near the outline of a mask in `bce`, `bce+dice` and `focal`.
    pub boundary_weight: f64,
    /// How near, in voxels.
    pub boundary_width: usize,
    /// Added to numerator and denominator of the overlap losses `soft-dice`, `jaccard`, `tversky` and `focal-tversky`, so that an empty tile gives loss 0 for an empty prediction.
    pub smoothing: f64,
    /// Whether overlap losses and the Dice part of `bce+dice` are averaged over tiles (`tile`, as in the original) or computed over the batch (`batch`, steadier for rare classes).
    pub overlap: Overlap,
    /// Exponent of `focal`.
    pub focal_gamma: f64,
    /// Weight of false positives in `tversky` and `focal-tversky`.
    pub tversky_alpha: f64,
    /// Weight of false negatives in `tversky` and `focal-tversky`; above alpha it favours recall.
    pub tversky_beta: f64,
    /// Exponent of `focal-tversky`.
    pub focal_tversky_exponent: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            kind: LossKind::BcePlusDice,
            class_weights: BTreeMap::new(),
            balance_classes: false,
            boundary_weight: 0.0,
            boundary_width: 2,
            smoothing: 1.0,
            overlap: Overlap::Batch,
            focal_gamma: 2.0,
            tversky_alpha: 0.3,
            tversky_beta: 0.7,
            focal_tversky_exponent: 0.75,
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
    /// `1 - (sum(p y) + s) / (sum(p y) + alpha sum(p (1 - y)) + beta sum((1 - p) y) + s)` (Salehi et al. 2017).
    Tversky,
    /// `tversky`, raised to an exponent (Abraham and Khan 2019).
    FocalTversky,
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
                    "cross-entropy, soft-dice, jaccard, tversky or focal-tversky"
                } else {
                    "bce, bce+dice, focal, soft-dice, jaccard, tversky or focal-tversky"
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
        let above_0 = |value: f64| value.is_finite() && value > 0.0;
        let from_0 = |value: f64| value.is_finite() && value >= 0.0;
        let ranges = [
            ("loss.smoothing", self.smoothing, from_0(self.smoothing), "0 or more"),
            ("loss.focal_gamma", self.focal_gamma, from_0(self.focal_gamma), "0 or more"),
            ("loss.boundary_weight", self.boundary_weight, from_0(self.boundary_weight), "0 or more"),
            ("loss.tversky_alpha", self.tversky_alpha, from_0(self.tversky_alpha), "0 or more"),
            ("loss.tversky_beta", self.tversky_beta, above_0(self.tversky_beta), "above 0"),
            (
                "loss.focal_tversky_exponent",
                self.focal_tversky_exponent,
                above_0(self.focal_tversky_exponent),
                "above 0",
            ),
        ];
        match ranges.into_iter().find(|(_, _, good, _)| !good) {
            Some((key, found, _, expected)) => {
                Err(Error::Setting { key, found: found.to_string(), expected: expected.into() })
            }
            None => Ok(()),
        }
    }

    /// Returns the same loss with a weight for each class that has none, from the share of
    /// foreground of each class, where `balance_classes` says so.
    #[must_use]
    pub fn balanced(&self, classes: &[String], foreground: &[f64]) -> Self {
        let mut balanced = self.clone();
        if self.balance_classes {
            for (class, &share) in classes.iter().zip(foreground) {
                let weight = ((1.0 - share) / share).sqrt().clamp(1.0, LARGEST_BALANCE);
                balanced.class_weights.entry(class.clone()).or_insert(weight);
            }
        }
        balanced
    }
}

/// The largest weight that `balance_classes` gives; more makes thin classes thick.
const LARGEST_BALANCE: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_balanced_by_the_root_of_their_odds() {
        let config = LossConfig {
            balance_classes: true,
            class_weights: BTreeMap::from([("c".to_owned(), 2.0)]),
            ..Default::default()
        };
        let classes = ["a", "b", "c", "d"].map(str::to_owned);
        let weights = config.balanced(&classes, &[0.1, 0.0001, 0.1, 0.9]).class_weights;
        assert_eq!(weights.into_values().collect::<Vec<_>>(), [3.0, 10.0, 2.0, 1.0]);
        let plain = LossConfig::default();
        assert_eq!(plain.balanced(&classes, &[0.1; 4]), plain);
    }

    #[test]
    fn ranges_are_checked() {
        let config = LossConfig { tversky_beta: 0.0, ..Default::default() };
        let error = config.check(&[], false).unwrap_err();
        assert_eq!(error.to_string(), "`loss.tversky_beta` is 0, expected above 0");
    }
}
