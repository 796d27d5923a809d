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

use crate::error::{Context, Result};
use em_data::{LabelledVolume, Region, TrainingSet};
use em_io::Roi;
use em_model::{Device, ModelCard, Predictor, RunFolder, Training};
use image::RgbImage;
use ndarray::{Array2, Array3, Axis, s};
use serde::Serialize;

use crate::drawing::{Curve, curves, panel, png, sheet};
use crate::scores::{ClassScores, Collector, Labelled, Ruler};
use crate::tuned::Tuned;
use crate::{Dataset, Observer, RunConfig, prediction, write};

/// Scores of one side of a run, per class.
pub type SideScores = BTreeMap<String, ClassScores>;

/// `scores.json`.
#[derive(Debug, Serialize)]
pub struct RunScores {
    /// Version of this layout.
    pub format_version: u32,
    /// Whether validation voxels were neighbours of training voxels in the same sections.
    pub leaking_split: bool,
    /// The threshold of each class.
    pub thresholds: BTreeMap<String, f32>,
    /// Of each class on validation.
    pub validation: SideScores,
    /// Of each class on the test stacks, if there are any.
    pub test: Option<SideScores>,
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
    let drawn = png(&sheet(&training.sample_tiles(SAMPLE_TILES)?))?;
    write::bytes(&samples_path(run), &drawn)
}

fn samples_path(run: &RunFolder) -> PathBuf {
    run.path().join("samples.png")
}

/// Scores a finished run, draws its pictures and writes the report.
///
/// # Errors
///
/// Fails if a file of the run is missing or damaged, or cannot be written.
pub fn write(
    run: &RunFolder,
    config: &RunConfig,
    dataset: &Dataset,
    device: Device,
    observer: &mut Observer<'_>,
) -> Result<Report> {
    let predictor = Predictor::with_config(run, device, config.predict.clone())?;
    let tuned = Tuned::read(run)?;
    let validation = Side::score(&predictor, &tuned, &dataset.set, &dataset.split.validation)?;
    let test = match Dataset::read_test(config, observer)? {
        Some(set) => {
            let shapes = set.volumes().iter().map(LabelledVolume::shape).enumerate();
            let whole = shapes.map(|(volume, shape)| Region { volume, roi: Roi::whole(shape) });
            Some(Side::score(&predictor, &tuned, &set, &whole.collect::<Vec<_>>())?.scores)
        }
        None => None,
    };
    let scores = RunScores {
        format_version: 1,
        leaking_split: predictor.card().leaking_split,
        thresholds: predictor.card().thresholds.clone(),
        validation: validation.scores.clone(),
        test,
    };
    let path = |name: &str| run.path().join(name);
    write::json(&path("scores.json"), &scores)?;

    let drawn = png(&history_curves(&run.history())?)?;
    write::bytes(&path("curves.png"), &drawn)?;
    let mut pictures = vec![Picture { caption: "Loss, accuracy and IoU over epochs".into(), png: drawn }];
    // Runs of earlier versions have none.
    if let Ok(drawn) = std::fs::read(samples_path(run)) {
        let caption = "Training tiles as the network is fed them, with the outlines of their labels";
        pictures.push(Picture { caption: caption.into(), png: drawn });
    }
    for (name, picture) in validation.panels(&dataset.set)? {
        write::bytes(&path("panels").join(format!("{name}.png")), &picture.png)?;
        pictures.push(picture);
    }
    let text = run_page::of_run(predictor.card(), &scores, &pictures, &config.to_toml()?);
    let page = path("report.html");
    write::bytes(&page, text.as_bytes())?;
    Ok(Report { page, scores })
}

/// Writes the report of a run again, from its folder alone and the data that its configuration names.
///
/// # Errors
///
/// As [`write`], and those of [`Dataset::read`].
pub fn write_again(run: &RunFolder, device: Device, observer: &mut Observer<'_>) -> Result<Report> {
    // The card is read first: its error says what a run is.
    ModelCard::read(run)?;
    let config = RunConfig::load(&run.config(), &[])?;
    let dataset = Dataset::read(&config, observer)?;
    write(run, &config, &dataset, device, observer)
}

/// One side of a run, scored: which sections there are, what was predicted, and how good each is.
struct Side {
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

impl Side {
    fn score(predictor: &Predictor, tuned: &Tuned, set: &TrainingSet, regions: &[Region]) -> Result<Self> {
        let classes = set.classes();
        let ruler = Ruler::new(predictor.card().voxel_size_nm, None);
        let mut collectors: Vec<Collector> = classes.iter().map(|_| Collector::new(ruler)).collect();
        let mut side = Self { sections: Vec::new(), masks: Vec::new(), scores: SideScores::new() };
        for (number, region) in regions.iter().enumerate() {
            let volume = &set.volumes()[region.volume];
            let probabilities = prediction::probabilities(predictor, set, region)?;
            let mut masks = Vec::with_capacity(classes.len());
            for (class, (name, collector)) in classes.iter().zip(&mut collectors).enumerate() {
                let probabilities = probabilities.index_axis(Axis(0), class);
                let mask = prediction::mask(predictor, tuned, name, probabilities)?;
                collector.add(Labelled {
                    prediction: mask.view(),
                    label: region.slice(volume.mask(class)),
                    probabilities: Some(probabilities),
                    ignored: volume.ignored().map(|ignored| region.slice(ignored)),
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
    fn panels(&self, set: &TrainingSet) -> Result<Vec<(String, Picture)>> {
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
                let drawn = panel(grey(set, region).view(), label.index_axis(Axis(0), 0), mask)?;
                let caption = format!(
                    "{class}: {rank} section of validation (z = {}), IoU {iou:.4}",
                    region.roi.start[0]
                );
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

fn history_curves(path: &Path) -> Result<RgbImage> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let damaged = || format!("`{}` is damaged", path.display());
    let columns: Vec<String> = reader.headers().with_context(damaged)?.iter().map(str::to_owned).collect();
    let rows = reader.records().collect::<Result<Vec<_>, _>>().with_context(damaged)?;
    let curve = |side: &str, column: &str, name: String| {
        let place = columns.iter().position(|c| *c == format!("{side}_{column}"));
        let point = |row: &csv::StringRecord| {
            let value = |index: usize| row.get(index)?.parse::<f64>().ok();
            Some((value(0)?, value(place?)?))
        };
        Curve { name, points: rows.iter().filter_map(point).collect() }
    };
    let both = |column: &str| ["train", "val"].map(|side| curve(side, column, side.to_owned())).into();
    let mut iou: Vec<Curve> = both("iou");
    let classes: Vec<&str> = columns.iter().filter_map(|c| c.strip_prefix("val_iou_")).collect();
    if classes.len() > 1 {
        iou.extend(classes.iter().map(|class| curve("val", &format!("iou_{class}"), format!("val {class}"))));
    }
    curves(&[("loss", both("loss")), ("accuracy", both("accuracy")), ("IoU (Jaccard)", iou)])
}
