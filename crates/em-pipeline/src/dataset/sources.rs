//! The files that a configuration means; none is opened here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_data::IGNORED;

use crate::config::{DataConfig, LabelValues, RunConfig, SourceConfig};
use crate::error::{Result, UserError};

/// The files that a configuration means, by name or by the layout of `data.folder`.
pub struct Sources {
    /// Classes in the order of the network's channels.
    pub classes: Vec<String>,
    /// The stacks to train on, at least one where scenes are not generated and nothing but stacks without
    /// labels is named.
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
        if data.phantom.is_some() {
            let files = [&data.train, &data.validation, &data.test];
            if data.folder.is_some() || files.iter().any(|sources| !sources.is_empty()) {
                return Err(UserError::new(
                    "the configuration names stacks besides the generated scenes of data.phantom",
                    "take out either [data.phantom], or data.folder and the stacks",
                )
                .into());
            }
            let classes = match &data.classes[..] {
                [] => ["mitochondria", "synapses"].map(String::from).to_vec(),
                classes => classes.to_vec(),
            };
            return Ok(Self { classes, train: Vec::new(), validation: Vec::new(), test: Vec::new() });
        }
        let train = named(&data.train, "train")?;
        let classes: Vec<String> = match train.first() {
            Some(first) if data.classes.is_empty() => {
                first.labels.keys().filter(|class| *class != IGNORED).cloned().collect()
            }
            _ => data.classes.clone(),
        };
        // Without any labelled stack, another network says what the classes look like.
        let is_unlabelled = data.folder.is_none() && !data.unlabelled.is_empty() && !classes.is_empty();
        if train.is_empty() && !is_unlabelled {
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
        }
        if let Some(first) = train.first().filter(|_| classes.is_empty()) {
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

impl Sources {
    /// Refuses scribbles where outlines are to be learned, which they do not show, and stacks without
    /// labels where neither labels nor another network say what to look for.
    pub fn check(&self, config: &RunConfig) -> Result<()> {
        let mut all = self.train.iter().chain(&self.validation).chain(&self.test);
        let scribbled = all.find(|source| source.values == LabelValues::Scribbles);
        if let Some(source) = scribbled.filter(|_| config.model.learns_boundaries()) {
            return Err(UserError::new(
                format!("the labels of `{}` are scribbles, which show no outlines", source.raw.display()),
                "take `boundary` out of model.targets, or label objects whole",
            )
            .into());
        }
        let is_labelled = !self.train.is_empty() || config.data.phantom.is_some();
        if !is_labelled && config.train.init.is_none() {
            let message = "nothing is labelled, and no network is named that could label it";
            return Err(UserError::new(message, "name one with train.init, or label something").into());
        }
        Ok(())
    }
}

/// Endings of files that `data.folder` is searched for; a folder without any holds images.
const ENDINGS: [&str; 22] = [
    "tif",
    "tiff",
    "ome.tif",
    "ome.tiff",
    "btf",
    "mrc",
    "mrcs",
    "rec",
    "st",
    "map",
    "mrc.gz",
    "map.gz",
    "nii",
    "nii.gz",
    "npy",
    "zarr",
    "ome.zarr",
    "precomputed",
    "n5",
    "h5",
    "png",
    "jpg",
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
    let regions = regions_in(folder, prefix)?;
    Ok(vec![SourceConfig { regions, ..SourceConfig::new(raw, labels) }])
}

/// The reviewed regions of a stack in a folder, `{prefix}_regions.json` or `.csv`, if they are there.
fn regions_in(folder: &Path, prefix: &str) -> Result<Option<PathBuf>> {
    let paths = ["json", "csv"].map(|ending| folder.join(format!("{prefix}_regions.{ending}")));
    let mut there = paths.into_iter().filter(|path| path.exists());
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => Err(UserError::new(
            format!(
                "the regions of `{prefix}` are there twice: `{}` and `{}`",
                one.display(),
                other.display()
            ),
            "keep one of them in data.folder, or name it in [data.train]",
        )
        .into()),
        (regions, _) => Ok(regions),
    }
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
