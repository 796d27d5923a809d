//! The report of a run: scores, curves and panels, as files and as one page.
//!
//! ```text
//! scores.json   pooled and per section, for validation and test
//! samples.png   training tiles as the network is fed them
//! curves.png    loss, accuracy and IoU over epochs
//! panels/*.png  image, label, prediction and errors of the best, median and worst section
//! report.html   all of it in one file
//! ```

pub mod page;
mod run_page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dataset::region_probabilities;
use crate::error::{Context, Result, UserError};
use em_data::{LabelledVolume, Region, TrainingSet};
use em_io::Roi;
use em_model::run::{HistoryRow, HistoryScores};
use em_model::{Device, History, MaskRule, ModelCard, Predictor, RunFolder, Training, TuningOnDisk};
use em_objects::Postprocess;
use image::RgbImage;
use ndarray::{Array2, Array3, Axis, s};
use serde::{Deserialize, Serialize};

use crate::drawing::{Chart, Curve, Panel, curves, panel, png, sheet};
use crate::scores::{ClassScores, Collector, Labelled, Ruler};
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

/// A picture of the report with what it shows.
struct Picture {
    caption: String,
    png: Vec<u8>,
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
            Some(ScoredSide::score(&predictor, &[(&predictor, &whole)], &set, false)?.scores)
        }
        None => None,
    };
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
    let drawn = png(&history_curves(&History::read(run)?, predictor.card().epoch)?)?;
    let mut pictures =
        vec![Picture { caption: "Loss, accuracy and IoU over epochs".into(), png: drawn.clone() }];
    // Runs of earlier versions have none.
    if let Ok(drawn) = std::fs::read(run.samples()) {
        let caption = "Training tiles as the network is fed them, with the outlines of their labels";
        pictures.push(Picture { caption: caption.into(), png: drawn });
    }
    let pixel_nm = predictor.card().voxel_size_nm.map(|[.., nm]| nm);
    for (name, picture) in validation.panels(&dataset.set, pixel_nm)? {
        let name = format!("{name}.png");
        write::bytes(&staged.path("panels").join(name), &picture.png)?;
        pictures.push(picture);
    }
    write::json(&staged.path("scores.json"), &scores)?;
    write::bytes(&staged.path("curves.png"), &drawn)?;
    let (inputs, config) = (inputs::of_training(&config.data)?, configuration(run, config)?);
    let text = run_page::of_run(predictor.card(), &scores, &pictures, &inputs, &config);
    write::bytes(&staged.path("report.html"), text.as_bytes())?;
    // All is made, so that no old panel stays beside new scores.
    run.clear_report()?;
    staged.commit([])?;
    let page = run.report();
    Ok(Report { page, scores })
}

