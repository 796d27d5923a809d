//! The volumes that a configuration names, opened, read and put together.

mod sources;
mod stack;
mod unlabelled;

use em_data::phantom::ScenesConfig;
use em_data::{
    GreyValues, LabelledVolume, Normalization, Region, Split, SplitKind, TrainingSet, regions, split,
};
use em_io::{Roi, VoxelSize};
use em_model::{Architecture, Device, Predictor, Training};
use ndarray::Array4;

use crate::config::RunConfig;
use crate::error::{Result, UserError};
use crate::grey_values::{self, Missing};
use crate::{Observer, silent, voxel_size};

pub use sources::Sources;
pub(crate) use stack::reviewed;
pub use stack::{Reading, Stack};
pub use unlabelled::UnlabelledSet;

/// Everything a training needs from disk.
pub struct Dataset {
    /// Volumes and labels; validation stacks follow the training stacks, and what a network labelled
    /// follows what people did.
    pub set: TrainingSet,
    /// How many of the volumes people labelled.
    pub labelled: usize,
    /// Which voxels train and which validate; where regions are labelled, all of them train.
    pub split: Split,
    /// Where regions are labelled: what networks beside the final one train on, and which regions each
    /// leaves out to score them.
    pub folds: Vec<Split>,
    /// How many regions train; `None` where stacks are labelled whole.
    pub regions: Option<usize>,
    /// Sections without labels, where the configuration names any.
    pub unlabelled: Option<UnlabelledSet>,
    /// As the configuration or the first file tells it.
    pub voxel_size: Option<VoxelSize>,
    /// Whether the volumes are scenes of a phantom, which are meant to differ.
    pub is_generated: bool,
}

impl Dataset {
    /// Reads the training stacks, and the validation stacks if there are any.
    pub fn read(config: &RunConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let mut dataset = Self::read_labelled(config, observer)?;
        let classes = dataset.set.classes();
        dataset.unlabelled = UnlabelledSet::read(config, classes, dataset.voxel_size, observer)?;
        if dataset.voxel_size.is_none() {
            dataset.voxel_size = dataset.unlabelled.as_ref().and_then(|unlabelled| unlabelled.voxel_size);
        }
        Ok(dataset)
    }

    fn read_labelled(config: &RunConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let sources = Sources::find(&config.data)?;
        sources.check(config)?;
        if let Some(scenes) = &config.data.phantom {
            return Self::generated(config, &sources.classes, scenes);
        }
        // The test stacks too: what is wrong with them must not come out after a training.
        let all = sources.train.iter().chain(&sources.validation).chain(&sources.test);
        let mut stacks = all.map(|source| Stack::open(source, observer)).collect::<Result<Vec<_>>>()?;
        let voxel_size = match config.data.voxel_size_nm {
            // Stacks that nobody labelled have sizes of their own.
            _ if stacks.is_empty() => None,
            None => {
                let files = stacks.iter().flat_map(Stack::files);
                voxel_size::common(files, "data.voxel_size_nm")?.map(|(_, size)| size)
            }
            given => given,
        };
        stacks.truncate(sources.train.len() + sources.validation.len());
        let pixels = if stacks.is_empty() { None } else { config.data.pixels(voxel_size)? };
        let reading = Reading::new(config, &sources.classes);
        let volumes = stacks.iter().map(|stack| stack.read(&reading, pixels)).collect::<Result<Vec<_>>>()?;
        let train: usize = volumes[..sources.train.len()].iter().map(Vec::len).sum();
        let volumes: Vec<LabelledVolume> = volumes.into_iter().flatten().collect();
        let shapes: Vec<[usize; 3]> = volumes.iter().map(LabelledVolume::shape).collect();
        let learned = config.model.learned(&sources.classes);
        let voxel_size = match (voxel_size, pixels) {
            (Some(size), Some(pixels)) => Some(VoxelSize::new(pixels.trained_nm(size.nm()))?),
            _ => voxel_size,
        };
        let set = TrainingSet::new(learned, volumes)?;
        let of_train = &stacks[..sources.train.len()];
        let regions = of_train.iter().any(|stack| stack.regions.is_some()).then_some(train);
        let (mut split, mut folds) = (Split::by_volume(&shapes, train), Vec::new());
        if sources.validation.is_empty() {
            if regions.is_some() {
                folds = folds_of(config, &set, of_train, &shapes)?;
            } else if train > 0 {
                split = Split::new(&config.data.split, &shapes, config.tiling.tile_size, config.train.seed)?;
            }
        }
        let labelled = shapes.len();
        Ok(Self { set, labelled, split, folds, regions, unlabelled: None, voxel_size, is_generated: false })
    }

