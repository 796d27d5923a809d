//! What a training is given, and the checks before it starts.

use em_data::{AugmentationConfig, Normalization, Split, TilingConfig, TrainingSet};

use super::{LossConfig, TrainConfig};
use crate::{Architecture, Device, Error, PredictConfig, Result, RunFolder};

/// All that a training needs.
#[derive(Debug)]
pub struct Training<'a> {
    /// Volumes and labels.
    pub set: &'a TrainingSet,
    /// Which voxels train and which validate.
    pub split: &'a Split,
    /// The network.
    pub architecture: &'a Architecture,
    /// Fitted on the training voxels.
    pub normalization: Normalization,
    /// Section `[tiling]`.
    pub tiling: &'a TilingConfig,
    /// Section `[augmentation]`.
    pub augmentation: &'a AugmentationConfig,
    /// Section `[loss]`.
    pub loss: &'a LossConfig,
    /// Section `[train]`.
    pub config: &'a TrainConfig,
    /// Section `[predict]`: how validation sections go through the network.
    pub predict: &'a PredictConfig,
    /// Voxel size in nm, `[z, y, x]`, for the model card.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Where to compute.
    pub device: Device,
    /// Where weights, state and history are written.
    pub run: &'a RunFolder,
}

impl Training<'_> {
    /// Checks everything that can be said before the first step.
    ///
    /// # Errors
    ///
    /// Fails if settings do not fit together or the data, or if a class has no foreground to learn from.
    pub fn check(&self) -> Result<()> {
        self.config.check()?;
        self.predict.check()?;
        self.loss.check(self.set.classes(), self.architecture.exclusive)?;
        self.tiling.check()?;
        self.tiling.check_fit(self.set, &self.split.train)?;
        self.architecture.check_tile_size(self.tiling.tile_size)?;
        self.architecture.check_tile_depth(self.tiling.tile_depth)?;
        self.augmentation.check()?;
        if self.augmentation.turn_cubes && self.tiling.tile_depth != self.tiling.tile_size {
            return Err(Error::Setting {
                key: "augmentation.turn_cubes",
                found: "true".into(),
                expected: "false where tiling.tile_depth is not tiling.tile_size".into(),
            });
        }
        let foreground = self.set.foreground(&self.split.train);
        match self.set.classes().iter().zip(foreground).find(|(_, voxels)| *voxels == 0) {
            Some((class, _)) => Err(Error::EmptyClass { class: class.clone() }),
            None => Ok(()),
        }
    }
}

impl Training<'_> {
    /// The share of foreground of each class among the training voxels.
    pub(super) fn foreground_shares(&self) -> Vec<f64> {
        let voxels: usize = self.split.train.iter().map(|region| region.roi.voxels()).sum();
        let foreground = self.set.foreground(&self.split.train);
        foreground.into_iter().map(|n| n as f64 / voxels.max(1) as f64).collect()
    }
}
