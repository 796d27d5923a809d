//! Whole sections and volumes from a trained model.

mod memory;

use std::ops::Range;
use std::path::PathBuf;

use em_data::{Normalization, Probabilities, fill_missing};
use em_io::{Volume, VoxelSize};
use ndarray::{Array4, ArrayView3, Axis, s};
use tch::{Kind, Tensor};

use super::ensemble::{load_net, rule_of};
use super::refit::refitted;
use super::sections::{self, SectionConfig};
use super::views::{seen_as, seen_back};
use super::volumes::VolumePlan;
use super::{InputComparison, MaskRule, PixelMatch, PredictConfig, Prediction};
use crate::error::Computed;
use crate::network::{FoldedNetwork, class_probabilities, context_of};
use crate::run::{Tuning, TuningOnDisk};
use crate::{Device, Error, ModelCard, Result, RunFolder};

/// A trained model, or several whose probabilities are averaged, ready to predict.
#[derive(Debug)]
pub struct Predictor {
    card: ModelCard,
    /// At least one.
    nets: Vec<FoldedNetwork>,
    /// One for each class.
    rules: Vec<MaskRule>,
    tuning: TuningOnDisk,
    device: Device,
    config: PredictConfig,
    pixels: Option<PixelMatch>,
}

impl Predictor {
    /// Loads the best weights of a run, to predict as they were scored in training, or with the
    /// default [`PredictConfig`] where the run's card does not tell.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing or damaged, or if weights and model card do not belong together.
    pub fn load(run: impl Into<PathBuf>, device: Device) -> Result<Self> {
        let run = RunFolder::new(run);
        let config = ModelCard::read(&run)?.predict.unwrap_or_default();
        Self::with_config(&run, device, config)
    }

    /// Loads the best weights of a run, to predict with other settings.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and if a setting is out of range.
    pub fn with_config(run: &RunFolder, device: Device, config: PredictConfig) -> Result<Self> {
        Self::ensemble(std::slice::from_ref(run), device, config)
    }

    /// Loads the best weights of several runs, whose probabilities are averaged. Thresholds, cleaning
    /// and all else are those of the first.
    ///
    /// # Errors
    ///
    /// As [`with_config`](Self::with_config); if there is no run; and if the runs differ in classes,
    /// normalisation or the sections that their networks see.
    pub fn ensemble(runs: &[RunFolder], device: Device, config: PredictConfig) -> Result<Self> {
        config.check()?;
        let first = runs.first().ok_or(Error::NoRun)?;
        let card = ModelCard::read(first)?;
        let nets = runs.iter().map(|run| Ok(load_net(run, &card, device, &config)?));
        let nets = nets.collect::<Result<_>>()?;
        let tuning = Tuning::read(first, &card)?;
        let rules = card.classes.iter().map(|class| rule_of(class, &card, &tuning)).collect();
        Ok(Self { nets, rules, tuning, card, device, config, pixels: None })
    }

    /// Returns what is known about the model.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Returns the settings.
    pub fn config(&self) -> &PredictConfig {
        &self.config
    }

    /// Returns what the run's folder held of a tuning; one for other weights is not followed.
    pub fn tuning(&self) -> &TuningOnDisk {
        &self.tuning
    }

    /// Returns what makes the probabilities of a class a mask: as the model was tuned, else what is
    /// more likely than not. Sizes are those of the input's pixels, where they are
    /// [matched](Self::with_pixels).
    ///
    /// # Errors
    ///
    /// Fails if there is no class of that name.
    pub fn rule(&self, class: &str) -> Result<MaskRule> {
        let rule = self.rules[self.place(class)?];
        Ok(self.pixels.map_or(rule, |pixels| pixels.of_rule(rule)))
    }

    /// Makes masks of a class by another rule.
    ///
    /// # Errors
    ///
    /// Fails if there is no class of that name.
    pub fn with_rule(mut self, class: &str, rule: MaskRule) -> Result<Self> {
        let place = self.place(class)?;
        self.rules[place] = rule;
        Ok(self)
    }

    /// Predicts sections of which the pixels are other than those of the training: they are brought to
    /// these, and the probabilities back. `None` takes sections as they are.
    pub fn with_pixels(mut self, pixels: Option<PixelMatch>) -> Self {
        self.pixels = pixels;
        self
    }

    /// Returns how sections are brought to the pixels of the training, where they are.
    pub fn pixels(&self) -> Option<PixelMatch> {
        self.pixels
    }

    /// Returns how the pixels of a volume of this voxel size are brought to those of the training: not,
    /// where one of both is unknown, they are alike, or the settings forbid it.
    ///
    /// # Errors
    ///
    /// Those of [`PixelMatch::new`].
    pub fn pixel_match(&self, voxel_size: Option<VoxelSize>) -> Result<Option<PixelMatch>> {
        match (voxel_size, self.card.voxel_size()) {
            (Some(input), Some(trained)) if self.config.match_voxel_size => PixelMatch::new(input, trained),
            _ => Ok(None),
        }
    }