    /// Draws scenes in place of files.
    fn generated(config: &RunConfig, classes: &[String], scenes: &ScenesConfig) -> Result<Self> {
        let volumes = scenes.draw(classes)?;
        let shapes: Vec<[usize; 3]> = volumes.iter().map(LabelledVolume::shape).collect();
        let edge = scenes.pixel_nm;
        Ok(Self {
            labelled: volumes.len(),
            set: TrainingSet::new(config.model.learned(classes), volumes)?,
            split: Split::by_volume(&shapes, scenes.scenes),
            folds: Vec::new(),
            regions: None,
            unlabelled: None,
            voxel_size: VoxelSize::new([edge; 3]).ok(),
            is_generated: true,
        })
    }

    /// Tells what a training should not begin without: voxels without a value, stacks that are unlike
    /// the others, classes that cannot be scored.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`](crate::Error::Stopped).
    pub fn warn(&self, observer: &mut Observer<'_>) -> Result<()> {
        for volume in self.set.volumes() {
            if let Some(missing) = Missing::of(volume.raw()).described() {
                let name = volume.name();
                observer.warn(&format!("`{name}`: {missing}; they count as labelled by no one"))?;
            }
        }
        if !self.is_generated {
            self.warn_of_other_stacks(observer)?;
        }
        if self.validation().next().is_none() {
            if self.regions.is_none() {
                return Ok(());
            }
            return observer.warn(
                "no region is left out, so that the run has no score: data.split.folds is 0, or the others hold too little",
            );
        }
        let validation: Vec<Region> = self.validation().copied().collect();
        let foreground = self.set.foreground(&validation);
        let absent = self.set.classes().iter().zip(&foreground).filter(|(_, voxels)| **voxels == 0);
        let absent: Vec<&str> = absent.map(|(class, _)| class.as_str()).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let choice = if absent.len() == foreground.len() {
            "the best epoch is the one of the least validation loss"
        } else {
            "the best epoch is chosen by the other classes"
        };
        let absent = absent.join("`, `");
        observer
            .warn(&format!("validation holds no foreground of `{absent}`, so that it has no score; {choice}"))
    }

    /// Whether people labelled something to train on.
    pub fn has_labels(&self) -> bool {
        !self.split.train.is_empty()
    }

    /// Returns the shape `[z, y, x]` of the first volume, labelled or not.
    pub fn shape(&self) -> [usize; 3] {
        let unlabelled = || self.unlabelled.as_ref()?.blocks().next().map(|raw| raw.shape());
        self.set.volumes().first().map(LabelledVolume::shape).or_else(unlabelled).unwrap_or([0; 3])
    }

    /// Returns all regions that are scored, by the network itself or by one that left them out.
    pub fn validation(&self) -> impl Iterator<Item = &Region> {
        let of_folds = self.folds.iter().flat_map(|fold| &fold.validation);
        self.split.validation.iter().chain(of_folds)
    }

    /// Compares the training stacks with the first of them.
    fn warn_of_other_stacks(&self, observer: &mut Observer<'_>) -> Result<()> {
        let mut numbers: Vec<usize> = self.split.train.iter().map(|region| region.volume).collect();
        numbers.dedup();
        let of = |number: usize| {
            let mut grey = GreyValues::default();
            let volume = &self.set.volumes()[number];
            for region in self.split.train.iter().filter(|region| region.volume == number) {
                grey.merge(&GreyValues::of(&volume.raw().cut(region.roi)));
            }
            (volume, grey)
        };
        let Some((&first, others)) = numbers.split_first().filter(|(_, others)| !others.is_empty()) else {
            return Ok(());
        };
        let (first, grey) = of(first);
        for (other, found) in others.iter().map(|&number| of(number)) {
            let types = [first.raw().voxel_type(), other.raw().voxel_type()];
            if let Some(text) = grey_values::unlike([&grey, &found], types) {
                let (name, first) = (other.name(), first.name());
                observer.warn(&format!("`{name}` {text}, as in `{first}`"))?;
            }
        }
        Ok(())
    }

    /// Reads the test stacks, if the configuration names any. What should be known of their files was
    /// told by [`read`](Self::read).
    pub fn read_test(config: &RunConfig) -> Result<Option<TrainingSet>> {
        let sources = Sources::find(&config.data)?;
        if sources.test.is_empty() {
            return Ok(None);
        }
        let (mut unheard, reading) = (silent, Reading::new(config, &sources.classes));
        let mut observer = Observer::new(&mut unheard);
        let read = |source| {
            let stack = Stack::open(source, &mut observer)?;
            let pixels = config.data.pixels(config.data.voxel_size_nm.or(stack.raw.voxel_size()))?;
            stack.read(&reading, pixels)
        };
        let volumes = sources.test.iter().map(read).collect::<Result<Vec<_>>>()?;
        let volumes = volumes.into_iter().flatten().collect();
        Ok(Some(TrainingSet::new(config.model.learned(&sources.classes), volumes)?))
    }

