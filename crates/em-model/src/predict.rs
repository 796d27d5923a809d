//! Whole sections and volumes from a trained model.

use em_data::{Normalization, NormalizationConfig, NormalizationKind, Probabilities};
use em_io::Volume;
use ndarray::{Array3, Array4, ArrayView2, Axis, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::loss::class_probabilities;
use crate::section::{self, SectionConfig};
use crate::unet::{FoldedUNet, UNet};
use crate::{Device, Error, ModelCard, Result, RunFolder, checkpoint, memory};

/// Section `[predict]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PredictConfig {
    /// Largest edge, in voxels, of what goes through the network at once; larger sections are cut into tiles that overlap by as much as the network sees, so that no seam shows.
    pub tile_size: usize,
    /// Mirrored voxels around each section.
    pub border: usize,
    /// Voxels that are read, predicted and written at a time: as many whole sections as fit, at least one. Memory grows with it.
    pub block_voxels: usize,
    /// Fit the normalisation on the input instead of taking the training's statistics.
    pub refit_normalization: bool,
}

impl Default for PredictConfig {
    fn default() -> Self {
        Self { tile_size: 1536, border: 16, block_voxels: 8 << 20, refit_normalization: false }
    }
}

impl PredictConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the key that is out of range.
    pub fn check(&self) -> Result<()> {
        for (key, value) in
            [("predict.tile_size", self.tile_size), ("predict.block_voxels", self.block_voxels)]
        {
            if value == 0 {
                return Err(Error::Setting { key, found: "0".into(), expected: "at least 1".into() });
            }
        }
        Ok(())
    }
}

/// A trained model, ready to predict.
#[derive(Debug)]
pub struct Predictor {
    card: ModelCard,
    net: FoldedUNet,
    device: Device,
    config: PredictConfig,
}

impl Predictor {
    /// Loads the best weights of a run with the default [`PredictConfig`].
    ///
    /// # Errors
    ///
    /// Fails if a file is missing or damaged, or if weights and model card do not belong together.
    pub fn load(run: impl Into<std::path::PathBuf>, device: Device) -> Result<Self> {
        Self::with_config(&RunFolder::new(run), device, PredictConfig::default())
    }

    /// Loads the best weights of a run.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and if a setting is out of range.
    pub fn with_config(run: &RunFolder, device: Device, config: PredictConfig) -> Result<Self> {
        config.check()?;
        let card = ModelCard::read(run)?;
        let mut net = UNet::new(&card.architecture, device, 0)?;
        let (weights, _) = checkpoint::read(&run.weights(), device.torch())?;
        if let Some(difference) = net.parameters_mut().load(&weights)? {
            return Err(Error::OtherArchitecture { path: run.weights(), difference });
        }
        Ok(Self { net: net.folded()?, card, device, config })
    }

    /// Returns what is known about the model.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Returns the settings.
    pub fn config(&self) -> &PredictConfig {
        &self.config
    }

    /// Returns the threshold of a class; 0.5 where none is stored.
    pub fn threshold(&self, class: &str) -> f32 {
        self.card.thresholds.get(class).copied().unwrap_or(0.5)
    }

    /// Bounds the memory, in bytes, that the program takes to predict sections of `[y, x]` voxels,
    /// one at a time, on the CPU; blocks that wait to be predicted or written come on top.
    ///
    /// # Errors
    ///
    /// Fails if the sections are empty.
    pub fn memory_bytes(&self, section: [usize; 2]) -> Result<u64> {
        let config = self.section_config(self.card.normalization);
        let tile = section::largest_tile(&self.card.architecture, section, &config)?;
        let section_bytes = (section[0] * section[1] * size_of::<f32>()) as u64;
        // Grey values, their mirrored extension, logits and probabilities of a whole section.
        let planes = 3 + 2 * self.card.architecture.out_channels as u64;
        Ok(memory::inference_bytes(&self.card.architecture, tile) + planes * section_bytes)
    }

    fn section_config(&self, normalization: Normalization) -> SectionConfig {
        SectionConfig { tile_size: self.config.tile_size, border: self.config.border, normalization }
    }

    /// Returns the normalisation for an input: the training's, or one fitted on `volume` where the
    /// configuration says so.
    ///
    /// # Errors
    ///
    /// Fails if the volume cannot be read, or is all of one value.
    pub fn normalization(&self, volume: &Volume) -> Result<Normalization> {
        if !self.config.refit_normalization {
            return Ok(self.card.normalization);
        }
        let kind = match self.card.normalization {
            Normalization::Zscore { .. } => NormalizationKind::Zscore,
            Normalization::MinMax { .. } => NormalizationKind::MinMax,
            Normalization::Percentile { .. } => NormalizationKind::Percentile,
            Normalization::Scale { .. } => NormalizationKind::Scale,
            Normalization::L2Axis1 { .. } => NormalizationKind::L2Axis1,
        };
        let config = NormalizationConfig { kind, ..Default::default() };
        Ok(Normalization::fit(&config, &[volume.read_all()?], self.card.tile_size)?)
    }

    /// Predicts a volume: probabilities `[class, z, y, x]`.
    ///
    /// Holds the whole result in memory; for more, take [`predict_section`](Self::predict_section)
    /// by itself.
    ///
    /// # Errors
    ///
    /// Fails if the volume cannot be read or memory runs out.
    pub fn predict(&self, volume: &Volume) -> Result<Probabilities> {
        let normalization = self.normalization(volume)?;
        let [depth, height, width] = volume.shape();
        let mut values = Array4::zeros((self.card.classes.len(), depth, height, width));
        for z in 0..depth {
            let section = volume.read_section(z)?.to_f32();
            let probabilities = self.predict_section(section.index_axis(Axis(0), 0), normalization)?;
            values.slice_mut(s![.., z, .., ..]).assign(&probabilities);
        }
        Ok(Probabilities::new(self.card.classes.clone(), values, volume.voxel_size_nm())?)
    }

    /// Predicts one section `[y, x]` of grey values: probabilities `[class, y, x]`.
    ///
    /// # Errors
    ///
    /// Fails if the section is empty or memory runs out.
    pub fn predict_section(
        &self,
        section: ArrayView2<'_, f32>,
        normalization: Normalization,
    ) -> Result<Array3<f32>> {
        let (height, width) = section.dim();
        if height == 0 || width == 0 {
            return Err(Error::Section { height, width, problem: "empty".into() });
        }
        let flat: Vec<f32> = section.iter().copied().collect();
        let input = Tensor::f_from_slice(&flat)?
            .f_view([1, height as i64, width as i64])?
            .f_to_device(self.device.torch())?;
        let config = self.section_config(normalization);
        let logits = section::logits(&self.net, &input, &config)?;
        let classes = self.card.classes.len();
        let probabilities = class_probabilities(&logits, classes as i64, self.card.architecture.exclusive)?;
        let flat: Vec<f32> = Vec::try_from(
            probabilities
                .f_to_device(tch::Device::Cpu)?
                .f_to_kind(Kind::Float)?
                .f_contiguous()?
                .f_view(-1)?,
        )?;
        Ok(Array3::from_shape_vec((classes, height, width), flat)
            .expect("the network kept the section's size"))
    }
}
