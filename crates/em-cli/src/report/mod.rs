//! The report of a run: scores, curves and panels, as files and as one page.
//!
//! ```text
//! scores.json   pooled and per section, for validation and test
//! curves.png    loss, accuracy and IoU over epochs
//! panels/*.png  image, label, prediction and errors of the best, median and worst section
//! report.html   all of it in one file
//! ```

mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use em_data::{Region, TrainingSet};
use em_io::Roi;
use em_metrics::ConfusionCounts;
use em_model::{Device, Predictor, RunFolder};
use image::RgbImage;
use ndarray::{Array2, ArrayView2, Axis, s};
use serde::Serialize;

use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::drawing::{Curve, curves, panel};
use crate::scores::ClassScores;

/// Scores of one side of a run, per class.
type SideScores = BTreeMap<String, ClassScores>;

/// `scores.json`.
#[derive(Serialize)]
struct RunScores {
    format_version: u32,
    leaking_split: bool,
    thresholds: BTreeMap<String, f32>,
    validation: SideScores,
    test: Option<SideScores>,
}

/// A picture of the report with what it shows.
struct Picture {
    caption: String,
    png: Vec<u8>,
}

/// Scores a finished run, draws its pictures and writes the report; returns the page's path.
pub fn write(run: &RunFolder, config: &RunConfig, dataset: &Dataset, device: Device) -> Result<PathBuf> {
    let predictor = Predictor::with_config(run, device, config.predict.clone())?;
    let validation = Side::score(&predictor, &dataset.set, &dataset.split.validation)?;
    let test = match Dataset::read_test(config)? {
        Some(set) => {
            let roi = Roi::whole(set.volumes()[0].shape());
            Some(Side::score(&predictor, &set, &[Region { volume: 0, roi }])?.scores)
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
    let json = serde_json::to_string_pretty(&scores)?;
    em_io::write_atomically(&path("scores.json"), |file| writeln!(file, "{json}"))?;

    let drawn = png(&history_curves(&run.history())?)?;
    em_io::write_atomically(&path("curves.png"), |file| file.write_all(&drawn))?;
    let mut pictures = vec![Picture { caption: "Loss, accuracy and IoU over epochs".into(), png: drawn }];
    for (name, picture) in validation.panels(&predictor, &dataset.set)? {
        em_io::write_atomically(&path("panels").join(format!("{name}.png")), |file| {
            file.write_all(&picture.png)
        })?;
        pictures.push(picture);
    }
    let page = page::html(predictor.card(), &scores, &pictures, &config.to_toml()?);
    let report = path("report.html");
    em_io::write_atomically(&report, |file| file.write_all(page.as_bytes()))?;
    for (side, scores) in [("validation", Some(&scores.validation)), ("test", scores.test.as_ref())] {
        for (class, scores) in scores.into_iter().flatten() {
            println!("{class}, {side}");
            scores.print(false);
        }
    }
    Ok(report)
}

/// One side of a run, scored: which sections there are, and how good each is.
struct Side {
    /// Each section as a region of depth 1.
    sections: Vec<Region>,
    scores: SideScores,
}

impl Side {
    fn score(predictor: &Predictor, set: &TrainingSet, regions: &[Region]) -> Result<Self> {
        let sections: Vec<Region> = regions.iter().flat_map(sections_of).collect();
        let classes = set.classes();
        let mut counts = vec![Vec::with_capacity(sections.len()); classes.len()];
        for section in &sections {
            let masks = predicted(predictor, set, section)?;
            for (class, mask) in masks.iter().enumerate() {
                let label = set.volumes()[section.volume].mask(class);
                let label = section.slice(label);
                counts[class].push(ConfusionCounts::of(mask.view(), label.index_axis(Axis(0), 0))?);
            }
        }
        let scores =
            classes.iter().cloned().zip(counts.iter().map(|counts| ClassScores::from_sections(counts)));
        Ok(Self { sections, scores: scores.collect() })
    }

    /// Panels of the best, the median and the worst section of each class, by IoU.
    fn panels(&self, predictor: &Predictor, set: &TrainingSet) -> Result<Vec<(String, Picture)>> {
        let mut panels = Vec::new();
        for (number, class) in set.classes().iter().enumerate() {
            let scores = &self.scores[class];
            let mut ranked: Vec<(usize, f64)> =
                scores.sections.iter().filter_map(|s| Some((s.z, s.scores.iou?))).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
            let Some(last) = ranked.len().checked_sub(1) else { continue };
            for (rank, place) in [("best", 0), ("median", last / 2), ("worst", last)] {
                let (index, iou) = ranked[place];
                let section = &self.sections[index];
                let masks = predicted(predictor, set, section)?;
                let volume = &set.volumes()[section.volume];
                let label = section.slice(volume.mask(number));
                let drawn =
                    panel(grey(set, section).view(), label.index_axis(Axis(0), 0), masks[number].view())?;
                let caption = format!(
                    "{class}: {rank} section of validation (z = {}), IoU {iou:.4}",
                    section.roi.start[0]
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

/// Masks of one section at the model's thresholds, one per class, `[y, x]`.
fn predicted(predictor: &Predictor, set: &TrainingSet, section: &Region) -> Result<Vec<Array2<bool>>> {
    let normalization = predictor.card().normalization;
    let probabilities = predictor.predict_section(grey(set, section).view(), normalization)?;
    let thresholds = set.classes().iter().map(|class| predictor.threshold(class));
    let masks = thresholds.zip(probabilities.axis_iter(Axis(0)));
    Ok(masks.map(|(threshold, p): (f32, ArrayView2<'_, f32>)| p.mapv(|p| p > threshold)).collect())
}

/// Grey values of one section, `[y, x]`.
fn grey(set: &TrainingSet, section: &Region) -> Array2<f32> {
    set.volumes()[section.volume].raw().cut(section.roi).to_f32().slice_move(s![0, .., ..])
}

fn history_curves(path: &Path) -> Result<RgbImage> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let columns: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
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

fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}
