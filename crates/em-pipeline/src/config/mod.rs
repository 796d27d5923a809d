//! `run.toml`: each crate's section, composed, read, overridden and checked.

pub(crate) mod misspelling;
mod one_or_several;
pub(crate) mod overrides;
pub mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_data::phantom::ScenesConfig;
use em_data::settings::Checks;
use em_data::{AugmentationConfig, NormalizationConfig, SettingError, SplitConfig, TilingConfig};
use em_io::VoxelSize;
use em_model::{
    Architecture, LossConfig, ModelConfig, PixelMatch, PredictConfig, RunFolder, TrainConfig,
    TrainingSettings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::built_in;
use crate::error::{Context, Result, UserError};

/// A whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Volumes and labels.
    pub data: DataConfig,
    /// Grey values to network inputs.
    pub normalization: NormalizationConfig,
    /// Training tiles.
    pub tiling: TilingConfig,
    /// Random changes of training tiles.
    pub augmentation: AugmentationConfig,
    /// The network.
    pub model: ModelConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// The training.
    pub train: TrainConfig,
    /// How sections go through the network.
    pub predict: PredictConfig,
    /// Where results go.
    pub output: OutputConfig,
}

/// Section `[data]` of a configuration. Relative paths start at the configuration's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// A folder that holds `train.tif`, `train_<class>.tif`, and, if there are any, `val.tif`, `val_<class>.tif` and `test.tif`, `test_<class>.tif`, or the same in other formats (`train.mrc`, `train.zarr`, a folder `train` of images); `train_regions.json`, or .csv, names the reviewed regions of the first. Sections [data.train], [data.validation] and [data.test] name other files.
    pub folder: Option<PathBuf>,
    /// The classes to learn; empty takes every class that has a label file.
    pub classes: Vec<String>,
    /// Voxel size in nm, z y x, where the files do not tell it.
    #[schemars(with = "Option<[f64; 3]>")]
    pub voxel_size_nm: Option<VoxelSize>,
    /// Train at this pixel size in nm, along y and x: sections are resampled, and labels with them. What is predicted later is brought to it and back (`predict.match_voxel_size`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_nm: Option<f64>,
    /// The stack to train on; several as [[data.train]].
    #[serde(with = "one_or_several", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "one_or_several::OneOrSeveral<SourceConfig>")]
    pub train: Vec<SourceConfig>,
    /// The stack to validate on, or several; without one, `split` takes sections of each training stack.
    #[serde(with = "one_or_several", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "one_or_several::OneOrSeveral<SourceConfig>")]
    pub validation: Vec<SourceConfig>,
    /// A stack that is scored once, after the training, or several.
    #[serde(with = "one_or_several", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "one_or_several::OneOrSeveral<SourceConfig>")]
    pub test: Vec<SourceConfig>,
    /// A stack that nobody labelled, or several: what a first network, trained on the labels alone, is sure of in it is learned by a second one as well. Of a large stack, some sections are taken.
    #[serde(with = "one_or_several", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "one_or_several::OneOrSeveral<PathBuf>")]
    pub unlabelled: Vec<PathBuf>,
    /// How training stacks are split where there is no validation stack.
    pub split: SplitConfig,
    /// Generated scenes in place of files: a network that is trained on them has seen nobody's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phantom: Option<ScenesConfig>,
}

/// A raw stack and its labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The raw stack: a TIFF file, or a folder of images.
    pub raw: PathBuf,
    /// One label stack per class, of values 0 and 255, or 0 and 1. A label named `ignore` marks voxels that nobody labelled: they count in no loss and no score.
    pub labels: BTreeMap<String, PathBuf>,
    /// First section and end (exclusive) of the part to use; absent takes all.
    #[serde(default)]
    pub sections: Option<[usize; 2]>,
    /// A file `regions.json` or `regions.csv` of reviewed regions: boxes inside which all labels are complete. What lies outside of them counts in nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<PathBuf>,
    /// What the numbers of the labels mean: `mask`, 0 background and all else foreground; `scribbles`, 0 unknown, 1 background, 2 foreground.
    #[serde(default, skip_serializing_if = "LabelValues::is_mask")]
    pub values: LabelValues,
}

/// What the numbers of a label mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelValues {
    /// 0 is background, all else foreground.
    #[default]
    Mask,
    /// 0 is unknown, 1 background, 2 foreground.
    Scribbles,
}

impl LabelValues {
    fn is_mask(&self) -> bool {
        *self == Self::Mask
    }
}

impl SourceConfig {
    /// A stack with its labels, used whole.
    pub(crate) fn new(raw: PathBuf, labels: BTreeMap<String, PathBuf>) -> Self {
        Self { raw, labels, sections: None, regions: None, values: LabelValues::default() }
    }
}

/// Section `[output]` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// The folder of the run. Relative paths start at the configuration's folder.
    pub folder: PathBuf,
}

