//! The steps before a network, followed one by one.
//!
//! What is `(v - mean) / std`, with or without a clip to 0..1, is exactly a [`Normalization`]; what is not is refused,
//! and what is nearly so is told.

use em_data::Normalization;
use serde_json::Value;

use super::Place;
use super::layout::TensorLayout;
use super::normalizing::{Fitting, Normalizing, Over, Statistics};
use crate::error::{Error, Result};
use crate::export::rdf::{InputTensor, Step};

const SUPPORTED: &str = "fixed_zero_mean_unit_variance, zero_mean_unit_variance, scale_linear, scale_range, \
                         ensure_dtype and clip to 0..1 can be imported, one after the other as far as that is one \
                         normalisation; export the network anew with the rest inside of it";
/// As bioimageio.spec has it.
const EPS: f64 = 1e-6;
/// Limits that come from products differ by as little.
const LIMITS_DIFFER_BY: f64 = 1e-6;

/// Follows the steps before a network.
pub(super) fn of(input: &InputTensor, layout: &TensorLayout, place: Place<'_>) -> Result<Normalizing> {
    let lines = vec![Line::default(); layout.channels()];
    let data_type = input.data.r#type.clone();
    let mut chain = Chain { input: &input.id, layout, place, lines, fitting: None, data_type };
    input.preprocessing.iter().try_for_each(|step| chain.follow(step))?;
    chain.finish()
}

/// `(v - mean) / std` within limits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    mean: f64,
    std: f64,
    limits: [f64; 2],
}

impl Default for Line {
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0, limits: [f64::NEG_INFINITY, f64::INFINITY] }
    }
}

impl Line {
    fn is_limited(&self) -> bool {
        self.limits != Self::default().limits
    }

    /// `(v - mean) / std` of what it gives.
    fn then(self, mean: f64, std: f64) -> Self {
        let mut limits = self.limits.map(|limit| (limit - mean) / std);
        if std < 0.0 {
            limits.reverse();
        }
        Self { mean: self.mean + mean * self.std, std: self.std * std, limits }
    }

    fn clipped(self, min: f64, max: f64) -> Self {
        Self { limits: self.limits.map(|limit| limit.clamp(min, max)), ..self }
    }

    /// Returns it as a normalisation, or the limits that none has.
    fn normalization(self) -> Result<Normalization, [f64; 2]> {
        let Self { mean, std, limits: [least, largest] } = self;
        let is = |limit: f64, expected: f64| (limit - expected).abs() <= LIMITS_DIFFER_BY;
        match self.is_limited() {
            false => Ok(Normalization::Zscore { mean, std }),
            true if is(least, 0.0) && is(largest, 1.0) => {
                Ok(Normalization::Percentile { low: mean, high: mean + std })
            }
            true => Err(self.limits),
        }
    }
}

/// What the steps so far make of grey values.
struct Chain<'a> {
    input: &'a str,
    layout: &'a TensorLayout,
    place: Place<'a>,
    /// For each channel.
    lines: Vec<Line>,
    /// Behind the lines.
    fitting: Option<Fitting>,
    data_type: String,
}

