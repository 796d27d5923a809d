//! Losses on logits: which there are, and their settings.

use std::collections::BTreeMap;
use std::fmt;

use em_data::SettingError;
use em_data::settings::{self, Checks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::ABOVE_0;
use crate::Result;

mod compute;

pub(crate) use compute::Loss;

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

impl fmt::Display for LossKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bce => "bce",
            Self::SoftDice => "soft-dice",
            Self::Jaccard => "jaccard",
            Self::Tversky => "tversky",
            Self::FocalTversky => "focal-tversky",
            Self::BcePlusDice => "bce+dice",
            Self::Focal => "focal",
            Self::CrossEntropy => "cross-entropy",
        })
    }
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
    /// Returns all settings that are out of range, name no class, or do not fit the output of the
    /// network: sigmoids, or a softmax over `exclusive` classes.
    pub fn problems(&self, classes: &[String], exclusive: bool) -> Vec<SettingError> {
        let mut checks = Checks::of("LossConfig");
        let fits = match self.kind {
            LossKind::Bce | LossKind::BcePlusDice | LossKind::Focal => !exclusive,
            LossKind::CrossEntropy => exclusive,
            LossKind::SoftDice | LossKind::Jaccard | LossKind::Tversky | LossKind::FocalTversky => true,
        };
        let expected = if exclusive {
            "cross-entropy, soft-dice, jaccard, tversky or focal-tversky for exclusive classes"
        } else {
            "bce, bce+dice, focal, soft-dice, jaccard, tversky or focal-tversky for classes that are not exclusive"
        };
        checks.require("kind", self.kind, fits, expected);
        if let Some(unknown) = self.class_weights.keys().find(|name| !classes.contains(name)) {
            let expected = format!("classes of this training: {}", classes.join(", "));
            checks.require("class_weights", format!("a weight for `{unknown}`"), false, expected);
        }
        let are_good = self.class_weights.values().all(|weight| weight.is_finite() && *weight > 0.0);
        checks
            .require("class_weights", format!("{:?}", self.class_weights), are_good, "numbers above 0")
            .within("smoothing", self.smoothing, 0.0.., "0 or more")
            .within("focal_gamma", self.focal_gamma, 0.0.., "0 or more")
            .within("boundary_weight", self.boundary_weight, 0.0.., "0 or more")
            .within("tversky_alpha", self.tversky_alpha, 0.0.., "0 or more")
            .within("tversky_beta", self.tversky_beta, ABOVE_0, "above 0")
            .within("focal_tversky_exponent", self.focal_tversky_exponent, ABOVE_0, "above 0");
        checks.finish()
    }

    /// Checks what [`problems`](Self::problems) lists.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that does not fit.
    pub fn check(&self, classes: &[String], exclusive: bool) -> Result<()> {
        Ok(settings::first(self.problems(classes, exclusive))?)
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
        assert_eq!(error.to_string(), "`LossConfig::tversky_beta` is 0, expected above 0");
    }
}
