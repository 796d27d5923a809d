//! The one list of checks of all settings, and the keys of `run.toml` that stand for them.

use em_data::SettingError;
use em_model::{ModelCard, RunFolder};

use crate::dataset::Sources;
use crate::{Result, RunConfig};

/// The section of `run.toml` that holds the settings of each type.
const SECTIONS: [(&str, &str); 12] = [
    ("DataConfig", "data"),
    ("ScenesConfig", "data.phantom"),
    ("SplitConfig", "data.split"),
    ("NormalizationConfig", "normalization"),
    ("TilingConfig", "tiling"),
    ("AugmentationConfig", "augmentation"),
    ("ModelConfig", "model"),
    ("LossConfig", "loss"),
    ("TrainConfig", "train"),
    ("ScheduleConfig", "train.schedule"),
    ("OptimizerConfig", "train.optimizer"),
    ("PredictConfig", "predict"),
];

/// Returns the key of a setting, such as `tiling.tile_size`.
pub fn key(problem: &SettingError) -> String {
    let section = SECTIONS.iter().find(|(owner, _)| *owner == problem.owner);
    format!("{}.{}", section.map_or(problem.owner, |(_, section)| section), problem.field)
}

/// Checks all settings, for the classes that the files of a configuration have.
///
/// # Errors
///
/// Fails with the first of the [`problems`], or if the files cannot be found.
pub fn check(config: &RunConfig) -> Result<()> {
    let learned = config.model.learned(&Sources::find(&config.data)?.classes);
    problems(config, &learned).into_iter().next().map_or(Ok(()), |problem| Err(problem.into()))
}

/// Says in what an imported network and the classes of the data differ: its outputs are what they are.
fn problem_of_imported(config: &RunConfig, classes: &[String]) -> Option<SettingError> {
    let run = RunFolder::new(config.model.imported.as_ref()?);
    let problem =
        |found: String, expected: String| Some(SettingError::new("ModelConfig", "imported", found, expected));
    if config.train.init.is_none() {
        return problem(
            run.path().display().to_string(),
            "a network whose weights `train.init` names".into(),
        );
    }
    // One that cannot be read is told of by the network's own checks.
    let card = ModelCard::read(&run).ok()?;
    let is_other = !classes.is_empty() && card.classes != classes;
    let found = format!("a network of {}", card.classes.join(", "));
    if is_other {
        return problem(found, format!("one of the classes of the data, {}", classes.join(", ")));
    }
    None
}

/// Returns all settings that are out of range or do not fit each other, whatever the volumes hold.
///
/// `classes` is what is learned; without any, a network of one class is checked.
pub fn problems(config: &RunConfig, classes: &[String]) -> Vec<SettingError> {
    let mut problems = config.model.problems(classes.len().max(1));
    match config.model.architecture(classes.len().max(1)) {
        Ok(architecture) => problems.extend(config.training_settings().problems(&architecture, classes)),
        Err(_) => {
            problems.extend(config.train.problems());
            problems.extend(config.predict.problems());
            problems.extend(config.tiling.problems());
            problems.extend(config.augmentation.problems());
        }
    }
    problems.extend(config.normalization.problems());
    problems.extend(config.data.split.problems());
    problems.extend(config.train.problem_of_start(config.train.init.is_some()));
    problems.extend(problem_of_imported(config, classes));
    let architecture = config.model.architecture(classes.len().max(1)).ok();
    problems.extend(config.data.problems(architecture.as_ref()));
    problems
}