    /// Puts together what `em_model::train` needs, and fits the normalisation to the training voxels.
    pub fn training<'a>(
        &'a self,
        config: &RunConfig,
        split: &'a Split,
        architecture: &Architecture,
        device: Device,
    ) -> Result<Training<'a>> {
        // What people labelled is what grey values are measured on, where they labelled anything.
        let of_people = |region: &&Region| region.volume < self.labelled;
        let labelled: Vec<Region> = split.train.iter().filter(of_people).copied().collect();
        let blocks = self.set.raw_blocks(if labelled.is_empty() { &split.train } else { &labelled });
        let normalization = Normalization::fit(&config.normalization, &blocks, config.tiling.tile_size)?;
        let mut training =
            Training::with_normalization(&self.set, split, architecture.clone(), normalization);
        training.settings = config.training_settings();
        training.voxel_size_nm = self.voxel_size.map(VoxelSize::nm);
        training.device = device;
        Ok(training)
    }

    /// Returns the share of foreground of each class within `regions`.
    pub fn foreground_shares(&self, regions: &[Region]) -> Vec<f64> {
        self.set.foreground_shares(regions)
    }
}

/// The splits that leave regions out: those of a stack that are near each other stay together.
fn folds_of(
    config: &RunConfig,
    set: &TrainingSet,
    train: &[Stack],
    shapes: &[[usize; 3]],
) -> Result<Vec<Split>> {
    let split = &config.data.split;
    if split.kind != SplitKind::ZBlocks {
        let message = "data.split.kind is `random-tiles`, which does not go with reviewed regions";
        let hint = "leave it out: regions are left out whole, and data.split.folds says how many";
        return Err(UserError::new(message, hint).into());
    }
    let (mut groups, mut first) = (Vec::new(), 0);
    for stack in train {
        let boxes = stack.boxes();
        let whole = |number: &usize| {
            let volume = first + number;
            Region { volume, roi: Roi::whole(shapes[volume]) }
        };
        let near = regions::near(&boxes, [split.gap, split::GAP, split::GAP]);
        groups.extend(near.iter().map(|group| group.iter().map(whole).collect::<Vec<_>>()));
        first += boxes.len();
    }
    Ok(split::folds(set, &groups, split, &config.tiling, config.train.seed)?)
}

/// Predicts a region of labelled volumes that are in memory: probabilities `[class, z, y, x]`.
pub(crate) fn region_probabilities(
    predictor: &Predictor,
    set: &TrainingSet,
    region: &Region,
) -> Result<Array4<f32>> {
    let grey = set.volumes()[region.volume].raw().cut(region.roi).to_f32();
    let sections = 0..region.roi.shape[0];
    Ok(predictor.predict_sections(grey.view(), sections, predictor.card().normalization)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::Voxels;
    use em_model::Target;
    use ndarray::Array3;

    #[test]
    fn a_class_keeps_its_mask_and_its_outlines_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let square = Array3::from_shape_fn((6, 32, 32), |(_, y, x)| {
            255 * u8::from((8..24).contains(&y) && (8..24).contains(&x))
        });
        let raw = Array3::from_shape_fn((6, 32, 32), |(z, y, x)| (z * 9 + y * 3 + x) as u8);
        em_io::write_volume(path("train.tif"), &Voxels::from(raw), None).unwrap();
        em_io::write_volume(path("train_squares.tif"), &Voxels::from(square.clone()), None).unwrap();

        let mut config = RunConfig::default();
        config.data.folder = Some(folder.path().to_owned());
        config.data.split.gap = 1;
        config.tiling.tile_size = 16;
        config.model.targets = vec![Target::Mask, Target::Boundary];
        let dataset = Dataset::read(&config, &mut Observer::new(&mut silent)).unwrap();
        assert_eq!(dataset.set.classes(), ["squares", "squares_boundary"]);
        let [mask, outlines] = [0, 1].map(|class| dataset.set.volumes()[0].mask(class));
        assert_eq!(mask, square.mapv(|voxel| voxel > 0));
        assert!(outlines[[3, 8, 12]] && !outlines[[3, 16, 16]] && !outlines[[3, 2, 2]]);
    }
}