    fn place(&self, class: &str) -> Result<usize> {
        let classes = &self.card.classes;
        let unknown = || em_data::Error::UnknownClass { found: class.into(), expected: classes.clone() };
        Ok(classes.iter().position(|name| name == class).ok_or_else(unknown)?)
    }

    /// Returns how many sections on each side of a section the network sees besides it.
    pub fn halo_sections(&self) -> usize {
        self.plan().map_or(self.card.architecture.context_sections / 2, |plan| plan.halo_z)
    }

    /// Returns how many sections are predicted together: 1 in 2D. A volume that does not fit into
    /// memory is to be cut into blocks of a multiple of it.
    pub fn sections_at_once(&self) -> usize {
        self.plan().map_or(1, |plan| plan.depth)
    }

    /// How volumes are cut, where the network is one of volumes.
    fn plan(&self) -> Option<VolumePlan> {
        let architecture = &self.card.architecture;
        (architecture.dimensions == 3).then(|| VolumePlan::new(architecture, self.config.tile_size))
    }

    fn section_config(&self, normalization: Normalization) -> SectionConfig {
        match self.plan() {
            Some(plan) => plan.section_config(self.config.border, normalization),
            None => SectionConfig::new(&self.config, normalization),
        }
    }

    /// Compares the grey values of an input with those that the model was trained on.
    ///
    /// # Errors
    ///
    /// Fails if the volume cannot be read.
    pub fn compare(&self, volume: &Volume) -> Result<InputComparison> {
        InputComparison::new(&self.card, volume)
    }

    /// Returns the normalisation for an input: the training's, for values that are brought onto its
    /// scale where that loses nothing ([`InputComparison::factor`]), or one fitted on `volume` where
    /// the configuration says so.
    ///
    /// # Errors
    ///
    /// Fails if the volume cannot be read, or is all of one value.
    pub fn normalization(&self, volume: &Volume) -> Result<Normalization> {
        self.normalization_at(volume, self.pixels)
    }

    fn normalization_at(&self, volume: &Volume, pixels: Option<PixelMatch>) -> Result<Normalization> {
        if !self.config.refit_normalization {
            return Ok(self.compare(volume)?.normalization(self.card.normalization));
        }
        refitted(&self.card, volume, pixels)
    }

    /// Predicts a volume: probabilities, and the masks that follow from them. Its pixels are brought
    /// to those of the training where [`pixel_match`](Self::pixel_match) says so.
    ///
    /// Holds the whole result in memory; for more, take [`predict_sections`](Self::predict_sections)
    /// by itself.
    ///
    /// # Errors
    ///
    /// Fails if the volume cannot be read or memory runs out.
    pub fn predict(&self, volume: &Volume) -> Result<Prediction> {
        let pixels = match self.pixels {
            None => self.pixel_match(volume.voxel_size())?,
            pixels => pixels,
        };
        let normalization = self.normalization_at(volume, pixels)?;
        let block = volume.read_all()?.to_f32();
        let values = self.predict_at(pixels, block.view(), 0..block.len_of(Axis(0)), normalization)?;
        let voxel_size_nm = volume.voxel_size_nm();
        let probabilities = Probabilities::new(self.card.classes.clone(), values, voxel_size_nm)?;
        let of_input = |rule: &MaskRule| pixels.map_or(*rule, |pixels| pixels.of_rule(*rule));
        let rules = self.rules.iter().map(of_input).collect();
        Ok(Prediction::new(probabilities, rules, voxel_size_nm))
    }

    /// Predicts sections of a block `[z, y, x]` of grey values: probabilities `[class, z, y, x]`.
    ///
    /// Networks that see neighbouring sections take them from the block, which should hold
    /// [`halo_sections`](Self::halo_sections) on each side; those beyond its ends are mirrored, as
    /// is right at the ends of a volume. Voxels that are NaN or infinite are background: their
    /// probabilities are 0, and the network sees the mean of their section in their place.
    ///
    /// # Errors
    ///
    /// Fails if sections are empty or memory runs out.
    ///
    /// # Panics
    ///
    /// Panics if the block lacks one of the sections.
    pub fn predict_sections(
        &self,
        block: ArrayView3<'_, f32>,
        sections: Range<usize>,
        normalization: Normalization,
    ) -> Result<Array4<f32>> {
        self.predict_at(self.pixels, block, sections, normalization)
    }

    fn predict_at(
        &self,
        pixels: Option<PixelMatch>,
        block: ArrayView3<'_, f32>,
        sections: Range<usize>,
        normalization: Normalization,
    ) -> Result<Array4<f32>> {
        let (_, height, width) = block.dim();
        if height == 0 || width == 0 {
            return Err(Error::Section { height, width, problem: "empty".into() });
        }
        let mut values = match pixels {
            None => self.predict_as_they_are(block, &sections, normalization)?,
            Some(pixels) => self.predict_matched(pixels, block, &sections, normalization)?,
        };
        for (z, mut predicted) in sections.zip(values.axis_iter_mut(Axis(1))) {
            let section = block.index_axis(Axis(0), z);
            for mut class in predicted.outer_iter_mut() {
                class.zip_mut_with(&section, |value, grey| {
                    if !grey.is_finite() {
                        *value = 0.0
                    }
                });
            }
        }
        Ok(values)
    }

