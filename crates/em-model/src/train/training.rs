//! What a training is given, and the checks before it starts.

use em_data::settings::{self, Checks};
use em_data::{
    AugmentationConfig, GreyValues, Normalization, NormalizationConfig, SettingError, Split, TilingConfig,
    TrainingSet,
};

use super::loss::Loss;
use super::{LossConfig, TrainConfig};
use crate::error::Computed;
use crate::{Architecture, Device, Error, PredictConfig, Ranks, Result, RunFolder, TrainedOn};

/// All that a training needs but the folder that it writes to.
///
/// [`new`](Self::new) takes defaults for all but the data and the network; its fields may be changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Training<'a> {
    /// Volumes and labels.
    pub set: &'a TrainingSet,
    /// Which voxels train and which validate.
    pub split: &'a Split,
    /// The network.
    pub architecture: Architecture,
    /// Fitted on the training voxels.
    pub normalization: Normalization,
    /// All that may be chosen.
    pub settings: TrainingSettings,
    /// The network whose weights it starts with.
    pub init: Option<RunFolder>,
    /// Voxel size in nm, `[z, y, x]`, for the model card.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Where to compute.
    pub device: Device,
    /// The other processes that train the same network, where there are any.
    pub ranks: Option<&'a Ranks>,
}

/// What may be chosen of a training.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TrainingSettings {
    /// Which tiles are cut.
    pub tiling: TilingConfig,
    /// How they are changed at random.
    pub augmentation: AugmentationConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// The training itself.
    pub train: TrainConfig,
    /// How validation sections go through the network.
    pub predict: PredictConfig,
}

impl TrainingSettings {
    /// Returns all that is out of range, does not fit the network, or does not fit together.
    pub fn problems(&self, architecture: &Architecture, classes: &[String]) -> Vec<SettingError> {
        let mut checks = Checks::of("AugmentationConfig");
        let network = architecture.problems(classes.len());
        let can_tile = network.is_empty() && self.tiling.problems().is_empty();
        checks
            .extend(network)
            .extend(self.train.problems())
            .extend(self.predict.problems())
            .extend(self.loss.problems(classes, architecture.exclusive))
            .extend(self.tiling.problems())
            // Sizes of a network that is none are no numbers to compare with.
            .extend(if can_tile { architecture.tiling_problems(&self.tiling) } else { Vec::new() })
            .extend(self.augmentation.problems());
        let frozen = self.train.freeze_encoder;
        let expected = "false with an imported network, whose encoder is not known";
        if architecture.imported.as_ref().is_some_and(|imported| imported.trainable == 0) {
            let mut of_model = Checks::of("ModelConfig");
            let expected = "one with weights that a gradient reaches";
            of_model.require("imported", "a network that cannot learn", false, expected);
            checks.extend(of_model.finish());
        }
        let mut of_train = Checks::of("TrainConfig");
        of_train.require("freeze_encoder", frozen, !(frozen && architecture.imported.is_some()), expected);
        checks.extend(of_train.finish());
        let are_cubes = self.tiling.tile_depth == self.tiling.tile_size;
        checks.require(
            "turn_cubes",
            self.augmentation.turn_cubes,
            are_cubes || !self.augmentation.turn_cubes,
            "false where tiles are not as deep as they are wide",
        );
        checks.finish()
    }
}

impl<'a> Training<'a> {
    /// Trains `architecture` with default settings on the first CUDA device or the processor, with
    /// z-scores fitted on the training voxels.
    ///
    /// # Errors
    ///
    /// Fails if the training voxels are all alike.
    pub fn new(set: &'a TrainingSet, split: &'a Split, architecture: Architecture) -> Result<Self> {
        let settings = TrainingSettings::default();
        let blocks = set.raw_blocks(&split.train);
        let normalization =
            Normalization::fit(&NormalizationConfig::default(), &blocks, settings.tiling.tile_size)?;
        Ok(Self::with_normalization(set, split, architecture, normalization))
    }

    /// As [`new`](Self::new), with a normalisation that was fitted before.
    pub fn with_normalization(
        set: &'a TrainingSet,
        split: &'a Split,
        architecture: Architecture,
        normalization: Normalization,
    ) -> Self {
        Self {
            set,
            split,
            architecture,
            normalization,
            settings: TrainingSettings::default(),
            init: None,
            voxel_size_nm: None,
            device: Device::auto(),
            ranks: None,
        }
    }

    /// Returns what the training voxels are like.
    pub(super) fn voxels(&self) -> TrainedOn {
        let (mut grey, mut types) = (GreyValues::default(), Vec::new());
        for block in self.set.raw_blocks(&self.split.train) {
            grey.merge(&GreyValues::of(&block));
            types.push(block.voxel_type());
        }
        let voxel_type = types.first().copied().filter(|first| types.iter().all(|other| other == first));
        TrainedOn { voxel_type, grey }
    }

    /// Returns all that is out of range or does not fit together, whatever the volumes hold.
    pub fn problems(&self) -> Vec<SettingError> {
        self.settings.problems(&self.architecture, self.set.classes())
    }

    /// Checks that the settings fit together and the data, which [`train`](super::train) does as well.
    ///
    /// # Errors
    ///
    /// Fails with the first of the [`problems`](Self::problems), if tiles do not fit into the volumes,
    /// or if a class has no foreground to learn from. A class of which nothing is labelled may stay as the
    /// network to start with has it.
    pub fn check(&self) -> Result<()> {
        settings::first(self.problems())?;
        self.settings.tiling.check_fit(self.set, &self.split.train)?;
        let foreground = self.set.foreground(&self.split.train);
        let labelled = self.set.labelled_voxels(&self.split.train);
        let can_stay = |labelled: u64| labelled == 0 && self.init.is_some();
        let mut classes = self.set.classes().iter().zip(foreground.into_iter().zip(labelled));
        match classes.find(|(_, (voxels, labelled))| *voxels == 0 && !can_stay(*labelled)) {
            Some((class, _)) => Err(Error::EmptyClass { class: class.clone() }),
            None => Ok(()),
        }
    }

    /// The loss, with the weights of balanced classes.
    pub(super) fn loss(&self, shares: &[f64]) -> Computed<Loss> {
        let classes = self.set.classes();
        let balanced = self.settings.loss.balanced(classes, shares);
        Loss::new(&balanced, classes, self.architecture.exclusive, self.device.torch())
    }
}
