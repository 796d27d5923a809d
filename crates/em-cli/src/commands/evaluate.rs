//! `em-cli evaluate`: a mask against a label, per section, pooled, and as a volume.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use em_io::{Mask, Roi, Volume, VoxelType};
use ndarray::Array3;
use serde::Serialize;

use crate::commands::convert::voxel_size;
use crate::error::UserError;
use crate::output;
use crate::scores::{self, Block, ClassScores, Collector, Ruler};

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The predicted mask, in any format.
    #[arg(long, value_name = "P")]
    prediction: PathBuf,
    /// The label, in any format.
    #[arg(long, value_name = "L")]
    label: PathBuf,
    /// The probabilities behind the mask, whose calibration is then scored: 0 to 1, or whole numbers whose largest is 1.
    #[arg(long, value_name = "Q")]
    probabilities: Option<PathBuf>,
    /// A mask of voxels that do not count, in any format.
    #[arg(long, value_name = "I")]
    ignore: Option<PathBuf>,
    /// How far a boundary may be off, in nm, or in voxels where the voxel size is unknown [default: 2 voxels].
    #[arg(long, value_name = "T", value_parser = tolerance)]
    tolerance: Option<f64>,
    /// Voxel size in nm, where the files do not tell it or tell it wrong.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Take sections as separate images: no boundaries in 3D, objects within sections, memory for one section.
    #[arg(long)]
    flat: bool,
    /// Print a row for each section.
    #[arg(long)]
    per_section: bool,
    /// Write a row for each section to this CSV file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write what --json prints to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Evaluation {
    format_version: u32,
    prediction: PathBuf,
    label: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore: Option<PathBuf>,
    /// `[z, y, x]`.
    shape: [usize; 3],
    #[serde(flatten)]
    scores: ClassScores,
}

/// Memory that the scores in 3D take of each voxel, in bytes: masks, labels of objects, distances.
const BYTES_PER_VOXEL: f64 = 20.0;

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let (prediction, label) = (output::open(&args.prediction)?, output::open(&args.label)?);
    let probabilities = args.probabilities.as_deref().map(output::open).transpose()?;
    let ignored = args.ignore.as_deref().map(output::open).transpose()?;
    for (volume, path) in [
        (Some(&prediction), Some(&args.prediction)),
        (probabilities.as_ref(), args.probabilities.as_ref()),
        (ignored.as_ref(), args.ignore.as_ref()),
    ] {
        if let (Some(volume), Some(path)) = (volume, path) {
            check_shape(volume, path, &label, &args.label)?;
        }
    }
    let size = args.voxel_size.or(label.voxel_size_nm()).or(prediction.voxel_size_nm());
    let volumes = Volumes { prediction, label, probabilities, ignored };
    let scores = volumes.scores(Ruler::new(size, args.tolerance), args.flat)?;
    write(args, &volumes, scores)
}

fn write(args: &EvaluateArgs, volumes: &Volumes, scores: ClassScores) -> Result<()> {
    if let Some(path) = &args.csv {
        let text = scores::csv(&scores);
        em_io::write_atomically(path, |file| file.write_all(text.as_bytes()))?;
    }
    let (prediction, label) = (args.prediction.clone(), args.label.clone());
    let ignore = args.ignore.clone();
    let evaluation =
        Evaluation { format_version: 1, prediction, label, ignore, shape: volumes.label.shape(), scores };
    if let Some(path) = &args.output {
        let text = serde_json::to_string_pretty(&evaluation)?;
        em_io::write_atomically(path, |file| writeln!(file, "{text}"))?;
    }
    if args.json {
        return output::json(&evaluation);
    }
    scores::print(&evaluation.scores, args.per_section);
    Ok(())
}

/// What is scored, and against what.
struct Volumes {
    prediction: Volume,
    label: Volume,
    probabilities: Option<Volume>,
    ignored: Option<Volume>,
}

impl Volumes {
    /// Scores the volume as a whole, or section by section.
    fn scores(&self, ruler: Ruler, flat: bool) -> Result<ClassScores> {
        let shape = self.label.shape();
        let mut collector = Collector::new(ruler);
        if !flat {
            let gigabytes = shape.iter().map(|&n| n as f64).product::<f64>() * BYTES_PER_VOXEL / 1e9;
            if gigabytes > 4.0 {
                eprintln!(
                    "note: this takes about {gigabytes:.0} GB of memory; --flat takes sections one by one"
                );
            }
            self.add(Roi::whole(shape), &mut collector)?;
            return collector.finish();
        }
        for z in 0..shape[0] {
            self.add(Roi::sections(shape, z..z + 1), &mut collector)?;
        }
        collector.finish()
    }

    fn add(&self, roi: Roi, collector: &mut Collector) -> Result<()> {
        let prediction = Mask::from_volume(&self.prediction, roi)?;
        let label = Mask::from_volume(&self.label, roi)?;
        let probabilities = self.probabilities.as_ref().map(|p| read_probabilities(p, roi)).transpose()?;
        let ignored = self.ignored.as_ref().map(|ignored| Mask::from_volume(ignored, roi)).transpose()?;
        collector.add(Block {
            prediction: prediction.view(),
            label: label.view(),
            probabilities: probabilities.as_ref().map(|p| p.view()),
            ignored: ignored.as_ref().map(Mask::view),
        })
    }
}

/// Reads probabilities; whole numbers are shares of the largest that their type holds.
fn read_probabilities(volume: &Volume, roi: Roi) -> Result<Array3<f32>> {
    let largest = match volume.voxel_type() {
        VoxelType::U8 => f32::from(u8::MAX),
        VoxelType::U16 => f32::from(u16::MAX),
        _ => 1.0,
    };
    Ok(volume.read(roi)?.to_f32().mapv_into(|value| value / largest))
}

fn check_shape(volume: &Volume, path: &Path, label: &Volume, label_path: &Path) -> Result<()> {
    if volume.shape() == label.shape() {
        return Ok(());
    }
    let message = format!(
        "`{}` has shape {:?} [z, y, x], expected {:?} as `{}`",
        path.display(),
        volume.shape(),
        label.shape(),
        label_path.display()
    );
    Err(UserError::new(message, "prediction, probabilities and voxels to ignore have the shape of the label")
        .into())
}

fn tolerance(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value.filter(|t| t.is_finite() && *t >= 0.0).ok_or("expected a number from 0 up".into())
}
