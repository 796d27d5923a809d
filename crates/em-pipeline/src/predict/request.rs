//! What is to be predicted, and the checks that need no file.

use std::iter;
use std::path::PathBuf;

use em_io::{OpenOptions, place};
use em_model::{Device, Predictor};
use em_objects::Postprocess;

use super::outputs::{Output, OutputKind};
use crate::built_in;
use crate::class_path::class_path;
use crate::error::{Result, UserError};

/// What is to be predicted, and where it goes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PredictRequest {
    /// The folders of one run or more, whose probabilities are averaged.
    pub runs: Vec<PathBuf>,
    /// The raw volume, in any format that is read.
    pub input: PathBuf,
    /// Which stack of it is taken, where it holds several.
    pub reading: OpenOptions,
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where the input tells none or wrong ones.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Where masks go, 0 and 255, in any format that is written; several classes as `{name}_{class}`.
    pub masks: Option<PathBuf>,
    /// Where probabilities go, as 8 bit, 255 being 1; several classes as `{name}_{class}`.
    pub probabilities: Option<PathBuf>,
    /// Probability above which a voxel is foreground; the model's own for each class if absent.
    pub threshold: Option<f32>,
    /// How many mirrored and turned views of each section are averaged: 1, 4 or 8; the run's own
    /// setting if absent.
    pub views: Option<usize>,
    /// Whether masks are cleaned as the tuning of the first run chose.
    pub cleaning: bool,
    /// The only class to write; if absent every class, or the one that a built-in network is named after.
    pub class: Option<String>,
    /// Whether to go on with an interrupted prediction of the same input, models and settings.
    pub resume: bool,
    /// Whether to replace what is at the paths of the outputs.
    pub overwrite: bool,
    /// Overrides `predict.KEY=VALUE` of the settings of the first run, in their order.
    pub settings: Vec<String>,
    /// Where to compute.
    pub device: Device,
}

impl PredictRequest {
    /// Asks for a prediction by runs on a device. Where [`masks`](Self::masks) or
    /// [`probabilities`](Self::probabilities) go is still to be said.
    pub fn new<Run: Into<PathBuf>>(
        runs: impl IntoIterator<Item = Run>,
        input: impl Into<PathBuf>,
        device: Device,
    ) -> Self {
        Self {
            runs: runs.into_iter().map(Into::into).collect(),
            input: input.into(),
            reading: OpenOptions::default(),
            voxel_size_nm: None,
            masks: None,
            probabilities: None,
            threshold: None,
            views: None,
            cleaning: true,
            class: None,
            resume: false,
            overwrite: false,
            settings: Vec::new(),
            device,
        }
    }

    /// Checks what needs no file: masks must not replace the raw volume, nor probabilities the masks.
    pub(super) fn check(&self) -> Result<()> {
        if self.runs.is_empty() {
            return Err(UserError::new("no run is given to predict with", "name the folder of a run").into());
        }
        if self.masks.is_none() && self.probabilities.is_none() {
            let message = "a prediction of neither masks nor probabilities has nothing to write";
            return Err(UserError::new(message, "name a path for one of them").into());
        }
        if let Some(threshold) = self.threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            let message = format!("the threshold is {threshold}, expected a number from 0 to 1");
            return Err(UserError::new(message, "probabilities lie between them").into());
        }
        let paths: Vec<&PathBuf> =
            iter::once(&self.input).chain(&self.masks).chain(&self.probabilities).collect();
        let absolute = paths.iter().map(|path| place::absolute(path)).collect::<Result<Vec<_>, _>>()?;
        let twice = (1..paths.len()).find(|&n| absolute[..n].contains(&absolute[n]));
        twice.map_or(Ok(()), |n| {
            let message = format!("`{}` is named twice among the input and the outputs", paths[n].display());
            Err(UserError::new(message, "give each a path of its own").into())
        })
    }

    /// The files that a model is to write, at least one.
    pub(super) fn outputs(&self, predictor: &Predictor) -> Result<Vec<Output>> {
        let all = &predictor.card().classes;
        let named = || built_in::named(&self.runs[0]).map(|network| network.name.to_owned());
        let only = self.class.clone().or_else(named);
        if let Some(unknown) = only.as_ref().filter(|class| !all.contains(class)) {
            let message = format!("the model has no class `{unknown}`, expected one of: {}", all.join(", "));
            return Err(UserError::new(message, "leave --class out to write every class").into());
        }
        let several = only.is_none() && all.len() > 1;
        let mut outputs = Vec::new();
        for (channel, class) in all.iter().enumerate() {
            if only.as_ref().is_some_and(|only| only != class) {
                continue;
            }
            let mut rule = predictor.rule(class)?;
            rule.threshold = self.threshold.unwrap_or(rule.threshold);
            if !self.cleaning {
                rule.cleaning = Postprocess::default();
            }
            let kinds =
                [(&self.masks, OutputKind::Mask(rule)), (&self.probabilities, OutputKind::Probabilities)];
            for (path, kind) in kinds {
                let Some(path) = path else { continue };
                let path = place::resolve(path)?;
                let path = if several { class_path(&path, class) } else { path };
                outputs.push(Output { class: class.clone(), channel, kind, path });
            }
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_cannot_be_met_are_refused_before_a_file_is_read() {
        let message = |change: fn(&mut PredictRequest)| {
            let mut request = PredictRequest::new(["run"], "raw.tif", Device::Cpu);
            request.masks = Some("mask.tif".into());
            request.check().unwrap();
            change(&mut request);
            request.check().unwrap_err().to_string()
        };
        assert!(message(|request| request.runs.clear()).contains("no run"));
        assert!(message(|request| request.masks = None).contains("nothing to write"));
        assert!(message(|request| request.threshold = Some(f32::NAN)).contains("from 0 to 1"));
        assert!(message(|request| request.masks = Some("./raw.tif".into())).contains("named twice"));
        assert!(message(|request| request.probabilities = Some("mask.tif".into())).contains("named twice"));
    }
}