impl Chain<'_> {
    fn problem(&self, problem: String) -> Error {
        self.place.problem(format!("the preprocessing of `{}` {problem}", self.input), SUPPORTED)
    }

    fn is_untouched(&self) -> bool {
        self.fitting.is_none() && self.lines.iter().all(|line| *line == Line::default())
    }

    fn follow(&mut self, step: &Step) -> Result<()> {
        match step.id.as_str() {
            "ensure_dtype" => self.cast(step),
            "fixed_zero_mean_unit_variance" => {
                let means = self.numbers(step, "mean", None)?;
                let deviations = self.numbers(step, "std", None)?;
                self.line(step, &means, &deviations)
            }
            "scale_linear" => {
                let gains = self.numbers(step, "gain", Some(1.0))?;
                let offsets = self.numbers(step, "offset", Some(0.0))?;
                // v * gain + offset; 0 less the offset, as that is no -0.
                let means: Vec<f64> =
                    offsets.iter().zip(&gains).map(|(offset, gain)| (0.0 - offset) / gain).collect();
                let deviations: Vec<f64> = gains.iter().map(|gain| 1.0 / gain).collect();
                self.line(step, &means, &deviations)
            }
            "zero_mean_unit_variance" => self.fitted(step, Statistics::MeanAndDeviation),
            "scale_range" => {
                let lower = self.number(step, "min_percentile", Some(0.0))?;
                let upper = self.number(step, "max_percentile", Some(100.0))?;
                if !(0.0 <= lower && lower < upper && upper <= 100.0) {
                    let found = format!("has percentiles from {lower} to {upper}, expected two of 0 to 100");
                    return Err(self.problem(found));
                }
                if let Some(tensor) = step.kwargs.get("reference_tensor").and_then(Value::as_str)
                    && tensor != self.input
                {
                    return Err(self.problem(format!("has statistics of `{tensor}`, expected its own")));
                }
                self.fitted(step, Statistics::Percentiles { lower, upper })
            }
            "clip" => self.clip(step),
            other => Err(self.problem(format!("has the step `{other}`, which is not done here"))),
        }
    }

    fn cast(&mut self, step: &Step) -> Result<()> {
        let to = step.kwargs.get("dtype").and_then(Value::as_str).unwrap_or_default();
        let is_harmless = to.starts_with("float") || (self.is_untouched() && to == self.data_type);
        if !is_harmless {
            let found = format!("rounds to `{to}`, expected float32");
            return Err(self.problem(found));
        }
        self.data_type = to.into();
        Ok(())
    }

    fn line(&mut self, step: &Step, means: &[f64], deviations: &[f64]) -> Result<()> {
        if self.fitting.is_some() {
            return Err(self.behind(step));
        }
        for ((line, &mean), &std) in self.lines.iter_mut().zip(means).zip(deviations) {
            *line = line.then(mean, std);
        }
        let is_number = |line: &Line| line.mean.is_finite() && line.std.is_finite() && line.std != 0.0;
        if self.lines.iter().all(is_number) {
            return Ok(());
        }
        let found = format!("divides by 0, or by no number, in `{}` {}", step.id, step.kwargs);
        Err(self.problem(found))
    }

    fn fitted(&mut self, step: &Step, statistics: Statistics) -> Result<()> {
        if self.fitting.is_some() {
            return Err(self.behind(step));
        }
        let first = self.lines[0];
        if self.lines.iter().any(|line| *line != first || line.is_limited()) || first.std < 0.0 {
            let found = format!("has `{}` behind steps that change its statistics", step.id);
            return Err(self.problem(found));
        }
        let eps = self.number(step, "eps", Some(EPS))?;
        if !(0.0..=0.1).contains(&eps) {
            return Err(self.problem(format!("has an eps of {eps}, expected 0 to 0.1")));
        }
        // Statistics undo what is linear, all but the share of eps.
        let eps = eps * first.std;
        self.lines.fill(Line::default());
        self.fitting = Some(Fitting { statistics, eps, clips: false, over: self.over(step)? });
        Ok(())
    }

    /// Which voxels have statistics together.
    fn over(&self, step: &Step) -> Result<Over> {
        let Some(axes) = step.kwargs.get("axes") else { return Ok(Over::Dataset) };
        let axes: Option<Vec<&str>> =
            axes.as_array().map(|axes| axes.iter().filter_map(Value::as_str).collect());
        let axes = axes.unwrap_or_default();
        let has = |name: &str| axes.iter().any(|axis| axis.eq_ignore_ascii_case(name));
        let has_z = self.layout.space(0).is_some();
        if !has("y") || !has("x") {
            let found = format!("has statistics along {}, expected y and x at least", axes.join(", "));
            return Err(self.problem(found));
        }
        let of_each_channel = self.layout.channels() > 1 && !has("channel") && !has("c");
        Ok(match (has("batch") || has("b"), has_z) {
            _ if of_each_channel || (has_z && !has("z")) => Over::Section,
            (true, _) => Over::Dataset,
            (false, true) => Over::Volume,
            // A sample of a network of sections is one.
            (false, false) => Over::Section,
        })
    }

    fn clip(&mut self, step: &Step) -> Result<()> {
        if let Some(unknown) =
            ["min_percentile", "max_percentile"].iter().find(|key| step.kwargs.get(key).is_some())
        {
            return Err(self.problem(format!("clips by `{unknown}`, expected `min` and `max`")));
        }
        let min = self.number(step, "min", Some(f64::NEG_INFINITY))?;
        let max = self.number(step, "max", Some(f64::INFINITY))?;
        // NaN is in no order.
        if min.partial_cmp(&max) != Some(std::cmp::Ordering::Less) {
            return Err(self.problem(format!("clips to {min}..{max}, expected less and more")));
        }
        match &mut self.fitting {
            None => self.lines.iter_mut().for_each(|line| *line = line.clipped(min, max)),
            Some(fitting) => {
                let is_of_percentiles = matches!(fitting.statistics, Statistics::Percentiles { .. });
                if !is_of_percentiles || [min, max] != [0.0, 1.0] {
                    let found =
                        format!("clips to {min}..{max} behind statistics, expected scale_range and 0..1");
                    return Err(self.problem(found));
                }
                fitting.clips = true;
            }
        }
        Ok(())
    }

    fn behind(&self, step: &Step) -> Error {
        self.problem(format!("has `{}` behind statistics of the input, expected nothing but clip", step.id))
    }

    /// Reads a setting that is one number.
    fn number(&self, step: &Step, key: &str, or: Option<f64>) -> Result<f64> {
        let found = step.kwargs.get(key);
        let number = if found.is_none() { or } else { found.and_then(Value::as_f64) };
        number.ok_or_else(|| {
            let found = found.map_or("missing".into(), Value::to_string);
            self.problem(format!("has `{}` whose `{key}` is {found}, expected a number", step.id))
        })
    }

    /// Reads a setting that is one number, or one for each channel.
    fn numbers(&self, step: &Step, key: &str, or: Option<f64>) -> Result<Vec<f64>> {
        let channels = self.lines.len();
        let Some(Value::Array(found)) = step.kwargs.get(key) else {
            return Ok(vec![self.number(step, key, or)?; channels]);
        };
        let axis = step.kwargs.get("axis").and_then(Value::as_str).unwrap_or("channel");
        let numbers: Vec<f64> = found.iter().filter_map(Value::as_f64).collect();
        let is_of_channels = axis.eq_ignore_ascii_case("channel") || axis.eq_ignore_ascii_case("c");
        if numbers.len() == found.len() && is_of_channels && numbers.len() == channels {
            return Ok(numbers);
        }
        let found = Value::Array(found.clone());
        let problem = format!(
            "has `{}` whose `{key}` is {found} along `{axis}`, expected a number, or one for each of {channels} \
             channels",
            step.id
        );
        Err(self.problem(problem))
    }

    fn finish(self) -> Result<Normalizing> {
        if self.data_type != "float32" {
            let found = format!("lets `{}` go in, expected float32", self.data_type);
            return Err(self.problem(found));
        }
        if let Some(fitting) = self.fitting {
            return Ok(Normalizing::Fitted(fitting));
        }
        if self.is_untouched() {
            return Ok(Normalizing::None);
        }
        let all: Result<Vec<Normalization>, [f64; 2]> =
            self.lines.iter().map(|line| line.normalization()).collect();
        let all = all.map_err(|[least, largest]| {
            self.problem(format!("limits what goes in to {least}..{largest}, expected 0..1, or no limits"))
        })?;
        let first = all[0];
        let are_alike = all.iter().all(|one| *one == first);
        Ok(if are_alike { Normalizing::Fixed(first) } else { Normalizing::FixedPerChannel(all) })
    }
}
