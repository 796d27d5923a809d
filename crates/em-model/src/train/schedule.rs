//! Learning rates over a training.

use std::f64::consts::PI;
use std::ops::Bound;

use em_data::SettingError;
use em_data::settings::{self, Checks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::ABOVE_0;
use crate::Result;

/// Section `[train.schedule]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// `constant`; `cosine` from the learning rate down to `final_fraction` of it; `one-cycle`, from a 25th of the learning rate up to it in the first 30 % of the steps and down to nearly 0, both as half a cosine (`warmup_fraction` has no part in it); `poly`, the learning rate times (1 - progress)^poly_power; `plateau`, multiplied by `plateau_factor` when the score has not improved for `plateau_patience` epochs.
    pub kind: ScheduleKind,
    /// Share of all steps in which the learning rate first rises from near 0 (of every kind).
    pub warmup_fraction: f64,
    /// Where `cosine` ends, as a share of the learning rate.
    pub final_fraction: f64,
    /// Exponent of `poly`.
    pub poly_power: f64,
    /// Epochs without improvement before `plateau` acts.
    pub plateau_patience: usize,
    /// Factor of `plateau`.
    pub plateau_factor: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Cosine,
            warmup_fraction: 0.1,
            final_fraction: 0.0,
            poly_power: 0.9,
            plateau_patience: 5,
            plateau_factor: 0.5,
        }
    }
}

/// The kinds of schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Always the same.
    Constant,
    /// Half a cosine (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Up and down once (Smith and Topin 2018), as PyTorch's `OneCycleLR` does by default.
    OneCycle,
    /// A polynomial, as in nnU-Net.
    Poly,
    /// Lowered when the score stalls.
    Plateau,
}

impl ScheduleConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("ScheduleConfig");
        checks
            .within("warmup_fraction", self.warmup_fraction, 0.0..1.0, "0 to below 1")
            .within("final_fraction", self.final_fraction, 0.0..=1.0, "0 to 1")
            .within("poly_power", self.poly_power, ABOVE_0, "above 0")
            .within(
                "plateau_factor",
                self.plateau_factor,
                (Bound::Excluded(0.0), Bound::Included(1.0)),
                "above 0 and at most 1",
            );
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

    /// Tells whether the learning rate of a step depends on how many steps there are in all, so that
    /// a training that goes on for more epochs is another one than one that was begun for as many.
    pub fn follows_length(&self) -> bool {
        match self.kind {
            ScheduleKind::Cosine | ScheduleKind::OneCycle | ScheduleKind::Poly => true,
            ScheduleKind::Constant | ScheduleKind::Plateau => self.warmup_fraction > 0.0,
        }
    }

    /// Returns the factor on the learning rate at `step` of `total` steps, after `drops` drops of
    /// `plateau`.
    pub fn factor(&self, step: usize, total: usize, drops: usize) -> f64 {
        if self.kind == ScheduleKind::OneCycle {
            return one_cycle(step, total);
        }
        let warmup = self.warmup_fraction * total as f64;
        if (step as f64) < warmup {
            return (step + 1) as f64 / (warmup + 1.0);
        }
        let progress = (step as f64 - warmup) / (total as f64 - warmup).max(1.0);
        match self.kind {
            ScheduleKind::Constant | ScheduleKind::OneCycle => 1.0,
            ScheduleKind::Cosine => {
                self.final_fraction + (1.0 - self.final_fraction) * 0.5 * (1.0 + (PI * progress).cos())
            }
            ScheduleKind::Poly => (1.0 - progress).max(0.0).powf(self.poly_power),
            // `as` cannot wrap: there are at most as many drops as epochs.
            ScheduleKind::Plateau => self.plateau_factor.powi(drops as i32),
        }
    }
}

/// PyTorch's defaults of `OneCycleLR`: where the rise ends, and where the rate starts and ends.
const RISE: f64 = 0.3;
const START: f64 = 1.0 / 25.0;
const END: f64 = START / 1e4;

fn one_cycle(step: usize, total: usize) -> f64 {
    let half_cosine = |from: f64, to: f64, progress: f64| {
        to + (from - to) * 0.5 * (1.0 + (PI * progress.clamp(0.0, 1.0)).cos())
    };
    let (step, last) = (step as f64, total as f64 - 1.0);
    let top = (RISE * total as f64 - 1.0).max(0.0);
    if step <= top && top > 0.0 {
        half_cosine(START, 1.0, step / top)
    } else {
        half_cosine(1.0, END, (step - top) / (last - top).max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind) -> ScheduleConfig {
        ScheduleConfig { kind, ..Default::default() }
    }

    #[test]
    fn every_kind_warms_up() {
        for kind in [ScheduleKind::Constant, ScheduleKind::Cosine, ScheduleKind::Poly, ScheduleKind::Plateau]
        {
            let factors: Vec<f64> = (0..12).map(|step| schedule(kind).factor(step, 100, 0)).collect();
            assert!(factors[..10].windows(2).all(|w| w[0] < w[1]), "{kind:?}: {factors:?}");
            assert!(factors[0] > 0.0 && (factors[10] - 1.0).abs() < 1e-9, "{kind:?}: {factors:?}");
        }
    }

    #[test]
    fn cosine_and_poly_fall_to_their_end() {
        let half = schedule(ScheduleKind::Cosine).factor(55, 100, 0);
        assert!((half - 0.5).abs() < 1e-9);
        assert!(schedule(ScheduleKind::Cosine).factor(99, 100, 0) < 1e-3);
        // 1 - (99 - 10) / 90 = 1/90; (1/90)^0.9 = 0.017426
        assert!((schedule(ScheduleKind::Poly).factor(99, 100, 0) - 0.017_426).abs() < 1e-5);
    }

    const ONE_CYCLE: [(usize, f64); 5] = [
        (0, 0.040000000000),
        (7, 0.520000000000),
        (14, 1.000000000000),
        (30, 0.567118364442),
        (49, 0.000004000000),
    ];

    #[test]
    fn one_cycle_equals_pytorch() {
        // o = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
        // s = torch.optim.lr_scheduler.OneCycleLR(o, 1.0, total_steps=50); rates before each step
        for (step, expected) in ONE_CYCLE {
            let factor = schedule(ScheduleKind::OneCycle).factor(step, 50, 0);
            assert!((factor - expected).abs() < 1e-9, "step {step}: {factor}, expected {expected}");
        }
    }

    #[test]
    fn only_rates_that_do_not_follow_the_length_are_the_same_for_any_length() {
        for kind in [
            ScheduleKind::Constant,
            ScheduleKind::Cosine,
            ScheduleKind::OneCycle,
            ScheduleKind::Poly,
            ScheduleKind::Plateau,
        ] {
            for warmup_fraction in [0.0, 0.1] {
                let schedule = ScheduleConfig { kind, warmup_fraction, ..Default::default() };
                let differs =
                    (0..50).any(|step| schedule.factor(step, 50, 1) != schedule.factor(step, 100, 1));
                assert_eq!(schedule.follows_length(), differs, "{kind:?} {warmup_fraction}");
            }
        }
    }

    #[test]
    fn plateau_halves_with_each_drop() {
        assert_eq!(schedule(ScheduleKind::Plateau).factor(50, 100, 2), 0.25);
    }
}
