//! The volumes that a configuration names, opened, read and put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_data::{GreyValues, IGNORED, LabelledVolume, Normalization, Region, Split, TrainingSet, outlines};
use em_io::{Mask, MaskValues, Roi, Volume, Voxel, VoxelSize, match_voxels};
use em_model::{Architecture, Device, ModelConfig, Predictor, Training, boundary_of};
use em_objects::{Components, Connectivity, Extent};
use ndarray::{Array3, Array4};

use crate::config::{DataConfig, RunConfig, SourceConfig};
use crate::error::{Result, UserError};
use crate::grey_values::{self, Missing};
use crate::{Observer, open, pairing, silent, voxel_size};

/// Everything a training needs from disk.
pub struct Dataset {
    /// Volumes and labels; validation stacks follow the training stacks.
    pub set: TrainingSet,
    /// Which voxels train and which validate.
    pub split: Split,
    /// As the configuration or the first file tells it.
    pub voxel_size: Option<VoxelSize>,
}

impl Dataset {
    /// Reads the training stacks, and the validation stacks if there are any.
    pub fn read(config: &RunConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let sources = Sources::find(&config.data)?;
        // The test stacks too: what is wrong with them must not come out after a training.
        let all = sources.train.iter().chain(&sources.validation).chain(&sources.test);
        let mut stacks = all.map(|source| Stack::open(source, observer)).collect::<Result<Vec<_>>>()?;
        let voxel_size = match config.data.voxel_size_nm {
            None => {
                let files = stacks.iter().flat_map(Stack::files);
                voxel_size::common(files, "data.voxel_size_nm")?.map(|(_, size)| size)
            }
            given => given,
        };
        stacks.truncate(sources.train.len() + sources.validation.len());
        let volumes = stacks.iter().map(|stack| stack.read(&sources.classes, &config.model));
        let volumes = volumes.collect::<Result<Vec<_>>>()?;
        let shapes: Vec<[usize; 3]> = volumes.iter().map(LabelledVolume::shape).collect();
        let split = if sources.validation.is_empty() {
            Split::new(&config.data.split, &shapes, config.tiling.tile_size, config.train.seed)?
        } else {
            Split::by_volume(&shapes, sources.train.len())
        };
        let learned = config.model.learned(&sources.classes);
        Ok(Self { set: TrainingSet::new(learned, volumes)?, split, voxel_size })
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
        self.warn_of_other_stacks(observer)?;
        let foreground = self.set.foreground(&self.split.validation);
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
        let (mut unheard, classes) = (silent, &sources.classes);
        let mut observer = Observer::new(&mut unheard);
        let read = |source| Stack::open(source, &mut observer)?.read(classes, &config.model);
        let volumes = sources.test.iter().map(read).collect::<Result<_>>()?;
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
        let blocks = self.set.raw_blocks(&split.train);
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

/// The files that a configuration means, by name or by the layout of `data.folder`.
pub struct Sources {
    /// Classes in the order of the network's channels.
    pub classes: Vec<String>,
    /// The stacks to train on, at least one.
    pub train: Vec<SourceConfig>,
    /// The stacks to validate on.
    pub validation: Vec<SourceConfig>,
    /// The stacks that are scored once.
    pub test: Vec<SourceConfig>,
}

impl Sources {
    /// Finds the files; none is opened yet.
    pub fn find(data: &DataConfig) -> Result<Self> {
        let named = |sources: &Vec<SourceConfig>, prefix: &str| match &data.folder {
            Some(folder) if sources.is_empty() => in_folder(folder, prefix),
            _ => Ok(sources.clone()),
        };
        let train = named(&data.train, "train")?;
        let Some(first) = train.first() else {
            return Err(match &data.folder {
                Some(folder) => UserError::new(
                    format!("`{}` has no `train.tif`", folder.display()),
                    "data.folder holds train.tif and train_<class>.tif, or these in another format; name other files in [data.train]",
                ),
                None => UserError::new(
                    "the configuration names no training stack",
                    "set data.folder, or raw and labels in [data.train]; or --set data.folder=DIR",
                ),
            }
            .into());
        };
        let classes = if data.classes.is_empty() {
            first.labels.keys().filter(|class| *class != IGNORED).cloned().collect()
        } else {
            data.classes.clone()
        };
        if classes.is_empty() {
            return Err(UserError::new(
                format!("`{}` has no label beside it", first.raw.display()),
                "put train_<class>.tif beside train.tif, or name labels in [data.train]",
            )
            .into());
        }
        let only = |sources: Vec<SourceConfig>| {
            sources.into_iter().map(|source| with_classes(source, &classes)).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            train: only(train)?,
            validation: only(named(&data.validation, "val")?)?,
            test: only(named(&data.test, "test")?)?,
            classes,
        })
    }
}

/// Endings of files that `data.folder` is searched for; a folder without any holds images.
const ENDINGS: [&str; 20] = [
    "tif", "tiff", "ome.tif", "ome.tiff", "btf", "mrc", "mrcs", "rec", "st", "map", "mrc.gz", "map.gz",
    "nii", "nii.gz", "npy", "zarr", "ome.zarr", "h5", "png", "jpg",
];

/// The stack `{prefix}.tif` of a folder with all labels `{prefix}_{class}.tif`, in any format, if it is there.
fn in_folder(folder: &Path, prefix: &str) -> Result<Vec<SourceConfig>> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        UserError::new(
            format!("data.folder `{}` cannot be read: {error}", folder.display()),
            "give the folder that holds train.tif: --set data.folder=DIR",
        )
    })?;
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (stem, ending) = name.split_once('.').unwrap_or((&name, ""));
        let is_volume =
            ENDINGS.contains(&ending.to_lowercase().as_str()) || ending.is_empty() && path.is_dir();
        let is_of_prefix =
            stem == prefix || stem.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
        if !is_volume || !is_of_prefix {
            continue;
        }
        if let Some(other) = found.insert(stem.to_owned(), path.clone()) {
            return Err(UserError::new(
                format!("`{stem}` is there twice: `{}` and `{}`", other.display(), path.display()),
                "keep one of them in data.folder, or name the files in [data.train]",
            )
            .into());
        }
    }
    let Some(raw) = found.remove(prefix) else { return Ok(Vec::new()) };
    let class = |stem: &str| stem[prefix.len() + 1..].to_owned();
    let labels = found.into_iter().map(|(stem, path)| (class(&stem), path)).collect();
    Ok(vec![SourceConfig { raw, labels, sections: None }])
}