    /// The same at the network's pixels: only sections that are seen are brought to them.
    fn predict_matched(
        &self,
        pixels: PixelMatch,
        block: ArrayView3<'_, f32>,
        sections: &Range<usize>,
        normalization: Normalization,
    ) -> Result<Array4<f32>> {
        let (depth, height, width) = block.dim();
        let halo = self.halo_sections();
        let seen = sections.start.saturating_sub(halo)..(sections.end + halo).min(depth);
        let within = sections.start - seen.start..sections.end - seen.start;
        let matched = pixels.to_network(block.slice(s![seen, .., ..]), normalization.middle());
        let values = self.predict_as_they_are(matched.view(), &within, normalization)?;
        Ok(pixels.to_input(values.view(), [height, width]))
    }

    fn predict_as_they_are(
        &self,
        block: ArrayView3<'_, f32>,
        sections: &Range<usize>,
        normalization: Normalization,
    ) -> Result<Array4<f32>> {
        let (_, height, width) = block.dim();
        let config = self.section_config(normalization);
        let mut values = Array4::zeros((self.card.classes.len(), sections.len(), height, width));
        let chunks = sections.clone().step_by(self.sections_at_once());
        let parts = values.axis_chunks_iter_mut(Axis(1), self.sections_at_once());
        for (start, mut part) in chunks.zip(parts) {
            let keep = start..start + part.len_of(Axis(1));
            let flat = self.chunk(block, &keep, &config)?;
            let fits = "the network kept the sections' size";
            let probabilities = Array4::from_shape_vec(part.dim(), flat).expect(fits);
            part.assign(&probabilities);
        }
        Ok(values)
    }

    /// Predicts as many sections as are taken at once, or fewer at the end: the numbers of an array
    /// `[class, z, y, x]`.
    fn chunk(
        &self,
        block: ArrayView3<'_, f32>,
        keep: &Range<usize>,
        config: &SectionConfig,
    ) -> Computed<Vec<f32>> {
        let probabilities = self.probabilities(block, keep, config)?;
        let flat = probabilities.f_to_device(tch::Device::Cpu)?.f_contiguous()?.f_view(-1)?;
        Ok(Vec::try_from(flat)?)
    }

    /// The same on the device, `[class, ..., y, x]`.
    fn probabilities(
        &self,
        block: ArrayView3<'_, f32>,
        keep: &Range<usize>,
        config: &SectionConfig,
    ) -> Computed<Tensor> {
        let depth = block.len_of(Axis(0));
        let Some(plan) = self.plan() else {
            let context = context_of(keep.start, depth, self.card.architecture.context_sections);
            return self.averaged(&self.upload(block, context, config)?.f_unsqueeze(0)?, config);
        };
        // No more than what is seen goes to the device; what lies beyond is mirrored there alike.
        let first = keep.start.saturating_sub(plan.halo_z);
        let last = (keep.end + plan.halo_z).min(depth);
        let seen = self.upload(block, first..last, config)?;
        let keep = keep.start - first..keep.end - first;
        let chunk = plan.chunk(&self.card.architecture, &seen, &keep)?;
        plan.kept(&self.averaged(&chunk, config)?, &keep)
    }

    /// Copies sections of a block to the device, `[z, y, x]`, with its gaps filled.
    fn upload(
        &self,
        block: ArrayView3<'_, f32>,
        sections: impl IntoIterator<Item = usize>,
        config: &SectionConfig,
    ) -> Computed<Tensor> {
        let (_, height, width) = block.dim();
        let mut flat: Vec<f32> = Vec::new();
        for z in sections {
            let mut section = block.index_axis(Axis(0), z).to_owned();
            fill_missing(section.view_mut(), config.normalization.middle());
            flat.extend(section);
        }
        let sections = Tensor::f_from_slice(&flat)?.f_view([-1, height as i64, width as i64])?;
        Ok(sections.f_to_device(self.device.torch())?)
    }

    /// Averages the probabilities of all networks and views: `[1, class, ..., y, x]`.
    fn averaged(&self, input: &Tensor, config: &SectionConfig) -> Computed<Tensor> {
        let classes = self.card.classes.len() as i64;
        let volumes = self.plan().is_some();
        let mut sum: Option<Tensor> = None;
        for net in &self.nets {
            for view in 0..self.config.views {
                let logits = sections::logits(net, &seen_as(input, view, volumes)?, config)?;
                let exclusive = net.architecture().exclusive;
                let probabilities = class_probabilities(&logits, classes, exclusive)?;
                let probabilities = seen_back(&probabilities.f_to_kind(Kind::Float)?, view, volumes)?;
                sum = Some(match sum {
                    Some(sum) => sum + probabilities,
                    None => probabilities,
                });
            }
        }
        let count = (self.nets.len() * self.config.views) as f64;
        let sum = sum.expect("there is a network and a view");
        Ok(if count > 1.0 { sum / count } else { sum })
    }
}
