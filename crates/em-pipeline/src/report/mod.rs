//! The report of a run: scores, curves and panels, as files and as one page.
//!
//! ```text
//! scores.json   pooled and per section, for validation and test
//! samples.png   training tiles as the network is fed them
//! curves.png    loss, accuracy and IoU over epochs
//! panels/*.png  image, label, prediction and errors of the best, median and worst section
//! report.html   a page to work with: scores, sections, curves, worst places, in one file
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `report/mod.rs` | what is scored, and which files are written |
//! | `report/side.rs` | validation or test: its masks, scores and sections |
//! | `report/run_page.rs`, `report/words.rs` | what the page of a run says |
//! | `report/page.rs`, `report/templates/` | the form that all pages have |
//! | `report/sections.rs`, `report/places.rs` | sections to browse, and where most went wrong |
//! | `report/charts.rs`, `report/threshold_curve.rs` | what is drawn as lines and bars |

pub(crate) mod charts;
pub(crate) mod page;
mod places;
mod run_page;
mod score_tables;
mod sections;
mod side;
mod threshold_curve;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::sections::SourceLayers;
use self::side::ScoredSide;
use crate::error::{Context, Result, UserError};
use em_data::{LabelledVolume, Region, TrainingSet};
use em_io::{FileLock, Roi};
use em_model::run::{HistoryRow, HistoryScores};
use em_model::{Device, History, MaskRule, ModelCard, Predictor, RunFolder, Training, TuningOnDisk};
use em_objects::Postprocess;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::drawing::{Chart, Curve, Panel, curves, panel, png, sheet};
use crate::scores::ClassScores;
use crate::staged::Staged;
use crate::{Dataset, Observer, RunConfig, inputs, scorers, write};

/// Scores of one side of a run, per class.
pub type SideScores = BTreeMap<String, ClassScores>;

/// `scores.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunScores {
    /// Version of this layout.
    pub format_version: u32,
    /// Whether validation voxels were neighbours of training voxels in the same sections.
    pub leaking_split: bool,
    /// The threshold of each class.
    pub thresholds: BTreeMap<String, f32>,
    /// The cleaning of each class.
    #[serde(default)]
    pub cleaning: BTreeMap<String, Postprocess>,
    /// Whether both were chosen on validation, whose scores are then too good.
    #[serde(default)]
    pub tuned_on_validation: bool,
    /// How many reviewed regions it was trained on; `null` where stacks were labelled whole.
    #[serde(default)]
    pub regions: Option<usize>,
    /// How many networks beside the run left some of them out, whose scores on these are those of
    /// validation; 0 where the run itself is scored.
    #[serde(default)]
    pub folds: usize,
    /// Of each class on validation.
    pub validation: SideScores,
    /// Of each class on the test stacks, if there are any.
    pub test: Option<SideScores>,
}

impl RunScores {
    /// Reads the scores of a run.
    ///
    /// # Errors
    ///
    /// Fails if the file is missing or damaged.
    pub fn read(run: &RunFolder) -> Result<Self> {
        let path = run.scores();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let hint = "`em-cli report RUN` writes the scores of a run that was stopped before its report";
            UserError::new(format!("`{}` cannot be read: {error}", path.display()), hint)
        })?;
        serde_json::from_str(&text).with_context(|| format!("`{}` is damaged", path.display()))
    }
}

/// What a report holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The page, with everything in it.
    pub page: PathBuf,
    /// The scores.
    pub scores: RunScores,
}

/// Tiles of the contact sheet.
const SAMPLE_TILES: usize = 12;

/// Draws the first tiles of a training, before it begins.
pub fn write_samples(run: &RunFolder, training: &Training<'_>) -> Result<()> {
    let drawn = png(&sheet(&training.sample_tiles(SAMPLE_TILES)?, training.set.classes())?)?;
    write::bytes(&run.samples(), &drawn)
}