/// Keeps the labels of `classes` only, all of which must be there.
fn with_classes(mut source: SourceConfig, classes: &[String]) -> Result<SourceConfig> {
    if let Some(missing) = classes.iter().find(|class| !source.labels.contains_key(*class)) {
        let there: Vec<&str> = source.labels.keys().map(String::as_str).collect();
        return Err(UserError::new(
            format!(
                "class `{missing}` has no label for `{}`, found labels for: {}",
                source.raw.display(),
                there.join(", ")
            ),
            "name it in the labels of that stack, or change data.classes",
        )
        .into());
    }
    source.labels.retain(|class, _| classes.contains(class) || class == IGNORED);
    Ok(source)
}

/// One stack with its labels, opened.
pub struct Stack {
    path: PathBuf,
    /// The raw volume.
    pub raw: Volume,
    /// One label per class.
    pub labels: BTreeMap<String, Volume>,
    /// The part in use.
    pub roi: Roi,
}

impl Stack {
    /// Opens a stack and its labels and checks that their sizes match.
    pub fn open(source: &SourceConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let raw = open(&source.raw, observer)?;
        let [start, end] = source.sections.unwrap_or([0, raw.shape()[0]]);
        if start >= end || end > raw.shape()[0] {
            return Err(UserError::new(
                format!(
                    "sections = [{start}, {end}] of `{}`, which has {} sections",
                    source.raw.display(),
                    raw.shape()[0]
                ),
                "sections are numbered from 0; the second number is one after the last",
            )
            .into());
        }
        let mut labels = BTreeMap::new();
        for (class, path) in &source.labels {
            let label = open(path, observer)?;
            pairing::check(&format!("the label `{class}`"), &raw, &label, observer)?;
            if label.shape() != raw.shape() {
                return Err(em_data::Error::LabelShape {
                    volume: source.raw.display().to_string(),
                    class: format!("{class}` in `{}", path.display()),
                    found: label.shape(),
                    expected: raw.shape(),
                }
                .into());
            }
            labels.insert(class.clone(), label);
        }
        Ok(Self { path: source.raw.clone(), roi: Roi::sections(raw.shape(), start..end), raw, labels })
    }

    /// Returns the raw volume and the labels, with their files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &Volume)> {
        let volumes = std::iter::once(&self.raw).chain(self.labels.values());
        volumes.map(|volume| (volume.path().unwrap_or(&self.path), volume))
    }

    /// Reads the stack, its masks in the order of `classes`, and the outlines of each where the
    /// model learns them.
    pub fn read(&self, classes: &[String], model: &ModelConfig) -> Result<LabelledVolume> {
        let mut masks = Vec::new();
        for class in classes {
            let label = &self.labels[class];
            if model.learns_boundaries() {
                let objects = objects(label, self.roi)?;
                let outlines = outlines(objects.view(), model.boundary_width);
                let size = label.voxel_size_nm();
                masks.push((boundary_of(class), Mask::new(outlines, size)));
                masks.push((class.clone(), Mask::new(objects.mapv(|object| object > 0), size)));
            } else {
                masks.push((class.clone(), Mask::from_volume(label, self.roi)?));
            }
        }
        let volume = LabelledVolume::new(self.path.display().to_string(), self.raw.read(self.roi)?, masks)?;
        Ok(match self.labels.get(IGNORED) {
            Some(label) => volume.with_ignored(Mask::from_volume(label, self.roi)?)?,
            None => volume,
        })
    }
}

/// The objects of a label `[z, y, x]`: its numbers, or the connected parts of a mask.
fn objects(label: &Volume, roi: Roi) -> Result<Array3<u32>> {
    let voxels = label.read(roi)?;
    let mut values = MaskValues::default();
    (0..roi.shape[0]).for_each(|z| values.add_section(&voxels, z));
    let numbers: Array3<f64> = match_voxels!(&voxels, array => array.mapv(Voxel::to_f64));
    if values.is_mask() {
        let mask = numbers.mapv(|value| value > 0.0);
        return Ok(Components::of(mask.view(), Extent::Volume, Connectivity::Corners).labels());
    }
    let is_number = |value: f64| (0.0..=f64::from(u32::MAX)).contains(&value) && value.fract() == 0.0;
    if let Some(value) = numbers.iter().find(|&&value| !is_number(value)) {
        let path = label.path().unwrap_or(Path::new("memory"));
        return Err(UserError::new(
            format!("label `{}` holds {value}, expected whole numbers of objects, or a mask", path.display()),
            "with model.targets = [\"mask\", \"boundary\"] a label numbers its objects from 1, or holds 0 and 255",
        )
        .into());
    }
    // Checked to be whole and in range.
    Ok(numbers.mapv(|value| value as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::Voxels;
    use em_model::Target;

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
