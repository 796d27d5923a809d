//! The volumes that a configuration names, opened, read and put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use em_data::{IGNORED, LabelledVolume, Region, Split, TrainingSet, outlines};
use em_io::{Mask, Roi, Volume, match_voxels};
use em_model::{ModelConfig, boundary_of};
use em_objects::{Components, Connectivity, Extent};
use ndarray::Array3;

use crate::config::{DataConfig, RunConfig, SourceConfig};
use crate::error::UserError;
use crate::output;

/// Everything a training needs from disk.
pub struct Dataset {
    /// Volumes and labels; a validation stack follows the training stack.
    pub set: TrainingSet,
    /// Which voxels train and which validate.
    pub split: Split,
    /// Voxel size in nm, `[z, y, x]`.
    pub voxel_size_nm: Option<[f64; 3]>,
}

impl Dataset {
    /// Reads the training stack, and the validation stack if there is one.
    pub fn read(config: &RunConfig) -> Result<Self> {
        let sources = Sources::find(&config.data)?;
        let train = Stack::open(&sources.train)?;
        let voxel_size_nm = config.data.voxel_size_nm.or(train.raw.voxel_size_nm());
        let mut volumes = vec![train.read(&sources.classes, &config.model)?];
        if let Some(validation) = &sources.validation {
            volumes.push(Stack::open(validation)?.read(&sources.classes, &config.model)?);
        }
        let shapes: Vec<[usize; 3]> = volumes.iter().map(LabelledVolume::shape).collect();
        let split = match sources.validation {
            Some(_) => Split::by_volume(&shapes, 1),
            None => Split::new(&config.data.split, &shapes, config.tiling.tile_size, config.train.seed)?,
        };
        let learned = config.model.learned(&sources.classes);
        Ok(Self { set: TrainingSet::new(learned, volumes)?, split, voxel_size_nm })
    }

    /// Reads the test stack, if the configuration names one.
    pub fn read_test(config: &RunConfig) -> Result<Option<TrainingSet>> {
        let sources = Sources::find(&config.data)?;
        let Some(test) = &sources.test else { return Ok(None) };
        let volume = Stack::open(test)?.read(&sources.classes, &config.model)?;
        Ok(Some(TrainingSet::new(config.model.learned(&sources.classes), vec![volume])?))
    }

    /// Returns the share of foreground of each class within `regions`.
    pub fn foreground_shares(&self, regions: &[Region]) -> Vec<f64> {
        let voxels: usize = regions.iter().map(|region| region.roi.voxels()).sum();
        self.set.foreground(regions).iter().map(|&n| n as f64 / voxels.max(1) as f64).collect()
    }
}

/// The files that a configuration means, by name or by the layout of `data.folder`.
pub struct Sources {
    /// Classes in the order of the network's channels.
    pub classes: Vec<String>,
    /// The stack to train on.
    pub train: SourceConfig,
    /// The stack to validate on.
    pub validation: Option<SourceConfig>,
    /// The stack that is scored once.
    pub test: Option<SourceConfig>,
}

impl Sources {
    /// Finds the files; none is opened yet.
    pub fn find(data: &DataConfig) -> Result<Self> {
        let named = |source: &Option<SourceConfig>, prefix: &str| match (source, &data.folder) {
            (Some(source), _) => Ok(Some(source.clone())),
            (None, Some(folder)) => in_folder(folder, prefix),
            (None, None) => Ok(None),
        };
        let train = named(&data.train, "train")?.ok_or_else(|| match &data.folder {
            Some(folder) => UserError::new(
                format!("`{}` has no `train.tif`", folder.display()),
                "data.folder holds train.tif and train_<class>.tif; name other files in [data.train]",
            ),
            None => UserError::new(
                "the configuration names no training stack",
                "set data.folder, or raw and labels in [data.train]; or --set data.folder=DIR",
            ),
        })?;
        let classes = if data.classes.is_empty() {
            train.labels.keys().filter(|class| *class != IGNORED).cloned().collect()
        } else {
            data.classes.clone()
        };
        if classes.is_empty() {
            return Err(UserError::new(
                format!("`{}` has no label beside it", train.raw.display()),
                "put train_<class>.tif beside train.tif, or name labels in [data.train]",
            )
            .into());
        }
        let only = |source: SourceConfig| with_classes(source, &classes);
        Ok(Self {
            train: only(train)?,
            validation: named(&data.validation, "val")?.map(only).transpose()?,
            test: named(&data.test, "test")?.map(only).transpose()?,
            classes,
        })
    }
}

/// The stack `{prefix}.tif` of a folder with all labels `{prefix}_{class}.tif`, if it is there.
fn in_folder(folder: &Path, prefix: &str) -> Result<Option<SourceConfig>> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        UserError::new(
            format!("data.folder `{}` cannot be read: {error}", folder.display()),
            "give the folder that holds train.tif: --set data.folder=DIR",
        )
    })?;
    let raw = folder.join(format!("{prefix}.tif"));
    if !raw.exists() {
        return Ok(None);
    }
    let mut labels = BTreeMap::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let class = name.strip_suffix(".tif").and_then(|stem| stem.strip_prefix(&format!("{prefix}_")));
        if let Some(class) = class {
            labels.insert(class.to_owned(), entry.path());
        }
    }
    Ok(Some(SourceConfig { raw, labels, sections: None }))
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
    pub fn open(source: &SourceConfig) -> Result<Self> {
        let raw = em_io::open(&source.raw)?;
        output::notes(&raw);
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
            let label = em_io::open(path)?;
            output::notes(&label);
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
    let numbers: Array3<f64> = match_voxels!(&voxels, array => array.mapv(f64::from));
    let is_mask = |one: f64| numbers.iter().all(|&value| value == 0.0 || value == one);
    if is_mask(255.0) || is_mask(1.0) {
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