/// The configuration as it stands in the run's folder, with the comments that it begins with; as it was
/// understood where it is not there.
fn configuration(run: &RunFolder, config: &RunConfig) -> Result<String> {
    std::fs::read_to_string(run.config()).or_else(|_| config.to_toml())
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

/// One side of a run, scored: which sections there are, what was predicted, and how good each is.
struct ScoredSide {
    sections: Vec<Section>,
    /// The masks of each region, one per class.
    masks: Vec<Vec<Array3<bool>>>,
    scores: SideScores,
}

/// One section of a side.
struct Section {
    /// The section as a region of depth 1.
    region: Region,
    /// Number of the region that it is from, and its place there.
    place: (usize, usize),
}

impl ScoredSide {
    /// Scores what each network has not seen, with the thresholds and the cleaning of `run`; few sections
    /// have intervals over their blocks where that is asked for.
    fn score(
        run: &Predictor,
        parts: &[(&Predictor, &[Region])],
        set: &TrainingSet,
        over_blocks: bool,
    ) -> Result<Self> {
        let classes = set.classes();
        let ruler = Ruler::new(run.card().voxel_size_nm, None);
        let collector = || match over_blocks {
            true => Collector::new(ruler).or_over_blocks(),
            false => Collector::new(ruler),
        };
        let mut collectors: Vec<Collector> = classes.iter().map(|_| collector()).collect();
        let mut side = Self { sections: Vec::new(), masks: Vec::new(), scores: SideScores::new() };
        let all = parts.iter().flat_map(|(predictor, regions)| regions.iter().map(move |r| (predictor, r)));
        for (number, (predictor, region)) in all.enumerate() {
            let volume = &set.volumes()[region.volume];
            let probabilities = region_probabilities(predictor, set, region)?;
            let mut masks = Vec::with_capacity(classes.len());
            for (class, (name, collector)) in classes.iter().zip(&mut collectors).enumerate() {
                let probabilities = probabilities.index_axis(Axis(0), class);
                let mask = run.rule(name)?.mask(probabilities)?;
                collector.add(Labelled {
                    prediction: mask.view(),
                    label: region.slice(volume.mask(class)),
                    probabilities: Some(probabilities),
                    ignored: volume.ignored(class).map(|ignored| region.slice(ignored)),
                })?;
                masks.push(mask);
            }
            side.masks.push(masks);
            let sections = sections_of(region).enumerate();
            side.sections.extend(sections.map(|(z, region)| Section { region, place: (number, z) }));
        }
        for (name, collector) in classes.iter().zip(collectors) {
            side.scores.insert(name.clone(), collector.finish()?);
        }
        Ok(side)
    }

    /// Panels of the best, the median and the worst section of each class, by IoU.
    fn panels(&self, set: &TrainingSet, pixel_nm: Option<f64>) -> Result<Vec<(String, Picture)>> {
        let mut panels = Vec::new();
        for (number, class) in set.classes().iter().enumerate() {
            let scores = &self.scores[class];
            let mut ranked: Vec<(usize, f64)> =
                scores.sections.iter().filter_map(|s| Some((s.z, s.scores.iou?))).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
            let Some(last) = ranked.len().checked_sub(1) else { continue };
            for (rank, place) in [("best", 0), ("median", last / 2), ("worst", last)] {
                let (index, iou) = ranked[place];
                let Section { region, place: (block, z) } = &self.sections[index];
                let label = region.slice(set.volumes()[region.volume].mask(number));
                let mask = self.masks[*block][number].index_axis(Axis(0), *z);
                let of = match set.volumes() {
                    [_] => String::new(),
                    several => format!(" of {}", several[region.volume].name()),
                };
                let z = region.roi.start[0];
                // The title has room for a file's name, not for its path.
                let file = Path::new(set.volumes()[region.volume].name()).file_name().unwrap_or_default();
                let at = format!(", z = {z} of {}", file.to_string_lossy());
                let caption = format!("{class}: {rank} section of validation (z = {z}{of}), IoU {iou:.4}");
                let ignored = set.volumes()[region.volume].ignored(number).map(|mask| region.slice(mask));
                let drawn = panel(&Panel {
                    title: format!("{class}: {rank} section of validation{at}, IoU {iou:.4}"),
                    grey: grey(set, region).view(),
                    label: label.index_axis(Axis(0), 0),
                    prediction: mask,
                    ignored: ignored.as_ref().map(|mask| mask.index_axis(Axis(0), 0)),
                    pixel_nm,
                })?;
                panels.push((format!("{class}-{rank}"), Picture { caption, png: png(&drawn)? }));
            }
        }
        Ok(panels)
    }
}

fn sections_of(region: &Region) -> impl Iterator<Item = Region> + use<> {
    let Region { volume, roi } = *region;
    (0..roi.shape[0]).map(move |z| Region {
        volume,
        roi: Roi {
            start: [roi.start[0] + z, roi.start[1], roi.start[2]],
            shape: [1, roi.shape[1], roi.shape[2]],
        },
    })
}

/// Grey values of one section, `[y, x]`.
fn grey(set: &TrainingSet, section: &Region) -> Array2<f32> {
    set.volumes()[section.volume].raw().cut(section.roi).to_f32().slice_move(s![0, .., ..])
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