impl DataConfig {
    /// Returns all settings that are out of range, or mean something else beside generated scenes.
    pub(crate) fn problems(&self, architecture: Option<&Architecture>) -> Vec<SettingError> {
        let mut checks = Checks::of("DataConfig");
        if let Some(pixel) = self.pixel_nm {
            checks.within("pixel_nm", pixel, 0.1..=1000.0, "0.1 to 1000");
        }
        if let Some(scenes) = &self.phantom {
            checks.extend(scenes.problems());
            let sees_several =
                architecture.is_some_and(|network| network.dimensions == 3 || network.context_sections > 1);
            let expected =
                "none with a network that sees several sections: those of a scene are not neighbours";
            checks.require("phantom", "given", !sees_several, expected);
        }
        checks.finish()
    }

    /// Returns how stacks of a voxel size are brought to `pixel_nm`, where that is asked for and
    /// changes more than a little.
    ///
    /// # Errors
    ///
    /// Fails if it is asked for and the voxel size is not known.
    pub(crate) fn pixels(&self, voxel_size: Option<VoxelSize>) -> Result<Option<PixelMatch>> {
        match (self.pixel_nm, voxel_size) {
            (None, _) => Ok(None),
            (Some(pixel), Some(size)) => {
                let [z, ..] = size.nm();
                Ok(PixelMatch::new(size, VoxelSize::new([z, pixel, pixel])?)?)
            }
            (Some(pixel), None) => Err(UserError::new(
                format!("data.pixel_nm is {pixel}, and the voxel size of the stacks is not known"),
                "tell it: --set data.voxel_size_nm=[Z,Y,X]",
            )
            .into()),
        }
    }
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self { folder: "runs/run".into() }
    }
}

impl RunConfig {
    /// Reads a file, applies `key=value` overrides, and makes paths absolute: those of the file
    /// start at its folder, those of overrides at the working folder.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            UserError::new(
                format!("configuration `{}` cannot be read: {error}", path.display()),
                "`em-cli config init` writes one to start from",
            )
        })?;
        // Parsed as a whole first: only then does an error know its line.
        let failure = |error| misspelling::of(path, &text, &error);
        let config: Self = toml::from_str(&text).map_err(failure)?;
        // TOML's integers have 63 bits and a sign; a larger one is read, but could not be written again.
        toml::from_str::<toml::Table>(&text).map_err(failure)?;
        let absolute =
            std::path::absolute(path).with_context(|| format!("`{}` is no path", path.display()))?;
        let folder = absolute.parent().map(Path::to_owned).unwrap_or_default();
        let config = config.with_paths_from(&folder);
        overrides::apply(config, overrides)
    }

    /// Reads the configuration of a run, with overrides of where its data lie (`data.*`) and of how it
    /// predicts (`predict.*`).
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), and if an override is of another section.
    pub fn of_run(run: &RunFolder, settings: &[String]) -> Result<Self> {
        overrides::check_sections(settings, &["data", "predict"])?;
        let mut config = Self::load(&run.config(), settings)?;
        if let Some(imported) = &mut config.model.imported {
            // Its own copy of the network: the folder that it came from may be gone.
            *imported = run.path().to_owned();
        }
        Ok(config)
    }

    /// Returns what em-model is told of a training.
    pub fn training_settings(&self) -> TrainingSettings {
        let mut settings = TrainingSettings::default();
        settings.tiling = self.tiling.clone();
        settings.augmentation = self.augmentation.clone();
        settings.loss = self.loss.clone();
        settings.train = self.train.clone();
        settings.predict = self.predict.clone();
        settings
    }

    /// Returns the configuration as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("the configuration cannot be written as TOML")
    }

    fn with_paths_from(mut self, folder: &Path) -> Self {
        for path in self.paths_mut() {
            *path = lexically_absolute(folder, path);
        }
        if let Some(init) = &mut self.train.init {
            *init = network_from(folder, init);
        }
        self
    }

    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let data = &mut self.data;
        let mut paths = vec![&mut self.output.folder];
        paths.extend(self.model.imported.as_mut());
        paths.extend(data.folder.as_mut());
        paths.extend(&mut data.unlabelled);
        for source in data.train.iter_mut().chain(&mut data.validation).chain(&mut data.test) {
            paths.push(&mut source.raw);
            paths.extend(source.labels.values_mut());
            paths.extend(source.regions.as_mut());
        }
        paths
    }
}

/// The path of a network: absolute, unless it is the name of a built-in one.
fn network_from(folder: &Path, path: &Path) -> PathBuf {
    match built_in::named_from(folder, path) {
        Some(_) => path.to_owned(),
        None => lexically_absolute(folder, path),
    }
}

/// Joins and removes `.` and `..`, so that messages show the path that is meant. An address stays as it is.
fn lexically_absolute(folder: &Path, path: &Path) -> PathBuf {
    if em_io::place::is_address(path) {
        return path.to_owned();
    }
    let mut absolute = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                absolute.pop();
            }
            part => absolute.push(part),
        }
    }
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_configurations_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let config = RunConfig::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
            let problems = crate::settings::problems(&config, &config.data.classes);
            assert!(problems.is_empty(), "{problems:?}");
            assert!(config.output.folder.is_absolute());
            names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
        names.sort();
        assert_eq!(names, ["demo", "epfl", "epfl-ca1", "epfl-ca1-both", "notebook", "vnc"]);
    }
}