/// Scores a finished run, draws its pictures and writes the report.
///
/// # Errors
///
/// Fails if a file of the run is missing or damaged, or cannot be written.
pub fn write(run: &RunFolder, config: &RunConfig, dataset: &Dataset, device: Device) -> Result<Report> {
    let predictor = Predictor::with_config(run, device, config.predict.clone())?;
    let staged = Staged::new(run.path())?;
    let scorers = scorers::of(run, dataset, &config.predict, device)?;
    let parts: Vec<_> = scorers.iter().map(|scorer| (&scorer.predictor, scorer.regions)).collect();
    let validation = ScoredSide::score(&predictor, &parts, &dataset.set, dataset.regions.is_some())?;
    let test = match Dataset::read_test(config)? {
        Some(set) => {
            let shapes = set.volumes().iter().map(LabelledVolume::shape).enumerate();
            let whole = shapes.map(|(volume, shape)| Region { volume, roi: Roi::whole(shape) });
            let whole: Vec<Region> = whole.collect();
            let side = ScoredSide::score(&predictor, &[(&predictor, &whole)], &set, false)?;
            // Its masks are shown nowhere.
            let names: Vec<String> = side.sections.into_iter().map(|section| section.name).collect();
            Some((side.scores, names))
        }
        None => None,
    };
    let (test, test_names) = test.unzip();
    let scores = RunScores {
        format_version: 1,
        leaking_split: predictor.card().leaking_split,
        thresholds: of_rules(&predictor, |rule| rule.threshold)?,
        cleaning: of_rules(&predictor, |rule| rule.cleaning)?,
        tuned_on_validation: matches!(predictor.tuning(), TuningOnDisk::Valid(_)),
        regions: dataset.regions,
        folds: dataset.folds.len(),
        validation: validation.scores.clone(),
        test,
    };
    let history = History::read(run)?;
    let pixel_nm = predictor.card().voxel_size_nm.map(|[.., nm]| nm);
    for (name, picture) in panels(&validation, &dataset.set, pixel_nm)? {
        write::bytes(&staged.path("panels").join(format!("{name}.png")), &picture)?;
    }
    write::json(&staged.path("scores.json"), &scores)?;
    write::bytes(&staged.path("curves.png"), &png(&history_curves(&history, predictor.card().epoch)?)?)?;
    let text = run_page::html(&run_page::RunToShow {
        run,
        card: predictor.card(),
        scores: &scores,
        side: &validation,
        test_names: &test_names.unwrap_or_default(),
        set: &dataset.set,
        history: &history,
        inputs: &inputs::of_training(&config.data)?,
        config: &configuration(run, config)?,
    })?;
    write::bytes(&staged.path("report.html"), text.as_bytes())?;
    // All is made, so that no old panel stays beside new scores; nor one of another report that is written now.
    let _lock = FileLock::wait_beside(&run.report())?;
    run.clear_report()?;
    staged.commit([])?;
    let page = run.report();
    Ok(Report { page, scores })
}

/// The configuration that the run was scored with, below the comments that the one in its folder begins with.
fn configuration(run: &RunFolder, config: &RunConfig) -> Result<String> {
    let file = std::fs::read_to_string(run.config()).unwrap_or_default();
    let comments = file.lines().take_while(|line| line.starts_with('#'));
    let comments: String = comments.map(|line| format!("{line}\n")).collect();
    Ok(comments + &config.to_toml()?)
}

/// Writes the report of a run again, from its folder alone and the data that its configuration names;
/// `settings` are overrides of `data.*`, for data that were moved, and of `predict.*`.
///
/// # Errors
///
/// As [`write()`], and those of [`Dataset::read`].
pub fn write_again(
    run: &RunFolder,
    settings: &[String],
    device: Device,
    observer: &mut Observer<'_>,
) -> Result<Report> {
    // The card is read first: its error says what a run is.
    ModelCard::read(run)?;
    let config = RunConfig::of_run(run, settings)?;
    let dataset = Dataset::read(&config, observer)?;
    write(run, &config, &dataset, device)
}

/// Panels of the best, the median and the worst section of each class, by IoU, under their names.
fn panels(side: &ScoredSide, set: &TrainingSet, pixel_nm: Option<f64>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut panels = Vec::new();
    for (class, name) in set.classes().iter().enumerate() {
        for (section, rank, iou) in side.ranked(name) {
            let source = side.source(set, section);
            let SourceLayers { label, prediction, ignored, .. } = source.classes[class];
            let title = format!("{name}: {rank} section of validation, {}, IoU {iou:.4}", source.name);
            let grey = source.grey.view();
            let drawn = panel(&Panel { title, grey, label, prediction, ignored, pixel_nm })?;
            panels.push((format!("{name}-{rank}"), png(&drawn)?));
        }
    }
    Ok(panels)
}

/// A part of what makes probabilities a mask, for each class.
fn of_rules<T>(predictor: &Predictor, part: fn(MaskRule) -> T) -> Result<BTreeMap<String, T>> {
    let classes = predictor.card().classes.iter();
    classes.map(|class| Ok((class.clone(), part(predictor.rule(class)?)))).collect()
}

fn history_curves(history: &History, kept: usize) -> Result<RgbImage> {
    let curve = |name: String, value: &dyn Fn(&HistoryRow) -> Option<f64>| Curve {
        name,
        points: history.rows.iter().filter_map(|row| Some((row.epoch as f64, value(row)?))).collect(),
    };
    let both = |score: fn(&HistoryScores) -> Option<f64>| -> Vec<Curve> {
        vec![
            curve("train".into(), &|row| score(&row.train)),
            curve("val".into(), &|row| score(&row.validation)),
        ]
    };
    let mut iou = both(|scores| scores.iou);
    if history.classes.len() > 1 {
        let of_class = |class: &String| {
            curve(format!("val {class}"), &|row| row.validation.class_iou.get(class).copied())
        };
        iou.extend(history.classes.iter().map(of_class));
    }
    let (loss, accuracy) = (both(|scores| scores.loss), both(|scores| scores.accuracy));
    let charts = [("loss", loss), ("accuracy", accuracy), ("IoU (Jaccard)", iou)];
    let charts = charts.map(|(title, curves)| Chart { title, curves });
    curves(&charts, "epoch", Some((kept as f64, &format!("kept: epoch {kept}"))))
}
